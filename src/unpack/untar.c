// SPDX-License-Identifier: Apache-2.0
// Whoever can write in the directory may exchange what is there while we are at it. So a file is made under a
// name of our own, gets its owner and mode through its descriptor, and is then renamed. A directory that we
// made is still ours (our user id is nobody else's) when it is opened.
#include "unpack/untar.h"
#include "unpack/any_tar.h"

#include "base/arena.h"
#include "base/fd.h"
#include "kernel/path.h"
#include "unpack/inode.h"
#include "unpack/path.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OURS_SIZE 32 // of the name that a file has until it is whole

struct folder {
    const char *path;
    struct timespec times[2];
};

struct extraction {
    const struct untar *how;
    struct archive *archive;
    struct arena arena;
    struct {
        struct folder *items; // whose times are set when nothing is made in them any more
        size_t count;
    } folders;
    struct err *err;
};

// The member that is being made.
struct member {
    struct archive_entry *entry;
    const char *name;    // as the tar has it
    char path[PATH_MAX]; // cleaned
    int parent;          // the directory that it comes into
    const char *base;    // its name there
    mode_t type;
};

static void extraction_finish(struct extraction *x) {
    if (x->archive) archive_read_free(x->archive);
    arena_finish(&x->arena);
}

static int refuse(const struct extraction *x, const struct member *m, const char *why) {
    char shown[PATH_SHOWN];
    return err_set(x->err, ERR_INVALID, 0, "the tar's member %s %s", path_show(m->name, shown), why);
}

static int cannot(const struct extraction *x, const struct member *m, const char *what, int error) {
    char shown[PATH_SHOWN];
    return err_set(x->err, ERR_SYSTEM, error, "%s %s", what, path_show(m->path, shown));
}

static int damaged(const struct extraction *x) {
    const char *why = archive_error_string(x->archive);
    return err_set(x->err, ERR_INVALID, 0, "the tar is damaged or cut off: %s", why ? why : "no tar header");
}

// Names

static int path_clean(const struct extraction *x, struct member *m) {
    const char *rest = m->name;
    struct path_part part;
    size_t length = 0;
    while (path_next(&rest, &part)) {
        if (part.length == 2 && memcmp(part.name, "..", 2) == 0) return refuse(x, m, "leads out by \"..\"");
        if (length + part.length + 2 > sizeof m->path) return refuse(x, m, "has too long a name");
        if (length) m->path[length++] = '/';
        memcpy(m->path + length, part.name, part.length);
        length += part.length;
    }
    m->path[length] = 0;
    return 0;
}

// Opened for its metadata, and seen to be the one that was made.
static int make_directory(int parent, const char *name) {
    struct stat st;
    if (mkdirat(parent, name, 0700)) return -errno;
    _cleanup_(fd_closep) int fd = fd_open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0) return fd;
    if (fstat(fd, &st)) return -errno;
    return st.st_uid == geteuid() ? take_fd(&fd) : -ESTALE;
}

// What no member names is root's.
static int enter_directory(int parent, const char *name) {
    int fd = fd_open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd != -ENOENT) return fd;
    fd = make_directory(parent, name);
    if (fd >= 0 && (fchown(fd, 0, 0) || fchmod(fd, 0755))) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

// The directory at a path below ours, a part at a time. -errno.
static int walk(int directory, char *path) {
    _cleanup_(fd_closep) int at = fd_open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0);
    for (char *name; at >= 0 && (name = strsep(&path, "/"));) {
        _cleanup_(fd_closep) int above = at;
        at = enter_directory(above, name);
    }
    return take_fd(&at);
}

static int open_parent(const struct extraction *x, struct member *m) {
    char *slash = strrchr(m->path, '/'), parent[PATH_MAX];
    size_t length = slash ? (size_t)(slash - m->path) : 0;
    m->base = slash ? slash + 1 : m->path;
    memcpy(parent, m->path, length);
    parent[length] = 0;
    m->parent = path_open_plain(x->how->directory, length ? parent : ".", O_RDONLY | O_DIRECTORY);
    if (m->parent == -ENOENT) m->parent = walk(x->how->directory, parent);
    if (m->parent == -ELOOP || m->parent == -ENOTDIR)
        return refuse(x, m, "leads through what is not a directory");
    return m->parent < 0 ? cannot(x, m, "can't make the folder of", -m->parent) : 0;
}

// What is there already

static const char *slash_of(const char *where) {
    return str_has_suffix(where, "/") ? "" : "/";
}

static int check_kind(const struct extraction *x, const struct member *m) {
    struct stat st;
    const char *where = x->how->where, *slash = slash_of(where);
    bool is_directory = m->type == S_IFDIR;
    if (fstatat(m->parent, m->base, &st, AT_SYMLINK_NOFOLLOW)) return 0;
    if (is_directory == S_ISDIR(st.st_mode)) return 0;
    return err_set(x->err, ERR_INVALID, 0,
                   is_directory ? "cannot overwrite non-directory \"%s%s%s\" with directory \"%s\""
                                : "cannot overwrite directory \"%s%s%s\" with non-directory \"%s\"",
                   where, slash, m->path, where);
}

