// SPDX-License-Identifier: Apache-2.0
// Who is meant, what interfaces it has, and the address that the packet goes to.
#include "engine/cni.h"
#include "engine/network_why_parts.h"
#include "engine/networks.h"
#include "engine/parts.h"
#include "kernel/process.h"
#include "network/options.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Which interface of the sender's is meant. Of somebody outside that can't be told; his own is on the host's.
static int zone_read(struct walk *walk, struct why_side *side, const char *zone, struct err *err) {
    bool own = side == &walk->from;
    if (!zone)
        return err_set(err, ERR_INVALID, 0, "%s is a link-local address, which needs its interface: %s%%eth0",
                       side->text, side->text);
    if (walk_has_ended(walk) || (!own && walk->from.kind == WHY_OUTSIDE)) return 0;
    if (!walk_enter(&walk->from)) side->address.link = (int)if_nametoindex(zone);
    walk_leave(walk);
    if (side->address.link) return 0;
    return err_set(err, ERR_INVALID, 0, "%s has no interface %s", own ? "the host" : walk->from.text, zone);
}

// 1: it is an address, 0: it is none; -1.
static int address_read(struct walk *walk, struct why_side *side, struct err *err) {
    char *bare = arena_strdup(walk->arena, side->text), *zone = strchr(bare, '%');
    struct address address;
    if (zone) *zone++ = '\0';
    if (address_parse(bare, &address)) return 0;
    bool link_local = address_is_link_local(&address);
    if (zone && !link_local) return 0;
    side->address = address;
    return link_local && zone_read(walk, side, zone, err) ? -1 : 1;
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
    struct why_interface *interface = arena_push(g->walk->arena, &g->side->interfaces);
    interface->own = *link;
    if (!str_eq(link->kind, "veth")) return 0;
    interface->host = host_link(g->walk, link->peer);
    interface->bridge = interface->host ? host_link(g->walk, interface->host->master) : NULL;
    return 0;
}

static int address_note(const struct look_address *address, void *data) {
    struct gathering *g = data;
    for (size_t i = 0; i < g->side->interfaces.count; i++) {
        struct why_interface *interface = &g->side->interfaces.items[i];
        if (interface->own.index == address->link &&
            interface->address_count < ARRAY_SIZE(interface->addresses))
            interface->addresses[interface->address_count++] = *address;
    }
    return 0;
}

