// SPDX-License-Identifier: Apache-2.0
// What a network namespace has, for who wants to look at it: links, addresses, the way to somewhere. By
// rtnetlink, in the caller's network namespace. All return -errno.
#pragma once

#include "kernel/link.h"

#include <stdbool.h>
#include <stdint.h>

struct look_link {
    int index;
    int peer;   // the index of the other end, or of the parent, in another namespace or in this one; 0: none
    int master; // 0: none
    bool up;
    bool abroad; // the other end is in another namespace
    uint8_t mac[6];
    uint32_t mtu; // bytes
    char name[LINK_NAME_SIZE], kind[16], alias[LINK_ALIAS_SIZE];
};
struct look_address {
    int link;
    uint8_t family, prefix;
    bool link_local;
    uint8_t bytes[16];
};
struct look_route {
    int link;
    bool local;       // to this namespace itself
    bool has_gateway; // of the same family
    uint8_t gateway[16];
    bool has_source; // the address that a packet goes out under
    uint8_t source[16];
};

// What each returns below 0 ends the walk.
int look_links(int (*each)(const struct look_link *link, void *data), void *data);
int look_addresses(int (*each)(const struct look_address *address, void *data), void *data);
// The route that a packet to destination (4 or 16 bytes) takes. -ENETUNREACH, -EHOSTUNREACH, -EACCES: a route
// that refuses.
int look_route(uint8_t family, const void *destination, struct look_route *ret_route);
// The same for a packet that comes in by a link, has a source, or is bound to a link. What comes in may also
// be refused for its source, with -EXDEV when the kernel's reverse path filter (rp_filter) drops it.
// From 6.13 on the kernel says -EINVAL for that, as for every source that can't be, and as it does for a
// blackhole.
struct look_way {
    uint8_t family;
    const void *source, *destination; // 4 or 16 bytes; source: NULL: any
    int in;                           // 0: it is sent from here
    int out;                          // 0: by any link
};
int look_way(const struct look_way *way, struct look_route *ret_route);
// How many bits of its destination that route tells; it may lead anywhere. 0: the default route's, or none.
// Does not wait for who makes or destroys interfaces.
int look_route_prefix(uint8_t family, const void *destination, uint8_t *ret_prefix);