// Metadata

static void times_of(const struct member *m, struct timespec ret_times[2]) {
    long ns = archive_entry_mtime_nsec(m->entry);
    struct timespec time = {archive_entry_mtime(m->entry), ns < 0 || ns > 999999999 ? 0 : ns};
    ret_times[0] = ret_times[1] = time;
}

static int owner_of(const struct extraction *x, const struct member *m, uint32_t *ret_uid,
                    uint32_t *ret_gid) {
    int64_t uid = archive_entry_uid(m->entry), gid = archive_entry_gid(m->entry);
    if (!x->how->keep_owner) uid = gid = 0;
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return refuse(x, m, "has an owner that is no number of a user");
    *ret_uid = (uint32_t)uid;
    *ret_gid = (uint32_t)gid;
    return 0;
}

static mode_t mode_of(const struct extraction *x, const struct member *m) {
    return archive_entry_perm(m->entry) & (x->how->keep_rights ? 07777 : 01777);
}

static int set_xattrs(const struct extraction *x, const struct member *m, int fd) {
    const char *name;
    const void *value;
    size_t size;
    archive_entry_xattr_reset(m->entry);
    while (archive_entry_xattr_next(m->entry, &name, &value, &size) == ARCHIVE_OK) {
        if (!name || !xattr_wanted(name) || size > TREE_XATTR_MAX) continue;
        if (!x->how->keep_rights && !str_has_prefix(name, "user.")) continue;
        if (fsetxattr(fd, name, value, size, 0) && errno != EOPNOTSUPP)
            return cannot(x, m, "can't set an extended attribute of", errno);
    }
    return 0;
}

// The owner first: a change of it takes setuid bits and capabilities away.
static int set_metadata(const struct extraction *x, const struct member *m, int fd) {
    uint32_t uid, gid;
    if (owner_of(x, m, &uid, &gid)) return -1;
    if (fchown(fd, uid, gid) || fchmod(fd, mode_of(x, m)))
        return cannot(x, m, "can't set the owner and mode of", errno);
    return set_xattrs(x, m, fd);
}

// Directories

static int put_directory(struct extraction *x, const struct member *m) {
    _cleanup_(fd_closep) int fd = make_directory(m->parent, m->base);
    if (fd == -EEXIST) fd = fd_open_at(m->parent, m->base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0) return cannot(x, m, "can't make the directory", -fd);
    if (set_metadata(x, m, fd)) return -1;
    if (x->folders.count >= TREE_NODES_MAX) return refuse(x, m, "is one too many: there are 4194304 folders");
    struct folder *folder = arena_push(&x->arena, &x->folders);
    folder->path = arena_strdup(&x->arena, m->path);
    times_of(m, folder->times);
    return 0;
}

