// SPDX-License-Identifier: Apache-2.0
// The nftables rules of a root's networks. The table has the name of the default network's bridge.
#pragma once

#include "kernel/nft.h"
#include "network/network.h"

// The name is in the arena.
int rules_table(struct db *db, struct arena *arena, struct nft_table *ret_table, struct err *err);

// Is the network in the table, complete? A question that fails is answered with no.
bool rules_are_ready(struct db *db, const struct network *network);
// Puts it there. Where the table is not as it should be it is made anew, with all networks and ports that
// there are.
int rules_make(struct db *db, const struct network *network, struct err *err);
int rules_rebuild(struct db *db, struct err *err);
void rules_remove(struct db *db, const struct network *network);
