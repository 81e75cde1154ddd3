// SPDX-License-Identifier: Apache-2.0
// Docker's way to list ports: those that have the same number on the host and in the container are put
// together with their neighbours, and come first; after them the others, one by one.
#include "cli/words.h"

#include "base/str.h"
#include "engine/config_ports.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uint16_t port, host_port; // host_port 0: only exposed
    uint8_t protocol;
    const char *host;
};
struct entries {
    struct entry *items;
    size_t count;
};

// Ports that follow each other.
struct group {
    const char *host; // NULL: only exposed
    uint8_t protocol;
    uint16_t first, last;
};
struct groups {
    struct group *items;
    size_t count;
};

const char *words_host_port(struct arena *arena, const char *host, unsigned port) {
    return arena_printf(arena, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

static int by_port(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    int hosts = strcmp(x->host ? x->host : "", y->host ? y->host : "");
    if (x->port != y->port) return x->port < y->port ? -1 : 1;
    if (hosts) return hosts;
    if (x->host_port != y->host_port) return x->host_port < y->host_port ? -1 : 1;
    return strcmp(port_protocol_name(x->protocol), port_protocol_name(y->protocol));
}

static struct entries collect(struct arena *arena, const struct strings *exposed,
                              const struct port_runs *published) {
    struct entries entries = {0};
    for (size_t i = 0; i < published->count; i++)
        for (uint32_t k = 0; k < published->items[i].count; k++) {
            const struct port_run *run = &published->items[i];
            *arena_push(arena, &entries) = (struct entry){.port = (uint16_t)(run->port + k),
                                                          .host_port = (uint16_t)(run->host_port + k),
                                                          .protocol = run->protocol,
                                                          .host = run->host};
        }
    for (size_t i = 0; i < exposed->count; i++) {
        struct entry entry = {0};
        if (!port_parse(exposed->items[i], &entry.port, &entry.protocol) &&
            !port_runs_have(published, entry.protocol, entry.port))
            *arena_push(arena, &entries) = entry;
    }
    if (entries.count) qsort(entries.items, entries.count, sizeof *entries.items, by_port);
    return entries;
}

static void add(struct str *text, const char *words) {
    str_printf(text, "%s%s", text->len ? ", " : "", words);
}

static void add_group(struct arena *arena, struct str *text, const struct group *group) {
    const char *ports = group->first == group->last ? arena_printf(arena, "%u", group->first)
                                                    : arena_printf(arena, "%u-%u", group->first, group->last);
    const char *protocol = port_protocol_name(group->protocol), *host = group->host;
    if (!host) return add(text, arena_printf(arena, "%s/%s", ports, protocol));
    bool v6 = strchr(host, ':');
    add(text,
        arena_printf(arena, "%s%s%s:%s->%s/%s", v6 ? "[" : "", host, v6 ? "]" : "", ports, ports, protocol));
}

static struct group *find_group(struct groups *groups, const struct entry *entry) {
    for (size_t i = 0; i < groups->count; i++) {
        struct group *group = &groups->items[i];
        bool same_host = group->host ? str_eq(group->host, entry->host) : !entry->host;
        if (same_host && group->protocol == entry->protocol) return group;
    }
    return NULL;
}

// Each host and protocol has one group that still grows.
static void add_entry(struct arena *arena, struct str *text, struct groups *groups,
                      const struct entry *entry) {
    struct group *group = find_group(groups, entry);
    struct group fresh = {entry->host, entry->protocol, entry->port, entry->port};
    if (!group) {
        *arena_push(arena, groups) = fresh;
    } else if (entry->port == group->last + 1) {
        group->last = entry->port;
    } else {
        add_group(arena, text, group);
        *group = fresh;
    }
}

const char *words_ports(struct arena *arena, const struct strings *exposed,
                        const struct port_runs *published) {
    _cleanup_(str_finish) struct str text = {0}, others = {0};
    struct entries entries = collect(arena, exposed, published);
    struct groups groups = {0};
    for (size_t i = 0; i < entries.count; i++) {
        const struct entry *entry = &entries.items[i];
        if (entry->host && entry->host_port != entry->port)
            add(&others,
                arena_printf(arena, "%s->%u/%s", words_host_port(arena, entry->host, entry->host_port),
                             entry->port, port_protocol_name(entry->protocol)));
        else
            add_entry(arena, &text, &groups, entry);
    }
    for (size_t i = 0; i < groups.count; i++) add_group(arena, &text, &groups.items[i]);
    if (others.len) add(&text, str_get(&others));
    return arena_strdup(arena, str_get(&text));
}
