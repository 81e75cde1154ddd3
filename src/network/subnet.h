// SPDX-License-Identifier: Apache-2.0
// Which IPv4 subnet a new network gets.
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define SUBNET_PREFIX 22

// The first /22 of hoy's ranges that no route of the host touches. ret_subnet in host byte order.
int subnet_pick(uint32_t *ret_subnet, struct err *err);
// Does a route of the host overlap this subnet, other than those through link (an index; 0: none)?
int subnet_is_routed(uint32_t subnet, uint8_t prefix, int link, bool *ret_routed, struct err *err);
