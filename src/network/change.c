// SPDX-License-Identifier: Apache-2.0
// A network is made, or removed, in several steps, and whoever does it may be killed between two of them. A
// file beside the database is there as long as somebody is about it, and stays when he was killed: then
// whoever sees it does the rest.
#include "network/kernel.h"
#include "network/row.h"

#include "base/fd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHANGING "networks.changing"

void change_begin(const char *database, struct change *ret_change) {
    struct change change = {0};
    const char *slash = strrchr(database, '/');
    if (slash) {
        snprintf(change.path, sizeof change.path, "%.*s/" CHANGING, (int)(slash - database), database);
        _cleanup_(fd_closep) int fd =
            fd_open_at(AT_FDCWD, change.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        change.own = fd >= 0; // else that of somebody who was killed
    }
    *ret_change = change;
}

void change_finish(struct change *change) {
    if (change->own) (void)unlink(change->path);
}

bool networks_are_changing(int root_fd) {
    return !faccessat(root_fd, CHANGING, F_OK, AT_SYMLINK_NOFOLLOW);
}

// Who is alive is waited for. What can't be made now the next container on that network is told.
int networks_mend(struct db *db, int root_fd, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(fd_closep) int lock = -1;
    struct networks networks;
    struct err ignored;
    if (namespace_lock(&lock, err)) return -1;
    fd_closep(&lock);
    if (!networks_are_changing(root_fd)) return 0;
    if (networks_read(db, &arena, &networks, err)) return -1;
    for (size_t i = 0; i < networks.count; i++)
        if (!network_is_predefined(&networks.items[i]))
            (void)network_ensure(db, &arena, &networks.items[i], &ignored);
    if (network_sweep(db, err)) return -1;
    (void)unlinkat(root_fd, CHANGING, 0);
    return 0;
}
