// SPDX-License-Identifier: Apache-2.0
#include "kernel/mount.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

// <sys/mount.h> and <linux/mount.h> do not go together in this glibc.
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);
#define MS_REMOUNT  32
#define MS_BIND     4096
#define MS_MOVE     8192
#define MNT_DETACH  2
#define STRING_MAX  255 // the kernel cuts fsconfig's strings at this
#define OLD_FLAG(x) ((uint64_t)(x))

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

static const struct {
    uint64_t old, attribute;
} attributes[] = {
    {1, MOUNT_ATTR_RDONLY},            // MS_RDONLY
    {2, MOUNT_ATTR_NOSUID},            // MS_NOSUID
    {4, MOUNT_ATTR_NODEV},             // MS_NODEV
    {8, MOUNT_ATTR_NOEXEC},            // MS_NOEXEC
    {256, MOUNT_ATTR_NOSYMFOLLOW},     // MS_NOSYMFOLLOW
    {1 << 10, MOUNT_ATTR_NOATIME},     // MS_NOATIME
    {1 << 11, MOUNT_ATTR_NODIRATIME},  // MS_NODIRATIME
    {1 << 24, MOUNT_ATTR_STRICTATIME}, // MS_STRICTATIME
};
#define ATIME_FLAGS (OLD_FLAG(1) << 10 | OLD_FLAG(1) << 21 | OLD_FLAG(1) << 24)

static uint64_t to_attributes(uint64_t flags) {
    uint64_t result = 0;
    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
        if (flags & attributes[i].old) result |= attributes[i].attribute;
    return result;
}

// The rest of the flags belong to the file system itself.
static const struct {
    uint64_t old;
    const char *word;
} words[] = {{16, "sync"}, {64, "mand"}, {128, "dirsync"}, {1 << 25, "lazytime"}};

static int context_command(int context, unsigned command, const char *key, const void *value) {
    return syscall(SYS_fsconfig, context, command, key, value, 0) < 0 ? -errno : 0;
}

int mount_context_set(int context, const char *key, const char *value) {
    if (value && strlen(value) > STRING_MAX) return -ENAMETOOLONG;
    return context_command(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value);
}

static int set_data(int context, const char *data) {
    char option[4096];
    for (size_t n; data && *data; data += n + (data[n] == ',')) {
        n = strcspn(data, ",");
        if (n >= sizeof option) return -ENAMETOOLONG;
        memcpy(option, data, n);
        option[n] = 0;
        char *equals = strchr(option, '=');
        if (equals) *equals++ = 0;
        int r = n ? mount_context_set(context, option, equals) : 0;
        if (r) return r;
    }
    return 0;
}

int mount_context(const char *type) {
    int fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int mount_context_create(int context, uint64_t flags) {
    int r = context_command(context, FSCONFIG_CMD_CREATE, NULL, NULL);
    if (r) return r;
    int fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, to_attributes(flags));
    return fd < 0 ? -errno : fd;
}

int mount_new(const char *type, const char *source, uint64_t flags, const char *data) {
    _cleanup_(fd_closep) int context = mount_context(type);
    if (context < 0) return context;
    int r = source && *source ? mount_context_set(context, "source", source) : 0;
    for (size_t i = 0; !r && i < ARRAY_SIZE(words); i++)
        if (flags & words[i].old) r = mount_context_set(context, words[i].word, NULL);
    if (!r) r = set_data(context, data);
    return r ? r : mount_context_create(context, flags);
}

int mount_clone(int dir, const char *path, int recursive) {
    int fd = (int)syscall(SYS_open_tree, dir, path,
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_NO_AUTOMOUNT |
                              (recursive ? AT_RECURSIVE : 0));
    return fd < 0 ? -errno : fd;
}

static int set_attributes(int mount, struct mount_attr *attr, int recursive) {
    long r = syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), attr,
                     sizeof *attr);
    return r < 0 ? -errno : 0;
}

// Before Linux 5.12, by a path. This one replaces what was there: what the mount has already is said again.
static int remount(int mount_fd, uint64_t flags) {
    struct statfs fs;
    char path[32];
    if (fstatfs(mount_fd, &fs)) return -errno;
    // ST_RDONLY to ST_NOEXEC, ST_NOATIME and ST_NODIRATIME are the same bits as the flags.
    uint64_t present = (uint64_t)fs.f_flags & (flags & ATIME_FLAGS ? 0xf : 0xf | 1 << 10 | 1 << 11);
    snprintf(path, sizeof path, "/proc/self/fd/%d", mount_fd);
    return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags | present, NULL) ? -errno : 0;
}

int mount_set_flags(int mount_fd, uint64_t flags, int recursive) {
    struct mount_attr attr = {.attr_set = to_attributes(flags)};
    if (flags & ATIME_FLAGS) attr.attr_clr = MOUNT_ATTR__ATIME;
    if (!attr.attr_set && !attr.attr_clr) return 0;
    int r = set_attributes(mount_fd, &attr, recursive);
    return r != -ENOSYS || recursive ? r : remount(mount_fd, flags);
}

int mount_can_recurse(void) {
    return syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) >= 0 || errno != ENOSYS;
}

int mount_set_all(int mount_fd, uint64_t set, uint64_t clear) {
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
    return set_attributes(mount_fd, &attr, 1);
}

int mount_set_propagation(int mount_fd, uint64_t propagation) {
    const uint64_t recursive = 16384; // MS_REC
    struct mount_attr attr = {.propagation = propagation & ~recursive};
    int r = set_attributes(mount_fd, &attr, !!(propagation & recursive));
    if (r != -ENOSYS) return r;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", mount_fd);
    return mount(NULL, path, NULL, propagation, NULL) ? -errno : 0;
}

int mount_attach(int mount_fd, int target) {
    long r =
        syscall(SYS_move_mount, mount_fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    return r < 0 ? -errno : 0;
}

// pivot_root(".", ".") stacks the old root on the new one's mount point, where one unmount takes it away.
int mount_pivot(int root) {
    if (fchdir(root)) return -errno;
    if (syscall(SYS_pivot_root, ".", ".")) return -errno;
    if (umount2(".", MNT_DETACH)) return -errno;
    return chdir("/") ? -errno : 0;
}

// Everything of the host's that is mounted elsewhere stays mounted, out of reach below the new root.
int mount_move_to_root(int root) {
    if (fchdir(root) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".")) return -errno;
    return chdir("/") ? -errno : 0;
}
