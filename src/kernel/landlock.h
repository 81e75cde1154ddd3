// SPDX-License-Identifier: Apache-2.0
// Landlock (landlock(7)): a process takes itself the right to reach files and sockets, but for a list. All
// return 0 or -errno.
#pragma once

#include <linux/landlock.h>
#include <stdint.h>

#define LANDLOCK_ACCESS_TRUNCATE (UINT64_C(1) << 14) // newer than Debian 12's linux/landlock.h

// Everything that this kernel can take away: all of the file system, binding TCP ports (Linux 6.7), abstract
// unix sockets and signals to processes outside (6.12).
struct landlock {
    int fd; // -1: this kernel has no Landlock, and nothing below does anything
    uint64_t files;
};
#define LANDLOCK_NONE ((struct landlock){-1, 0})

int landlock_begin(struct landlock *ret_landlock);
void landlock_finish(struct landlock *landlock);
// Rights (LANDLOCK_ACCESS_FS_*) to what fd is and all below it; those that this kernel does not know it does
// not take away either.
int landlock_allow(const struct landlock *landlock, int fd, uint64_t rights);
int landlock_enter(const struct landlock *landlock);
