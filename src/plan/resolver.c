// SPDX-License-Identifier: Apache-2.0
// Both sockets are bound to 127.0.0.11 and the same port, some free one: a container may want port 53 for
// itself. They can be bound before the loopback interface is up. The rules that lead from port 53 to them are
// kernel/nft_resolver.h's. What is asked before the resolver has read the message waits in the sockets.
//
// The servers of --dns are the container's to reach, as with Docker: its own loopback, a macvlan's router,
// none on a network that it is not on. The resolver, which can't make a socket there, gets some with the
// others, and uses them again and again. They are not bound: the kernel picks another port each time.
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
#define SPARES_UDP  32 // of each IP version that a server has; what is asked beyond that waits
#define SPARES_TCP  8
#define FDS_MAX     (2 + 2 * (SPARES_UDP + SPARES_TCP) + 1)

struct sockets {
    int fds[FDS_MAX]; // UDP, TCP, spares; room for one more
    size_t count;
};

static void sockets_finish(struct sockets *sockets) {
    while (sockets->count) close(sockets->fds[--sockets->count]);
}

static int socket_bind(int type, struct sockaddr_in *address) {
    socklen_t size = sizeof *address;
    _cleanup_(fd_closep) int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, size) ||
        getsockname(fd, (struct sockaddr *)address, &size))
        return -errno;
    return take_fd(&fd);
}

static int sockets_bind(struct sockets *sockets, uint16_t *ret_port) {
    int r = -EADDRINUSE;
    for (int i = 0; r == -EADDRINUSE && i < ATTEMPTS; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(NFT_RESOLVER_ADDRESS)};
        _cleanup_(fd_closep) int udp = socket_bind(SOCK_DGRAM, &address);
        _cleanup_(fd_closep) int tcp = udp < 0 ? udp : socket_bind(SOCK_STREAM, &address);
        r = tcp < 0 ? tcp : listen(tcp, TCP_BACKLOG) ? -errno : 0;
        if (r) continue;
        sockets->fds[sockets->count++] = take_fd(&udp);
        sockets->fds[sockets->count++] = take_fd(&tcp);
        *ret_port = ntohs(address.sin_port);
    }
    return r;
}

static bool has_server(const char *text, int family) {
    while ((text = strstr(text, "\nserver "))) {
        text += strlen("\nserver ");
        bool v6 = text[strcspn(text, ":\n")] == ':';
        if (v6 == (family == AF_INET6)) return true;
    }
    return false;
}

// A kernel without IPv6 has no server of it either.
static int spares_make(struct sockets *sockets, int family) {
    for (int i = 0; i < SPARES_UDP + SPARES_TCP; i++) {
        int type = i < SPARES_UDP ? SOCK_DGRAM : SOCK_STREAM;
        int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) return errno == EAFNOSUPPORT ? 0 : -errno;
        sockets->fds[sockets->count++] = fd;
    }
    return 0;
}

static int inside(const char *text, struct sockets *sockets) {
    uint16_t port = 0;
    int r = link_up("lo");
    if (!r) r = sockets_bind(sockets, &port);
    if (!r && has_server(text, AF_INET)) r = spares_make(sockets, AF_INET);
    if (!r && has_server(text, AF_INET6)) r = spares_make(sockets, AF_INET6);
    return r ? r : nft_resolver_apply(port);
}

// In the container's network namespace; we are back in ours when it returns.
static int make_sockets(int netns, const char *text, struct sockets *sockets) {
    struct stat ours, theirs;
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (own < 0) return own;
    if (fstat(own, &ours) || fstat(netns, &theirs)) return -errno;
    if (ours.st_ino == theirs.st_ino) return -EINVAL; // the host's own port 53 is nobody's to lead away
    if (setns(netns, CLONE_NEWNET)) return -errno;
    int r = inside(text, sockets);
    if (setns(own, CLONE_NEWNET)) abort(); // nothing that we do from here on would be where it belongs
    return r;
}

int resolver_register(int connection, const char *text, int netns, int until) {
    _cleanup_(sockets_finish) struct sockets sockets = {0};
    int r = make_sockets(netns, text, &sockets);
    if (r) return r;
    sockets.fds[sockets.count] = until;
    return fd_send(connection, text, strlen(text), sockets.fds, sockets.count + (until >= 0));
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
