// SPDX-License-Identifier: Apache-2.0
// What a filter names is looked up once, before the containers are.
#include "cli/ps_filter.h"

#include "base/pattern.h"
#include "base/str.h"
#include "cli/words.h"
#include "engine/networks.h"
#include "oci/key_values.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct subject {
    struct engine *engine;
    struct arena *arena;
    const struct container *container;
};

// Reading

static int read_exited(struct filter *filter, _unused_ const void *of, struct err *err) {
    if (!parse_i64(filter->value, &filter->number)) return 0;
    return err_set(err, ERR_INVALID, 0, "invalid filter 'exited=%s': it is a number", filter->value);
}

static int read_moment(struct filter *filter, const void *of, struct err *err) {
    const struct subject *s = of;
    struct container container;
    if (container_find(s->engine, s->arena, filter->value, &container, err)) return -1;
    filter->number = container.created;
    return 0;
}

// PORT[-PORT][/PROTOCOL]
static int read_ports(struct filter *filter, const void *of, struct err *err) {
    struct arena *arena = ((const struct subject *)of)->arena;
    const char *key = arena_strndup(arena, filter->key->text, strcspn(filter->key->text, "="));
    const char *ports = arena_strndup(arena, filter->value, strcspn(filter->value, "/"));
    const char *dash = strchr(ports, '-');
    uint64_t first, last;
    if (parse_u64(dash ? arena_strndup(arena, ports, (size_t)(dash - ports)) : ports, &first) ||
        parse_u64(dash ? dash + 1 : ports, &last) || last > UINT16_MAX)
        return err_set(err, ERR_INVALID, 0,
                       "error while looking up for %s %s: a port is a number up to 65535", key,
                       filter->value);
    if (first > last)
        return err_set(err, ERR_INVALID, 0,
                       "error while looking up for %s %s: Invalid range specified for the Port: %s", key,
                       filter->value, ports);
    return 0;
}

static bool is_made_from(const struct image *image, const struct image *ancestor) {
    const struct strings *own = &image->config.diff_ids, *below = &ancestor->config.diff_ids;
    if (!below->count || own->count <= below->count) return false;
    for (size_t i = 0; i < below->count; i++)
        if (!str_eq(own->items[i], below->items[i])) return false;
    return true;
}

// An image that is not there is nobody's ancestor, but for containers whose image has lost that name.
static int read_ancestor(struct filter *filter, const void *of, struct err *err) {
    const struct subject *s = of;
    struct image ancestor;
    struct images images;
    if (image_find(&s->engine->store, s->arena, filter->value, &ancestor, err))
        return err->kind == ERR_NOT_FOUND || err->kind == ERR_INVALID ? 0 : -1;
    if (image_list(&s->engine->store, s->arena, &images, err)) return -1;
    for (size_t i = 0; i < images.count; i++)
        if (str_eq(images.items[i].id, ancestor.id) || is_made_from(&images.items[i], &ancestor))
            strings_add(s->arena, &filter->strings, images.items[i].id);
    return 0;
}

// By its name, or its id; containers may have one that is gone.
static int read_network(struct filter *filter, const void *of, struct err *err) {
    const struct subject *s = of;
    struct network network;
    if (networks_find(s->engine, s->arena, filter->value, &network, err))
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    filter->value = network.name;
    return 0;
}

// Matching

FILTER_MATCH(match_id) {
    const struct subject *s = of;
    return pattern_matches(s->container->id, filter->value);
}

FILTER_MATCH(match_name) {
    const struct subject *s = of;
    return pattern_matches(s->container->name, filter->value) ||
           pattern_matches(arena_printf(s->arena, "/%s", s->container->name), filter->value);
}

FILTER_MATCH(match_label) {
    const struct subject *s = of;
    return key_values_have(&s->container->config.labels, filter->value);
}

FILTER_MATCH(match_exited) {
    const struct subject *s = of;
    return str_eq(s->container->state, "exited") && s->container->exit_code == filter->number;
}

FILTER_MATCH(match_status) {
    const struct subject *s = of;
    return str_eq(container_state(s->container), filter->value);
}

FILTER_MATCH(match_ancestor) {
    const struct subject *s = of;
    return strings_have(&filter->strings, s->container->image_id) ||
           (!filter->strings.count &&
            str_eq(words_image(s->arena, s->container->image_name), words_image(s->arena, filter->value)));
}

