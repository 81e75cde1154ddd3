// SPDX-License-Identifier: Apache-2.0
// Published ports of a container: taken before its start, and changed while it runs.
#pragma once

#include "engine/parts.h"
#include "network/network.h"
#include "network/port.h"

struct port_claim {
    struct engine *engine;
    struct arena *arena;
    const struct container *container;
    struct port_target target;
    bool pending;          // an update's
    bool respect;          // --firewall respect
    bool cleaned;          // what an earlier run may have left is gone
    size_t later;          // places for ports that nothing leads to yet
    struct port_runs runs; // what it has
    struct port_hold hold;
};

// Takes all that is wanted, or says who has it. Rows that it made before a failure stay for
// port_rows_release() or port_rows_drop_pending(); ports_claim_finish() lets go of the sockets.
int ports_claim(struct port_claim *claim, const struct port_bindings *wanted, struct err *err);
void ports_claim_finish(struct port_claim *claim);
// What a container asks for: with -P also what it exposes.
struct port_bindings ports_wanted(struct arena *arena, const struct container_config *config);

// Where ports are published and nothing will lead to them, a sentence says so.
void ports_warn(struct engine *engine, struct arena *arena, const struct container_config *config,
                struct strings *warnings);

// How many places they take in a plan.
size_t ports_places(const struct port_bindings *bindings);
// The PUBLISH operation, with places for ports that come later. Called for every container that has networks,
// since another one may come.
int ports_plan(const struct port_claim *claim, struct plan *plan, struct err *err);

// The rules of these, whose rows are switching, become as the runs have it, and the rows ready. plan: NULL
// when there is none.
int ports_switch(struct engine *engine, const char *container_id, struct plan_block *plan,
                 const struct port_runs *runs, struct err *err);
// What updates that were killed have left is taken away, or made complete. Cheap when there is nothing.
int ports_recover(struct engine *engine, struct err *err);

// The sockets of a container that runs (ports_bag.c).
struct ports_bag {
    struct engine *engine;
    const char *container_id;
    const struct plan_block *plan;
    const struct port_runs *without;  // what is not kept
    const struct port_target *target; // where they lead from now on; NULL: where they did
};
// The shim has what is in hold besides, and lets go of what is not kept. -errno.
int ports_bag_change(const struct ports_bag *change, struct port_hold *hold);
// plan_publish_add(), also when somebody has just taken the rules away: they are made anew, of all rows.
#define PORTS_ATTEMPTS 8
int ports_publish(struct engine *engine, struct plan_block *plan, const struct plan_port *port);
// The sentence for what these failed with. -1.
int ports_refuse(const struct container *container, int r, const char *what, struct err *err);

// The ports of a container that runs go where its default route is (ports_follow.c): endpoints are what it
// has, with the routes chosen. again: an attempt before this one may have been cut short, so what looks done
// is done once more.
int ports_follow(struct engine *engine, struct arena *arena, const struct container *container,
                 const struct endpoints *endpoints, bool again, struct err *err);

// An update of ports (update_ports.c), in its order: the settings; before they are stored; with the row, in
// its transaction; after it what stays and changes; and then, when all else went well or did not.
struct ports_update {
    struct engine *engine;
    struct arena *arena;
    const struct container *container; // as it was
    struct port_bindings add, remove;
    const char *firewall; // NULL: as it was
    bool running;
    struct port_claim claim;
    struct port_runs removed;
    struct port_runs switching; // as they are to be
    struct plan_block *plan;
    bool begun;
};
int ports_update_merge(const struct ports_update *update, struct container_config *config, struct err *err);
int ports_update_begin(struct ports_update *update, struct err *err);
int ports_update_store(struct ports_update *update, struct err *err);
int ports_update_switch(struct ports_update *update, struct err *err);
void ports_update_complete(struct ports_update *update);
void ports_update_take_back(struct ports_update *update);
void ports_update_finish(struct ports_update *update);
