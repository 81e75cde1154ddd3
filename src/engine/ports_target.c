// SPDX-License-Identifier: Apache-2.0
#include "engine/ports_target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool ports_possible(const struct container_config *config) {
    return str_eq(config->network_mode, "bridge");
}

void ports_target_of(const struct endpoint *endpoint, struct port_target *ret_target) {
    uint32_t address = htonl(endpoint->address);
    *ret_target = (struct port_target){.has_v4 = true};
    memcpy(ret_target->v4, &address, sizeof address);
    snprintf(ret_target->table, sizeof ret_target->table, "%s", endpoint->bridge);
}

int ports_target_find(struct engine *engine, const struct container *container,
                      struct port_target *ret_target, struct err *err) {
    struct endpoint endpoint;
    int r = network_endpoint(engine->store.db, container->id, &endpoint, err);
    if (r == 0) return err_set(err, ERR_CONFLICT, 0, "container %s has no network", container->name);
    if (r < 0) return -1;
    ports_target_of(&endpoint, ret_target);
    return 0;
}
