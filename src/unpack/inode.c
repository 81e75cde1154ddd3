// SPDX-License-Identifier: Apache-2.0
#include "unpack/inode.h"

#include "base/fd.h"
#include "kernel/path.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAMES_MAX 65536 // what the kernel gives at most, of a list and of a value

bool xattr_wanted(const char *name) {
    static const char *const kept[] = {"security.capability", "system.posix_acl_access",
                                       "system.posix_acl_default"};
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (strcmp(name, kept[i]) == 0) return true;
    return strncmp(name, "user.", 5) == 0 && name[5] && strncmp(name, "user.overlay.", 13) != 0;
}

// Somebody may be at it: what was there a moment ago is gone, or is something else now.
static bool is_gone(int error) {
    return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -ESTALE;
}

// Into its place in the list, which is sorted by name.
static void xattr_insert(struct arena *arena, struct tree_xattr **at, const char *name, const void *value,
                         size_t size) {
    while (*at && strcmp((*at)->name, name) < 0) at = &(*at)->next;
    struct tree_xattr *xattr = arena_new(arena, struct tree_xattr);
    *xattr = (struct tree_xattr){.next = *at,
                                 .name = arena_strdup(arena, name),
                                 .size = (uint32_t)size,
                                 .value = arena_memdup(arena, value, size)};
    *at = xattr;
}

static int xattrs_read(int fd, struct arena *arena, struct tree_node *node) {
    ssize_t length = flistxattr(fd, NULL, 0);
    if (length <= 0) return length == 0 || errno == EOPNOTSUPP ? 0 : -errno;
    _cleanup_(freep) char *names = xmalloc(NAMES_MAX), *value = xmalloc(NAMES_MAX);
    length = flistxattr(fd, names, NAMES_MAX);
    if (length < 0) return -errno;
    for (const char *name = names; name < names + length; name += strlen(name) + 1) {
        if (!xattr_wanted(name)) continue;
        ssize_t size = fgetxattr(fd, name, value, NAMES_MAX);
        if (size < 0 && errno == ENODATA) continue;
        if (size < 0) return -errno;
        xattr_insert(arena, &node->xattrs, name, value, (size_t)size);
    }
    return 0;
}

static void node_fill(const struct stat *st, struct tree_node *node) {
    bool device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
    *node = (struct tree_node){
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .mtime_s = st->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .rdev_major = device ? major(st->st_rdev) : 0,
        .rdev_minor = device ? minor(st->st_rdev) : 0,
        .size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
        .links = (uint32_t)st->st_nlink,
    };
}

static int link_read(int fd, struct arena *arena, struct tree_node *node) {
    char target[PATH_MAX];
    ssize_t n = readlinkat(fd, "", target, sizeof target - 1);
    if (n < 0) return -errno;
    node->target = arena_strndup(arena, target, (size_t)n);
    return 1;
}

int inode_read(int root, const char *path, struct arena *arena, struct inode *ret_inode, int *ret_fd) {
    struct inode inode;
    _cleanup_(fd_closep) int look = path_open_plain(root, path, O_PATH | O_NOFOLLOW);
    if (look < 0) return is_gone(look) ? 0 : look;
    if (fstat(look, &inode.stat)) return -errno;
    mode_t type = inode.stat.st_mode & S_IFMT;
    _cleanup_(fd_closep) int fd = -1;
    if (type == S_IFREG || type == S_IFDIR) {
        fd = path_open_plain(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) return is_gone(fd) ? 0 : fd;
        if (fstat(fd, &inode.stat)) return -errno;
        if ((inode.stat.st_mode & S_IFMT) != type) return 0;
    }
    node_fill(&inode.stat, &inode.node);
    int r = fd >= 0           ? xattrs_read(fd, arena, &inode.node)
            : type == S_IFLNK ? link_read(look, arena, &inode.node)
                              : 0;
    if (r < 0) return r;
    *ret_inode = inode;
    *ret_fd = take_fd(&fd);
    return 1;
}

int directory_list(int root, const char *path, struct arena *arena, struct strings *ret_names) {
    struct strings names = {0};
    _cleanup_(fd_closep) int fd =
        path_open_plain(root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) return is_gone(fd) ? 0 : fd;
    _cleanup_(dir_closep) DIR *dir = fdopendir(fd);
    if (!dir) return -errno;
    take_fd(&fd);
    struct dirent *entry;
    int r;
    while ((r = dir_read(dir, &entry)) > 0) strings_add(arena, &names, arena_strdup(arena, entry->d_name));
    if (r) return r;
    strings_sort(&names);
    *ret_names = names;
    return 1;
}

// The owner first: a change of it takes setuid bits and capabilities away.
int inode_set(const struct tree_node *node, int fd, const struct tree_xattr **ret_xattr) {
    const struct timespec time = {node->mtime_s, node->mtime_ns}, times[] = {time, time};
    if (fchown(fd, node->uid, node->gid) || fchmod(fd, node->mode & 07777)) return -1;
    for (const struct tree_xattr *xattr = node->xattrs; xattr; xattr = xattr->next)
        if (fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0) && errno != EOPNOTSUPP) {
            if (ret_xattr) *ret_xattr = xattr;
            return -1;
        }
    return futimens(fd, times);
}

int inode_make_other(const struct tree_node *node, int dir, const char *name) {
    const struct timespec time = {node->mtime_s, node->mtime_ns}, times[] = {time, time};
    int r = S_ISLNK(node->mode) ? symlinkat(node->target, dir, name)
                                : mknodat(dir, name, (node->mode & S_IFMT) | 0600,
                                          makedev(node->rdev_major, node->rdev_minor));
    if (r || fchownat(dir, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW)) return -1;
    if (!S_ISLNK(node->mode) && fchmodat(dir, name, node->mode & 07777, 0)) return -1;
    return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}
