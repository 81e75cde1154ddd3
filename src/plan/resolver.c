// SPDX-License-Identifier: Apache-2.0
// Both sockets are bound to 127.0.0.11 and the same port, some free one: a container may want port 53 for
// itself. They can be bound before the loopback interface is up. The rules that lead from port 53 to them are
// kernel/nft_resolver.h's. What is asked before the resolver has read the message waits in the sockets.
#include "plan/resolver.h"

#include "base/arena.h"
#include "base/fd.h"
#include "kernel/link.h"
#include "kernel/nft_resolver.h"
#include "plan/run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTEMPTS    16 // a port that is free for UDP may be taken for TCP
#define TCP_BACKLOG 64

enum { UDP, TCP, UNTIL, FD_COUNT };

static int socket_bind(int type, struct sockaddr_in *address) {
    socklen_t size = sizeof *address;
    _cleanup_(fd_closep) int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, size) ||
        getsockname(fd, (struct sockaddr *)address, &size))
        return -errno;
    return take_fd(&fd);
}

static int sockets_bind(int ret_fds[static 2], uint16_t *ret_port) {
    int r = -EADDRINUSE;
    for (int i = 0; r == -EADDRINUSE && i < ATTEMPTS; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(NFT_RESOLVER_ADDRESS)};
        _cleanup_(fd_closep) int udp = socket_bind(SOCK_DGRAM, &address);
        _cleanup_(fd_closep) int tcp = udp < 0 ? udp : socket_bind(SOCK_STREAM, &address);
        r = tcp < 0 ? tcp : listen(tcp, TCP_BACKLOG) ? -errno : 0;
        if (r) continue;
        ret_fds[UDP] = take_fd(&udp);
        ret_fds[TCP] = take_fd(&tcp);
        *ret_port = ntohs(address.sin_port);
    }
    return r;
}

static int inside(int ret_fds[static 2]) {
    uint16_t port;
    int r = link_up("lo");
    if (!r) r = sockets_bind(ret_fds, &port);
    return r ? r : nft_resolver_apply(port);
}

// In the container's network namespace; we are back in ours when it returns.
static int make_sockets(int netns, int ret_fds[static 2]) {
    struct stat ours, theirs;
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (own < 0) return own;
    if (fstat(own, &ours) || fstat(netns, &theirs)) return -errno;
    if (ours.st_ino == theirs.st_ino) return -EINVAL; // the host's own port 53 is nobody's to lead away
    if (setns(netns, CLONE_NEWNET)) return -errno;
    int r = inside(ret_fds);
    if (setns(own, CLONE_NEWNET)) abort(); // nothing that we do from here on would be where it belongs
    return r;
}

int resolver_register(int connection, const char *text, int netns, int until) {
    int fds[FD_COUNT] = {-1, -1, until};
    int r = make_sockets(netns, fds);
    if (!r) r = fd_send(connection, text, strlen(text), fds, until < 0 ? UNTIL : FD_COUNT);
    fd_closep(&fds[UDP]);
    fd_closep(&fds[TCP]);
    return r;
}

int plan_do_resolver(struct plan_run *run, struct plan_op *op) {
    char path[40];
    if (run->streams->resolver <= 0) return -ENOTCONN;
    snprintf(path, sizeof path, "/proc/%d/ns/net", run->block->pid);
    _cleanup_(fd_closep) int netns = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    if (netns < 0) return netns;
    int r = resolver_register(run->streams->resolver, TEXT(op->resolver.text), netns, -1);
    // It was killed meanwhile: the shim hears that, too, and goes to the next one.
    return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

int plan_undo_resolver(struct plan_block *block, struct plan_op *op) {
    _cleanup_(freep) const char **files = plan_list_items(block, op->resolver.files);
    int result = 0;
    for (size_t i = 0; i < op->resolver.files.count; i++)
        if (unlink(files[i]) && errno != ENOENT) result = -errno;
    return result;
}
