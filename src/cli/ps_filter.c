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

enum key {
    ID,
    NAME,
    LABEL,
    EXITED,
    STATUS,
    ANCESTOR,
    BEFORE,
    SINCE,
    VOLUME,
    NETWORK,
    PUBLISH,
    EXPOSE,
    HEALTH,
    IS_TASK,
    ISOLATION,
};

// Reading

static bool is_one_of(const char *value, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (str_eq(value, words[i])) return true;
    return false;
}

static int read_status(const struct ps_filter *filter, struct err *err) {
    static const char *const words[] = {"created",  "running", "paused", "restarting",
                                        "removing", "exited",  "dead"};
    if (is_one_of(filter->value, words, ARRAY_SIZE(words))) return 0;
    return err_set(err, ERR_INVALID, 0, "Invalid filter 'status=%s'", filter->value);
}

static const char *const health_words[] = {[CONTAINER_HEALTH_NONE] = "none",
                                           [CONTAINER_HEALTH_STARTING] = "starting",
                                           [CONTAINER_HEALTH_HEALTHY] = "healthy",
                                           [CONTAINER_HEALTH_UNHEALTHY] = "unhealthy"};

static int read_health(const struct ps_filter *filter, struct err *err) {
    if (is_one_of(filter->value, health_words, ARRAY_SIZE(health_words))) return 0;
    return err_set(err, ERR_INVALID, 0, "Unrecognised filter value for health: %s", filter->value);
}

static int read_exited(struct ps_filter *filter, struct err *err) {
    if (!parse_i64(filter->value, &filter->number)) return 0;
    return err_set(err, ERR_INVALID, 0, "Invalid filter 'exited=%s': it is a number", filter->value);
}

static int read_is_task(struct ps_filter *filter, struct err *err) {
    bool value;
    if (parse_bool(filter->value, &value))
        return err_set(err, ERR_INVALID, 0, "Invalid filter 'is-task=[%s]'", filter->value);
    filter->number = value;
    return 0;
}

static int read_moment(struct engine *engine, struct arena *arena, struct ps_filter *filter,
                       struct err *err) {
    struct container container;
    if (container_find(engine, arena, filter->value, &container, err)) return -1;
    filter->number = container.created;
    return 0;
}

// PORT[-PORT][/PROTOCOL]
static int read_ports(struct arena *arena, const struct ps_filter *filter, const char *key, struct err *err) {
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
static int read_ancestor(struct engine *engine, struct arena *arena, struct ps_filter *filter,
                         struct err *err) {
    struct image ancestor;
    struct images images;
    if (image_find(&engine->store, arena, filter->value, &ancestor, err))
        return err->kind == ERR_NOT_FOUND || err->kind == ERR_INVALID ? 0 : -1;
    if (image_list(&engine->store, arena, &images, err)) return -1;
    for (size_t i = 0; i < images.count; i++)
        if (str_eq(images.items[i].id, ancestor.id) || is_made_from(&images.items[i], &ancestor))
            *arena_push(arena, &filter->set) = images.items[i];
    return 0;
}

// By its name, or its id; containers may have one that is gone.
static int read_network(struct engine *engine, struct arena *arena, struct ps_filter *filter,
                        struct err *err) {
    struct network network;
    if (networks_find(engine, arena, filter->value, &network, err))
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    filter->value = network.name;
    return 0;
}

static const struct {
    const char *text; // with the equals sign
    enum key key;
    bool all; // must all match
} keys[] = {
    {"id=", ID, false},           {"name=", NAME, false},       {"label=", LABEL, true},
    {"exited=", EXITED, false},   {"status=", STATUS, false},   {"ancestor=", ANCESTOR, false},
    {"before=", BEFORE, true},    {"since=", SINCE, true},      {"volume=", VOLUME, false},
    {"network=", NETWORK, false}, {"publish=", PUBLISH, false}, {"expose=", EXPOSE, false},
    {"health=", HEALTH, false},   {"is-task=", IS_TASK, false}, {"isolation=", ISOLATION, false},
};

static int read_value(struct engine *engine, struct arena *arena, struct ps_filter *filter, struct err *err) {
    switch ((enum key)filter->key) {
    case EXITED: return read_exited(filter, err);
    case STATUS: return read_status(filter, err);
    case ANCESTOR: return read_ancestor(engine, arena, filter, err);
    case BEFORE:
    case SINCE: return read_moment(engine, arena, filter, err);
    case PUBLISH: return read_ports(arena, filter, "publish", err);
    case EXPOSE: return read_ports(arena, filter, "expose", err);
    case HEALTH: return read_health(filter, err);
    case NETWORK: return read_network(engine, arena, filter, err);
    case IS_TASK: return read_is_task(filter, err);
    case ID:
    case NAME:
    case LABEL:
    case VOLUME:
    case ISOLATION: break;
    }
    return 0;
}

static int read_filter(struct engine *engine, struct arena *arena, const char *text, struct ps_filter *filter,
                       struct err *err) {
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = str_after(text, keys[i].text);
        if (!value) continue;
        *filter = (struct ps_filter){.key = keys[i].key, .value = value};
        return read_value(engine, arena, filter, err);
    }
    return err_set(err, ERR_INVALID, 0, "Invalid filter '%.*s'", (int)strcspn(text, "="), text);
}

