// SPDX-License-Identifier: Apache-2.0
#include "kernel/path.h"

#include "base/fd.h"

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Somebody who renames directories all the time can make the kernel give up with EAGAIN. It is right to try
// again, and right to stop.
#define RETRIES 512

static int open_in(int root, const char *path, uint64_t flags, uint64_t mode) {
    struct open_how how = {
        .flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    for (int i = 0;; i++) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0) return (int)fd;
        if ((errno != EAGAIN && errno != EINTR) || i >= RETRIES) return -errno;
    }
}

int path_open_in(int root, const char *path, int flags) {
    return open_in(root, path, (uint64_t)(flags ? flags : O_PATH), 0);
}

// Component by component, from the root on. What is below a directory made here is reached from that one, and
// is no link of anybody's.
static int make_directories(int root, char *path) {
    int dir = open_in(root, ".", O_PATH | O_DIRECTORY, 0);
    bool made = false;
    for (char *name = path + strspn(path, "/"); dir >= 0 && *name; name += strspn(name, "/")) {
        _cleanup_(fd_closep) int parent = dir;
        char *end = name + strcspn(name, "/"), after = *end;
        *end = 0;
        dir = made ? -ENOENT : open_in(root, path, O_PATH | O_DIRECTORY, 0);
        if (dir == -ENOENT) {
            made = true;
            if (mkdirat(parent, name, 0755) && errno != EEXIST) return -errno;
            dir = open_in(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        }
        *end = after;
        name = end;
    }
    return dir;
}

// The directory at the first size bytes of path: as a rule it is there, and one call opens it.
static int open_directory(int root, const char *path, size_t size) {
    char copy[PATH_MAX];
    while (size && path[size - 1] == '/') size--;
    if (size >= sizeof copy) return -ENAMETOOLONG;
    memcpy(copy, path, size);
    copy[size] = 0;
    int dir = open_in(root, size ? copy : ".", O_PATH | O_DIRECTORY, 0);
    return dir == -ENOENT ? make_directories(root, copy) : dir;
}

int path_parent_in(int root, const char *path, const char **ret_name) {
    size_t size = strlen(path);
    while (size && path[size - 1] == '/') size--;
    size_t start = size;
    while (start && path[start - 1] != '/') start--;
    int dir = open_directory(root, path, start);
    if (dir >= 0) *ret_name = size ? path + start : ".";
    return dir;
}

static int make_in(int root, const char *path, int file, int flags) {
    int fd = path_open_in(root, path, O_PATH | flags);
    if (fd != -ENOENT) return fd;
    if (!file) return open_directory(root, path, strlen(path));
    const char *name;
    _cleanup_(fd_closep) int parent = path_parent_in(root, path, &name);
    if (parent < 0) return parent;
    _cleanup_(fd_closep) int made = fd_open_at(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
    if (made < 0 && made != -EEXIST) return made;
    return open_in(parent, name, O_PATH | O_NOFOLLOW, 0);
}

int path_make_in(int root, const char *path, int file) {
    return make_in(root, path, file, 0);
}

int path_make_in_nofollow(int root, const char *path, int file) {
    return make_in(root, path, file, O_NOFOLLOW);
}

static int open_beneath(int dir, const char *path, int flags, uint64_t resolve) {
    struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | resolve};
    for (int i = 0;; i++) {
        long fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
        if (fd >= 0) return (int)fd;
        if ((errno != EAGAIN && errno != EINTR) || i >= RETRIES) return -errno;
    }
}

int path_open_below(int dir, const char *path, int flags) {
    return open_beneath(dir, path, flags, RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
}

int path_open_plain(int dir, const char *path, int flags) {
    return open_beneath(dir, path, flags, RESOLVE_NO_SYMLINKS);
}