static void set_folder_times(const struct extraction *x) {
    for (size_t i = x->folders.count; i-- > 0;) {
        const struct folder *folder = &x->folders.items[i];
        _cleanup_(fd_closep) int fd =
            path_open_plain(x->how->directory, folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (fd >= 0) (void)!futimens(fd, folder->times); // else somebody has taken it away
    }
}

// Files

static int write_at(int fd, const char *bytes, size_t size, off_t at) {
    while (size) {
        ssize_t n = pwrite(fd, bytes, size, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        bytes += n;
        size -= (size_t)n;
        at += n;
    }
    return 0;
}

// Holes stay holes.
static int write_bytes(const struct extraction *x, const struct member *m, int fd) {
    const void *bytes;
    size_t size;
    la_int64_t at;
    int r;
    while ((r = archive_read_data_block(x->archive, &bytes, &size, &at)) == ARCHIVE_OK) {
        int failed = write_at(fd, bytes, size, at);
        if (failed) return cannot(x, m, "can't write", -failed);
    }
    if (r != ARCHIVE_EOF) return damaged(x);
    return ftruncate(fd, archive_entry_size(m->entry)) ? cannot(x, m, "can't write", errno) : 0;
}

// Without a name as long as it is not whole, where the file system has that: then a kill leaves nothing.
static int open_nameless(const struct member *m, const char *name, bool *ret_nameless) {
    int fd = fd_open_at(m->parent, ".", O_WRONLY | O_TMPFILE, 0600);
    *ret_nameless = fd >= 0;
    return fd >= 0 ? fd : fd_open_at(m->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
}

static int make_file(const struct extraction *x, const struct member *m, const char *name) {
    struct timespec times[2];
    bool nameless;
    times_of(m, times);
    _cleanup_(fd_closep) int fd = open_nameless(m, name, &nameless);
    if (fd < 0) return cannot(x, m, "can't make", -fd);
    if (write_bytes(x, m, fd) || set_metadata(x, m, fd)) return -1;
    if (futimens(fd, times)) return cannot(x, m, "can't set the time of", errno);
    if (nameless && linkat(fd, "", m->parent, name, AT_EMPTY_PATH)) return cannot(x, m, "can't name", errno);
    return 0;
}

static int make_special(const struct extraction *x, const struct member *m, const char *name) {
    uint32_t uid, gid;
    struct timespec times[2];
    const char *target = archive_entry_symlink(m->entry);
    bool is_device = m->type == S_IFCHR || m->type == S_IFBLK;
    if (owner_of(x, m, &uid, &gid)) return -1;
    if (m->type == S_IFLNK && str_empty(target)) return refuse(x, m, "is a symbolic link to nothing");
    if (is_device && !x->how->keep_devices)
        return refuse(x, m, "is a device: on the host it would give away what the container may not have");
    dev_t device =
        is_device ? makedev(archive_entry_rdevmajor(m->entry), archive_entry_rdevminor(m->entry)) : 0;
    if (m->type == S_IFLNK ? symlinkat(target, m->parent, name)
                           : mknodat(m->parent, name, m->type | mode_of(x, m), device))
        return cannot(x, m, "can't make", errno);
    times_of(m, times);
    if (fchownat(m->parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) ||
        utimensat(m->parent, name, times, AT_SYMLINK_NOFOLLOW))
        return cannot(x, m, "can't set the owner and time of", errno);
    return 0;
}

// To what is below our directory, by directories alone.
static int make_link(const struct extraction *x, const struct member *m, const char *target,
                     const char *name) {
    struct member to = {.entry = m->entry, .name = target, .parent = -1};
    char parent[PATH_MAX];
    if (path_clean(x, &to)) return -1;
    char *slash = strrchr(to.path, '/');
    size_t length = slash ? (size_t)(slash - to.path) : 0;
    memcpy(parent, to.path, length);
    parent[length] = 0;
    _cleanup_(fd_closep) int dir =
        path_open_plain(x->how->directory, length ? parent : ".", O_PATH | O_DIRECTORY);
    if (dir < 0) return cannot(x, &to, "can't make a hard link to", -dir);
    return linkat(dir, slash ? slash + 1 : to.path, m->parent, name, 0)
               ? cannot(x, &to, "can't make a hard link to", errno)
               : 0;
}

static int make_any(const struct extraction *x, const struct member *m, const char *name) {
    const char *link = archive_entry_hardlink(m->entry);
    if (link) return make_link(x, m, link, name);
    switch (m->type) {
    case S_IFREG: return make_file(x, m, name);
    case S_IFLNK:
    case S_IFIFO:
    case S_IFCHR:
    case S_IFBLK: return make_special(x, m, name);
    default: return refuse(x, m, "is of a kind that hoy does not know");
    }
}

static int put_file(const struct extraction *x, const struct member *m) {
    char ours[OURS_SIZE];
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return cannot(x, m, "can't make", errno);
    snprintf(ours, sizeof ours, ".hoy-%016llx", (unsigned long long)number);
    int r = make_any(x, m, ours);
    if (!r && renameat(m->parent, ours, m->parent, m->base)) r = cannot(x, m, "can't replace", errno);
    unlinkat(m->parent, ours, 0); // of two names of one file rename(2) keeps both
    return r;
}

// The tar

static int put_member(struct extraction *x, struct member *m) {
    m->name = archive_entry_pathname(m->entry);
    m->type = archive_entry_hardlink(m->entry) ? S_IFREG : archive_entry_filetype(m->entry);
    if (!m->name) return err_set(x->err, ERR_INVALID, 0, "the tar has a member without a name");
    if (archive_entry_size(m->entry) > (int64_t)TREE_FILE_MAX)
        return refuse(x, m, "claims to have more than 1 TiB");
    if (path_clean(x, m)) return -1;
    if (!*m->path) return 0; // the directory itself is somebody else's
    if (open_parent(x, m)) return -1;
    if (x->how->keep_kinds && check_kind(x, m)) return -1;
    return m->type == S_IFDIR ? put_directory(x, m) : put_file(x, m);
}

// As in tar.c: a name that the C locale can't express is a warning, and stays as it is.
static int next_header(const struct extraction *x, struct archive_entry **ret_entry) {
    int r = archive_read_next_header(x->archive, ret_entry);
    if (r == ARCHIVE_EOF) return 0;
    if (r == ARCHIVE_OK || (r == ARCHIVE_WARN && archive_errno(x->archive) == EILSEQ)) return 1;
    return damaged(x);
}

static int put_members(struct extraction *x) {
    struct archive_entry *entry;
    int r;
    while ((r = next_header(x, &entry)) > 0) {
        struct member m = {.entry = entry, .parent = -1};
        r = put_member(x, &m);
        fd_closep(&m.parent);
        if (r) return -1;
    }
    return r;
}

// Who writes the tar is not to be told that nobody reads its padding.
static void read_rest(int tar) {
    char buffer[65536];
    while (fd_read_full(tar, buffer, sizeof buffer) == (ssize_t)sizeof buffer) {}
}

int untar_run(const struct untar *how, uint64_t *ret_bytes, struct err *err) {
    _cleanup_(extraction_finish) struct extraction x = {.how = how, .arena = ARENA_INIT, .err = err};
    umask(0);
    if (any_tar_open(x.how->tar, &x.archive, x.err) || put_members(&x)) return -1;
    set_folder_times(&x);
    *ret_bytes = (uint64_t)archive_filter_bytes(x.archive, -1);
    read_rest(how->tar);
    return 0;
}
