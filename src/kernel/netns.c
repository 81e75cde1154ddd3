// SPDX-License-Identifier: Apache-2.0
#include "kernel/netns.h"

#include "base/fd.h"
#include "base/macro.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

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
