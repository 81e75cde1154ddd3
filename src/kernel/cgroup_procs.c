// SPDX-License-Identifier: Apache-2.0
// The processes of a group, and signals to all of them.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_walk.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct list {
    pid_t *pids;
    size_t count, size;
};

static void list_finish(struct list *list) {
    free(list->pids);
}

static void list_add(struct list *list, pid_t pid) {
    if (list->count == list->size) {
        list->size = list->size ? list->size * 2 : 64;
        list->pids = xrealloc(list->pids, list->size * sizeof *list->pids);
    }
    list->pids[list->count++] = pid;
}

// A process that the reader's pid namespace does not have is a 0. A threaded group refuses: the group above
// it lists its processes.
static int add_group(int group, void *data) {
    _cleanup_(fd_closep) int fd = fd_open_at(group, "cgroup.procs", O_RDONLY, 0);
    char text[4096];
    pid_t pid = 0;
    if (fd < 0) return fd == -ENOENT ? 0 : fd;
    for (;;) {
        ssize_t n = fd_read_full(fd, text, sizeof text);
        if (n == -EOPNOTSUPP || n == -ENODEV) return 0;
        if (n < 0) return (int)n;
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            if (pid > 0) list_add(data, pid);
            pid = 0;
        }
        if ((size_t)n < sizeof text) return 0;
    }
}

int cgroup_pids(const char *path, pid_t **ret_pids, size_t *ret_count) {
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    _cleanup_(list_finish) struct list list = {0};
    if (group < 0 && group != -ENOENT) return group;
    int r = group < 0 ? 0 : cgroup_walk(group, add_group, &list);
    if (r < 0) return r;
    *ret_count = list.count;
    *ret_pids = take_ptr(list.pids);
    return 0;
}

int cgroup_signal(const char *path, int signal, size_t *ret_count) {
    _cleanup_(freep) pid_t *pids = NULL;
    size_t count, reached = 0;
    int r = cgroup_pids(path, &pids, &count);
    if (r < 0) return r;
    for (size_t i = 0; i < count; i++) {
        if (kill(pids[i], signal) == 0)
            reached++;
        else if (errno != ESRCH)
            r = -errno;
    }
    if (r < 0) return r;
    if (ret_count) *ret_count = reached;
    return 0;
}