static int interfaces_look(struct walk *walk, struct why_side *side, struct err *err) {
    struct gathering gathering = {walk, side};
    int r = walk_enter(side);
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

// The container that has an address of hoy's networks: 1, or 0.
static int holder_find(struct walk *walk, const struct address *address, struct container *ret_container,
                       struct err *err) {
    const char *id;
    int r = db_word(walk->engine->store.db, walk->arena, &id, err,
                    "SELECT container_id FROM address WHERE address = ? AND container_id <> ''", "b",
                    address->bytes, address_size(address));
    if (r <= 0) return r;
    return row_load(walk->engine, walk->arena, id, ret_container, err);
}

static int address_find(struct walk *walk, struct why_side *side, struct err *err) {
    struct look_route route;
    int r = holder_find(walk, &side->address, &side->container, err);
    if (r) return r < 0 ? -1 : side_open(walk, side, err);
    if (look_route(side->address.family, side->address.bytes, &route) || !route.local) return 0;
    side->kind = WHY_HOST;
    return interfaces_look(walk, side, err);
}

int side_find(struct walk *walk, struct why_side *side, const char *text, struct err *err) {
    side->text = text;
    side->pid = getpid();
    if (str_eq(text, "host")) {
        side->kind = WHY_HOST;
        return interfaces_look(walk, side, err);
    }
    side->kind = WHY_OUTSIDE;
    int r = address_read(walk, side, err);
    if (r) return r < 0 ? -1 : address_find(walk, side, err);
    if (!container_find(walk->engine, walk->arena, text, &side->container, err))
        return side_open(walk, side, err);
    // Only who is sent to may have a name that is looked up.
    return err->kind == ERR_NOT_FOUND && side == &walk->to ? 0 : -1;
}

void side_finish(struct why_side *side) {
    fd_closep(&side->netns);
}

// The target

static struct address address_of(const struct look_address *address) {
    struct address a = {.family = address->family};
    memcpy(a.bytes, address->bytes, sizeof a.bytes);
    return a;
}

static bool is_usable(const struct why_interface *interface, const struct look_address *address) {
    return !address->link_local && !str_eq(interface->own.name, "lo");
}

bool interface_is_child(const struct why_interface *interface) {
    return str_eq(interface->own.kind, "macvlan") || str_eq(interface->own.kind, "ipvlan");
}

const struct look_link *interface_parent(const struct walk *walk, const struct why_interface *interface) {
    bool above = interface_is_child(interface) && interface->own.abroad;
    return above ? host_link(walk, interface->own.peer) : NULL;
}

static bool are_together(const struct why_interface *a, const struct why_interface *b) {
    if (a->bridge) return a->bridge == b->bridge;
    return interface_is_child(a) && str_eq(a->own.kind, b->own.kind) && a->own.abroad && b->own.abroad &&
           a->own.peer == b->own.peer;
}

static bool is_shared(const struct walk *walk, const struct why_interface *interface) {
    for (size_t i = 0; i < walk->from.interfaces.count; i++)
        if (are_together(&walk->from.interfaces.items[i], interface)) return true;
    return false;
}

// Of a container: on a network that both are on, where shared; of the version that somebody outside has.
static bool container_target_of(struct walk *walk, bool shared, uint8_t family, struct address *ret_address) {
    for (size_t i = 0; i < walk->to.interfaces.count; i++) {
        const struct why_interface *interface = &walk->to.interfaces.items[i];
        for (size_t a = 0; a < interface->address_count; a++) {
            if (!is_usable(interface, &interface->addresses[a])) continue;
            if (family && interface->addresses[a].family != family) continue;
            if (shared && !is_shared(walk, interface)) continue;
            *ret_address = address_of(&interface->addresses[a]);
            return true;
        }
    }
    return false;
}

static bool container_target(struct walk *walk, bool shared, struct address *ret_address) {
    uint8_t family = walk->from.kind == WHY_OUTSIDE ? walk->from.address.family : 0;
    return (family && container_target_of(walk, shared, family, ret_address)) ||
           container_target_of(walk, shared, 0, ret_address);
}

static bool side_has(const struct why_side *side, const struct address *address) {
    for (size_t i = 0; i < side->interfaces.count; i++)
        if (interface_has(&side->interfaces.items[i], address)) return true;
    return false;
}

static bool has_network(const struct why_side *side) {
    for (size_t i = 0; i < side->interfaces.count; i++)
        if (!str_eq(side->interfaces.items[i].own.name, "lo")) return true;
    return false;
}

// Does the one find the other by its name? Without one it may still send to the address.
static void name_look(struct walk *walk) {
    struct address found;
    const char *how, *name = walk->to.container.name;
    if (walk->from.kind != WHY_CONTAINER || !has_network(&walk->from) || walk->to.address.family) return;
    if (!name_find(walk, &walk->from, name, true, &found, &how))
        return walk_note(walk, "name", "%s does not find the name %s (%s)", walk->from.text, name, how);
    const char *address = address_text(walk->arena, &found);
    if (side_has(&walk->to, &found)) {
        walk->target = found;
        return walk_fine(walk, "name", "%s finds %s at %s (%s)", walk->from.text, name, address, how);
    }
    walk_note(walk, "name", "%s finds the name %s at %s (%s), which is no address of that container",
              walk->from.text, name, address, how);
}

// The bridge where an interface should be, by the container's rows, or NULL.
static const char *bridge_by_row(struct walk *walk, const struct why_side *side,
                                 const struct why_interface *interface) {
    struct endpoints endpoints;
    struct err ignored;
    if (networks_endpoints(walk->engine, walk->arena, &side->container, &endpoints, &ignored)) return NULL;
    for (size_t i = 0; i < endpoints.count; i++)
        if (endpoints.items[i].driver == NETWORK_DRIVER_BRIDGE &&
            str_eq(endpoints.items[i].interface, interface->own.name))
            return endpoints.items[i].link;
    return NULL;
}

bool misplaced_explain(struct walk *walk, const struct why_side *side,
                       const struct why_interface *interface) {
    const char *meant = interface->bridge ? bridge_by_row(walk, side, interface) : NULL;
    if (!meant || str_eq(meant, interface->bridge->name)) return false;
    walk_ends(walk, "bridge",
              "%s of %s is on bridge %s, and %s is that of its network: somebody moved it, or renamed the "
              "bridge",
              interface->own.name, side->container.name, interface->bridge->name, meant);
    walk_advise(walk, "hoy restart %s", side->container.name);
    return true;
}

// A veth pair whose host's end is on no bridge, or is gone.
static const struct why_interface *interface_adrift(const struct why_side *side) {
    for (size_t i = 0; i < side->interfaces.count; i++)
        if (str_eq(side->interfaces.items[i].own.kind, "veth") && !side->interfaces.items[i].bridge)
            return &side->interfaces.items[i];
    return NULL;
}

static bool on_bridge(const struct why_side *side, const struct look_link *bridge) {
    for (size_t i = 0; i < side->interfaces.count; i++)
        if (side->interfaces.items[i].bridge == bridge) return true;
    return false;
}

int network_of_bridge(struct walk *walk, const char *bridge, const struct network **ret_network,
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
    for (size_t i = 0; i < walk->from.interfaces.count; i++) {
        const struct look_link *bridge = walk->from.interfaces.items[i].bridge;
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

static int shared_explain(struct walk *walk, struct err *err) {
    const char *name = walk->to.container.name;
    walk_fine(walk, "network", "%s and %s are on one network; %s is at %s", walk->from.text, name, name,
              address_text(walk->arena, &walk->target));
    return icc_look(walk, err);
}

bool side_is_internal(struct walk *walk, const struct why_side *side) {
    struct endpoints endpoints;
    struct err ignored;
    if (side->kind != WHY_CONTAINER ||
        networks_endpoints(walk->engine, walk->arena, &side->container, &endpoints, &ignored))
        return false;
    for (size_t i = 0; i < endpoints.count; i++)
        if (!endpoints.items[i].internal) return false;
    return endpoints.count;
}

void connect_advise(struct walk *walk, const struct why_side *side, const char *with) {
    const char *name = side->container.name;
    const char *owner = str_after(side->container.config.network_mode, "container:");
    if (owner)
        return walk_advise(walk, "hoy restart %s: it has the network that container %.12s had before", name,
                           owner);
    bool none = str_eq(side->container.config.network_mode, "none");
    walk_advise(walk, "%s%s%shoy network connect NETWORK %s%s", none ? "hoy network disconnect none " : "",
                none ? name : "", none ? ", then " : "", name, with);
}

static bool has_interface(const struct why_side *side, const char *name) {
    for (size_t i = 0; i < side->interfaces.count; i++)
        if (str_eq(side->interfaces.items[i].own.name, name)) return true;
    return false;
}

// Or it is there, and its address is gone.
static void endpoint_is_gone(struct walk *walk, const struct why_side *side,
                             const struct endpoint *endpoint) {
    bool there = has_interface(side, endpoint->interface), lost = false;
    for (size_t i = 0; there && i < 2; i++) {
        const struct address *address = &endpoint->addresses[i];
        if (!address_is_set(address) || side_has(side, address)) continue;
        lost = true;
        walk_ends(walk, "bridge", "%s of container %s has lost its address %s: somebody removed it",
                  endpoint->interface, side->container.name, address_text(walk->arena, address));
    }
    if (!lost)
        walk_ends(walk, "bridge", "%s of container %s is gone: somebody removed it", endpoint->interface,
                  side->container.name);
    walk_advise(walk, "hoy restart %s", side->container.name);
}

static bool endpoint_is_there(const struct why_side *side, const struct endpoint *endpoint) {
    for (size_t i = 0; i < 2; i++)
        if (address_is_set(&endpoint->addresses[i]) && side_has(side, &endpoint->addresses[i])) return true;
    return false;
}

int gone_explain(struct walk *walk, const struct why_side *side, const struct address *address,
                 struct err *err) {
    struct endpoints endpoints;
    if (networks_endpoints(walk->engine, walk->arena, &side->container, &endpoints, err)) return -1;
    for (size_t i = 0; i < endpoints.count; i++)
        for (size_t f = 0; f < 2; f++) {
            if (!address_equal(&endpoints.items[i].addresses[f], address)) continue;
            endpoint_is_gone(walk, side, &endpoints.items[i]);
            return 1;
        }
    return 0;
}

// On one network by their rows, but one of them has lost its interface there.
static int lost_explain(struct walk *walk, struct err *err) {
    struct endpoints from, to;
    if (networks_endpoints(walk->engine, walk->arena, &walk->from.container, &from, err) ||
        networks_endpoints(walk->engine, walk->arena, &walk->to.container, &to, err))
        return -1;
    for (size_t i = 0; i < from.count; i++)
        for (size_t n = 0; n < to.count; n++) {
            if (!str_eq(from.items[i].network_id, to.items[n].network_id)) continue;
            if (!endpoint_is_there(&walk->from, &from.items[i]))
                endpoint_is_gone(walk, &walk->from, &from.items[i]);
            if (!endpoint_is_there(&walk->to, &to.items[n])) endpoint_is_gone(walk, &walk->to, &to.items[n]);
        }
    return 0;
}

static void adrift_explain(struct walk *walk) {
    const struct why_side *sides[] = {&walk->from, &walk->to};
    for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
        if (interface_adrift(sides[i])) {
            walk_ends(walk, "bridge", "%s of %s is on no bridge: somebody removed that",
                      interface_adrift(sides[i])->own.name, sides[i]->text);
            walk_advise(walk, "hoy restart %s", sides[i]->container.name);
        }
    for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
        for (size_t n = 0; n < sides[i]->interfaces.count; n++)
            (void)misplaced_explain(walk, sides[i], &sides[i]->interfaces.items[n]);
}

static int apart_explain(struct walk *walk, struct err *err) {
    const char *from = walk->from.text, *to = walk->to.text;
    struct address other;
    if (!has_network(&walk->from)) {
        walk_ends(walk, "network", "container %s is on no network", from);
        connect_advise(walk, &walk->from, arena_printf(walk->arena, ", with a network that %s is on", to));
        return 0;
    }
    adrift_explain(walk);
    if (!walk_has_ended(walk) && lost_explain(walk, err)) return -1;
    if (walk_has_ended(walk)) return 0;
    if (container_target(walk, true, &other)) {
        walk_ends(walk, "network", "%s is on a network that %s is not on, and networks are kept apart",
                  address_text(walk->arena, &walk->target), from);
        walk_advise(walk, "%s, or the name of that container", address_text(walk->arena, &other));
        return 0;
    }
    walk_ends(walk, "network", "%s and %s are on no network together, and networks are kept apart", from, to);
    bool published = !side_is_internal(walk, &walk->from) && !side_is_internal(walk, &walk->to);
    connect_advise(walk, &walk->from,
                   arena_printf(walk->arena, ", with a network that %s is on%s", to,
                                published ? "; or a published port (-p) and the host's address" : ""));
    return 0;
}

static int unconnected_explain(struct walk *walk, struct err *err) {
    struct endpoints endpoints;
    const char *name = walk->to.container.name;
    if (networks_endpoints(walk->engine, walk->arena, &walk->to.container, &endpoints, err)) return -1;
    if (endpoints.count) {
        endpoint_is_gone(walk, &walk->to, &endpoints.items[0]);
    } else {
        walk_ends(walk, "network", "container %s has no address: it is on no network", name);
        connect_advise(walk, &walk->to, "");
    }
    return 0;
}

static bool target_is_shared(struct walk *walk) {
    const struct why_interface *interface = side_interface_with(&walk->to, &walk->target);
    return interface && is_shared(walk, interface);
}

// The address that was given, or that its name leads to, or one that can be reached.
static int container_target_choose(struct walk *walk, bool both, struct err *err) {
    struct address target = {0};
    walk->target = walk->to.address;
    if (walk->target.family)
        return side_has(&walk->to, &walk->target) ? 0 : gone_explain(walk, &walk->to, &walk->target, err);
    name_look(walk);
    if (!(both && container_target(walk, true, &target)) && !container_target(walk, false, &target))
        return unconnected_explain(walk, err);
    if (!walk->target.family) walk->target = target;
    return 0;
}

static int container_target_find(struct walk *walk, struct err *err) {
    const char *name = walk->to.container.name;
    bool both = walk->from.kind == WHY_CONTAINER;
    if (container_target_choose(walk, both, err) < 0) return -1;
    if (walk_has_ended(walk)) return 0;
    const char *address = address_text(walk->arena, &walk->target);
    if (both && walk->from.container.id && str_eq(walk->from.container.id, walk->to.container.id))
        walk_fine(walk, "network", "both are the same container, at %s", address);
    else if (both)
        return target_is_shared(walk) ? shared_explain(walk, err) : apart_explain(walk, err);
    else
        walk_fine(walk, "network", "%s is at %s", name, address);
    return 0;
}

// That of the interface by which the host sends to somebody outside.
static void own_address_toward(struct walk *walk, const struct address *peer) {
    struct look_route route;
    if (look_route(peer->family, peer->bytes, &route)) return;
    for (size_t i = 0; i < walk->to.interfaces.count; i++) {
        const struct why_interface *interface = &walk->to.interfaces.items[i];
        for (size_t a = 0; interface->own.index == route.link && a < interface->address_count; a++)
            if (interface->addresses[a].family == peer->family && !interface->addresses[a].link_local)
                walk->target = address_of(&interface->addresses[a]);
    }
}

static bool gateway_find(struct walk *walk) {
    static const uint8_t somewhere[4] = {192, 0, 2, 1};
    struct look_route route = {0};
    int r = walk_enter(&walk->from);
    if (!r) r = look_route(AF_INET, somewhere, &route);
    walk_leave(walk);
    if (r || !route.has_gateway) return false;
    walk->target.family = AF_INET;
    memcpy(walk->target.bytes, route.gateway, 4);
    return true;
}

// Of an internal network no route leads out, but the host is on it.
static bool bridge_address_find(struct walk *walk) {
    for (size_t i = 0; i < walk->from.interfaces.count; i++) {
        const struct look_link *bridge = walk->from.interfaces.items[i].bridge;
        for (size_t n = 0; bridge && n < walk->to.interfaces.count; n++) {
            const struct why_interface *interface = &walk->to.interfaces.items[n];
            for (size_t a = 0; interface->own.index == bridge->index && a < interface->address_count; a++) {
                if (interface->addresses[a].link_local) continue;
                walk->target = address_of(&interface->addresses[a]);
                return true;
            }
        }
    }
    return false;
}

// What a container calls the host: who its default route leads to, or the bridge.
static void host_target_find(struct walk *walk) {
    walk->target = walk->to.address;
    if (walk->target.family) return;
    if (walk->from.kind != WHY_CONTAINER) {
        walk->target = address_ipv4(INADDR_LOOPBACK);
        if (walk->from.kind == WHY_OUTSIDE) own_address_toward(walk, &walk->from.address);
        return;
    }
    if (gateway_find(walk) || bridge_address_find(walk)) return;
    walk_ends(walk, "route", "%s has no router: it can't send to the host", walk->from.text);
    connect_advise(walk, &walk->from, ", with a network that is a bridge");
}

static void name_target_find(struct walk *walk) {
    const char *how;
    if (name_find(walk, &walk->from, walk->to.text, false, &walk->to.address, &how))
        return walk_fine(walk, "name", "%s is %s (%s)", walk->to.text,
                         address_text(walk->arena, &walk->to.address), how);
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
    if (walk->to.kind == WHY_OUTSIDE && !walk->to.address.family) name_target_find(walk);
    if (walk->from.kind == WHY_CONTAINER && address_is_loopback(&walk->to.address))
        own_loopback_find(walk);
    else if (walk->to.kind == WHY_CONTAINER) {
        if (container_target_find(walk, err)) return -1;
    } else if (walk->to.kind == WHY_HOST)
        host_target_find(walk);
    else
        walk->target = walk->to.address;
    walk->target_is_host = walk->target.family && walk->to.kind != WHY_CONTAINER &&
                           !look_route(walk->target.family, walk->target.bytes, &route) && route.local;
    return 0;
}
