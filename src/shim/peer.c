// SPDX-License-Identifier: Apache-2.0
#include "shim/peer.h"

#include "base/fd.h"
#include "base/macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEAD_SIZE  sizeof(struct shim_frame)
#define ACK_ROOM   256 // of a send buffer, kept for frames that are not output
#define MAX_FRAMES (PEER_SEND / SHIM_FRAME_MAX + 1)

void peer_init(struct peer *peer, struct peer_buffers *buffers, int fd, bool first) {
    peer->buffers = buffers;
    peer->fd = fd;
    peer->first = first;
    peer->owns_stdin = peer->deaf = peer->exit_sent = false;
    peer->wants[0] = peer->wants[1] = true;
    peer->taken = 0;
    peer->passed[0] = peer->passed[1] = -1;
    peer->send = (struct queue){.bytes = buffers->send, .size = sizeof buffers->send};
    peer->input = (struct queue){.bytes = buffers->input, .size = sizeof buffers->input};
    peer->receive = (struct queue){.bytes = buffers->receive, .size = sizeof buffers->receive};
    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
}

static void drop_passed(struct peer *peer) {
    for (size_t i = 0; i < ARRAY_SIZE(peer->passed); i++) fd_closep(&peer->passed[i]);
}

// The pages that lie wholly within the buffers go back to the kernel.
void peer_drop(struct peer *peer) {
    drop_passed(peer);
    close(peer->fd);
    peer->fd = -1;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = ((uintptr_t)peer->buffers->receive + page - 1) & ~(page - 1);
    uintptr_t end = (uintptr_t)(peer->buffers + 1) & ~(page - 1);
    madvise((void *)start, end - start, MADV_DONTNEED);
}

size_t peer_room(const struct peer *peer) {
    size_t reserved = ACK_ROOM + MAX_FRAMES * HEAD_SIZE, space = queue_space(&peer->send);
    return space > reserved ? space - reserved : 0;
}

static bool is_transient(int error) {
    return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

// Somebody who says a word and leaves (kill) reads nothing; what he said is still read, up to its end.
static void go_deaf(struct peer *peer) {
    peer->deaf = true;
    peer->wants[0] = peer->wants[1] = false;
    queue_drop(&peer->send, queue_used(&peer->send));
}

// Sends at once what the socket takes when nothing waits before it; queues the rest.
static void send_parts(struct peer *peer, struct iovec *parts, size_t count) {
    if (!peer_present(peer) || peer->deaf) return;
    size_t sent = 0;
    if (!queue_used(&peer->send)) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        ssize_t n = sendmsg(peer->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && !is_transient(errno)) return go_deaf(peer);
        if (n > 0) sent = (size_t)n;
    }
    for (size_t i = 0; i < count; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        sent -= skip;
        if (!queue_add(&peer->send, (char *)parts[i].iov_base + skip, parts[i].iov_len - skip))
            return peer_drop(peer);
    }
}

void peer_send(struct peer *peer, enum shim_frame_type type, const void *bytes, size_t size) {
    struct shim_frame head = {.type = type, .size = (uint32_t)size};
    struct iovec parts[] = {{&head, HEAD_SIZE}, {(void *)bytes, size}};
    send_parts(peer, parts, ARRAY_SIZE(parts));
}

void peer_output(struct peer *peer, enum shim_frame_type type, const uint8_t *bytes, size_t size) {
    struct shim_frame heads[MAX_FRAMES];
    struct iovec parts[2 * MAX_FRAMES];
    size_t count = 0;
    for (size_t at = 0; at < size; count++) {
        size_t n = size - at < SHIM_FRAME_MAX ? size - at : SHIM_FRAME_MAX;
        heads[count] = (struct shim_frame){.type = type, .size = (uint32_t)n};
        parts[2 * count] = (struct iovec){&heads[count], HEAD_SIZE};
        parts[2 * count + 1] = (struct iovec){(void *)(bytes + at), n};
        at += n;
    }
    send_parts(peer, parts, 2 * count);
}

static void say_taken(struct peer *peer) {
    if (!peer->taken || queue_space(&peer->send) < HEAD_SIZE + sizeof peer->taken) return;
    uint32_t taken = peer->taken;
    peer->taken = 0;
    peer_send(peer, SHIM_STDIN_TAKEN, &taken, sizeof taken);
}

