// SPDX-License-Identifier: Apache-2.0
#include "registry/channel.h"

#include "base/arena.h"
#include "base/fd.h"

#include <errno.h>

int channel_send(int socket, const char *text, size_t size, int fd) {
    return fd_send(socket, text, size, &fd, fd >= 0);
}

int channel_receive(int socket, struct str *ret_text, int *ret_fd) {
    _cleanup_(freep) char *buffer = xmalloc(CHANNEL_MESSAGE_MAX);
    _cleanup_(fd_closep) int fd = -1;
    ssize_t n = fd_receive(socket, 0, buffer, CHANNEL_MESSAGE_MAX, &fd, 1);
    // This is said first, once, when the other side left without having read all; its last words come after.
    if (n == -ECONNRESET) n = fd_receive(socket, 0, buffer, CHANNEL_MESSAGE_MAX, &fd, 1);
    if (n <= 0) return n == -ECONNRESET ? 0 : (int)n;
    str_add_n(ret_text, buffer, (size_t)n);
    *ret_fd = take_fd(&fd);
    return 1;
}
