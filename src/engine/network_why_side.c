// SPDX-License-Identifier: Apache-2.0
// Who is meant, what interfaces it has, and the address that the packet goes to.
#include "engine/cni.h"
#include "engine/network_why_parts.h"
#include "engine/networks.h"
#include "engine/parts.h"
#include "kernel/process.h"
#include "network/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool address_parse_text(const char *text, struct why_address *ret_address) {
    for (int family = AF_INET;; family = AF_INET6) {
        struct why_address address = {.family = (uint8_t)family};
        if (inet_pton(family, text, address.bytes) == 1) {
            *ret_address = address;
            return true;
        }
        if (family == AF_INET6) return false;
    }
}

// Interfaces

struct gathering {
    struct walk *walk;
    struct why_side *side;
};

static const struct look_link *host_link(const struct walk *walk, int index) {
    for (size_t i = 0; index && i < walk->links.count; i++)
        if (walk->links.items[i].index == index) return &walk->links.items[i];
    return NULL;
}

static int interface_add(const struct look_link *link, void *data) {
    struct gathering *g = data;
    struct {
        struct why_interface *items;
        size_t count;
    } list = {g->side->interfaces, g->side->interface_count};
    struct why_interface *interface = arena_push(g->walk->arena, &list);
    g->side->interfaces = list.items;
    g->side->interface_count = list.count;
    interface->own = *link;
    if (!str_eq(link->kind, "veth")) return 0;
    interface->host = host_link(g->walk, link->peer);
    interface->bridge = interface->host ? host_link(g->walk, interface->host->master) : NULL;
    return 0;
}

static int address_note(const struct look_address *address, void *data) {
    struct gathering *g = data;
    for (size_t i = 0; i < g->side->interface_count; i++) {
        struct why_interface *interface = &g->side->interfaces[i];
        if (interface->own.index == address->link &&
            interface->address_count < ARRAY_SIZE(interface->addresses))
            interface->addresses[interface->address_count++] = *address;
    }
    return 0;
}

static int interfaces_look(struct walk *walk, struct why_side *side, struct err *err) {
    struct gathering gathering = {walk, side};
    int r = walk_enter(walk, side);
    if (r) return err_set(err, ERR_SYSTEM, -r, "enter the network namespace of %s", side->text);
    r = look_links(interface_add, &gathering);
    if (!r) r = look_addresses(address_note, &gathering);
    walk_leave(walk);
    return r ? err_set(err, ERR_SYSTEM, -r, "list the interfaces of %s", side->text) : 0;
}

// Sides

// The namespace is opened by a number that may be somebody else's by now: the process's age tells.
static int namespace_open(struct walk *walk, struct why_side *side, struct err *err) {
    struct process_stat stat;
    uint64_t start_time;
    char path[64];
    if (container_process(walk->engine, &side->container, &side->pid, &start_time, err)) return -1;
    snprintf(path, sizeof path, "/proc/%d/ns/net", side->pid);
    side->netns = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    if (side->netns < 0 || process_stat(side->pid, &stat) || stat.start_time != start_time)
        return err_set(err, ERR_CONFLICT, 0, "container %s has just ended", side->container.name);
    return 0;
}

// Where plugins have made the way they are asked whether it is still as it was.
static void plugins_look(struct walk *walk, const struct why_side *side) {
    struct err err;
    const char *network = container_cni_network(&side->container.config);
    int r = network ? container_cni_check(walk->engine, &side->container, &err) : 0;
    if (r > 0)
        walk_fine(walk, "network", "%s is on the CNI network %s, whose plugins find all as they made it",
                  side->container.name, network);
    else if (r < 0)
        walk_note(walk, "network", "%s: %s", side->container.name, err.text);
    if (r < 0) walk_advise(walk, "hoy restart %s: the plugins make it anew", side->container.name);
}

static void paused_look(struct walk *walk, const struct why_side *side) {
    const char *name = side->container.name;
    if (!container_is_paused(walk->engine, &side->container)) return;
    walk_ends(walk, "name", "container %s is paused: its programs %s nothing", name,
              side == &walk->from ? "send" : "answer");
    walk_advise(walk, "hoy unpause %s", name);
}

