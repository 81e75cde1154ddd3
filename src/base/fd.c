// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

// First out of the way of all places, then each to its own.
int fd_place(int *fds, size_t count, int first) {
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0 && (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, first + (int)count)) < 0)
            return errno == EINVAL ? -EMFILE : -errno; // the limit leaves no such number
    for (size_t i = 0; i < count; i++) {
        int place = first + (int)i;
        if (fds[i] < 0)
            close(place);
        else if (dup2(fds[i], place) < 0)
            return -errno;
    }
    return 0;
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

union descriptors {
    struct cmsghdr head;
    char space[CMSG_SPACE(FD_SEND_MAX * sizeof(int))];
};

int fd_send(int socket, const void *bytes, size_t size, const int *fds, size_t count) {
    union descriptors control = {0};
    struct iovec rest = {(void *)bytes, size};
    struct msghdr message = {.msg_iov = &rest, .msg_iovlen = 1};
    if (count > FD_SEND_MAX) return -EINVAL;
    if (count) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof *fds);
        control.head = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof *fds)};
        memcpy(CMSG_DATA(&control.head), fds, count * sizeof *fds);
    }
    do {
        ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        rest = (struct iovec){(char *)rest.iov_base + n, rest.iov_len - (size_t)n};
        message.msg_controllen = 0;
    } while (rest.iov_len);
    return 0;
}

ssize_t fd_receive(int socket, int flags, void *buffer, size_t size, int *ret_fds, size_t count) {
    union descriptors control;
    struct iovec iov = {buffer, size};
    // CMSG_SPACE is rounded up: one more than count might come in.
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_LEN(count * sizeof *ret_fds)};
    int fds[FD_SEND_MAX], r = 0;
    if (count > FD_SEND_MAX) return -EINVAL;
    ssize_t n;
    do n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    bool any = head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS;
    size_t bytes = any ? head->cmsg_len - CMSG_LEN(0) : 0;
    if (message.msg_flags & MSG_TRUNC) r = -EMSGSIZE;
    if (message.msg_flags & MSG_CTRUNC) r = -EMFILE;
    if (any) memcpy(r ? fds : ret_fds, CMSG_DATA(head), bytes);
    for (size_t i = 0; r && i < bytes / sizeof *fds; i++) close(fds[i]);
    return r ? r : n;
}

int fd_lock(int fd, int how) {
    while (flock(fd, how))
        if (errno != EINTR) return -errno;
    return 0;
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

void dir_closep(DIR **stream) {
    if (*stream) closedir(*stream);
}

int dir_open_at(int dir, const char *path, DIR **ret_stream) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0) return fd;
    DIR *stream = fdopendir(fd);
    if (!stream) return -errno;
    take_fd(&fd);
    *ret_stream = stream;
    return 0;
}

int dir_read(DIR *stream, struct dirent **ret_entry) {
    struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(stream);
        if (!entry) return -errno;
    } while (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."));
    *ret_entry = entry;
    return 1;
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
