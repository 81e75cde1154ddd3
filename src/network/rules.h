// SPDX-License-Identifier: Apache-2.0
// The nftables rules of a root's networks. The table's name is of the default network's id: a bridge's name
// is a root's own only once the bridge is there, and a root whose containers are on other networks has none.
#pragma once

#include "kernel/nft.h"
#include "network/network.h"

#define RULES_TABLE_SIZE 15 // "hoy-" and ten digits

void rules_table_name(const char *default_id, char ret_name[static RULES_TABLE_SIZE]);
// Which one it is, for whoever has something in it: its name (in the arena) and its group. What makes its
// rules is not looked for.
int rules_table(struct db *db, struct arena *arena, struct nft_table *ret_table, struct err *err);

// Is the network in the table, complete? A question that fails is answered with no.
bool rules_are_ready(struct db *db, const struct network *network);
// Puts it there. Where the table is not as it should be it is made anew, with all networks and ports that
// there are.
int rules_make(struct db *db, const struct network *network, struct err *err);
int rules_rebuild(struct db *db, struct err *err);
void rules_remove(struct db *db, const struct network *network);
