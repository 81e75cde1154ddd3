// SPDX-License-Identifier: Apache-2.0
// A stop and a start. A --rm container must not go in between: its row says meanwhile that it is none.
#include "engine/parts.h"

#include <stdio.h>

static int set_auto_remove(struct engine *engine, const char *id, bool value, struct err *err) {
    return db_do(engine->store.db, err, "UPDATE container SET auto_remove = ? WHERE id = ?", "is",
                 (int64_t)value, id);
}

// A root file system that was made to be thrown away can't be mounted again, unless the kernel's notes of
// that go: they warn of a crash of the machine, after which there is no run directory either.
static int renew_work(struct engine *engine, const struct container *container, struct err *err) {
    char path[CONTAINER_FILE_SIZE];
    int r = dir_remove_all_at(engine->store.root_fd, container_file(container->id, "work", path));
    if (r) return err_set(err, ERR_SYSTEM, -r, "remove %s/%s", engine->store.root, path);
    return container_folder_make(engine, container, err);
}

// What it was is remembered when it runs again. It may have ended by then, and nobody have removed it.
static int remember(struct engine *engine, struct arena *arena, const char *id, struct err *err) {
    struct container now;
    if (set_auto_remove(engine, id, true, err)) return -1;
    int r = row_settle(engine, arena, id, &now, err);
    if (r <= 0) return r;
    return str_eq(now.state, "running") ? 0 : container_remove(engine, &now, false, err);
}

static int start(struct engine *engine, const struct container *container,
                 const struct start_options *options, struct err *err) {
    if (container_start(engine, container, options, NULL, NULL, err)) return -1;
    container_event(engine, container, "restart", NULL);
    return 0;
}

static int stop(struct engine *engine, const struct container *container, const struct stop_options *options,
                struct container_stop *ret_stop, struct err *err) {
    *ret_stop = (struct container_stop){.container = container};
    containers_stop(engine, options, ret_stop, 1);
    if (ret_stop->failed) *err = ret_stop->err;
    return ret_stop->failed ? -1 : 0;
}

static int restart_removed(struct engine *engine, struct arena *arena, const struct container *container,
                           const struct stop_options *stop_options, const struct start_options *options,
                           struct container_stop *ret_stop, struct err *err) {
    struct err ignored;
    if (set_auto_remove(engine, container->id, false, err)) return -1;
    int r = stop(engine, container, stop_options, ret_stop, err);
    if (!r) r = renew_work(engine, container, err);
    if (!r) r = start(engine, container, options, err);
    return remember(engine, arena, container->id, r ? &ignored : err) || r ? -1 : 0;
}

int container_restart(struct engine *engine, const struct container *container,
                      const struct stop_options *stop_options, const struct start_options *options,
                      struct container_stop *ret_stop, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    *ret_stop = (struct container_stop){.container = container};
    if (container_runs(container) && container->auto_remove)
        return restart_removed(engine, &arena, container, stop_options, options, ret_stop, err);
    if (container_runs(container) && stop(engine, container, stop_options, ret_stop, err)) return -1;
    return start(engine, container, options, err);
}
