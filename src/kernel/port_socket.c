// SPDX-License-Identifier: Apache-2.0
// Holding must be exclusive, also against programs with SO_REUSEADDR: the kernel asks both sockets, so ours
// say no once they are bound. Saying yes while binding is only for what is left of connections that are over,
// which would keep a port for a minute; and for a second socket of ours on one address beside the one on all.
#include "kernel/port_socket.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t name_make(const struct port_address *address, union name *ret_name) {
    *ret_name = (union name){0};
    if (address->family == AF_INET) {
        ret_name->v4.sin_family = AF_INET;
        ret_name->v4.sin_port = htons(address->port);
        memcpy(&ret_name->v4.sin_addr, address->bytes, sizeof ret_name->v4.sin_addr);
        return sizeof ret_name->v4;
    }
    ret_name->v6.sin6_family = AF_INET6;
    ret_name->v6.sin6_port = htons(address->port);
    memcpy(&ret_name->v6.sin6_addr, address->bytes, sizeof ret_name->v6.sin6_addr);
    return sizeof ret_name->v6;
}

int port_socket_address(int fd, struct port_address *ret_address) {
    union name name = {0};
    socklen_t size = sizeof name, number_size = sizeof(int);
    int protocol = 0;
    if (getsockname(fd, &name.any, &size)) return -errno;
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &number_size)) return -errno;
    struct port_address address = {.family = (uint8_t)name.any.sa_family, .protocol = (uint8_t)protocol};
    bool v4 = address.family == AF_INET;
    address.port = ntohs(v4 ? name.v4.sin_port : name.v6.sin6_port);
    if (v4)
        memcpy(address.bytes, &name.v4.sin_addr, sizeof name.v4.sin_addr);
    else
        memcpy(address.bytes, &name.v6.sin6_addr, sizeof name.v6.sin6_addr);
    *ret_address = address;
    return 0;
}

static void set(int fd, int level, int option, int value) {
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

static int make(const struct port_address *address, int *ret_fd) {
    int type = address->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(address->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    if (fd < 0) return errno == ESOCKTNOSUPPORT ? -EPROTONOSUPPORT : -errno;
    if (address->family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    *ret_fd = fd;
    return 0;
}

// UDP has nothing left over, and there a yes would share the port with whoever says yes, too.
static int bind_exclusively(int fd, const struct port_address *address) {
    union name name;
    socklen_t size = name_make(address, &name);
    if (!bind(fd, &name.any, size)) return 0;
    if (errno != EADDRINUSE || !address->port || address->protocol == IPPROTO_UDP) return -errno;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    int r = bind(fd, &name.any, size) ? -errno : 0;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
    return r;
}

int port_socket_hold(const struct port_address *address, int *ret_fd, uint16_t *ret_port) {
    static struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog drop = {1, nothing};
    struct port_address bound;
    _cleanup_(fd_closep) int fd = -1;
    int r = make(address, &fd);
    if (!r && address->protocol == IPPROTO_UDP &&
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &drop, sizeof drop))
        r = -errno;
    if (!r) r = bind_exclusively(fd, address);
    if (!r) r = port_socket_address(fd, &bound);
    if (r) return r;
    *ret_fd = take_fd(&fd);
    *ret_port = bound.port;
    return 0;
}

// The one beside it agrees for the moment.
static int bind_beside(int fd, const struct port_address *address, int beside) {
    union name name;
    socklen_t size = name_make(address, &name);
    set(beside, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    int r = bind(fd, &name.any, size) ? -errno : 0;
    if (!r && address->protocol != IPPROTO_UDP && listen(fd, BACKLOG)) r = -errno;
    set(beside, SOL_SOCKET, SO_REUSEADDR, 0);
    if (address->protocol == IPPROTO_UDP) set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
    return r;
}

// What is accepted has the listener's say: when it is over, the port can be taken again at once. A socket
// that listens shares with nobody anyway.
static int bind_alone(int fd, const struct port_address *address) {
    int r = bind_exclusively(fd, address);
    if (r || address->protocol == IPPROTO_UDP) return r;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    return listen(fd, BACKLOG) ? -errno : 0;
}

int port_socket_serve(const struct port_address *address, int beside, int *ret_fd) {
    _cleanup_(fd_closep) int fd = -1;
    int r = make(address, &fd);
    if (!r) r = beside >= 0 ? bind_beside(fd, address, beside) : bind_alone(fd, address);
    if (!r) *ret_fd = take_fd(&fd);
    return r;
}
