// SPDX-License-Identifier: Apache-2.0
// Copy-up: a volume or tmpfs that is empty begins with what the image has at its place. Runs in the child,
// in the container's mount namespace, before the container's command: nobody changes the trees meanwhile,
// and no link is followed.
//
// A volume outlives the container, and others may be about to use it. So it is filled in two steps, under a
// lock: a copy is made beside it, called "copy"; when that is whole it is renamed to "filled", and what is in
// it is moved into the volume. A kill in the first step leaves a copy that the next start throws away, one in
// the second what the next start goes on with.
#include "plan/copy.h"

#include "base/arena.h"
#include "base/fd.h"
#include "kernel/path.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

// Files with several names, by their inodes.
struct name {
    dev_t dev;
    ino_t ino;
    char path[]; // of the first one, below the target
};

struct copy {
    int target;
    void *names;
    char path[PATH_MAX]; // where we are, below the target; "" or with a slash at its end
};

static int by_inode(const void *a, const void *b) {
    const struct name *x = a, *y = b;
    if (x->dev != y->dev) return x->dev < y->dev ? -1 : 1;
    return x->ino == y->ino ? 0 : x->ino < y->ino ? -1 : 1;
}

static void copy_finish(struct copy *copy) {
    while (copy->names) {
        struct name *first = *(struct name **)copy->names;
        tdelete(first, &copy->names, by_inode);
        free(first);
    }
}

// The first name of a file that has several, or NULL when this is it.
static const char *first_name(struct copy *copy, const char *name, const struct stat *st) {
    if (S_ISDIR(st->st_mode) || st->st_nlink < 2) return NULL;
    size_t size = strlen(copy->path) + strlen(name) + 1;
    struct name *entry = xmalloc(sizeof *entry + size);
    *entry = (struct name){.dev = st->st_dev, .ino = st->st_ino};
    snprintf(entry->path, size, "%s%s", copy->path, name);
    struct name **found = tsearch(entry, &copy->names, by_inode);
    if (!found || *found == entry) return NULL;
    free(entry);
    return (*found)->path;
}

static int copy_directory(struct copy *copy, int from, int to);

// 1, 0 or -errno.
static int is_empty(int dir) {
    _cleanup_(dir_closep) DIR *stream = NULL;
    struct dirent *entry;
    int r = dir_open_at(dir, ".", &stream);
    if (!r) r = dir_read(stream, &entry);
    return r < 0 ? r : !r;
}

static void copy_xattrs(int from, int to) {
    char names[4096], value[65536];
    ssize_t size = flistxattr(from, names, sizeof names);
    for (char *name = names; name < names + size; name += strlen(name) + 1) {
        ssize_t n = fgetxattr(from, name, value, sizeof value);
        if (n >= 0) (void)!fsetxattr(to, name, value, (size_t)n, 0);
    }
}

static int copy_metadata(int from, int to, const struct stat *st) {
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    if (fchown(to, st->st_uid, st->st_gid) || fchmod(to, st->st_mode & 07777)) return -errno;
    copy_xattrs(from, to);
    return futimens(to, times) ? -errno : 0;
}

static int copy_file(int from, const char *name, int to, const struct stat *st) {
    _cleanup_(fd_closep) int in = fd_open_at(from, name, O_RDONLY | O_NOFOLLOW, 0);
    if (in < 0) return in;
    _cleanup_(fd_closep) int out = fd_open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (out < 0) return out;
    for (off_t left = st->st_size; left > 0;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n < 0) return -errno;
        if (n == 0) break;
        left -= n;
    }
    return copy_metadata(in, out, st);
}

static int copy_folder(struct copy *copy, int from, const char *name, int to, const struct stat *st) {
    size_t length = strlen(copy->path), size = strlen(name);
    if (length + size + 2 > sizeof copy->path) return -ENAMETOOLONG;
    if (mkdirat(to, name, 0700)) return -errno;
    _cleanup_(fd_closep) int in = fd_open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (in < 0) return in;
    _cleanup_(fd_closep) int out = fd_open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (out < 0) return out;
    memcpy(copy->path + length, name, size);
    strcpy(copy->path + length + size, "/");
    int r = copy_directory(copy, in, out);
    copy->path[length] = 0;
    return r ? r : copy_metadata(in, out, st);
}