void peer_flush(struct peer *peer) {
    if (queue_used(&peer->send)) {
        ssize_t n =
            send(peer->fd, queue_head(&peer->send), queue_used(&peer->send), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && !is_transient(errno)) return go_deaf(peer);
        if (n > 0) queue_drop(&peer->send, (size_t)n);
    }
    say_taken(peer);
}

void peer_input_taken(struct peer *peer, size_t size) {
    peer->taken += (uint32_t)size;
    say_taken(peer);
}

static bool take_hello(struct peer *peer, const struct shim_hello *hello) {
    peer->wants[0] = hello->want_stdout;
    peer->wants[1] = hello->want_stderr;
    peer->owns_stdin = hello->owns_stdin && peer->first;
    return true;
}

static bool take_input(struct peer *peer, const struct peer_requests *requests, const uint8_t *bytes,
                       size_t size) {
    if (!size) return requests->input_end(peer), true;
    // More than the window: it has not read the protocol.
    return queue_used(&peer->input) + peer->taken + size <= SHIM_STDIN_WINDOW &&
           queue_add(&peer->input, bytes, size);
}

static bool take_ports(struct peer *peer, const struct peer_requests *requests, size_t size) {
    if (size || peer->passed[0] < 0 || peer->passed[1] < 0) return false;
    requests->ports(take_fd(&peer->passed[0]), take_fd(&peer->passed[1]));
    return true;
}

// One whole frame; false for one that no honest client sends.
static bool take_frame(struct peer *peer, const struct peer_requests *requests, struct shim_frame head,
                       const uint8_t *bytes) {
    union {
        struct shim_hello hello;
        struct shim_size size;
        uint32_t number;
    } arg = {0};
    static const size_t sizes[] = {[SHIM_HELLO] = sizeof arg.hello,
                                   [SHIM_RESIZE] = sizeof arg.size,
                                   [SHIM_SIGNAL] = sizeof arg.number,
                                   [SHIM_STOP] = sizeof arg.number};
    if (head.type == SHIM_STDIN) return take_input(peer, requests, bytes, head.size);
    if (head.type == SHIM_PORTS) return take_ports(peer, requests, head.size);
    if (head.type == SHIM_NAMES && !head.size) return requests->names(), true;
    if (head.type >= ARRAY_SIZE(sizes) || !sizes[head.type] || head.size != sizes[head.type]) return false;
    memcpy(&arg, bytes, head.size);
    if (head.type == SHIM_HELLO) return take_hello(peer, &arg.hello);
    if (head.type == SHIM_RESIZE) return requests->resize(arg.size), true;
    if (!arg.number || arg.number > 64) return false;
    (head.type == SHIM_STOP ? requests->stop : requests->signal)((int)arg.number);
    return true;
}

static ssize_t receive(struct peer *peer) {
    int fds[ARRAY_SIZE(peer->passed)] = {-1, -1};
    ssize_t n = fd_receive(peer->fd, MSG_DONTWAIT, queue_tail(&peer->receive), queue_space(&peer->receive),
                           fds, ARRAY_SIZE(fds));
    if (fds[0] < 0) return n;
    drop_passed(peer);
    memcpy(peer->passed, fds, sizeof fds);
    return n;
}

void peer_receive(struct peer *peer, const struct peer_requests *requests) {
    ssize_t n = receive(peer);
    if (n < 0 && is_transient((int)-n)) return;
    if (n <= 0) return peer_drop(peer);
    peer->receive.end += (size_t)n;
    while (peer_present(peer) && queue_used(&peer->receive) >= HEAD_SIZE) {
        struct shim_frame head;
        memcpy(&head, queue_head(&peer->receive), HEAD_SIZE);
        if (head.size > SHIM_FRAME_MAX) return peer_drop(peer);
        if (queue_used(&peer->receive) < HEAD_SIZE + head.size) return;
        if (!take_frame(peer, requests, head, queue_head(&peer->receive) + HEAD_SIZE)) return peer_drop(peer);
        queue_drop(&peer->receive, HEAD_SIZE + head.size);
    }
}
