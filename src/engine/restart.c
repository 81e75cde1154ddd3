// SPDX-License-Identifier: Apache-2.0
// A stop and a start. A --rm container must not go in between: its row says meanwhile that it is none.
#include "engine/parts.h"

#include <stdio.h>

static int set_auto_remove(struct engine *engine, const char *id, bool value, struct err *err) {
    return db_run(engine->store.db, err, "UPDATE container SET auto_remove = ? WHERE id = ?", "is",
                  (int64_t)value, id) < 0
               ? -1
               : 0;
}

// A root file system that was made to be thrown away can't be mounted again, unless the kernel's notes of
// that go: they warn of a crash of the machine, after which there is no run directory either.
static int renew_work(struct engine *engine, const char *id, struct err *err) {
    char folder[CONTAINER_FOLDER_SIZE], path[CONTAINER_FOLDER_SIZE + 8];
    snprintf(path, sizeof path, "%s/work", container_folder(id, folder));
    int r = dir_remove_all_at(engine->store.root_fd, path);
    if (r) return err_set(err, ERR_SYSTEM, -r, "remove %s/%s", engine->store.root, path);
    return container_folder_make(engine, id, err);
}

static int stop(struct engine *engine, const struct container *container, int timeout_s, const char *signal,
                struct err *err) {
    if (!container->auto_remove) return container_stop(engine, container, timeout_s, signal, err);
    struct err ignored;
    if (set_auto_remove(engine, container->id, false, err)) return -1;
    int r = container_stop(engine, container, timeout_s, signal, err);
    if (set_auto_remove(engine, container->id, true, r ? &ignored : err) || r) return -1;
    return renew_work(engine, container->id, err);
}

int container_restart(struct engine *engine, const struct container *container, int timeout_s,
                      const char *signal, const struct start_options *options, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container now;
    if (str_eq(container->state, "running") && stop(engine, container, timeout_s, signal, err)) return -1;
    int r = row_load(engine, &arena, container->id, &now, err);
    if (r < 0) return -1;
    if (!r) return err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", container->name);
    if (container_start(engine, &now, options, NULL, NULL, err)) return -1;
    container_event(engine, &now, "restart", NULL);
    return 0;
}
