// SPDX-License-Identifier: Apache-2.0
// Networks in the kernel, for the files of this folder. Several roots on one host share its namespace: what
// several processes may do at once is done under a lock on the network namespace itself (a flock of its file
// in /proc), which is what roots that know nothing of each other have in common.
#pragma once

#include "kernel/link.h"
#include "network/network.h"

// Shared by those below (bridge.c):

// A descriptor; closing it lets go.
int namespace_lock(int *ret_fd, struct err *err);

// A bridge's alias, which `ip link` shows, names its owner: "hoy <network id> <database>".
int database_path(struct db *db, char ret_path[static LINK_ALIAS_SIZE], struct err *err);
bool link_is_of(const struct link *link, const char *network_id);

// The sentence for what the kernel refused.
int kernel_fail(const struct network *network, int r, const char *what, const char *link, struct err *err);

// With the lock (change.c): from before the row is another one until the kernel has what it says.
struct change {
    char path[LINK_ALIAS_SIZE + 32];
    bool own;
};
void change_begin(const char *database, struct change *ret_change);
void change_finish(struct change *change);

// With the lock (bridge.c):

// Is all of a bridge network there? A few messages.
bool bridge_is_ready(struct db *db, const struct network *network);
int bridge_make(struct db *db, const struct network *network, const char *database, struct err *err);
void bridge_remove(struct db *db, const struct network *network);
// One that somebody gave another name: it would keep the network's addresses and routes.
void bridge_remove_renamed(const struct network *network);
bool bridge_is_of(const struct link *link, const struct network *network);

// The same for the parent of macvlan and ipvlan (parent.c).
bool parent_is_ready(const struct network *network);
// What `-o parent=` names has to be there, or to be a VLAN of what is ("eth0.10").
int parent_check(const struct network *network, struct err *err);
int parent_make(const struct network *network, const char *database, struct err *err);
void parent_remove(const struct network *network);

// The default network's row (default.c), with the lock: a name for the bridge and subnets that are free, for
// one that has no row yet or can't have its old ones any more.
int default_choose(struct db *db, const char *database, struct arena *arena, struct network *network,
                   struct err *err);
// Is what the row says still to be had? Another root may have taken the name or the subnet while this one's
// bridge was not there (after a reboot).
int default_fits(const struct network *network, bool *ret_fits, struct err *err);

// Bridges of networks that are gone, and of roots that are (ensure.c). Slow work.
int networks_sweep(struct db *db, const char *database, struct err *err);
