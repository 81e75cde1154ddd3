// SPDX-License-Identifier: Apache-2.0
// By fsopen and fsconfig: mount(2) takes one page of options, which is too little for the devices of an image
// with more than forty layers.
#include "kernel/erofs.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

// The kernel cuts fsconfig's strings at this.
#define STRING_MAX 255

static int configure(int context, unsigned command, const char *key, const char *value) {
    if (value && strlen(value) > STRING_MAX) return -ENAMETOOLONG;
    return syscall(SYS_fsconfig, context, command, key, value, 0) ? -errno : 0;
}

int erofs_mount(const char *index, const char *const *devices, size_t count, const char *target) {
    _cleanup_(fd_closep)
    int context = (int)syscall(SYS_fsopen, "erofs", FSOPEN_CLOEXEC);
    if (context < 0) return -errno;
    int r = configure(context, FSCONFIG_SET_STRING, "source", index);
    for (size_t i = 0; !r && i < count; i++)
        r = configure(context, FSCONFIG_SET_STRING, "device", devices[i]);
    if (!r) r = configure(context, FSCONFIG_SET_FLAG, "ro", NULL);
    if (!r) r = configure(context, FSCONFIG_CMD_CREATE, NULL, NULL);
    if (r) return r;
    _cleanup_(fd_closep)
    int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                             MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (mount < 0) return -errno;
    return syscall(SYS_move_mount, mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) ? -errno : 0;
}
