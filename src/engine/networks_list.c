// SPDX-License-Identifier: Apache-2.0
// Networks made, found, listed and removed.
#include "engine/networks.h"

#include "args/filter.h"
#include "base/pattern.h"
#include "engine/parts.h"
#include "engine/pasta.h"
#include "network/names.h"
#include "oci/key_values.h"
#include "state/event.h"

#include <stdio.h>
#include <string.h>

static void event(struct engine *engine, const struct network *network, const char *action) {
    event_write(engine->store.root_fd, "network", action, network->id, "name", network->name, "type",
                network_driver_name(network->driver), NULL);
}

int networks_create(struct engine *engine, struct arena *arena, const struct network_request *request,
                    struct network *ret_network, struct err *err) {
    if (pasta_refuse_networks(engine, "network create", err) ||
        network_create(engine->store.db, arena, request, ret_network, err))
        return -1;
    event(engine, ret_network, "create");
    return 0;
}

int networks_find(struct engine *engine, struct arena *arena, const char *name, struct network *ret_network,
                  struct err *err) {
    return network_find(engine->store.db, arena, name, ret_network, err);
}

// Filters

struct subject {
    struct engine *engine;
    struct arena *arena;
    const struct network *network;
};

static bool is_used(const struct subject *s) {
    struct network_members members = {0};
    struct err ignored;
    return networks_members(s->engine, s->arena, s->network, &members, &ignored) || members.count;
}

FILTER_MATCH(match_dangling) {
    const struct subject *s = of;
    return filter->number == (!network_is_predefined(s->network) && !is_used(s));
}

FILTER_MATCH(match_driver) {
    const struct subject *s = of;
    return str_eq(network_driver_name(s->network->driver), filter->value);
}

FILTER_MATCH(match_id) {
    const struct subject *s = of;
    return pattern_matches(s->network->id, filter->value);
}

FILTER_MATCH(match_name) {
    const struct subject *s = of;
    return pattern_matches(s->network->name, filter->value);
}

FILTER_MATCH(match_label) {
    const struct subject *s = of;
    return key_values_have(&s->network->labels, filter->value);
}

FILTER_MATCH(match_scope) {
    return str_eq(filter->value, "local");
}

FILTER_MATCH(match_type) {
    const struct subject *s = of;
    return str_eq(filter->value, "builtin") == network_is_predefined(s->network);
}

static const char *const scopes[] = {"local", "swarm", "global", NULL};
static const char *const types[] = {"builtin", "custom", NULL};
static const struct filter_key filter_rows[] = {
    {"dangling=", false, match_dangling, filter_read_bool},
    {"driver=", false, match_driver},
    {"id=", false, match_id},
    {"label=", true, match_label},
    {"name=", false, match_name},
    {"scope=", false, match_scope, NULL, scopes},
    {"type=", false, match_type, NULL, types},
};
static const struct filter_keys keys = FILTER_KEYS(filter_rows);

// Every look at networks mends what was left of killed commands.
static int mend(struct engine *engine, struct err *err) {
    return networks_recover(engine, err) || network_sweep(engine->store.db, err) ||
                   names_sweep(engine->store.runroot_fd, engine->store.db, err)
               ? -1
               : 0;
}

int networks_list(struct engine *engine, struct arena *arena, const struct strings *texts,
                  struct networks *ret_networks, struct err *err) {
    struct networks all, list = {0};
    struct subject subject = {.engine = engine, .arena = arena};
    struct filters filters;
    if (filters_read(arena, &keys, texts, &subject, &filters, err) || mend(engine, err) ||
        network_list(engine->store.db, arena, &all, err))
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        subject.network = &all.items[i];
        if (filters_match(&filters, &subject)) *arena_push(arena, &list) = all.items[i];
    }
    *ret_networks = list;
    return 0;
}

// Members

// With the host's network, or none, a container has no endpoint.
static int list_by_mode(struct engine *engine, struct arena *arena, const struct network *network,
                        struct network_members *members, struct err *err) {
    struct containers running;
    if (container_list(engine, arena, false, &running, err)) return -1;
    for (size_t i = 0; i < running.count; i++)
        if (str_eq(running.items[i].config.network_mode, network->name))
            *arena_push(arena, members) =
                (struct network_member){.id = running.items[i].id, .name = running.items[i].name};
    return 0;
}

