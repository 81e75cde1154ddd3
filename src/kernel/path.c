// SPDX-License-Identifier: Apache-2.0
#include "kernel/path.h"

#include "base/fd.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

// Somebody who renames directories all the time can make the kernel give up with EAGAIN. It is right to try
// again, and right to stop.
#define RETRIES 512

static int open_how(int dir, const char *path, const struct open_how *how) {
    for (int i = 0;; i++) {
        long fd = syscall(SYS_openat2, dir, path, how, sizeof *how);
        if (fd >= 0) return (int)fd;
        if ((errno != EAGAIN && errno != EINTR) || i >= RETRIES) return -errno;
    }
}

static int open_in(int root, const char *path, uint64_t flags) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return open_how(root, path, &how);
}

int path_open_in(int root, const char *path, int flags) {
    return open_in(root, path, (uint64_t)(flags ? flags : O_PATH));
}

int path_open_own(int root, const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    return open_how(root, path, &how);
}

static size_t without_slashes(const char *path, size_t size) {
    while (size && path[size - 1] == '/') size--;
    return size;
}

static size_t name_start(const char *path, size_t size) {
    while (size && path[size - 1] != '/') size--;
    return size;
}

#define LINKS_MAX 40 // as the kernel has it

static int open_directory(int root, char *path, size_t size, int *links);

// Path's name, from start on, is a link that led nowhere when it was looked at: to what it names, from the
// root again, since there may be ".." in it.
static int follow_link(int root, int parent, const char *path, size_t start, int *links) {
    char target[PATH_MAX];
    struct statfs fs;
    ssize_t size = readlinkat(parent, path + start, target + start, sizeof target - start);
    if (size < 0) return errno == EINVAL ? -ENOTDIR : -errno;
    if ((size_t)size == sizeof target - start) return -ENAMETOOLONG;
    if (fstatfs(parent, &fs)) return -errno;
    if ((uint32_t)fs.f_type == PROC_SUPER_MAGIC || ++*links > LINKS_MAX) return -ELOOP;
    if (target[start] == '/') return open_directory(root, target + start, (size_t)size, links);
    memcpy(target, path, start);
    return open_directory(root, target, start + (size_t)size, links);
}

// The first size bytes of path, which are not there. What is below a directory made here is reached from that
// one.
static int make_directory(int root, char *path, size_t size, int *links) {
    size_t start = name_start(path, size);
    _cleanup_(fd_closep) int above = start ? open_directory(root, path, start, links) : -1;
    if (start && above < 0) return above;
    int parent = start ? above : root;
    char after = path[size];
    path[size] = 0;
    int r = mkdirat(parent, path + start, 0755) && errno != EEXIST ? -errno : 0;
    if (!r) r = open_in(parent, path + start, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (r == -ENOTDIR) r = follow_link(root, parent, path, start, links);
    path[size] = after;
    return r;
}

// As a rule it is there, and one call opens it.
static int open_directory(int root, char *path, size_t size, int *links) {
    size = without_slashes(path, size);
    if (!size) return open_in(root, ".", O_PATH | O_DIRECTORY);
    char after = path[size];
    path[size] = 0;
    int dir = open_in(root, path, O_PATH | O_DIRECTORY);
    path[size] = after;
    return dir == -ENOENT ? make_directory(root, path, size, links) : dir;
}

// A copy to work on, without the slashes in front: they lead to the root in any case.
static int copy_path(const char *path, size_t size, char ret_copy[static PATH_MAX]) {
    for (; size && *path == '/'; size--) path++;
    if (size >= PATH_MAX) return -ENAMETOOLONG;
    memcpy(ret_copy, path, size);
    ret_copy[size] = 0;
    return (int)size;
}

int path_parent_in(int root, const char *path, const char **ret_name) {
    char copy[PATH_MAX];
    size_t size = without_slashes(path, strlen(path)), start = name_start(path, size);
    int links = 0, length = copy_path(path, start, copy);
    int dir = length < 0 ? length : open_directory(root, copy, (size_t)length, &links);
    if (dir >= 0) *ret_name = size ? path + start : ".";
    return dir;
}

static int make_missing_directory(int root, const char *path) {
    char copy[PATH_MAX];
    int links = 0, length = copy_path(path, strlen(path), copy);
    return length < 0 ? length : open_directory(root, copy, (size_t)length, &links);
}

static int make_in(int root, const char *path, bool file, int flags) {
    int fd = path_open_in(root, path, O_PATH | flags);
    if (fd != -ENOENT) return fd;
    if (!file) return make_missing_directory(root, path);
    const char *name;
    _cleanup_(fd_closep) int parent = path_parent_in(root, path, &name);
    if (parent < 0) return parent;
    _cleanup_(fd_closep) int made = fd_open_at(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    if (made < 0 && made != -EEXIST) return made;
    return open_in(parent, name, O_PATH | O_NOFOLLOW);
}

int path_make_in(int root, const char *path, bool file) {
    return make_in(root, path, file, 0);
}

int path_make_in_nofollow(int root, const char *path, bool file) {
    return make_in(root, path, file, O_NOFOLLOW);
}

static int open_beneath(int dir, const char *path, int flags, uint64_t resolve) {
    struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | resolve};
    return open_how(dir, path, &how);
}

int path_open_below(int dir, const char *path, int flags) {
    return open_beneath(dir, path, flags, RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
}

int path_open_plain(int dir, const char *path, int flags) {
    return open_beneath(dir, path, flags, RESOLVE_NO_SYMLINKS);
}
