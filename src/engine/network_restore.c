// SPDX-License-Identifier: Apache-2.0
#include "engine/network_restore.h"

#include "engine/parts.h"
#include "kernel/link_settings.h"
#include "network/gate.h"
#include "network/rules.h"

#include <errno.h>
#include <stdio.h>

// The container's end of a pair stays when the bridge goes, and so does the host's: on no bridge.
static int interface_restore(const char *name, const char *bridge, struct err *err) {
    struct link link;
    if (link_get(name, &link)) return 0; // it went with its container
    int r = link.master ? 0 : link_set_master(name, bridge);
    if (!r && !link.up) r = link_up(name);
    return r && r != -ENODEV ? err_set(err, ERR_SYSTEM, -r, "put interface %s on bridge %s", name, bridge)
                             : 0;
}

static int interfaces_restore(struct engine *engine, const struct network *network, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(engine->store.db, &rows, err,
                 "SELECT host_interface FROM endpoint WHERE network = ? AND NOT pending", "s", network->id))
        return -1;
    while ((r = db_next(&rows, err)) > 0)
        if (interface_restore(db_text(&rows, 0), network->link, err)) return -1;
    return r;
}

// Bridges that containers are on.
static int used_read(struct engine *engine, struct arena *arena, struct networks *ret_networks,
                     struct err *err) {
    struct strings names = {0};
    struct networks networks = {0};
    if (db_texts(engine->store.db, arena, &names, err,
                 "SELECT name FROM network WHERE driver = 'bridge' AND EXISTS (SELECT 1 FROM endpoint WHERE "
                 "endpoint.network = network.id)",
                 ""))
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        struct network network;
        int found = network_load(engine->store.db, arena, names.items[i], &network, err);
        if (found < 0) return -1;
        if (found) *arena_push(arena, &networks) = network;
    }
    *ret_networks = networks;
    return 0;
}

int network_restore(struct engine *engine, struct arena *arena, struct network *network, bool thorough,
                    struct err *err) {
    bool ready = network_is_ready(engine->store.db, network);
    if (!ready && network_ensure(engine->store.db, arena, network, err)) return -1;
    return !ready || thorough ? interfaces_restore(engine, network, err) : 0;
}

// Of a container that has just ended the rules may be gone and its rows not yet: that is looked after first.
static int ports_restore(struct engine *engine, struct arena *arena, struct err *err) {
    char holder[ID_SIZE], last[ID_SIZE] = "";
    int r;
    while ((r = port_rows_absent(engine->store.db, holder, err)) > 0 && !str_eq(holder, last)) {
        struct container container;
        snprintf(last, sizeof last, "%s", holder);
        r = row_load(engine, arena, holder, &container, err);
        if (r == 0)
            r = port_rows_release(engine->store.db, holder, err);
        else if (r > 0 && (r = container_settle(engine, arena, &container, err)) > 0 &&
                 str_eq(container.state, "running"))
            return rules_rebuild(engine->store.db, err);
        if (r < 0) return -1;
    }
    return r < 0 ? -1 : 0;
}

static int gate_need(struct engine *engine, struct err *err) {
    return network_gate_need(engine->store.db, engine->store.runroot, err);
}

int networks_look(struct engine *engine, struct arena *arena, bool thorough, struct networks *ret_networks,
                  bool *ret_gate, struct err *err) {
    *ret_gate = false;
    if (used_read(engine, arena, ret_networks, err)) return -1;
    for (size_t i = 0; i < ret_networks->count; i++)
        if (network_restore(engine, arena, &ret_networks->items[i], thorough, err)) return -1;
    if (!ret_networks->count) return 0;
    if (ports_restore(engine, arena, err)) return -1;
    int respect = port_rows_respect(engine->store.db, err);
    if (respect < 0) return -1;
    *ret_gate = respect || network_detours();
    return *ret_gate ? gate_need(engine, err) : 0;
}

int networks_restore(struct engine *engine, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct networks networks;
    bool gate;
    return networks_look(engine, &arena, true, &networks, &gate, err);
}

int networks_open_gate(struct engine *engine, const struct endpoints *endpoints, struct err *err) {
    bool bridges = false;
    for (size_t i = 0; i < endpoints->count; i++)
        bridges |= endpoints->items[i].driver == NETWORK_DRIVER_BRIDGE;
    return bridges && network_detours() ? gate_need(engine, err) : 0;
}

int ports_open_gate(struct engine *engine, const struct port_runs *runs, struct err *err) {
    bool respect = false;
    for (size_t i = 0; i < runs->count; i++) respect |= runs->items[i].respect;
    return respect ? gate_need(engine, err) : 0;
}
