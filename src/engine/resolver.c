// SPDX-License-Identifier: Apache-2.0
// Who serves a container is the resolver of the first of its networks; it knows the names of all of them.
// When it leaves that network while it runs, another one's resolver serves it from then on, so that no
// resolver outlives the containers of its network.
#include "engine/resolver.h"

#include "base/fd.h"

#include <errno.h>
#include <string.h>

static bool gives_names(const struct endpoint *endpoint) {
    return !str_eq(endpoint->network, NETWORK_DEFAULT);
}

static const struct endpoint *first_network(const struct endpoints *endpoints) {
    for (size_t i = 0; i < endpoints->count; i++)
        if (gives_names(&endpoints->items[i])) return &endpoints->items[i];
    return NULL;
}

static int write_names(struct engine *engine, struct arena *arena, const struct container *container,
                       const struct endpoint *endpoint, struct err *err) {
    struct names names = {.names = endpoint->names};
    for (size_t i = 0; i < 2; i++)
        if (address_is_set(&endpoint->addresses[i]))
            strings_add(arena, &names.addresses, address_text(arena, &endpoint->addresses[i]));
    return names_write(engine->store.runroot_fd, endpoint->network_id, container->id, &names, err);
}

static int write_all(struct engine *engine, struct arena *arena, const struct container *container,
                     const struct endpoints *endpoints, struct err *err) {
    for (size_t i = 0; i < endpoints->count; i++)
        if (gives_names(&endpoints->items[i]) &&
            write_names(engine, arena, container, &endpoints->items[i], err))
            return -1;
    return 0;
}

// What the resolver is told

// "db:store": store is another name of db, for this container alone. "db" is one as it is.
static void add_links(struct arena *arena, const struct endpoint *endpoint, struct names_scope *scope) {
    for (size_t i = 0; i < endpoint->settings.links.count; i++) {
        const char *link = endpoint->settings.links.items[i], *colon = strchr(link, ':');
        if (!colon) continue;
        *arena_push(arena, &scope->links) = (struct names_link){
            .name = colon + 1, .target = arena_strndup(arena, link, (size_t)(colon - link))};
    }
}

static void add_gateways(struct arena *arena, const struct endpoint *endpoint, struct names_scope *scope) {
    for (size_t i = 0; i < 2; i++)
        if (endpoint->default_route[i] && endpoint->driver == NETWORK_DRIVER_BRIDGE &&
            address_is_set(&endpoint->gateways[i]))
            strings_add(arena, &scope->gateways, address_text(arena, &endpoint->gateways[i]));
}

static const char *scope_text(struct arena *arena, const struct container *container,
                              const struct endpoints *endpoints) {
    _cleanup_(str_finish) struct str text = {0};
    struct names_scope scope = {.container_id = container->id,
                                .servers = container->config.dns,
                                .options = container->config.dns_options};
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint *endpoint = &endpoints->items[i];
        add_gateways(arena, endpoint, &scope);
        if (!gives_names(endpoint)) continue;
        add_links(arena, endpoint, &scope);
        *arena_push(arena, &scope.networks) = (struct names_network){
            .id = endpoint->network_id, .name = endpoint->network, .internal = endpoint->internal};
    }
    names_text(&scope, &text);
    return arena_strdup(arena, str_get(&text));
}

// Over its life

int names_begin(struct engine *engine, struct arena *arena, const struct container *container,
                const struct endpoints *endpoints, struct resolver_start *later, int *ret_fd,
                const char **ret_text, struct err *err) {
    int runroot = engine->store.runroot_fd;
    const struct endpoint *first = first_network(endpoints);
    if (!first) return 0;
    const char *text = scope_text(arena, container, endpoints);
    _cleanup_(fd_closep) int fd = -1;
    if (write_all(engine, arena, container, endpoints, err) ||
        names_keep(runroot, container->id, first->network_id, text, err) ||
        resolver_connect(runroot, first->network_id, later, &fd, err))
        return -1;
    *ret_fd = take_fd(&fd);
    *ret_text = text;
    return 0;
}

