// SPDX-License-Identifier: Apache-2.0
// A port of the host's, held by a bound socket, and who else has one.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct port_address {
    uint8_t family, protocol; // AF_INET, AF_INET6; IPPROTO_*
    uint8_t bytes[16];        // of the address; zeros: all of the family
    uint16_t port;            // 0: any that the kernel has free
};

// Binds a socket that nobody can talk to: TCP does not listen, UDP throws away whatever comes, both families
// are taken apart. ret_port: the one that it is. -EADDRINUSE; -EADDRNOTAVAIL: the host does not have the
// address; -EPROTONOSUPPORT, -EAFNOSUPPORT: the kernel does not know such ports.
int port_socket_hold(const struct port_address *address, int *ret_fd, uint16_t *ret_port);
// Binds one that somebody will serve: TCP listens. beside: a socket that holds all addresses for the same
// owner, or -1.
int port_socket_serve(const struct port_address *address, int beside, int *ret_fd);
// Which one a socket is.
int port_socket_address(int fd, struct port_address *ret_address);

// The process that has a port, as far as the kernel tells: a name of "" and pid 0 when no process is seen to
// have the socket. 1, 0 when there is no such socket, or -errno.
struct port_owner {
    pid_t pid;
    char name[32];
    struct port_address address;
};
int port_owner_find(const struct port_address *address, struct port_owner *ret_owner);
