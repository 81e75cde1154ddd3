// SPDX-License-Identifier: Apache-2.0
#include "engine/network_restore.h"

#include "engine/parts.h"
#include "kernel/link_settings.h"
#include "network/gate.h"

#include <errno.h>

// The container's end of a pair stays when the bridge goes, and so does the host's: on no bridge.
static int interface_restore(const char *name, const char *bridge, struct err *err) {
    struct link link;
    if (link_get(name, &link) || link.master) return 0; // it went with its container
    int r = link_set_master(name, bridge);
    return r && r != -ENODEV ? err_set(err, ERR_SYSTEM, -r, "put interface %s on bridge %s", name, bridge)
                             : 0;
}

static int interfaces_restore(struct engine *engine, const struct network *network, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (network->driver != NETWORK_DRIVER_BRIDGE) return 0;
    if (db_query(engine->store.db, &rows, err, "SELECT host_interface FROM endpoint WHERE network = ?", "s",
                 network->id))
        return -1;
    while ((r = db_next(&rows, err)) > 0)
        if (interface_restore(db_text(&rows, 0), network->link, err)) return -1;
    return r;
}

static int is_used(struct engine *engine, const struct network *network, bool *ret_used, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(engine->store.db, &rows, err, "SELECT 1 FROM endpoint WHERE network = ? LIMIT 1", "s",
                 network->id))
        return -1;
    int r = db_next(&rows, err);
    *ret_used = r > 0;
    return r < 0 ? -1 : 0;
}

static int restore(struct engine *engine, struct arena *arena, struct network *network, bool *used,
                   struct err *err) {
    bool this_one = false;
    if (is_used(engine, network, &this_one, err)) return -1;
    if (!this_one) return 0;
    *used |= network->driver == NETWORK_DRIVER_BRIDGE;
    return network_ensure(engine->store.db, arena, network, err) || interfaces_restore(engine, network, err)
               ? -1
               : 0;
}

static int gate_need(struct engine *engine, struct err *err) {
    return network_gate_need(engine->store.db, engine->store.runroot, err);
}

int networks_restore(struct engine *engine, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct networks networks;
    bool bridges = false;
    if (network_list(engine->store.db, &arena, &networks, err)) return -1;
    for (size_t i = 0; i < networks.count; i++)
        if (restore(engine, &arena, &networks.items[i], &bridges, err)) return -1;
    if (!bridges) return 0;
    int respect = port_rows_respect(engine->store.db, err);
    if (respect < 0) return -1;
    return respect || network_detours() ? gate_need(engine, err) : 0;
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
