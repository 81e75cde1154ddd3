// SPDX-License-Identifier: Apache-2.0
#include "engine/ports_target.h"

#include "engine/networks.h"
#include "engine/ports.h"

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

bool ports_target_of(const struct endpoints *endpoints, struct port_target *ret_target) {
    const struct endpoint *endpoint = choose(endpoints);
    if (!endpoint) return false;
    address_print(&endpoint->addresses[0], ret_target->v4);
    address_print(&endpoint->addresses[1], ret_target->v6);
    if (endpoint->publish_on && !str_eq(endpoint->publish_on, "0.0.0.0"))
        snprintf(ret_target->host, sizeof ret_target->host, "%s", endpoint->publish_on);
    snprintf(ret_target->link, sizeof ret_target->link, "%s", endpoint->host_interface);
    return true;
}

// ret_direct: one that leads past the host, which nobody translates ports on.
static bool may_publish(struct engine *engine, struct arena *arena, const struct container_config *config,
                        const char **ret_direct) {
    for (size_t i = 0; i < config->networks.count; i++) {
        struct network network;
        struct err ignored;
        const char *name = config->networks.items[i].network;
        if (network_find(engine->store.db, arena, name, &network, &ignored)) return true;
        if (network.driver != NETWORK_DRIVER_BRIDGE)
            *ret_direct = arena_printf(arena, "%s (%s)", name, network_driver_name(network.driver));
        else if (!network.internal)
            return true;
    }
    return false;
}

void ports_warn(struct engine *engine, struct arena *arena, const struct container_config *config,
                struct strings *warnings) {
    const char *mode = config->network_mode, *direct = NULL;
    if (!config->ports.count && !config->publish_all) return;
    if (str_eq(mode, "host") || str_eq(mode, "none"))
        strings_add(arena, warnings,
                    arena_printf(arena, "Published ports are discarded when using %s network mode", mode));
    else if (config->networks.count && !may_publish(engine, arena, config, &direct))
        strings_add(
            arena, warnings,
            arena_printf(arena,
                         "Published ports lead to the container once it is on a network that is a bridge "
                         "and not internal%s%s%s",
                         direct ? "; on " : "", direct ? direct : "",
                         direct ? " all of its ports are at its own address" : ""));
}

int ports_target_find(struct engine *engine, struct arena *arena, const struct container *container,
                      struct port_target *ret_target, struct err *err) {
    struct endpoints endpoints;
    *ret_target = (struct port_target){0};
    if (networks_endpoints(engine, arena, container, &endpoints, err)) return -1;
    if (ports_target_of(&endpoints, ret_target)) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "no network of the container's has ports to publish: that takes a bridge that is not "
                   "internal (hoy network "
                   "connect)");
}
