// SPDX-License-Identifier: Apache-2.0
#include "engine/network_restore.h"

#include "engine/parts.h"
#include "network/gate.h"
#include "network/network.h"
#include "network/row.h"

static int default_is_used(struct engine *engine, bool *ret_used, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(engine->store.db, &rows, err, "SELECT 1 FROM address LIMIT 1", "")) return -1;
    int r = db_next(&rows, err);
    *ret_used = r > 0;
    return r < 0 ? -1 : 0;
}

int networks_restore(struct engine *engine, struct err *err) {
    struct network network;
    bool used = false;
    if (default_is_used(engine, &used, err)) return -1;
    if (!used) return 0;
    if (network_ensure_default(engine->store.db, err)) return -1;
    int r = network_load(engine->store.db, &network, err);
    return r > 0 && network_detours() ? network_gate_need(engine->store.runroot, network.bridge, err)
           : r < 0                    ? -1
                                      : 0;
}
