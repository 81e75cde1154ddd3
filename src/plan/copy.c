// SPDX-License-Identifier: Apache-2.0
// Copy-up: a volume or tmpfs that is empty begins with what the image has at its place. Runs in the child,
// in the container's mount namespace, before the container's command: nobody changes the trees meanwhile,
// and no link is followed.
#include "base/fd.h"
#include "kernel/path.h"
#include "plan/run.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int copy_directory(int from, int to);

static DIR *open_directory(int fd) {
    int again = fd_open_at(fd, ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *stream = again < 0 ? NULL : fdopendir(again);
    if (!stream && again >= 0) close(again);
    return stream;
}

static void close_directory(DIR **stream) {
    if (*stream) closedir(*stream);
}

static struct dirent *next_entry(DIR *stream) {
    struct dirent *entry;
    do entry = readdir(stream);
    while (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")));
    return entry;
}

static int is_empty(int dir) {
    _cleanup_(close_directory) DIR *stream = open_directory(dir);
    return stream && !next_entry(stream);
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

static int copy_folder(int from, const char *name, int to, const struct stat *st) {
    if (mkdirat(to, name, 0700)) return -errno;
    _cleanup_(fd_closep) int in = fd_open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (in < 0) return in;
    _cleanup_(fd_closep) int out = fd_open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (out < 0) return out;
    int r = copy_directory(in, out);
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

static int copy_directory(int from, int to) {
    _cleanup_(close_directory) DIR *stream = open_directory(from);
    if (!stream) return -errno;
    struct dirent *entry;
    while ((entry = next_entry(stream))) {
        struct stat st;
        if (fstatat(from, entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) return -errno;
        int r = S_ISREG(st.st_mode)   ? copy_file(from, entry->d_name, to, &st)
                : S_ISDIR(st.st_mode) ? copy_folder(from, entry->d_name, to, &st)
                                      : copy_other(from, entry->d_name, to, &st);
        if (r) return r;
    }
    return 0;
}

int plan_copy_up(int from, int to) {
    _cleanup_(fd_closep) int in = fd_open_at(from, ".", O_RDONLY | O_DIRECTORY, 0);
    _cleanup_(fd_closep) int out = fd_open_at(to, ".", O_RDONLY | O_DIRECTORY, 0);
    struct stat st;
    if (in == -ENOTDIR || out == -ENOTDIR) return 0; // files have nothing to copy up
    if (in < 0 || out < 0) return in < 0 ? in : out;
    if (!is_empty(out) || is_empty(in)) return 0;
    int r = copy_directory(in, out);
    if (!r && fstat(in, &st)) r = -errno;
    return r ? r : copy_metadata(in, out, &st);
}
