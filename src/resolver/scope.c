// SPDX-License-Identifier: Apache-2.0
// How a name comes here depends on the C library, and must not matter:
// - glibc tries a name with at least ndots dots as it stands, then with each search domain; with fewer dots
//   the other way round. It goes on after NXDOMAIN and after an empty answer.
// - musl does the same, but a name with ndots dots is never tried with search domains, and it goes on only
//   after NXDOMAIN or an empty answer: anything else (SERVFAIL) ends the look-up.
// So with ndots:0, which is what a container has unless its options say otherwise (as with Docker), "web"
// comes as it stands: found at once, nothing leaves the host, and what a search domain's wildcard would say
// to web.example.com is never heard. With ndots above 0 "web.example.com" comes first; it is forwarded and
// has to come back as NXDOMAIN, then "web" follows. A name without a dot that nobody has is forwarded like
// any other (there are networks whose servers know such names), except where ndots is above 0: the search
// domains had their turn or will have it, and then asking a root server for "web" tells nobody anything.
// - Both ask for A and AAAA at once, and a NXDOMAIN to one is taken for both: a name that is there is
//   answered for every type, with nothing where there is nothing.
#include "resolver/scope.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const host_names[] = {"host.docker.internal", "gateway.docker.internal"};

// Reading

static const char *lower(struct arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c; c++) *c = (char)tolower((unsigned char)*c);
    return copy;
}

static void read_gateway(struct scope *scope, const char *text) {
    struct zone_address address = {.size = strchr(text, ':') ? 16 : 4};
    if (scope->gateway_count < ARRAY_SIZE(scope->gateways) &&
        inet_pton(address.size == 4 ? AF_INET : AF_INET6, text, address.bytes) == 1)
        scope->gateways[scope->gateway_count++] = address;
}

static int read_network(struct scope *scope, char *rest) {
    const char *id = strsep(&rest, " "), *name = strsep(&rest, " ");
    struct zone *zone = name ? zone_acquire(scope->zones, id) : NULL;
    if (!zone) return -EINVAL;
    *arena_push(&scope->arena, &scope->networks) = (struct membership){
        .zone = zone, .name = lower(&scope->arena, name), .internal = str_eq(rest, "internal")};
    return 0;
}

static int read_link(struct scope *scope, char *rest) {
    const char *name = strsep(&rest, " ");
    if (str_empty(rest)) return -EINVAL;
    *arena_push(&scope->arena, &scope->links) =
        (struct link_name){lower(&scope->arena, name), lower(&scope->arena, rest)};
    return 0;
}

static int read_line(struct scope *scope, char *line) {
    const char *word = strsep(&line, " ");
    if (str_eq(word, "ndots")) return scope->ndots = true, 0;
    if (!line) return *word ? -EINVAL : 0;
    if (str_eq(word, "network")) return read_network(scope, line);
    if (str_eq(word, "alias")) return read_link(scope, line);
    if (str_eq(word, "gateway")) return read_gateway(scope, line), 0;
    if (str_eq(word, "server")) return servers_add(&scope->servers, line), 0;
    if (!str_eq(word, "container") || strlen(line) >= ID_SIZE) return -EINVAL;
    memcpy(scope->container, line, strlen(line) + 1);
    return 0;
}

int scope_init(struct scope *scope, struct zones *zones, const char *text) {
    *scope = (struct scope){.zones = zones};
    char *rest = arena_strdup(&scope->arena, text);
    int r = 0;
    for (char *line; !r && (line = strsep(&rest, "\n"));) r = read_line(scope, line);
    if (!r && *scope->container) return 0;
    scope_finish(scope);
    return -EINVAL;
}

void scope_finish(struct scope *scope) {
    for (size_t i = 0; i < scope->networks.count; i++)
        zone_release(scope->zones, scope->networks.items[i].zone);
    scope->networks.count = 0;
    arena_finish(&scope->arena);
}

// Finding

struct search {
    const struct scope *scope;
    struct finding *finding;
    uint8_t size; // of the addresses that are wanted; 0: none
};

