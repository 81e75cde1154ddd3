// SPDX-License-Identifier: Apache-2.0
#include "engine/ports_target.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

// The one with the default route before the others.
static const struct endpoint *choose(const struct endpoints *endpoints) {
    const struct endpoint *chosen = NULL;
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint *endpoint = &endpoints->items[i];
        if (endpoint->driver != NETWORK_DRIVER_BRIDGE || endpoint->internal) continue;
        if (!chosen || (endpoint->default_route[0] && !chosen->default_route[0])) chosen = endpoint;
    }
    return chosen;
}

int ports_target_of(struct engine *engine, struct arena *arena, const struct endpoints *endpoints,
                    struct port_target *ret_target, struct err *err) {
    struct network network;
    const struct endpoint *endpoint = choose(endpoints);
    if (!endpoint) return 0;
    int r = network_load(engine->store.db, arena, NETWORK_DEFAULT, &network, err);
    if (r <= 0) return r;
    struct port_target target = {.has_v4 = endpoint->addresses[0].family == AF_INET,
                                 .has_v6 = endpoint->addresses[1].family == AF_INET6};
    if (target.has_v4) memcpy(target.v4, endpoint->addresses[0].bytes, sizeof target.v4);
    if (target.has_v6) memcpy(target.v6, endpoint->addresses[1].bytes, sizeof target.v6);
    snprintf(target.table, sizeof target.table, "%s", network.link);
    *ret_target = target;
    return 1;
}

int ports_target_find(struct engine *engine, struct arena *arena, const struct container *container,
                      struct port_target *ret_target, struct err *err) {
    struct endpoints endpoints;
    if (network_endpoints(engine->store.db, arena, container->id, &endpoints, err)) return -1;
    int r = ports_target_of(engine, arena, &endpoints, ret_target, err);
    if (r == 0) err_set(err, ERR_INVALID, 0, "no network of the container's has ports to publish");
    return r > 0 ? 0 : -1;
}