int side_open(struct walk *walk, struct why_side *side, struct err *err) {
    side->kind = WHY_CONTAINER;
    if (!str_eq(side->container.state, "running")) {
        walk_ends(walk, "name", "container %s does not run (%s)", side->container.name,
                  side->container.state);
        walk_advise(walk, "hoy start %s, or hoy why %s", side->container.name, side->container.name);
        return 0;
    }
    if (namespace_open(walk, side, err) || interfaces_look(walk, side, err)) return -1;
    plugins_look(walk, side);
    if (str_eq(side->container.config.network_mode, "host")) {
        walk_note(walk, "network", "%s has the host's own network", side->container.name);
        side->kind = WHY_HOST;
    }
    paused_look(walk, side);
    return 0;
}

int side_find(struct walk *walk, struct why_side *side, const char *text, struct err *err) {
    side->text = text;
    side->pid = getpid();
    if (str_eq(text, "host")) {
        side->kind = WHY_HOST;
        return interfaces_look(walk, side, err);
    }
    side->kind = WHY_OUTSIDE;
    if (address_parse_text(text, &side->address)) {
        struct look_route route;
        if (look_route(side->address.family, side->address.bytes, &route) || !route.local) return 0;
        side->kind = WHY_HOST;
        return interfaces_look(walk, side, err);
    }
    if (!container_find(walk->engine, walk->arena, text, &side->container, err))
        return side_open(walk, side, err);
    // Only who is sent to may have a name that is looked up.
    return err->kind == ERR_NOT_FOUND && side == &walk->to ? 0 : -1;
}

void side_finish(struct why_side *side) {
    fd_closep(&side->netns);
}

// The target

static struct why_address address_of(const struct look_address *address) {
    struct why_address a = {.family = address->family};
    memcpy(a.bytes, address->bytes, sizeof a.bytes);
    return a;
}

static bool is_usable(const struct why_interface *interface, const struct look_address *address) {
    return !address->link_local && !str_eq(interface->own.name, "lo");
}

static bool shares_bridge(const struct walk *walk, const struct why_interface *interface) {
    for (size_t i = 0; interface->bridge && i < walk->from.interface_count; i++)
        if (walk->from.interfaces[i].bridge == interface->bridge) return true;
    return false;
}

// Of a container: on a bridge that both are on, where there is one.
static bool container_target(struct walk *walk, bool shared, struct why_address *ret_address) {
    for (size_t i = 0; i < walk->to.interface_count; i++) {
        const struct why_interface *interface = &walk->to.interfaces[i];
        for (size_t a = 0; a < interface->address_count; a++) {
            if (!is_usable(interface, &interface->addresses[a])) continue;
            if (shared && !shares_bridge(walk, interface)) continue;
            *ret_address = address_of(&interface->addresses[a]);
            return true;
        }
    }
    return false;
}

static bool side_has(const struct why_side *side, const struct why_address *address) {
    for (size_t i = 0; i < side->interface_count; i++)
        for (size_t a = 0; a < side->interfaces[i].address_count; a++) {
            const struct look_address *own = &side->interfaces[i].addresses[a];
            if (own->family == address->family &&
                !memcmp(own->bytes, address->bytes, why_address_size(address)))
                return true;
        }
    return false;
}

// Does the one find the other by its name? Without one it may still send to the address.
static void name_look(struct walk *walk) {
    struct why_address found;
    const char *how, *name = walk->to.container.name;
    if (walk->from.kind != WHY_CONTAINER || walk->to.kind != WHY_CONTAINER) return;
    if (!name_find(walk, &walk->from, name, true, &found, &how))
        return walk_note(walk, "name", "%s does not find the name %s (%s)", walk->from.text, name, how);
    const char *address = why_address_text(walk->arena, &found);
    if (side_has(&walk->to, &found)) {
        walk->target = found;
        return walk_fine(walk, "name", "%s finds %s at %s (%s)", walk->from.text, name, address, how);
    }
    walk_note(walk, "name", "%s finds the name %s at %s (%s), which is no address of that container",
              walk->from.text, name, address, how);
}