static int list_rows(struct engine *engine, struct arena *arena, const struct network *network,
                     struct network_members *members, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(
            engine->store.db, &rows, err,
            "SELECT container.id, container.name FROM endpoint JOIN container ON container.id = container_id "
            "WHERE network = ? ORDER BY container.name",
            "s", network->id))
        return -1;
    while ((r = db_next(&rows, err)) > 0)
        *arena_push(arena, members) = (struct network_member){.id = arena_strdup(arena, db_text(&rows, 0)),
                                                              .name = arena_strdup(arena, db_text(&rows, 1))};
    return r;
}

static int load_endpoint(struct engine *engine, struct arena *arena, const struct network *network,
                         struct network_member *member, struct err *err) {
    struct endpoints endpoints;
    if (network_endpoints(engine->store.db, arena, member->id, &endpoints, err)) return -1;
    for (size_t i = 0; i < endpoints.count; i++)
        if (str_eq(endpoints.items[i].network_id, network->id)) member->endpoint = endpoints.items[i];
    return 0;
}

int networks_members(struct engine *engine, struct arena *arena, const struct network *network,
                     struct network_members *ret_members, struct err *err) {
    struct network_members members = {0};
    bool by_mode = network->driver == NETWORK_DRIVER_HOST || network->driver == NETWORK_DRIVER_NULL;
    if (by_mode ? list_by_mode(engine, arena, network, &members, err)
                : list_rows(engine, arena, network, &members, err))
        return -1;
    for (size_t i = 0; !by_mode && i < members.count; i++)
        if (load_endpoint(engine, arena, network, &members.items[i], err)) return -1;
    *ret_members = members;
    return 0;
}

// Removing

// Containers whose row is not true any more hold nothing when somebody has looked at them.
static int settle_members(struct engine *engine, struct arena *arena, const struct network *network,
                          struct err *err) {
    struct network_members members = {0};
    if (list_rows(engine, arena, network, &members, err)) return -1;
    for (size_t i = 0; i < members.count; i++) {
        struct container container;
        if (container_find(engine, arena, members.items[i].id, &container, err) && err->kind != ERR_NOT_FOUND)
            return -1;
    }
    return 0;
}

int networks_remove(struct engine *engine, struct arena *arena, const char *name, struct err *err) {
    struct network network;
    if (network_find(engine->store.db, arena, name, &network, err) || mend(engine, err) ||
        settle_members(engine, arena, &network, err) || network_remove(engine->store.db, &network, err) ||
        names_forget(engine->store.runroot_fd, network.id, err))
        return -1;
    event(engine, &network, "destroy");
    return 0;
}

static bool is_wanted(const struct filters *filters, const struct network *network) {
    const struct prunable prunable = {network->created, &network->labels};
    return !network_is_predefined(network) && filters_match(filters, &prunable);
}

// Also by one that does not run: its next start needs the network.
static bool is_referenced(const struct containers *containers, const struct network *network) {
    for (size_t i = 0; i < containers->count; i++)
        if (container_network_find(&containers->items[i].config, network->name)) return true;
    return false;
}

int networks_prune(struct engine *engine, struct arena *arena, const struct strings *texts,
                   struct strings *ret_names, struct err *err) {
    struct filters filters;
    struct networks all;
    struct containers containers;
    struct strings names = {0};
    if (filters_read(arena, &prune_filter_keys, texts, NULL, &filters, err) || mend(engine, err) ||
        container_list(engine, arena, true, &containers, err) ||
        network_list(engine->store.db, arena, &all, err))
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        if (!is_wanted(&filters, &all.items[i]) || is_referenced(&containers, &all.items[i])) continue;
        if (network_remove(engine->store.db, &all.items[i], err)) {
            // Somebody started a container on it, or removed it, meanwhile.
            if (err->kind == ERR_CONFLICT || err->kind == ERR_NOT_FOUND) continue;
            return -1;
        }
        if (names_forget(engine->store.runroot_fd, all.items[i].id, err)) return -1;
        strings_add(arena, &names, all.items[i].name);
        event(engine, &all.items[i], "destroy");
    }
    event_write(engine->store.root_fd, "network", "prune", "", "reclaimed", "0", NULL);
    *ret_names = names;
    return 0;
}
