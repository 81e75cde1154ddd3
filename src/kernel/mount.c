// SPDX-License-Identifier: Apache-2.0
#include "kernel/mount.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/mount.h>
#include <linux/stat.h>
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

// What is for the file system itself; the first is for the mount, too.
static const struct {
    uint64_t old;
    const char *word;
} words[] = {{1, "ro"}, {16, "sync"}, {64, "mand"}, {128, "dirsync"}, {1 << 25, "lazytime"}};

static int context_command(int context, unsigned command, const char *key, const void *value) {
    return syscall(SYS_fsconfig, context, command, key, value, 0) < 0 ? -errno : 0;
}

int mount_context_set(int context, const char *key, const char *value) {
    if (value && strlen(value) > STRING_MAX) return -ENAMETOOLONG;
    return context_command(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value);
}

// An option ends at a comma that is not in quotes: the labels of SELinux have commas of their own.
static size_t option_length(const char *data) {
    size_t n = 0;
    for (int quoted = 0; data[n] && (quoted || data[n] != ','); n++) quoted ^= data[n] == '"';
    return n;
}

static char *unquote(char *value) {
    size_t n = value ? strlen(value) : 0;
    if (n < 2 || value[0] != '"' || value[n - 1] != '"') return value;
    value[n - 1] = 0;
    return value + 1;
}

static int set_data(int context, const char *data) {
    char option[4096];
    for (size_t n; data && *data; data += n + (data[n] == ',')) {
        n = option_length(data);
        if (n >= sizeof option) return -ENAMETOOLONG;
        memcpy(option, data, n);
        option[n] = 0;
        char *equals = strchr(option, '=');
        if (equals) *equals++ = 0;
        int r = n ? mount_context_set(context, option, unquote(equals)) : 0;
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

static int open_tree_clone(int dir, const char *path, unsigned flags) {
    int fd = (int)syscall(SYS_open_tree, dir, path,
                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | flags);
    return fd < 0 ? -errno : fd;
}

int mount_clone(int dir, const char *path, bool recursive) {
    return open_tree_clone(dir, path, recursive ? AT_RECURSIVE : 0);
}

int mount_clone_nofollow(int dir, const char *path, bool recursive) {
    return open_tree_clone(dir, path, AT_SYMLINK_NOFOLLOW | (recursive ? AT_RECURSIVE : 0));
}

static int set_attributes(int mount, struct mount_attr *attr, bool recursive) {
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

int mount_set_flags(int mount_fd, uint64_t flags, bool recursive) {
    struct mount_attr attr = {.attr_set = to_attributes(flags)};
    if (flags & ATIME_FLAGS) attr.attr_clr = MOUNT_ATTR__ATIME;
    if (!attr.attr_set && !attr.attr_clr) return 0;
    int r = set_attributes(mount_fd, &attr, recursive);
    return r != -ENOSYS || recursive ? r : remount(mount_fd, flags);
}

bool mount_can_recurse(void) {
    return syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) >= 0 || errno != ENOSYS;
}

int mount_set_all(int mount_fd, uint64_t set, uint64_t clear) {
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear};
    return set_attributes(mount_fd, &attr, true);
}

int mount_clear_flags(int mount_fd, uint64_t flags) {
    struct mount_attr attr = {.attr_clr = to_attributes(flags & ~ATIME_FLAGS)};
    if (flags & ATIME_FLAGS) attr.attr_clr |= MOUNT_ATTR__ATIME; // what is left is relatime
    return attr.attr_clr ? set_attributes(mount_fd, &attr, false) : 0;
}

int mount_idmap(int mount_fd, int userns, bool recursive) {
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
    return set_attributes(mount_fd, &attr, recursive);
}

// A context of a file system that is there begins with nothing set: what is not said stays as it is, but for
// read-only, which a remount has always said anew.
int mount_reconfigure(int mount_fd, uint64_t flags, const char *data) {
    int fd = (int)syscall(SYS_fspick, mount_fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
    _cleanup_(fd_closep) int context = fd < 0 ? -errno : fd;
    if (context < 0) return context;
    int r = flags & 1 ? 0 : mount_context_set(context, "rw", NULL);
    for (size_t i = 0; !r && i < ARRAY_SIZE(words); i++)
        if (flags & words[i].old) r = mount_context_set(context, words[i].word, NULL);
    if (!r) r = set_data(context, data);
    return r ? r : context_command(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL);
}

int mount_set_propagation(int mount_fd, uint64_t propagation) {
    const uint64_t recursive = 16384; // MS_REC
    struct mount_attr attr = {.propagation = propagation & ~recursive};
    int r = set_attributes(mount_fd, &attr, propagation & recursive);
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

// The old root's mounts, where they are the host's peers, must not take its own along as they go.
static int enslave(int old) {
    const unsigned long slave = 1UL << 19 | 1UL << 14; // MS_SLAVE | MS_REC
    return fchdir(old) || mount(NULL, ".", NULL, slave, NULL) ? -errno : 0;
}

// pivot_root(".", ".") stacks the old root on the new one's mount point, where one unmount takes it away.
int mount_pivot(int root, bool shared) {
    _cleanup_(fd_closep) int old = shared ? fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0) : -1;
    if (shared && old < 0) return old;
    if (fchdir(root)) return -errno;
    if (syscall(SYS_pivot_root, ".", ".")) return -errno;
    int r = shared ? enslave(old) : 0;
    if (r) return r;
    if (umount2(".", MNT_DETACH)) return -errno;
    return chdir("/") ? -errno : 0;
}

// Everything of the host's that is mounted elsewhere stays mounted, out of reach below the new root.
int mount_move_to_root(int root) {
    if (fchdir(root) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".")) return -errno;
    return chdir("/") ? -errno : 0;
}

int mount_identify(int fd, uint64_t *ret_id, bool *ret_is_root) {
    struct statx st = {0};
    if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0) return -errno;
    if (!(st.stx_mask & STATX_MNT_ID) || !(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)) return -ENOSYS;
    *ret_id = st.stx_mnt_id;
    *ret_is_root = st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    return 0;
}

int mount_detach(int mount_fd, int proc) {
    char path[32];
    snprintf(path, sizeof path, "self/fd/%d", mount_fd);
    if (fchdir(proc)) return -errno;
    return umount2(path, MNT_DETACH) ? -errno : 0;
}
