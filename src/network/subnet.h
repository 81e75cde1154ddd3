// SPDX-License-Identifier: Apache-2.0
// Which subnets a new network gets.
#pragma once

#include "network/network.h"

#define SUBNET_PREFIX_DEFAULT 22 // the default network's
#define SUBNET_PREFIX         24 // of others
#define SUBNET_PREFIX_IPV6    64

// The first IPv4 subnet of that size, 18 to 24 bits, in hoy's ranges that no route of the host and no network
// touches.
int subnet_pick(const struct networks *networks, uint8_t prefix, struct subnet *ret_subnet, struct err *err);
// A /64 that none of the networks has, out of the root's own /48: that of its default network, or a random
// one where there is none yet.
int subnet_pick_ipv6(const struct networks *networks, struct subnet *ret_subnet, struct err *err);
// Does a route of the host, narrower than /16, overlap this IPv4 subnet? Or, of IPv6, one that is no wider
// than the subnet: a part of what is the host's may be given to containers. Then ret_route is it, else it has
// no base.
int subnet_find_route(const struct subnet *subnet, struct subnet *ret_route, struct err *err);
