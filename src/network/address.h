// SPDX-License-Identifier: Apache-2.0
// IP addresses of both families, and subnets of them.
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_TEXT 46 // the longest, with its NUL
#define SUBNET_TEXT  50

struct address {
    uint8_t family;    // AF_INET, AF_INET6; 0: there is none
    uint8_t bytes[16]; // network byte order; of IPv4 the first four, the others are 0
    int link;          // the interface of who sends to a link-local address, where that is known; else 0
};

struct subnet {
    struct address base; // its first address
    uint8_t prefix;      // bits
};

// 4, 16, or 0 when there is none.
size_t address_size(const struct address *address);
static inline bool address_is_set(const struct address *address) {
    return address->family != 0;
}
// -EINVAL. Without brackets, without a zone.
int address_parse(const char *text, struct address *ret_address);
// "" when there is none. Returns the buffer.
const char *address_print(const struct address *address, char buffer[static ADDRESS_TEXT]);
const char *address_text(struct arena *arena, const struct address *address);
struct address address_ipv4(uint32_t host_order);
// Below, at or above 0, as memcmp. Of one family.
int address_compare(const struct address *a, const struct address *b);
bool address_equal(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *address);
bool address_is_link_local(const struct address *address); // of IPv6
// The address n behind this one. False when the family has no more; then nothing has changed.
bool address_advance(struct address *address, uint64_t n);
// Of a link-local address, the bits of its subnet.
static inline uint8_t link_local_prefix(const struct address *address) {
    return address_size(address) == 4 ? 16 : 64;
}
bool address_in(const struct address *address, const struct subnet *subnet);

// "10.1.0.0/16". -EINVAL; -ERANGE when bits behind the prefix are set: ret_subnet has the subnet without
// them.
int subnet_parse(const char *text, struct subnet *ret_subnet);
const char *subnet_print(const struct subnet *subnet, char buffer[static SUBNET_TEXT]);
struct address subnet_last(const struct subnet *subnet);
bool subnet_overlaps(const struct subnet *a, const struct subnet *b);
bool subnet_contains(const struct subnet *outer, const struct subnet *inner);
// How many addresses, or UINT64_MAX when they are more.
uint64_t subnet_size(const struct subnet *subnet);
// What may be given to somebody: without the network's own address (or IPv6's anycast) and the broadcast's,
// where the subnet is large enough to have them.
void subnet_usable(const struct subnet *subnet, struct address *ret_first, struct address *ret_last);

// "/proc/sys/net/ipv6" is there, and not switched off for everything.
bool host_has_ipv6(void);
