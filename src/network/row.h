// SPDX-License-Identifier: Apache-2.0
// A network's row in the database, for the files of this folder.
#pragma once

#include "base/id.h"
#include "kernel/link.h"
#include "state/db.h"

#define NETWORK_DEFAULT "bridge"

struct network {
    char id[ID_SIZE];
    char bridge[LINK_NAME_SIZE];
    uint32_t subnet, gateway, last; // IPv4, host byte order
    uint8_t prefix;
};

// 1, or 0 when there is no such network, or -1.
int network_load(struct db *db, struct network *ret_network, struct err *err);
// What of the subnet containers may have: the network's address, the gateway's and the broadcast are not.
uint32_t network_first(const struct network *network);
uint32_t network_end(const struct network *network); // one behind the last
