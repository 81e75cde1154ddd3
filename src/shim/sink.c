// SPDX-License-Identifier: Apache-2.0
// A pipe and a terminal can be opened once more through /proc, which makes a description of our own that may
// be non-blocking. Where that is not possible, poll says whether a little can be written without waiting.
#include "shim/sink.h"

#include "base/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LITTLE 512 // what a terminal or a pipe takes at once when poll says that it takes something

static bool reopen(struct sink *sink) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", sink->fd);
    int fd = fd_open_at(AT_FDCWD, path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0) return false;
    *sink = (struct sink){.fd = fd, .owned = true, .kind = SINK_NONBLOCKING};
    return true;
}

void sink_init(struct sink *sink, int fd) {
    struct stat st;
    *sink = (struct sink){.fd = fd, .kind = SINK_POLLED};
    int r = fd < 0 ? -EBADF : fstat(fd, &st) ? -errno : 0;
    if (r == -EBADF) sink->fd = -1;
    if (r) return; // of any other error the write tells
    if (S_ISSOCK(st.st_mode))
        sink->kind = SINK_SOCKET;
    else if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd)))
        reopen(sink);
    else if (S_ISREG(st.st_mode))
        sink->kind = SINK_FILE;
}

void sink_finish(struct sink *sink) {
    if (sink->owned) fd_closep(&sink->fd);
}

ssize_t sink_write(struct sink *sink, const void *bytes, size_t size) {
    ssize_t n;
    if (sink->fd < 0) return (ssize_t)size;
    if (sink->kind == SINK_POLLED) {
        struct pollfd p = {.fd = sink->fd, .events = POLLOUT};
        if (poll(&p, 1, 0) <= 0) return -EAGAIN;
        if (size > LITTLE) size = LITTLE;
    }
    do
        n = sink->kind == SINK_SOCKET ? send(sink->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                                      : write(sink->fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}
