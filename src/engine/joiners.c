// SPDX-License-Identifier: Apache-2.0
#include "engine/joiners.h"

#include "engine/parts.h"
#include "network/live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20) // lines of 64 digits

int joiners_add(struct engine *engine, const char *owner_id, const char *id, struct err *err) {
    char path[CONTAINER_FILE_SIZE], line[ID_SIZE + 1];
    int length = snprintf(line, sizeof line, "%s\n", id);
    _cleanup_(fd_closep) int fd =
        fd_open_at(engine->store.runroot_fd, container_file(owner_id, "joiners", path),
                   O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
    int r = fd < 0 ? fd : fd_write_all(fd, line, (size_t)length);
    return r ? err_set(err, ERR_SYSTEM, -r, "write %s/%s", engine->store.runroot, path) : 0;
}

// One that is gone has left the namespace.
static int cut(struct engine *engine, const struct endpoints *endpoints, const char *joiner,
               struct err *err) {
    _cleanup_(fd_closep) int netns = -1;
    if (container_open_netns(engine, joiner, &netns, err)) return err->kind == ERR_CONFLICT ? 0 : -1;
    for (size_t i = 0; i < endpoints->count; i++)
        if (live_remove(&endpoints->items[i], netns, err)) return -1;
    return 0;
}

int joiners_cut(struct engine *engine, const struct container *owner, struct err *err) {
    char path[CONTAINER_FILE_SIZE];
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct endpoints endpoints;
    int r =
        file_read_at(engine->store.runroot_fd, container_file(owner->id, "joiners", path), FILE_MAX, &text);
    if (r == -ENOENT || r == -ENOTDIR) return 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "read %s/%s", engine->store.runroot, path);
    if (network_endpoints(engine->store.db, &arena, owner->id, &endpoints, err)) return -1;
    char *rest = arena_strdup(&arena, str_get(&text)), *line;
    while ((line = strsep(&rest, "\n")))
        if (*line && cut(engine, &endpoints, line, err)) return -1;
    return 0;
}
