// SPDX-License-Identifier: Apache-2.0
// The sockets that hold a container's published ports. The shim keeps them in a bag (kernel/bag.h): one
// descriptor, however many there are.
//
// The kernel hands connections on to the container by nftables' rules, and nobody reads these sockets, but
// for what it can't hand on: those to ::1, and those of IPv6 to a container that has none. For them the bag
// has sockets that listen. They are also in an epoll: when it says that somebody has come, the shim starts
// hoy-proxy with the bag, and looks at the epoll again when the proxy, having nothing to do, has gone.
#pragma once

#include "plan/plan.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

// Before each message of the bag. Of sockets that are served there is one a message.
struct ports_label {
    uint8_t served;
    uint8_t has_v4, has_v6; // the container's addresses
    uint16_t port;          // in the container
    uint8_t v4[4], v6[16];
};

// What a proxy is born with: the bag, a pidfd, and an end of a pipe that it closes after its sockets.
enum ports_proxy_fd { PORTS_PROXY_BAG = 3, PORTS_PROXY_CONTAINER, PORTS_PROXY_OPEN };

struct ports {
    const struct plan_block *plan;
    struct plan_op *op; // PUBLISH, or NULL: nothing can be published
    int bag, served;    // or -1
    int container;      // a pidfd, borrowed
    pid_t proxy;        // 0: none runs
    int open;           // hangs up when it has closed its sockets, or -1
    uint64_t again_ns;  // monotonic: after a proxy that failed; 0: at once
};

// Takes bag and served.
void ports_begin(struct ports *ports, const struct plan_block *plan, int bag, int served, int container);
// Others in their place. A proxy that serves connections ends when they do; when this returns the ports that
// it had can be taken by others, and so after ports_end().
void ports_change(struct ports *ports, int bag, int served);
void ports_end(struct ports *ports);

struct pollfd ports_poll(const struct ports *ports);
uint64_t ports_deadline(const struct ports *ports);
// Somebody has come.
void ports_serve(struct ports *ports);
bool ports_reaped(struct ports *ports, const siginfo_t *info);
