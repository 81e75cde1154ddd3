// SPDX-License-Identifier: Apache-2.0
// Of a run that ended when the disk was full, the record is in the run directory: the end is taken over by it
// as by any other. Then it goes where it belongs, if there is room by now, or stays where it is until the
// container is started again, is removed, or the machine goes down: `hoy why` reads it there.
#include "engine/parts.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define RECORD_MAX (1 << 14)

int exit_record_read(struct engine *engine, const char *id, const char *name, struct str *ret_text) {
    char path[CONTAINER_FILE_SIZE];
    container_file(id, name, path);
    int r = file_read_at(engine->store.runroot_fd, path, RECORD_MAX, ret_text);
    return r ? file_read_at(engine->store.root_fd, path, RECORD_MAX, ret_text) : 0;
}

// One of the two directories has it: what the other one has is older.
int exit_record_age(int dir, int run_dir) {
    if (!renameat(dir, "exit", dir, "exit.last"))
        return unlinkat(run_dir, "exit.last", 0) && errno != ENOENT ? -errno : 0;
    if (errno != ENOENT) return -errno;
    return renameat(run_dir, "exit", run_dir, "exit.last") && errno != ENOENT ? -errno : 0;
}

int exit_record_keep(struct engine *engine, const char *id, struct err *err) {
    char path[CONTAINER_FILE_SIZE], folder[CONTAINER_FOLDER_SIZE];
    const struct store *store = &engine->store;
    _cleanup_(str_finish) struct str text = {0};
    container_file(id, "exit", path);
    bool there = !file_read_at(store->runroot_fd, path, RECORD_MAX, &text);
    bool moved = there && !file_replace_at(store->root_fd, path, text.data, text.len, 0600, false);
    if (run_dir_remove(engine, id, err)) return -1;
    if (!there || moved) return 0;
    int r = dir_make_all_at(store->runroot_fd, container_folder(id, folder), 0700);
    if (!r) r = file_replace_at(store->runroot_fd, path, text.data, text.len, 0600, false);
    return r ? err_set(err, ERR_SYSTEM, -r, "write %s/%s", store->runroot, path) : 0;
}