static bool zone_search(const struct search *s, struct zone *zone, const char *name) {
    return zone_find(s->scope->zones, zone, name, s->size, s->finding->addresses, MESSAGE_ANSWERS,
                     &s->finding->count) > 0;
}

// "web.backend" on the network "backend".
static bool qualified_search(const struct search *s, const struct membership *network, const char *name) {
    char stem[ZONE_NAME_MAX + 1];
    size_t length = strlen(name), suffix = strlen(network->name);
    if (length < suffix + 2 || name[length - suffix - 1] != '.' ||
        memcmp(name + length - suffix, network->name, suffix) != 0)
        return false;
    memcpy(stem, name, length - suffix - 1);
    stem[length - suffix - 1] = '\0';
    return zone_search(s, network->zone, stem);
}

static bool networks_search(const struct search *s, const char *name) {
    const struct scope *scope = s->scope;
    for (size_t i = 0; i < scope->networks.count; i++)
        if (zone_search(s, scope->networks.items[i].zone, name)) return true;
    for (size_t i = 0; i < scope->networks.count; i++)
        if (qualified_search(s, &scope->networks.items[i], name)) return true;
    return false;
}

static bool links_search(const struct search *s, const char *name) {
    for (size_t i = 0; i < s->scope->links.count; i++)
        if (str_eq(s->scope->links.items[i].name, name) &&
            networks_search(s, s->scope->links.items[i].target))
            return true;
    return false;
}

static bool host_search(const struct search *s, const char *name) {
    bool found = false;
    for (size_t i = 0; i < ARRAY_SIZE(host_names); i++) found |= str_eq(host_names[i], name);
    if (!found || !s->scope->gateway_count) return false;
    s->finding->count = 0;
    for (size_t i = 0; i < s->scope->gateway_count; i++)
        if (s->scope->gateways[i].size == s->size)
            s->finding->addresses[s->finding->count++] = s->scope->gateways[i];
    return true;
}

static bool reverse_search(const struct scope *scope, const char *name, struct finding *finding) {
    uint8_t bytes[16], size = name_reverse(name, bytes);
    for (size_t i = 0; size && i < scope->networks.count; i++) {
        const struct membership *network = &scope->networks.items[i];
        const char *found = zone_find_address(scope->zones, network->zone, bytes, size);
        if (!found) continue;
        int n = snprintf(finding->name, sizeof finding->name, "%s.%s", found, network->name);
        if (n < 0 || !zone_name_is_sayable(finding->name))
            snprintf(finding->name, ZONE_NAME_MAX, "%s", found);
        return true;
    }
    return false;
}

static bool is_internal(const struct scope *scope) {
    for (size_t i = 0; i < scope->networks.count; i++)
        if (!scope->networks.items[i].internal) return false;
    return scope->networks.count > 0;
}

static enum scope_answer elsewhere(const struct scope *scope, const struct question *q) {
    bool address = q->type == LDNS_RR_TYPE_A || q->type == LDNS_RR_TYPE_AAAA;
    // With ndots the name itself may come only after this one, and musl goes on after NXDOMAIN alone.
    if (is_internal(scope) && !scope->servers.count) return scope->ndots ? SCOPE_UNKNOWN : SCOPE_SILENT;
    return scope->ndots && address && *q->name && !strchr(q->name, '.') ? SCOPE_UNKNOWN : SCOPE_FORWARD;
}

enum scope_answer scope_find(const struct scope *scope, const struct question *q,
                             struct finding *ret_finding) {
    struct search search = {.scope = scope,
                            .finding = ret_finding,
                            .size = q->type == LDNS_RR_TYPE_A      ? 4
                                    : q->type == LDNS_RR_TYPE_AAAA ? 16
                                                                   : 0};
    ret_finding->count = 0;
    if (q->class != LDNS_RR_CLASS_IN || !q->is_host) return elsewhere(scope, q);
    if (links_search(&search, q->name) || networks_search(&search, q->name) || host_search(&search, q->name))
        return SCOPE_ADDRESSES;
    if (q->type == LDNS_RR_TYPE_PTR && reverse_search(scope, q->name, ret_finding)) return SCOPE_NAME;
    return elsewhere(scope, q);
}