FILTER_MATCH(match_before) {
    const struct subject *s = of;
    return s->container->created < filter->number;
}

FILTER_MATCH(match_since) {
    const struct subject *s = of;
    return s->container->created > filter->number;
}

// A volume's name, or what a mount is mounted at.
FILTER_MATCH(match_volume) {
    const struct container_config *config = &((const struct subject *)of)->container->config;
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        if (str_eq(mount->target, filter->value) ||
            (mount->type == CONTAINER_MOUNT_VOLUME && str_eq(mount->source, filter->value)))
            return true;
    }
    return false;
}

FILTER_MATCH(match_network) {
    const struct container_config *config = &((const struct subject *)of)->container->config;
    return str_eq(config->network_mode, filter->value) || container_network_find(config, filter->value);
}

static const char *const healths[] = {[CONTAINER_HEALTH_NONE] = "none",
                                      [CONTAINER_HEALTH_STARTING] = "starting",
                                      [CONTAINER_HEALTH_HEALTHY] = "healthy",
                                      [CONTAINER_HEALTH_UNHEALTHY] = "unhealthy",
                                      NULL};

FILTER_MATCH(match_health) {
    const struct subject *s = of;
    return str_eq(filter->value, healths[s->container->health]);
}

FILTER_MATCH(match_is_task) {
    return !filter->number;
}

// Of other systems.
FILTER_MATCH(match_isolation) {
    return true;
}

struct range {
    unsigned long first, last;
    const char *protocol;
};

// "80", "80-90/udp", which read_ports() has seen; without a protocol it is tcp.
static struct range range_of(const char *value) {
    const char *slash = strchr(value, '/'), *dash = strchr(value, '-');
    unsigned long first = strtoul(value, NULL, 10), last = dash ? strtoul(dash + 1, NULL, 10) : first;
    return (struct range){first, last, slash ? slash + 1 : "tcp"};
}

// The container's ports, as -p names them.
FILTER_MATCH(match_publish) {
    const struct port_bindings *ports = &((const struct subject *)of)->container->config.ports;
    const struct range asked = range_of(filter->value);
    for (size_t i = 0; i < ports->count; i++) {
        const struct port_binding *binding = &ports->items[i];
        if (str_eq(port_protocol_name(binding->protocol), asked.protocol) && binding->port <= asked.last &&
            (unsigned long)binding->port + binding->count > asked.first)
            return true;
    }
    return false;
}

// What is published is exposed, too.
FILTER_MATCH(match_expose) {
    const struct strings *exposed = &((const struct subject *)of)->container->config.exposed_ports;
    const struct range asked = range_of(filter->value);
    for (size_t i = 0; i < exposed->count; i++) {
        const struct range there = range_of(exposed->items[i]);
        if (there.first >= asked.first && there.first <= asked.last && str_eq(there.protocol, asked.protocol))
            return true;
    }
    return match_publish(filter, of);
}

static const char *const states[] = {"created",  "running", "paused", "restarting",
                                     "removing", "exited",  "dead",   NULL};
static const struct filter_key rows[] = {
    {"id=", false, match_id},
    {"name=", false, match_name},
    {"label=", true, match_label},
    {"exited=", false, match_exited, read_exited},
    {"status=", false, match_status, NULL, states},
    {"ancestor=", false, match_ancestor, read_ancestor},
    {"before=", true, match_before, read_moment},
    {"since=", true, match_since, read_moment},
    {"volume=", false, match_volume},
    {"network=", false, match_network, read_network},
    {"publish=", false, match_publish, read_ports},
    {"expose=", false, match_expose, read_ports},
    {"health=", false, match_health, NULL, healths},
    {"is-task=", false, match_is_task, filter_read_bool},
    {"isolation=", false, match_isolation},
};

int ps_filters_read(struct engine *engine, struct arena *arena, const struct strings *texts,
                    struct filters *ret_filters, struct err *err) {
    static const struct filter_keys keys = FILTER_KEYS(rows);
    const struct subject subject = {.engine = engine, .arena = arena};
    return filters_read(arena, &keys, texts, &subject, ret_filters, err);
}

bool ps_filters_match(const struct filters *filters, struct arena *arena, const struct container *container) {
    const struct subject subject = {.arena = arena, .container = container};
    return filters_match(filters, &subject);
}

bool ps_filters_mean_all(const struct filters *filters) {
    for (size_t i = 0; i < filters->count; i++)
        if (filters->items[i].key->match == match_status) return true;
    return false;
}
