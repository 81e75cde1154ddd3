// SPDX-License-Identifier: Apache-2.0
// A peeked message gives new descriptors for its files and stays where it is. SO_PEEK_OFF counts bytes, so
// whole messages are passed over by their labels' sizes.
#include "kernel/bag.h"

#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define QUEUE_BYTES (16 << 20) // a message takes about a thousand

union control {
    struct cmsghdr head;
    char space[CMSG_SPACE(BAG_MAX * sizeof(int))];
};

int bag_make(int *ret_bag, int *ret_mouth) {
    int ends[2], bytes = QUEUE_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return -errno;
    (void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    *ret_bag = ends[0];
    *ret_mouth = ends[1];
    return 0;
}

int bag_put(int mouth, const void *label, size_t size, const int *fds, size_t count) {
    union control control = {0};
    struct iovec iov = {(void *)label, size};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(count * sizeof *fds)};
    if (count < 1 || count > BAG_MAX) return -EINVAL;
    control.head = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof *fds)};
    memcpy(CMSG_DATA(&control.head), fds, count * sizeof *fds);
    ssize_t n = sendmsg(mouth, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : 0;
}

static size_t take_descriptors(struct msghdr *message, int ret_fds[static BAG_MAX]) {
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) return 0;
    size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof *ret_fds;
    memcpy(ret_fds, CMSG_DATA(head), count * sizeof *ret_fds);
    return count;
}

static int lock(int bag, short type) {
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    int r;
    do r = fcntl(bag, F_SETLKW, &whole);
    while (r && errno == EINTR);
    return r ? -errno : 0;
}

int bag_lock(int bag) {
    return lock(bag, F_WRLCK);
}

void bag_unlock(int bag) {
    (void)lock(bag, F_UNLCK);
}

ssize_t bag_look(int bag, size_t *offset, void *label, size_t size, int ret_fds[static BAG_MAX]) {
    union control control;
    struct iovec iov = {label, size};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int from = (int)*offset;
    if (setsockopt(bag, SOL_SOCKET, SO_PEEK_OFF, &from, sizeof from)) return -errno;
    ssize_t n = recvmsg(bag, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n == 0 || (n < 0 && errno == EAGAIN)) return -ENODATA;
    if (n < 0) return -errno;
    size_t count = take_descriptors(&message, ret_fds);
    *offset += (size_t)n;
    bool whole = (size_t)n == size && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    if (whole) return (ssize_t)count;
    for (size_t i = 0; i < count; i++) close(ret_fds[i]);
    return message.msg_flags & MSG_CTRUNC ? -EMFILE : -EBADMSG;
}
