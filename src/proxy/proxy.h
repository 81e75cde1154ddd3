// SPDX-License-Identifier: Apache-2.0
// What hoy-proxy's files share. All memory is static, or mapped before the process gives up its rights.
#pragma once

#include "shim/ports.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

// Something that becomes ready, and what is done then.
struct source {
    int fd;
    void (*ready)(struct source *source, uint32_t events);
};

// One of the sockets that are served.
struct door {
    struct source source;
    struct ports_label label;
};

// The loop (main.c). -errno.
int proxy_watch(struct source *source, uint32_t events);
// While there is no room for more, nobody is let in (TCP) or heard (UDP).
void proxy_open_doors(bool open);

// The container's address for a door, version 6 before 4. Size of the name, or 0 when it has none of this
// family.
socklen_t proxy_target(const struct ports_label *label, sa_family_t family,
                       struct sockaddr_storage *ret_name);

// tcp.c
void tcp_let_in(struct source *door, uint32_t events);
size_t tcp_count(void);

// udp.c
// Of a door, while the process may do that.
void udp_open(int door);
void udp_hear(struct source *door, uint32_t events);
size_t udp_count(void);
// Forgets who has been silent for too long, or everybody. When somebody is next, in monotonic time;
// UINT64_MAX: never.
uint64_t udp_forget(uint64_t now_ns, bool all);

// confine.c. Gives up everything that passing bytes does not take: user, capabilities, system calls. 0 or
// -errno.
int proxy_confine(void);
