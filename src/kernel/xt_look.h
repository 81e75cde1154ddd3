// SPDX-License-Identifier: Apache-2.0
// The rules of the old iptables (x_tables), which nftables neither has nor traces: those that drop, with the
// kernel's count of the packets that they dropped. In the caller's network namespace. All return -errno.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define XT_LOOK_NAME 32

struct xt_look_drop {
    uint8_t family; // AF_INET, AF_INET6
    uint32_t hook;  // NF_INET_*, of a base chain; NF_INET_NUMHOOKS of another
    char table[XT_LOOK_NAME], chain[XT_LOOK_NAME];
    uint32_t rule; // as iptables counts them, from 1; 0: the chain's policy
    uint64_t packets;
};

// Every rule and policy that drops or rejects, of the tables that are in use: looking loads none. What each
// returns below 0 ends the walk. -EPERM without CAP_NET_ADMIN.
int xt_look(uint8_t family, int (*each)(const struct xt_look_drop *drop, void *data), void *data);
