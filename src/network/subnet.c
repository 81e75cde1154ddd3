// SPDX-License-Identifier: Apache-2.0
// The default network's /22 has as many addresses as a Linux bridge has ports (1023): more could not be used.
// Others get a /24, of which there are some 5,000.
//
// 10.208.0.0/12 is where nobody's defaults are: Docker takes 172.17.0.0/16 and up and 192.168.0.0/16, Podman
// 10.88.0.0/16 and up to 10.96, Kubernetes' usual choices are 10.42, 10.43, 10.96 and 10.244, clouds like
// 10.0 and 172.31. The other two ranges are for hosts that reach all of 10.0.0.0/8 through a VPN. Docker and
// Podman look at the routes before they pick as well, so they go around hoy's bridges.
#include "network/subnet.h"

#include "base/macro.h"
#include "kernel/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

static const struct pool {
    uint32_t first;
    uint8_t prefix;
} pools[] = {
    {0x0ad00000, 12}, // 10.208.0.0
    {0xac1c0000, 14}, // 172.28.0.0
    {0xc0a8c000, 18}, // 192.168.192.0
};

#define PREFIX_MAX 24
#define POOL_MAX   (1u << (PREFIX_MAX - 12))

// One bit for each subnet of every pool: so that one pass over the routes is enough, however many there are.
struct taken {
    uint8_t bits[ARRAY_SIZE(pools)][POOL_MAX];
    uint8_t prefix;     // of what is picked
    uint8_t prefix_min; // wider routes are no reason to stay away
};

static uint32_t mask_of(uint8_t prefix) {
    return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

static bool overlap(uint32_t a, uint8_t a_prefix, uint32_t b, uint8_t b_prefix) {
    uint32_t mask = mask_of(a_prefix < b_prefix ? a_prefix : b_prefix);
    return (a & mask) == (b & mask);
}

static uint32_t number_of(const struct address *address) {
    uint32_t number;
    memcpy(&number, address->bytes, 4);
    return ntohl(number);
}

static uint32_t nth(size_t pool, uint8_t prefix, uint32_t n) {
    return pools[pool].first + (uint32_t)((uint64_t)n << (32 - prefix));
}

static void mark(struct taken *taken, uint32_t destination, uint8_t prefix) {
    for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
        if (!overlap(destination, prefix, pools[i].first, pools[i].prefix)) continue;
        for (uint32_t n = 0; n < 1u << (taken->prefix - pools[i].prefix); n++)
            if (overlap(destination, prefix, nth(i, taken->prefix, n), taken->prefix)) taken->bits[i][n] = 1;
    }
}

static int mark_route(uint32_t destination, uint8_t prefix, void *data) {
    struct taken *taken = data;
    if (prefix >= taken->prefix_min) mark(taken, destination, prefix);
    return 0;
}

// A network without a bridge at the moment has no route.
static void mark_networks(struct taken *taken, const struct networks *networks) {
    for (size_t i = 0; i < networks->count; i++) {
        const struct subnet *subnet = &networks->items[i].pools[0].subnet;
        if (address_is_set(&subnet->base)) mark(taken, number_of(&subnet->base), subnet->prefix);
    }
}

static bool first_free(const struct taken *taken, struct subnet *ret_subnet) {
    for (size_t i = 0; i < ARRAY_SIZE(pools); i++)
        for (uint32_t n = 0; n < 1u << (taken->prefix - pools[i].prefix); n++)
            if (!taken->bits[i][n]) {
                ret_subnet->base = address_ipv4(nth(i, taken->prefix, n));
                ret_subnet->prefix = taken->prefix;
                return true;
            }
    return false;
}