// A veth pair whose host's end is on no bridge, or is gone.
static const struct why_interface *interface_adrift(const struct why_side *side) {
    for (size_t i = 0; i < side->interface_count; i++)
        if (str_eq(side->interfaces[i].own.kind, "veth") && !side->interfaces[i].bridge)
            return &side->interfaces[i];
    return NULL;
}

static bool on_bridge(const struct why_side *side, const struct look_link *bridge) {
    for (size_t i = 0; i < side->interface_count; i++)
        if (side->interfaces[i].bridge == bridge) return true;
    return false;
}

// ret_network: NULL for one that is none of hoy's.
static int network_of_bridge(struct walk *walk, const char *bridge, const struct network **ret_network,
                             struct err *err) {
    struct networks networks;
    *ret_network = NULL;
    if (network_list(walk->engine->store.db, walk->arena, &networks, err)) return -1;
    for (size_t i = 0; i < networks.count; i++)
        if (str_eq(networks.items[i].link, bridge)) *ret_network = networks.items + i;
    return 0;
}

// On one network, but kept apart there: the network's own word.
static int icc_look(struct walk *walk, struct err *err) {
    for (size_t i = 0; i < walk->from.interface_count; i++) {
        const struct look_link *bridge = walk->from.interfaces[i].bridge;
        const struct network *network;
        if (!bridge || !on_bridge(&walk->to, bridge)) continue;
        if (network_of_bridge(walk, bridge->name, &network, err)) return -1;
        if (!network || network_switch(network, OPTION_ICC, true)) return 0;
        if (!bridges_are_filtered()) {
            walk_note(walk, "network",
                      "network %s keeps its containers apart (enable_icc=false), but the kernel shows no "
                      "rules what "
                      "stays on a bridge: modprobe br_netfilter does",
                      network->name);
            return 0;
        }
        walk_ends(walk, "network", "network %s keeps its containers apart (enable_icc=false)", network->name);
        walk_advise(walk, "publish a port of %s, and send to the host's address", walk->to.text);
        return 0;
    }
    return 0;
}

static bool has_network(const struct why_side *side) {
    for (size_t i = 0; i < side->interface_count; i++)
        if (!str_eq(side->interfaces[i].own.name, "lo")) return true;
    return false;
}

static int shared_explain(struct walk *walk, struct err *err) {
    const char *name = walk->to.container.name;
    walk_fine(walk, "network", "%s and %s are on one network; %s is at %s", walk->from.text, name, name,
              why_address_text(walk->arena, &walk->target));
    return icc_look(walk, err);
}

static void apart_explain(struct walk *walk) {
    if (!has_network(&walk->from)) {
        walk_ends(walk, "network", "container %s is on no network", walk->from.text);
        return walk_advise(walk, "hoy network connect NETWORK %s, with a network that %s is on",
                           walk->from.text, walk->to.text);
    }
    const struct why_side *sides[] = {&walk->from, &walk->to};
    for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
        if (interface_adrift(sides[i])) {
            walk_ends(walk, "bridge", "%s of %s is on no bridge: somebody removed that",
                      interface_adrift(sides[i])->own.name, sides[i]->text);
            walk_advise(walk, "hoy restart %s", sides[i]->text);
        }
    if (walk_has_ended(walk)) return;
    walk_ends(walk, "network", "%s and %s are on no network together, and networks are kept apart",
              walk->from.text, walk->to.text);
    walk_advise(
        walk,
        "hoy network connect NETWORK %s, with a network that %s is on; or a published port (-p) and the "
        "host's address",
        walk->from.text, walk->to.text);
}

static int unconnected_explain(struct walk *walk, struct err *err) {
    struct endpoints endpoints;
    const char *name = walk->to.container.name;
    if (networks_endpoints(walk->engine, walk->arena, &walk->to.container, &endpoints, err)) return -1;
    if (endpoints.count) {
        walk_ends(walk, "bridge", "%s of container %s is gone: somebody removed it",
                  endpoints.items[0].interface, name);
        walk_advise(walk, "hoy restart %s", name);
    } else {
        walk_ends(walk, "network", "container %s has no address: it is on no network", name);
        walk_advise(walk, "hoy network connect NETWORK %s", name);
    }
    return 0;
}

