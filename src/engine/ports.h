// SPDX-License-Identifier: Apache-2.0
// Published ports of a container: taken before its start, and changed while it runs.
#pragma once

#include "engine/parts.h"
#include "network/port.h"

struct port_claim {
    struct engine *engine;
    struct arena *arena;
    const struct container *container;
    struct port_target target;
    bool pending;          // an update's
    bool respect;          // --firewall respect
    bool cleaned;          // what an earlier run may have left is gone
    struct port_runs runs; // what it has
    struct port_hold hold;
};

// Takes all that is wanted, or says who has it. Rows that it made before a failure stay for
// port_rows_release() or port_rows_drop_pending(); ports_claim_finish() lets go of the sockets.
int ports_claim(struct port_claim *claim, const struct port_bindings *wanted, struct err *err);
void ports_claim_finish(struct port_claim *claim);
// What a container asks for: with -P also what it exposes.
struct port_bindings ports_wanted(struct arena *arena, const struct container_config *config);

// The PUBLISH operation, with places for ports that come later. Called for every container that could have
// ports.
int ports_plan(const struct port_claim *claim, struct plan *plan, struct err *err);

// What updates that were killed have left is taken away. Cheap when there is nothing.
int ports_recover(struct engine *engine, struct err *err);

// An update of ports (update_ports.c), in its order: the settings; before they are stored; with the row, in
// its transaction; and then, when all else went well or did not.
struct ports_update {
    struct engine *engine;
    struct arena *arena;
    const struct container *container; // as it was
    struct port_bindings add, remove;
    bool running;
    struct port_claim claim;
    struct port_runs removed;
    struct plan_block *plan;
    bool begun;
};
bool ports_update_any(const struct ports_update *update);
int ports_update_merge(const struct ports_update *update, struct container_config *config, struct err *err);
int ports_update_begin(struct ports_update *update, struct err *err);
int ports_update_store(struct ports_update *update, struct err *err);
void ports_update_complete(struct ports_update *update);
void ports_update_take_back(struct ports_update *update);
void ports_update_finish(struct ports_update *update);
