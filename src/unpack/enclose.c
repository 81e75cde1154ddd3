// SPDX-License-Identifier: Apache-2.0
#include "unpack/enclose.h"

#include "base/fd.h"
#include "kernel/mount.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

int enclose(int tree) {
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC)) return -errno;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return -errno;
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    int r = root < 0 ? root : mount_attach(tree, root);
    return r ? r : mount_pivot(tree, false);
}
