// SPDX-License-Identifier: Apache-2.0
// Networks' rows, for the files of this folder.
#pragma once

#include "network/network.h"

#include <sys/socket.h>

// The row, its subnets, and the addresses that nobody gets, inside a transaction of the caller's.
int network_insert(struct db *db, const struct network *network, struct err *err);
// The subnets of a row that is there become these, and nobody has an address of it any more.
int network_update_pools(struct db *db, const struct network *network, struct err *err);
// All of them, whether the predefined ones are there or not.
int networks_read(struct db *db, struct arena *arena, struct networks *ret_networks, struct err *err);
// By an exact id: 1, or 0.
int network_load_id(struct db *db, struct arena *arena, const char *id, struct network *ret_network,
                    struct err *err);

// The index of an IP version's pool.
static inline size_t pool_index(const struct address *address) {
    return address->family == AF_INET6;
}
