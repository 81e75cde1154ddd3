// SPDX-License-Identifier: Apache-2.0
// A peeked message gives new descriptors for its files and stays where it is. SO_PEEK_OFF counts bytes, so
// whole messages are passed over by their labels' sizes.
#include "kernel/bag.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_BYTES (16 << 20) // a message takes about a thousand

int bag_make(int *ret_bag, int *ret_mouth) {
    int ends[2], bytes = QUEUE_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends)) return -errno;
    (void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    *ret_bag = ends[0];
    *ret_mouth = ends[1];
    return 0;
}

int bag_put(int mouth, const void *label, size_t size, const int *fds, size_t count) {
    return count ? fd_send(mouth, label, size, fds, count) : -EINVAL;
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
    int from = (int)*offset;
    if (setsockopt(bag, SOL_SOCKET, SO_PEEK_OFF, &from, sizeof from)) return -errno;
    memset(ret_fds, -1, BAG_MAX * sizeof *ret_fds);
    ssize_t n = fd_receive(bag, MSG_PEEK | MSG_DONTWAIT, label, size, ret_fds, BAG_MAX), count = 0;
    if (n == 0 || n == -EAGAIN) return -ENODATA;
    if (n < 0) return n == -EMSGSIZE ? -EBADMSG : n;
    *offset += (size_t)n;
    while (count < BAG_MAX && ret_fds[count] >= 0) count++;
    if ((size_t)n == size) return count;
    while (count) close(ret_fds[--count]);
    return -EBADMSG;
}
