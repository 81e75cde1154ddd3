// SPDX-License-Identifier: Apache-2.0
// The networks of containers: what a container's settings say of them, and what it gets of them when it
// starts.
#include "engine/networks.h"
#include "engine/network_restore.h"
#include "engine/parts.h"
#include "engine/resolver.h"
#include "state/event.h"

#include <stdlib.h>
#include <string.h>

// At create

// Docker's checks of an endpoint's settings.
int networks_check_settings(const struct network *network, const struct endpoint_settings *settings,
                            struct err *err) {
    bool statics = settings->ipv4 || settings->ipv6;
    if (network_is_default(network) && statics)
        return err_set(err, ERR_INVALID, 0,
                       "user specified IP address is supported on user defined networks only");
    if (network_is_default(network) && settings->aliases.count)
        return err_set(err, ERR_INVALID, 0,
                       "network-scoped aliases are only supported for user-defined networks");
    return network_settings_check(network, settings, err);
}

static int resolve_one(struct engine *engine, struct arena *arena, struct container_config *config,
                       struct endpoint_settings *settings, struct err *err) {
    struct network network;
    if (network_find(engine->store.db, arena, settings->network, &network, err)) return -1;
    if (network.driver == NETWORK_DRIVER_HOST || network.driver == NETWORK_DRIVER_NULL)
        return err_set(
            err, ERR_CONFLICT, 0,
            "container cannot be connected to multiple networks with one of the networks in %s mode",
            network.name);
    if (networks_check_settings(&network, settings, err)) return -1;
    if (str_eq(settings->network, network.name)) return 0;
    // By an id: settings have the name.
    if (container_network_find(config, network.name))
        return err_set(err, ERR_INVALID, 0, "network %s is given twice", network.name);
    settings->network = network.name;
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct endpoint_settings *)a)->network,
                  ((const struct endpoint_settings *)b)->network);
}

// The mode's network is the first, the others follow by their names.
static void sort(const struct container_config *config, struct endpoint_settings *items, size_t count) {
    const char *first = container_network_name(config);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (str_eq(items[i].network, first)) {
            struct endpoint_settings moved = items[i];
            items[i] = items[0];
            items[0] = moved;
            n = 1;
        }
    qsort(items + n, count - n, sizeof *items, by_name);
}

int networks_resolve(struct engine *engine, struct arena *arena, struct container_config *config,
                     struct err *err) {
    if (!container_has_networks(config)) return 0;
    const char *mode = container_network_name(config);
    struct endpoint_settings *settings = container_network_add(arena, config, mode);
    if (!settings->mac) settings->mac = config->mac_address;
    // The usual case needs no look at the database: the default network is made when it is not there.
    bool plain = config->networks.count == 1 && str_eq(mode, NETWORK_DEFAULT) && !settings->ipv4 &&
                 !settings->ipv6 && !settings->aliases.count && !settings->driver_options.count &&
                 !settings->link_local_ips.count;
    for (size_t i = 0; !plain && i < config->networks.count; i++)
        if (resolve_one(engine, arena, config, &config->networks.items[i], err)) return -1;
    if (!plain && !container_network_find(config, mode))
        config->network_mode = config->networks.items[0].network;
    return 0;
}

// At a start

// The default network has no names, as Docker has it.
static void add_names(struct arena *arena, const struct container *container, struct endpoint *endpoint) {
    if (str_eq(endpoint->network, NETWORK_DEFAULT)) return;
    strings_add(arena, &endpoint->names, container->name);
    for (size_t i = 0; i < endpoint->settings.aliases.count; i++)
        strings_add(arena, &endpoint->names, endpoint->settings.aliases.items[i]);
    const char *id = arena_strndup(arena, container->id, SHORT_ID), *hostname = container->config.hostname;
    strings_add(arena, &endpoint->names, id);
    if (!str_empty(hostname) && !strings_have(&endpoint->names, hostname))
        strings_add(arena, &endpoint->names, hostname);
}

static void event(struct engine *engine, const struct container *container, const struct endpoint *endpoint,
                  const char *action) {
    event_write(engine->store.root_fd, "network", action, endpoint->network_id, "container", container->id,
                "name", endpoint->network, "type", network_driver_name(endpoint->driver), NULL);
}

static int attach(struct engine *engine, struct arena *arena, const struct container *container,
                  const struct endpoint_settings *settings, unsigned number, struct endpoint *ret_endpoint,
                  struct err *err) {
    struct network network;
    if (network_require(engine->store.db, arena, settings->network, &network, err) ||
        network_restore(engine, arena, &network, false, err) ||
        network_attach(engine->store.db, arena, &network, container->id, settings, number, false,
                       ret_endpoint, err))
        return -1;
    networks_glance_from(engine, ret_endpoint);
    add_names(arena, container, ret_endpoint);
    event(engine, container, ret_endpoint, "connect");
    return 0;
}

// What a connect that was killed left, or a network that it was taken out of between two runs.
static int release_others(struct engine *engine, struct arena *arena, const struct container *container,
                          struct err *err) {
    struct endpoints before;
    if (network_endpoints(engine->store.db, arena, container->id, &before, err)) return -1;
    for (size_t i = 0; i < before.count; i++)
        if ((before.items[i].pending ||
             !container_network_find(&container->config, before.items[i].network)) &&
            network_release(engine->store.db, container->id, before.items[i].network_id, err))
            return -1;
    return 0;
}

int networks_attach(struct engine *engine, struct arena *arena, const struct container *container,
                    struct endpoints *ret_endpoints, struct err *err) {
    struct endpoints endpoints = {0};
    const struct container_config *config = &container->config;
    size_t count = config->networks.count;
    if (!container_has_networks(config)) return 0;
    if (release_others(engine, arena, container, err)) return -1;
    struct endpoint_settings *sorted =
        arena_memdup(arena, config->networks.items, count * sizeof *config->networks.items);
    sort(config, sorted, count);
    for (size_t i = 0; i < count; i++)
        if (attach(engine, arena, container, &sorted[i], (unsigned)i, arena_push(arena, &endpoints), err))
            return -1;
    endpoints_choose_gateway(&endpoints);
    if (networks_open_gate(engine, &endpoints, err)) return -1;
    *ret_endpoints = endpoints;
    return 0;
}

int networks_endpoints(struct engine *engine, struct arena *arena, const struct container *container,
                       struct endpoints *ret_endpoints, struct err *err) {
    struct endpoints endpoints;
    if (network_endpoints(engine->store.db, arena, container->id, &endpoints, err)) return -1;
    for (size_t i = 0; i < endpoints.count; i++) {
        const struct endpoint_settings *settings =
            container_network_find(&container->config, endpoints.items[i].network);
        if (settings) endpoints.items[i].settings = *settings;
        add_names(arena, container, &endpoints.items[i]);
    }
    endpoints_choose_gateway(&endpoints);
    *ret_endpoints = endpoints;
    return 0;
}

int networks_release(struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct endpoints endpoints = {0};
    if (!container_has_networks(&container->config)) return 0;
    if (network_endpoints(engine->store.db, &arena, container->id, &endpoints, err) ||
        names_end(engine, container->id, &endpoints, err) ||
        network_release(engine->store.db, container->id, NULL, err))
        return -1;
    for (size_t i = 0; i < endpoints.count; i++) event(engine, container, &endpoints.items[i], "disconnect");
    return 0;
}