static int copy_other(int from, const char *name, int to, const struct stat *st) {
    char target[PATH_MAX];
    if (S_ISLNK(st->st_mode)) {
        ssize_t n = readlinkat(from, name, target, sizeof target - 1);
        if (n < 0) return -errno;
        target[n] = 0;
        if (symlinkat(target, to, name)) return -errno;
    } else if (mknodat(to, name, st->st_mode, st->st_rdev)) {
        return -errno;
    }
    return fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int copy_entry(struct copy *copy, int from, const char *name, int to, const struct stat *st) {
    const char *first = first_name(copy, name, st);
    if (first) return linkat(copy->target, first, to, name, 0) ? -errno : 0;
    return S_ISREG(st->st_mode)   ? copy_file(from, name, to, st)
           : S_ISDIR(st->st_mode) ? copy_folder(copy, from, name, to, st)
                                  : copy_other(from, name, to, st);
}

static int copy_directory(struct copy *copy, int from, int to) {
    _cleanup_(dir_closep) DIR *stream = NULL;
    int r = dir_open_at(from, ".", &stream);
    for (struct dirent *entry; !r && (r = dir_read(stream, &entry)) > 0;) {
        struct stat st;
        if (fstatat(from, entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) return -errno;
        r = copy_entry(copy, from, entry->d_name, to, &st);
    }
    return r;
}

// All of it, and what the directory itself is like.
static int copy_tree(int from, int to) {
    _cleanup_(copy_finish) struct copy copy = {.target = to};
    struct stat st;
    int r = copy_directory(&copy, from, to);
    if (!r && fstat(from, &st)) r = -errno;
    return r ? r : copy_metadata(from, to, &st);
}

int plan_copy_up(int from, int to) {
    _cleanup_(fd_closep) int in = fd_open_at(from, ".", O_RDONLY | O_DIRECTORY, 0);
    _cleanup_(fd_closep) int out = fd_open_at(to, ".", O_RDONLY | O_DIRECTORY, 0);
    if (in == -ENOTDIR || out == -ENOTDIR) return 0; // files have nothing to copy up
    if (in < 0 || out < 0) return in < 0 ? in : out;
    int r = is_empty(out);
    return r <= 0 ? r : is_empty(in) > 0 ? 0 : copy_tree(in, out);
}

// Volumes

// What somebody has put there since stays.
static int move_entries(int from, int to) {
    _cleanup_(dir_closep) DIR *stream = NULL;
    int r = dir_open_at(from, ".", &stream);
    for (struct dirent *entry; !r && (r = dir_read(stream, &entry)) > 0; r = 0)
        if (syscall(SYS_renameat2, from, entry->d_name, to, entry->d_name, 1) && errno != EEXIST) // NOREPLACE
            return -errno;
    return r;
}

// The second step.
static int take_filled(int beside, int volume) {
    struct stat st;
    _cleanup_(fd_closep) int filled = fd_open_at(beside, "filled", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (filled < 0) return filled == -ENOENT ? 0 : filled;
    int r = fstat(filled, &st) ? -errno : move_entries(filled, volume);
    if (!r) r = copy_metadata(filled, volume, &st);
    return r ? r : dir_remove_all_at(beside, "filled");
}

static int fill(int beside, int from, int volume) {
    int r = fd_lock(beside, LOCK_EX);
    if (r) return r;
    r = take_filled(beside, volume);
    if (!r) r = dir_remove_all_at(beside, "copy");
    if (r || (r = is_empty(volume)) <= 0) return r; // 0: somebody was quicker
    if (mkdirat(beside, "copy", 0700)) return -errno;
    _cleanup_(fd_closep) int copy = fd_open_at(beside, "copy", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    r = copy < 0 ? copy : copy_tree(from, copy);
    if (!r && renameat(beside, "copy", beside, "filled")) r = -errno;
    if (!r) return take_filled(beside, volume);
    (void)dir_remove_all_at(beside, "copy");
    return r;
}

// One that has a mount of its own can't be renamed into, and is gone with its last user or somebody else's.
static bool is_apart(int beside, int volume) {
    struct stat a, b;
    return fstat(beside, &a) || fstat(volume, &b) || a.st_dev != b.st_dev;
}

// As hoy makes them.
static bool is_plain(int dir) {
    struct stat st;
    return !fstat(dir, &st) && !st.st_uid && !st.st_gid && (st.st_mode & 07777) == 0755;
}

// Of an empty one a volume takes the owner and the mode, unless somebody gave it others since it was made.
static int is_wanted(int from, int volume) {
    int r = is_empty(volume);
    return r <= 0 ? r : is_empty(from) <= 0 || (is_plain(volume) && !is_plain(from));
}

int plan_fill_volume(const char *path, int from) {
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path || (size_t)(slash - path) >= sizeof parent) return -EINVAL;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = 0;
    _cleanup_(fd_closep) int in = fd_open_at(from, ".", O_RDONLY | O_DIRECTORY, 0);
    _cleanup_(fd_closep) int beside = fd_open_at(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0);
    // Not by the container's mount of it: nothing can be renamed from one mount to another.
    _cleanup_(fd_closep) int volume =
        beside < 0 ? beside : fd_open_at(beside, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (in == -ENOTDIR) return 0; // files have nothing to copy up
    if (in < 0 || volume < 0 || beside < 0) return in < 0 ? in : volume < 0 ? volume : beside;
    int wanted = is_wanted(in, volume);
    if (wanted < 0) return wanted;
    if (is_apart(beside, volume)) return wanted ? copy_tree(in, volume) : 0;
    return wanted || !faccessat(beside, "filled", F_OK, AT_SYMLINK_NOFOLLOW) ? fill(beside, in, volume) : 0;
}
