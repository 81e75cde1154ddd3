// SPDX-License-Identifier: Apache-2.0
// A /22 has as many addresses as a Linux bridge has ports (1023): more could not be used.
//
// 10.208.0.0/12 is where nobody's defaults are: Docker takes 172.17.0.0/16 and up and 192.168.0.0/16, Podman
// 10.88.0.0/16 and up to 10.96, Kubernetes' usual choices are 10.42, 10.43, 10.96 and 10.244, clouds like
// 10.0 and 172.31. The other two ranges are for hosts that reach all of 10.0.0.0/8 through a VPN. Docker and
// Podman look at the routes before they pick as well, so they go around hoy's bridge.
#include "network/subnet.h"

#include "base/macro.h"
#include "kernel/link.h"

#include <string.h>

static const struct pool {
    uint32_t first;
    uint8_t prefix;
} pools[] = {
    {0x0ad00000, 12}, // 10.208.0.0
    {0xac1c0000, 14}, // 172.28.0.0
    {0xc0a8c000, 18}, // 192.168.192.0
};

#define SUBNET_SIZE (1u << (32 - SUBNET_PREFIX))
#define POOL_MAX    (1u << (SUBNET_PREFIX - 12))

// One bit for each subnet of every pool: so that one pass over the routes is enough, however many there are.
struct taken {
    uint8_t bits[ARRAY_SIZE(pools)][POOL_MAX];
    uint8_t prefix_min; // wider routes are no reason to stay away
};

static uint32_t mask_of(uint8_t prefix) {
    return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

static bool overlap(uint32_t a, uint8_t a_prefix, uint32_t b, uint8_t b_prefix) {
    uint32_t mask = mask_of(a_prefix < b_prefix ? a_prefix : b_prefix);
    return (a & mask) == (b & mask);
}

static int taken_mark(uint32_t destination, uint8_t prefix, int link, void *data) {
    struct taken *taken = data;
    (void)link;
    if (prefix < taken->prefix_min) return 0;
    for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
        if (!overlap(destination, prefix, pools[i].first, pools[i].prefix)) continue;
        for (uint32_t n = 0; n < 1u << (SUBNET_PREFIX - pools[i].prefix); n++)
            if (overlap(destination, prefix, pools[i].first + n * SUBNET_SIZE, SUBNET_PREFIX))
                taken->bits[i][n] = 1;
    }
    return 0;
}

static bool taken_first_free(const struct taken *taken, uint32_t *ret_subnet) {
    for (size_t i = 0; i < ARRAY_SIZE(pools); i++)
        for (uint32_t n = 0; n < 1u << (SUBNET_PREFIX - pools[i].prefix); n++)
            if (!taken->bits[i][n]) return *ret_subnet = pools[i].first + n * SUBNET_SIZE, true;
    return false;
}

// Routes wider than /8 are defaults in disguise (a VPN's 0.0.0.0/1). Where everything private is routed
// somewhere, the narrower ones alone decide: a /22 of ours wins over them.
int subnet_pick(uint32_t *ret_subnet, struct err *err) {
    for (uint8_t prefix_min = 8; prefix_min <= 16; prefix_min += 8) {
        struct taken taken = {.prefix_min = prefix_min};
        int r = route_each(taken_mark, &taken);
        if (r) return err_set(err, ERR_SYSTEM, -r, "read the host's routes");
        if (taken_first_free(&taken, ret_subnet)) return 0;
    }
    return err_set(err, ERR_UNAVAILABLE, 0,
                   "no subnet is free for containers: routes of the host cover 10.208.0.0/12, 172.28.0.0/14 "
                   "and 192.168.192.0/18");
}

struct routed {
    uint32_t subnet;
    uint8_t prefix;
    int link;
    bool found;
};

static int routed_check(uint32_t destination, uint8_t prefix, int link, void *data) {
    struct routed *routed = data;
    if (prefix >= 16 && (!routed->link || link != routed->link) &&
        overlap(destination, prefix, routed->subnet, routed->prefix))
        routed->found = true;
    return 0;
}

int subnet_is_routed(uint32_t subnet, uint8_t prefix, int link, bool *ret_routed, struct err *err) {
    struct routed routed = {subnet, prefix, link, false};
    int r = route_each(routed_check, &routed);
    if (r) return err_set(err, ERR_SYSTEM, -r, "read the host's routes");
    *ret_routed = routed.found;
    return 0;
}
