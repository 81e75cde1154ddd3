// SPDX-License-Identifier: Apache-2.0
#include "base/event_log.h"

#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// By one of those who find it long: whoever comes second finds another file in its place.
static void rotate(int root, int fd) {
    struct stat ours, there;
    if (flock(fd, LOCK_EX | LOCK_NB)) return;
    if (fstat(fd, &ours) || fstatat(root, EVENT_LOG, &there, AT_SYMLINK_NOFOLLOW)) return;
    if (ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
        (void)renameat(root, EVENT_LOG, root, EVENT_LOG_OLD);
}

// Half a line would spoil the next one, too.
static void take_back(int fd, off_t end, ssize_t written) {
    struct stat st;
    if (!fstat(fd, &st) && st.st_size == end) (void)!ftruncate(fd, end - written);
}

int event_log_append(int root, const struct iovec *parts, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    if (size > EVENT_LOG_LINE_MAX) return -E2BIG;
    _cleanup_(fd_closep) int fd =
        fd_open_at(root, EVENT_LOG, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0) return fd;
    ssize_t n;
    do n = writev(fd, parts, count);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    off_t end = lseek(fd, 0, SEEK_CUR);
    if ((size_t)n < size) return take_back(fd, end, n), -ENOSPC;
    if (end > EVENT_LOG_SIZE) rotate(root, fd);
    return 0;
}
