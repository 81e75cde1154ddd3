// SPDX-License-Identifier: Apache-2.0
// Waiting for an interface to go. What shares a parent's frames (macvlan, ipvlan) leaves with its network
// namespace, which the kernel takes away in the background: until then its MAC address and its IP addresses
// are taken on the parent (-EADDRINUSE), and a parent that was one's alone is (-EBUSY, -EINVAL). The parent's
// namespace hears of it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct link_events {
    int fd; // -1: none
    uint64_t deadline_ns;
};
#define LINK_EVENTS_NONE           \
    (struct link_events) {         \
        .fd = -1, .deadline_ns = 0 \
    }

// Listens from now on for changes of links in the caller's network namespace, wherever the caller goes then.
// 0 or -errno.
int link_events_open(struct link_events *ret_events);
void link_events_finish(struct link_events *events);
// Whether it is worth trying again: waits for a change. False when there was none for three seconds since the
// first call, or nobody listens.
bool link_events_wait(struct link_events *events);
