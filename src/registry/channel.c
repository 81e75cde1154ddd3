// SPDX-License-Identifier: Apache-2.0
#include "registry/channel.h"

#include "base/arena.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int channel_send(int socket, const char *text, size_t size, int fd) {
    union control control = {0};
    struct iovec iov = {(void *)text, size};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        *c = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t n;
    do n = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int channel_receive(int socket, struct str *ret_text, int *ret_fd) {
    _cleanup_(freep) char *buffer = xmalloc(CHANNEL_MESSAGE_MAX);
    _cleanup_(fd_closep) int fd = -1;
    union control control = {0};
    struct iovec iov = {buffer, CHANNEL_MESSAGE_MAX};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n;
    do n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    // This is said first, once, when the other side left without having read all; its last words come after.
    if (n < 0 && errno == ECONNRESET) n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (n < 0) return errno == ECONNRESET ? 0 : -errno;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return -EMSGSIZE;
    if (n == 0) return 0;
    str_add_n(ret_text, buffer, (size_t)n);
    *ret_fd = take_fd(&fd);
    return 1;
}