int ps_filters_read(struct engine *engine, struct arena *arena, const struct strings *texts,
                    struct ps_filters *ret_filters, struct err *err) {
    struct ps_filters filters = {0};
    for (size_t i = 0; i < texts->count; i++) {
        struct ps_filter *filter = arena_push(arena, &filters);
        if (read_filter(engine, arena, texts->items[i], filter, err)) return -1;
        filters.all |= filter->key == STATUS;
    }
    *ret_filters = filters;
    return 0;
}

// Matching

static bool match_name(struct arena *arena, const struct container *container, const char *pattern) {
    return pattern_matches(container->name, pattern) ||
           pattern_matches(arena_printf(arena, "/%s", container->name), pattern);
}

static bool match_ancestor(struct arena *arena, const struct container *container,
                           const struct ps_filter *filter) {
    for (size_t i = 0; i < filter->set.count; i++)
        if (str_eq(filter->set.items[i].id, container->image_id)) return true;
    return !filter->set.count &&
           str_eq(words_image(arena, container->image_name), words_image(arena, filter->value));
}

// A volume's name, or what a mount is mounted at.
static bool match_volume(const struct container *container, const char *value) {
    for (size_t i = 0; i < container->config.mounts.count; i++) {
        const struct container_mount *mount = &container->config.mounts.items[i];
        if (str_eq(mount->target, value) ||
            (mount->type == CONTAINER_MOUNT_VOLUME && str_eq(mount->source, value)))
            return true;
    }
    return false;
}

// "80", "80-90/udp", which read_ports() has seen; without a protocol it is tcp.
static bool match_expose(const struct container *container, const char *value) {
    const struct strings *exposed = &container->config.exposed_ports;
    const char *slash = strchr(value, '/'), *protocol = slash ? slash : "/tcp", *dash = strchr(value, '-');
    unsigned long first = strtoul(value, NULL, 10), last = dash ? strtoul(dash + 1, NULL, 10) : first;
    for (size_t i = 0; i < exposed->count; i++) {
        char *end;
        unsigned long port = strtoul(exposed->items[i], &end, 10);
        if (port >= first && port <= last && str_eq(*end ? end : "/tcp", protocol)) return true;
    }
    for (size_t i = 0; i < container->config.ports.count; i++) {
        const struct port_binding *binding = &container->config.ports.items[i];
        if (binding->port <= last && binding->port + binding->count > first &&
            str_eq(port_protocol_name(binding->protocol), protocol + 1))
            return true;
    }
    return false;
}

// The container's ports, as -p names them.
static bool match_publish(const struct container *container, const char *value) {
    const char *slash = strchr(value, '/'), *dash = strchr(value, '-');
    unsigned long first = strtoul(value, NULL, 10), last = dash ? strtoul(dash + 1, NULL, 10) : first;
    const struct port_bindings *ports = &container->config.ports;
    for (size_t i = 0; i < ports->count; i++) {
        const struct port_binding *binding = &ports->items[i];
        if (str_eq(port_protocol_name(binding->protocol), slash ? slash + 1 : "tcp") &&
            binding->port <= last && (unsigned long)binding->port + binding->count > first)
            return true;
    }
    return false;
}

static bool match(const struct ps_filter *filter, struct arena *arena, const struct container *container) {
    switch ((enum key)filter->key) {
    case ID: return pattern_matches(container->id, filter->value);
    case NAME: return match_name(arena, container, filter->value);
    case LABEL: return key_values_have(&container->config.labels, filter->value);
    case EXITED: return str_eq(container->state, "exited") && container->exit_code == filter->number;
    case STATUS: return str_eq(container_state(container), filter->value);
    case ANCESTOR: return match_ancestor(arena, container, filter);
    case BEFORE: return container->created < filter->number;
    case SINCE: return container->created > filter->number;
    case VOLUME: return match_volume(container, filter->value);
    case NETWORK:
        return str_eq(container->config.network_mode, filter->value) ||
               container_network_find(&container->config, filter->value);
    case PUBLISH: return match_publish(container, filter->value);
    case EXPOSE: return match_expose(container, filter->value);
    case HEALTH: return str_eq(filter->value, health_words[container->health]);
    case IS_TASK: return !filter->number;
    case ISOLATION: return true; // of other systems
    }
    return false;
}

bool ps_filters_match(const struct ps_filters *filters, struct arena *arena,
                      const struct container *container) {
    for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
        size_t asked = 0, matched = 0;
        for (size_t i = 0; i < filters->count; i++) {
            if (filters->items[i].key != (int)keys[k].key) continue;
            asked++;
            matched += match(&filters->items[i], arena, container);
        }
        if (keys[k].all ? matched < asked : asked && !matched) return false;
    }
    return true;
}