static int container_target_find(struct walk *walk, struct err *err) {
    const char *name = walk->to.container.name;
    bool both = walk->from.kind == WHY_CONTAINER;
    name_look(walk);
    struct why_address target = {0};
    bool shared = both && container_target(walk, true, &target);
    if (!shared && !container_target(walk, false, &target)) {
        return unconnected_explain(walk, err);
    }
    if (!walk->target.family) walk->target = target;
    const char *address = why_address_text(walk->arena, &walk->target);
    if (both && walk->from.container.id && str_eq(walk->from.container.id, walk->to.container.id))
        walk_fine(walk, "network", "both are the same container, at %s", address);
    else if (shared)
        return shared_explain(walk, err);
    else if (both)
        apart_explain(walk);
    else
        walk_fine(walk, "network", "%s is at %s", name, address);
    return 0;
}

static bool is_loopback(const struct why_address *address) {
    return address->family == AF_INET ? address->bytes[0] == 127
                                      : address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(address->bytes);
}

// That of the interface by which the host sends to somebody outside.
static void own_address_toward(struct walk *walk, const struct why_address *peer) {
    struct look_route route;
    if (look_route(peer->family, peer->bytes, &route)) return;
    for (size_t i = 0; i < walk->to.interface_count; i++) {
        const struct why_interface *interface = &walk->to.interfaces[i];
        for (size_t a = 0; interface->own.index == route.link && a < interface->address_count; a++)
            if (interface->addresses[a].family == peer->family && !interface->addresses[a].link_local)
                walk->target = address_of(&interface->addresses[a]);
    }
}

// What a container calls the host: who its default route leads to.
static int host_target_find(struct walk *walk) {
    static const uint8_t somewhere[4] = {192, 0, 2, 1};
    struct look_route route = {0};
    walk->target = walk->to.address;
    if (walk->target.family) return 0;
    if (walk->from.kind != WHY_CONTAINER) {
        walk->target = (struct why_address){AF_INET, {127, 0, 0, 1}};
        if (walk->from.kind == WHY_OUTSIDE) own_address_toward(walk, &walk->from.address);
        return 0;
    }
    int r = walk_enter(walk, &walk->from);
    if (!r) r = look_route(AF_INET, somewhere, &route);
    walk_leave(walk);
    if (r || !route.has_gateway) {
        walk_ends(walk, "route", "%s has no router: it can't send to the host", walk->from.text);
        walk_advise(walk, "hoy network connect bridge %s", walk->from.text);
        return 0;
    }
    walk->target.family = AF_INET;
    memcpy(walk->target.bytes, route.gateway, 4);
    return 0;
}

static void outside_target_find(struct walk *walk) {
    const char *how;
    walk->target = walk->to.address;
    if (walk->target.family) return;
    if (name_find(walk, &walk->from, walk->to.text, false, &walk->target, &how))
        return walk_fine(walk, "name", "%s is %s (%s)", walk->to.text,
                         why_address_text(walk->arena, &walk->target), how);
    walk_ends(walk, "name", "%s is no container, and %s finds no such name (%s)", walk->to.text,
              walk->from.text, how);
    walk_advise(walk, "an address in the place of the name; --dns for another server of names");
}

// 127.0.0.1 is for everybody himself.
static void own_loopback_find(struct walk *walk) {
    walk_note(walk, "network", "%s is the container itself here, not the host", walk->to.text);
    walk_advise(walk, "host.docker.internal, or the address of the container's router, for the host");
    walk->target = walk->to.address;
    walk->to = walk->from;
    walk->to.netns = -1;
}

int target_find(struct walk *walk, struct err *err) {
    struct look_route route;
    if (walk->from.kind == WHY_CONTAINER && is_loopback(&walk->to.address))
        own_loopback_find(walk);
    else if (walk->to.kind == WHY_CONTAINER) {
        if (container_target_find(walk, err)) return -1;
    } else if (walk->to.kind == WHY_HOST)
        host_target_find(walk);
    else
        outside_target_find(walk);
    walk->target_is_host = walk->target.family && walk->to.kind != WHY_CONTAINER &&
                           !look_route(walk->target.family, walk->target.bytes, &route) && route.local;
    return 0;
}