// Routes wider than /8 are defaults in disguise (a VPN's 0.0.0.0/1). Where everything private is routed
// somewhere, the narrower ones alone decide: a subnet of ours wins over them.
int subnet_pick(const struct networks *networks, uint8_t prefix, struct subnet *ret_subnet, struct err *err) {
    for (uint8_t prefix_min = 8; prefix_min <= 16; prefix_min += 8) {
        struct taken taken = {.prefix = prefix, .prefix_min = prefix_min};
        int r = route_each(mark_route, &taken);
        if (r) return err_set(err, ERR_SYSTEM, -r, "read the host's routes");
        mark_networks(&taken, networks);
        if (first_free(&taken, ret_subnet)) return 0;
    }
    return err_set(
        err, ERR_UNAVAILABLE, 0,
        "no subnet is free for containers: networks and routes of the host cover 10.208.0.0/12, "
        "172.28.0.0/14 and 192.168.192.0/18: remove networks (hoy network prune), or give --subnet");
}

// fd00::/8 and 40 random bits, as RFC 4193 wants it.
static int ula_make(struct subnet *ret_ula, struct err *err) {
    struct subnet ula = {.base = {.family = AF_INET6, .bytes = {0xfd}}, .prefix = 48};
    if (getrandom(ula.base.bytes + 1, 5, 0) != 5)
        return err_set(err, ERR_SYSTEM, errno, "make up an IPv6 subnet");
    *ret_ula = ula;
    return 0;
}

static bool is_free(const struct networks *networks, const struct subnet *subnet) {
    for (size_t i = 0; i < networks->count; i++)
        if (subnet_overlaps(&networks->items[i].pools[1].subnet, subnet)) return false;
    return true;
}

int subnet_pick_ipv6(const struct networks *networks, struct subnet *ret_subnet, struct err *err) {
    struct subnet subnet = {0};
    for (size_t i = 0; i < networks->count; i++)
        if (network_is_default(&networks->items[i])) subnet = networks->items[i].pools[1].subnet;
    if (!address_is_set(&subnet.base) && ula_make(&subnet, err)) return -1;
    subnet.prefix = SUBNET_PREFIX_IPV6;
    for (uint32_t n = 0; n < 0x10000; n++) {
        subnet.base.bytes[6] = (uint8_t)(n >> 8);
        subnet.base.bytes[7] = (uint8_t)n;
        if (is_free(networks, &subnet)) return *ret_subnet = subnet, 0;
    }
    return err_set(err, ERR_UNAVAILABLE, 0,
                   "no IPv6 subnet is free for containers: all 65536 of this root's /48 are in use");
}

struct routed {
    uint32_t subnet;
    uint8_t prefix;
    struct subnet found;
};

// The widest of them is the network's, the others are addresses in it.
static int routed_check(uint32_t destination, uint8_t prefix, void *data) {
    struct routed *routed = data;
    bool wider = !address_is_set(&routed->found.base) || prefix < routed->found.prefix;
    if (prefix >= 16 && wider && overlap(destination, prefix, routed->subnet, routed->prefix))
        routed->found = (struct subnet){.base = address_ipv4(destination), .prefix = prefix};
    return 0;
}

struct routed_ipv6 {
    const struct subnet *subnet;
    struct subnet found;
};

static int routed_check_ipv6(const uint8_t destination[16], uint8_t prefix, void *data) {
    struct routed_ipv6 *routed = data;
    struct subnet route = {.base = {.family = AF_INET6}, .prefix = prefix};
    memcpy(route.base.bytes, destination, 16);
    if (prefix >= routed->subnet->prefix && subnet_overlaps(&route, routed->subnet)) routed->found = route;
    return 0;
}

static int find_route_ipv6(const struct subnet *subnet, struct subnet *ret_route, struct err *err) {
    struct routed_ipv6 routed = {.subnet = subnet};
    int r = route_each_ipv6(routed_check_ipv6, &routed);
    if (r) return err_set(err, ERR_SYSTEM, -r, "read the host's routes");
    *ret_route = routed.found;
    return 0;
}

int subnet_find_route(const struct subnet *subnet, struct subnet *ret_route, struct err *err) {
    if (subnet->base.family == AF_INET6) return find_route_ipv6(subnet, ret_route, err);
    struct routed routed = {number_of(&subnet->base), subnet->prefix, {{0}, 0}};
    int r = route_each(routed_check, &routed);
    if (r) return err_set(err, ERR_SYSTEM, -r, "read the host's routes");
    *ret_route = routed.found;
    return 0;
}