void names_plan(struct engine *engine, const struct container *container, const struct endpoints *endpoints,
                const char *text, struct plan *plan) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings files = {0};
    for (size_t i = 0; i < endpoints->count; i++)
        if (gives_names(&endpoints->items[i]))
            strings_add(&arena, &files,
                        arena_printf(&arena, "%s/networks/%s/%s", engine->store.runroot,
                                     endpoints->items[i].network_id, container->id));
    plan_str told = plan_string(plan, text);
    struct plan_list list = plan_strings(plan, files.items, files.count);
    struct plan_op *op = plan_add(plan, PLAN_RESOLVER, "names of the container's networks");
    op->resolver.text = told;
    op->resolver.files = list;
}

static bool is_on(const struct endpoints *endpoints, const char *network_id) {
    for (size_t i = 0; i < endpoints->count; i++)
        if (str_eq(endpoints->items[i].network_id, network_id)) return true;
    return false;
}

static int kept_unreadable(const char *container_id, int r, struct err *err) {
    return err_set(err, ERR_SYSTEM, -r, "read the names that container %.12s was given", container_id);
}

// By another one than before, or by its first.
static int serve_anew(struct engine *engine, const struct container *container, const char *network_id,
                      const char *text, struct err *err) {
    int runroot = engine->store.runroot_fd;
    return names_keep(runroot, container->id, network_id, text, err) ||
                   resolver_serve_process(runroot, network_id, container->id, text, err)
               ? -1
               : 0;
}

int names_change(struct engine *engine, struct arena *arena, const struct container *container,
                 const struct endpoints *endpoints, bool *ret_new, struct err *err) {
    char at[ID_SIZE];
    _cleanup_(str_finish) struct str before = {0};
    int runroot = engine->store.runroot_fd;
    const struct endpoint *first = first_network(endpoints);
    names_forget_left(runroot, container->id);
    int r = names_kept(runroot, container->id, at, &before);
    if (r && r != -ENOENT) return kept_unreadable(container->id, r, err);
    bool served = !r;
    *ret_new = !served && first;
    if (!served && !first) return 0;
    const char *text = scope_text(arena, container, endpoints);
    if (write_all(engine, arena, container, endpoints, err)) return -1;
    if (!served) return serve_anew(engine, container, first->network_id, text, err);
    if (first && !is_on(endpoints, at)) {
        // Kept before it is forgotten: its shim looks there when it hears of that.
        if (names_leave(runroot, container->id, at, err) ||
            names_keep(runroot, container->id, first->network_id, text, err))
            return -1;
        names_forget_left(runroot, container->id);
        return serve_anew(engine, container, first->network_id, text, err);
    }
    if (names_keep(runroot, container->id, at, text, err)) return -1;
    if (!resolver_update(runroot, at, container->id, text, err)) return 0;
    return err->kind == ERR_NOT_FOUND ? serve_anew(engine, container, at, text, err) : -1;
}

int names_hold(struct engine *engine, const char *container_id, int until, bool *ret_held, struct err *err) {
    char at[ID_SIZE];
    _cleanup_(str_finish) struct str text = {0};
    int r = names_kept(engine->store.runroot_fd, container_id, at, &text);
    *ret_held = !r;
    if (r == -ENOENT) return 0;
    if (r) return kept_unreadable(container_id, r, err);
    return resolver_hold(engine->store.runroot_fd, at, container_id, str_get(&text), until, err);
}

int names_end(struct engine *engine, const char *container_id, const struct endpoints *endpoints,
              struct err *err) {
    for (size_t i = 0; i < endpoints->count; i++)
        if (gives_names(&endpoints->items[i]) &&
            names_remove(engine->store.runroot_fd, endpoints->items[i].network_id, container_id, err))
            return -1;
    return 0;
}
