// SPDX-License-Identifier: Apache-2.0
#include "kernel/netns.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/bag.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int netns_enter(int netns, int *ret_own) {
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (own < 0) return own;
    if (setns(netns, CLONE_NEWNET)) return -errno;
    *ret_own = take_fd(&own);
    return 0;
}

void netns_leavep(int *own) {
    if (*own < 0) return;
    if (setns(*own, CLONE_NEWNET)) abort();
    fd_closep(own);
}

static int put_socket(int netns, int family, int type, int mouth) {
    if (setns(netns, CLONE_NEWNET)) return errno;
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : -bag_put(mouth, "s", 1, &fd, 1);
}

int netns_socket(pid_t pid, int family, int type) {
    char path[32], label;
    int fds[BAG_MAX], status = 0;
    size_t offset = 0;
    _cleanup_(fd_closep) int bag = -1, mouth = -1;
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    _cleanup_(fd_closep) int netns = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    int r = netns < 0 ? netns : bag_make(&bag, &mouth);
    if (r) return r;
    pid_t child = fork();
    if (child == 0) _exit(put_socket(netns, family, type, mouth));
    if (child < 0) return -errno;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (status) return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
    ssize_t n = bag_look(bag, &offset, &label, 1, fds);
    return n < 0 ? (int)n : fds[0];
}
