// SPDX-License-Identifier: Apache-2.0
// Docker's links on the default network, which has no names: a line in the hosts file and variables for each.
// The other container has to run when this one starts.
#include "engine/links.h"
#include "engine/networks.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct link_parts {
    const char *name, *alias;
};

static struct link_parts parts_of(struct arena *arena, const char *text) {
    size_t name = strcspn(text, ":");
    return (struct link_parts){arena_strndup(arena, text, name), text[name] ? text + name + 1 : text};
}

int links_check(struct engine *engine, struct arena *arena, const struct container_config *config,
                struct err *err) {
    for (size_t i = 0; i < config->links.count; i++) {
        struct container other;
        struct link_parts link = parts_of(arena, config->links.items[i]);
        if (container_find(engine, arena, link.name, &other, err))
            return err_wrap(err, "could not get container for %s", link.name);
        if (str_eq(other.config.network_mode, "host"))
            return err_set(
                err, ERR_CONFLICT, 0,
                "conflicting options: host type networking can't be used with links. This would result in "
                "undefined behavior");
    }
    return 0;
}

// "my-db" becomes "MY_DB".
static const char *variable_of(struct arena *arena, const char *alias) {
    char *text = arena_strdup(arena, alias);
    for (char *c = text; *c; c++) *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return text;
}

// The first one has the variable without a number: of two with the same number that is the one of TCP.
static int by_number(const void *a, const void *b) {
    char *x_protocol, *y_protocol;
    long x = strtol(*(const char *const *)a, &x_protocol, 10),
         y = strtol(*(const char *const *)b, &y_protocol, 10);
    return x != y ? (x > y) - (x < y) : str_eq(y_protocol, "/tcp") - str_eq(x_protocol, "/tcp");
}

static void add_ports(struct arena *arena, const char *prefix, const char *address,
                      const struct strings *exposed, struct strings *env) {
    const char **ports = arena_memdup(arena, exposed->items, exposed->count * sizeof *ports);
    if (exposed->count) qsort(ports, exposed->count, sizeof *ports, by_number);
    for (size_t i = 0; i < exposed->count; i++) {
        size_t length = strcspn(ports[i], "/");
        const char *port = arena_strndup(arena, ports[i], length),
                   *protocol = ports[i][length] ? ports[i] + length + 1 : "tcp";
        const char *base = arena_printf(arena, "%s_PORT_%s_%s", prefix, port, variable_of(arena, protocol)),
                   *url = arena_printf(arena, "%s://%s:%s", protocol, address, port);
        if (i == 0) strings_add(arena, env, arena_printf(arena, "%s_PORT=%s", prefix, url));
        strings_add(arena, env, arena_printf(arena, "%s=%s", base, url));
        strings_add(arena, env, arena_printf(arena, "%s_ADDR=%s", base, address));
        strings_add(arena, env, arena_printf(arena, "%s_PORT=%s", base, port));
        strings_add(arena, env, arena_printf(arena, "%s_PROTO=%s", base, protocol));
    }
}

static void add_environment(struct arena *arena, const char *prefix, const struct strings *of,
                            struct strings *env) {
    for (size_t i = 0; i < of->count; i++)
        if (!str_has_prefix(of->items[i], "HOME=") && !str_has_prefix(of->items[i], "PATH="))
            strings_add(arena, env, arena_printf(arena, "%s_ENV_%s", prefix, of->items[i]));
}

static int add_link(struct engine *engine, struct arena *arena, const struct container *container,
                    const struct link_parts *link, struct links *links, struct err *err) {
    struct container other;
    struct endpoints endpoints = {0};
    char address[ADDRESS_TEXT];
    const struct endpoint *endpoint = NULL;
    if (container_find(engine, arena, link->name, &other, err)) return -1;
    if (!str_eq(other.state, "running"))
        return err_set(err, ERR_CONFLICT, 0, "Cannot link to a non running container: /%s AS /%s/%s",
                       other.name, container->name, link->alias);
    if (networks_endpoints(engine, arena, &other, &endpoints, err)) return -1;
    for (size_t i = 0; i < endpoints.count; i++)
        if (str_eq(endpoints.items[i].network, NETWORK_DEFAULT)) endpoint = &endpoints.items[i];
    if (!endpoint)
        return err_set(err, ERR_CONFLICT, 0,
                       "Cannot link to /%s AS /%s/%s: it is not on network " NETWORK_DEFAULT
                       ", on which this one is: hoy network connect " NETWORK_DEFAULT
                       " %s, or --network with one that it is on",
                       other.name, container->name, link->alias, other.name);
    address_print(&endpoint->addresses[0], address);
    bool renamed = !str_eq(link->alias, other.name);
    strings_add(arena, &links->hosts,
                arena_printf(arena, "%s\t%s %s%s%s", address, link->alias, other.config.hostname,
                             renamed ? " " : "", renamed ? other.name : ""));
    const char *prefix = variable_of(arena, link->alias);
    add_ports(arena, prefix, address, &other.config.exposed_ports, &links->env);
    strings_add(arena, &links->env,
                arena_printf(arena, "%s_NAME=/%s/%s", prefix, container->name, link->alias));
    add_environment(arena, prefix, &other.config.env, &links->env);
    return 0;
}

int links_find(struct engine *engine, struct arena *arena, const struct container *container,
               struct links *ret_links, struct err *err) {
    struct links links = {0};
    for (size_t i = 0; i < container->config.links.count; i++) {
        struct link_parts link = parts_of(arena, container->config.links.items[i]);
        if (add_link(engine, arena, container, &link, &links, err)) return -1;
    }
    *ret_links = links;
    return 0;
}
