// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_closep(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void fd_ensure_standard(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) abort();
}

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

void fd_close_others(unsigned first, int *kept, size_t count) {
    qsort(kept, count, sizeof *kept, by_number);
    for (size_t i = 0; i < count; i++) {
        if (kept[i] < 0 || (unsigned)kept[i] < first) continue;
        if ((unsigned)kept[i] > first) syscall(SYS_close_range, first, (unsigned)kept[i] - 1, 0U);
        first = (unsigned)kept[i] + 1;
    }
    syscall(SYS_close_range, first, ~0U, 0U);
}

void fd_allow_many(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int fd_write_all(int fd, const void *bytes, size_t size) {
    for (const char *p = bytes; size;) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

ssize_t fd_read_full(int fd, void *buffer, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, (char *)buffer + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int fd_send(int socket, const char *text, int fd) {
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {(char *)text, strlen(text)};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.head =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int fd_open_at(int dir, const char *path, int flags, mode_t mode) {
    int fd = openat(dir, path, flags | O_CLOEXEC, mode);
    return fd < 0 ? -errno : fd;
}

static int read_text(int fd, size_t limit, struct str *ret_text) {
    _cleanup_(str_finish) struct str text = {0};
    char block[8192];
    for (;;) {
        ssize_t n = fd_read_full(fd, block, sizeof block);
        if (n < 0) return (int)n;
        if (text.len + (size_t)n > limit) return -EFBIG;
        str_add_n(&text, block, (size_t)n);
        if ((size_t)n < sizeof block) break;
    }
    *ret_text = text;
    text = (struct str){0};
    return 0;
}

int file_read_at(int dir, const char *path, size_t limit, struct str *ret_text) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;
    if (fd < 0) return fd;
    if (fstat(fd, &st)) return -errno;
    return S_ISREG(st.st_mode) ? read_text(fd, limit, ret_text) : -EINVAL;
}

int file_read_any(const char *path, size_t limit, struct str *ret_text) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0);
    return fd < 0 ? fd : read_text(fd, limit, ret_text);
}

int file_write_at(int dir, const char *path, const char *text) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, path, O_WRONLY | O_NOCTTY, 0);
    if (fd < 0) return fd;
    size_t size = strlen(text);
    ssize_t n;
    do n = write(fd, text, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (size_t)n == size ? 0 : -EIO;
}

int file_replace_at(int dir, const char *path, const void *bytes, size_t size, mode_t mode, bool sync) {
    static unsigned serial;
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.%d.%u", path, getpid(), serial++);
    if (n < 0 || (size_t)n >= sizeof temporary) return -ENAMETOOLONG;
    _cleanup_(fd_closep) int fd = fd_open_at(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (fd < 0) return fd;
    int r = fd_write_all(fd, bytes, size);
    if (!r && sync && fsync(fd)) r = -errno;
    if (!r && renameat(dir, temporary, dir, path)) r = -errno;
    if (r) {
        unlinkat(dir, temporary, 0);
        return r;
    }
    if (sync) {
        char parent[PATH_MAX];
        snprintf(parent, sizeof parent, "%s", path);
        char *slash = strrchr(parent, '/');
        snprintf(slash ? slash + (slash == parent) : parent, 2, "%s", slash ? "" : ".");
        _cleanup_(fd_closep) int folder = fd_open_at(dir, parent, O_RDONLY | O_DIRECTORY, 0);
        if (folder < 0) return folder;
        if (fsync(folder)) return -errno;
    }
    return 0;
}

int dir_make_all_at(int dir, const char *path, mode_t mode) {
    if (!mkdirat(dir, path, mode) || errno == EEXIST) return 0;
    if (errno != ENOENT) return -errno;
    char copy[PATH_MAX];
    if (strlen(path) >= sizeof copy) return -ENAMETOOLONG;
    strcpy(copy, path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdirat(dir, copy, mode) && errno != EEXIST) return -errno;
        *slash = '/';
    }
    return mkdirat(dir, path, mode) && errno != EEXIST ? -errno : 0;
}

// One level of descriptors a directory level: a tree deeper than the descriptor limit is cut by moving
// nothing, it just fails with EMFILE and says so.
static int remove_at(int dir, const char *name, dev_t device) {
    if (!unlinkat(dir, name, 0) || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return -errno;
    if (!unlinkat(dir, name, AT_REMOVEDIR) || errno == ENOENT) return 0;
    if (errno != ENOTEMPTY && errno != EEXIST) return -errno;

    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -errno;
    struct stat st;
    DIR *stream = NULL;
    int r = fstat(fd, &st) ? -errno : 0;
    if (!r && device && st.st_dev != device) r = -EXDEV;
    if (!r && !(stream = fdopendir(fd))) r = -errno;
    if (!stream) close(fd);
    while (!r) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry) {
            r = -errno;
            break;
        }
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..")) continue;
        r = remove_at(fd, entry->d_name, st.st_dev);
    }
    if (stream) closedir(stream);
    if (!r && unlinkat(dir, name, AT_REMOVEDIR) && errno != ENOENT) r = -errno;
    return r;
}

int dir_remove_all_at(int dir, const char *name) {
    return remove_at(dir, name, 0);
}
