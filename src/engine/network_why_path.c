// SPDX-License-Identifier: Apache-2.0
// The way itself: the sender's route, and the interfaces and bridges on the host.
#include "engine/network_why_parts.h"
#include "engine/networks.h"

#include <errno.h>
#include <string.h>

// Why that may be: nothing leads out of an internal network.
static const char *words_of_internal(struct walk *walk) {
    return side_is_internal(walk, &walk->from)
               ? ": it is on internal networks only, which nothing leads out of"
               : "";
}

// By its row it has a default route for that version of IP.
static bool has_lost_route(struct walk *walk) {
    struct endpoints endpoints;
    struct err ignored;
    if (walk->from.kind != WHY_CONTAINER ||
        networks_endpoints(walk->engine, walk->arena, &walk->from.container, &endpoints, &ignored))
        return false;
    for (size_t i = 0; i < endpoints.count; i++)
        if (endpoints.items[i].default_route[walk->target.family == AF_INET6]) return true;
    return false;
}

int why_route(struct walk *walk, const struct why_side *from, const struct address *to,
              struct look_route *ret_route) {
    struct look_way way = {.family = to->family, .destination = to->bytes, .out = to->link};
    int r = walk_enter(from);
    if (!r) r = look_way(&way, ret_route);
    walk_leave(walk);
    return r;
}

static void route_fails(struct walk *walk, int r) {
    const char *to = address_text(walk->arena, &walk->target);
    if (r == -EACCES || r == -EHOSTUNREACH)
        return walk_ends(walk, "route", "%s has a route for %s that refuses", walk->from.text, to);
    walk_ends(walk, "route", "%s has no route to %s%s", walk->from.text, to, words_of_internal(walk));
    if (has_lost_route(walk))
        walk_advise(walk,
                    "hoy restart %s: somebody took away the route to its network's router, or the interface",
                    walk->from.container.name);
    else if (walk->from.kind == WHY_CONTAINER)
        connect_advise(walk, &walk->from, ", with a network that leads there (not an internal one)");
}

const char *link_name(const struct walk *walk, const struct why_side *at, int index) {
    for (size_t i = 0; at && i < at->interfaces.count; i++)
        if (at->interfaces.items[i].own.index == index) return at->interfaces.items[i].own.name;
    for (size_t i = 0; !at && i < walk->links.count; i++)
        if (walk->links.items[i].index == index) return walk->links.items[i].name;
    return "another interface";
}

// The container's own interface is on the parent's link.
static bool goes_past_host(const struct walk *walk) {
    const struct why_interface *interface =
        walk->to.kind == WHY_CONTAINER ? side_interface_with(&walk->to, &walk->target) : NULL;
    return interface && interface_is_child(interface);
}

static void own_way_back_look(struct walk *walk) {
    struct look_route route = {0};
    if (why_route(walk, &walk->to, &walk->from.address, &route))
        return walk_ends(walk, "route", "%s has no route back to %s", walk->to.text, walk->from.text);
    walk_note(walk, "route",
              "whether %s has a way to %s can't be seen from here; answers go back to it by %s of %s",
              walk->from.text, walk->to.text, link_name(walk, &walk->to, route.link), walk->to.text);
}

// Of somebody outside only the way of the answers can be seen.
static void way_back_look(struct walk *walk) {
    const struct address *from = &walk->from.address;
    struct look_route route = {0};
    if (from->family != walk->target.family)
        return walk_ends(walk, "route", "%s and %s are of two versions of IP", walk->from.text,
                         address_text(walk->arena, &walk->target));
    if (goes_past_host(walk)) return own_way_back_look(walk);
    int r = why_route(walk, &walk->from, from, &route);
    if (r) return walk_ends(walk, "route", "the host has no route back to %s", walk->from.text);
    walk_note(walk, "route",
              "whether %s has a way to this host can't be seen from here; answers go back to it by %s",
              walk->from.text, link_name(walk, NULL, route.link));
}

void route_look(struct walk *walk) {
    struct look_route route = {0};
    if (walk->from.kind == WHY_OUTSIDE) return way_back_look(walk);
    int r = why_route(walk, &walk->from, &walk->target, &route);
    if (r) return route_fails(walk, r);
    const char *to = address_text(walk->arena, &walk->target);
    const char *by = link_name(walk, &walk->from, route.link);
    if (route.has_gateway) {
        struct address gateway = {.family = walk->target.family};
        memcpy(gateway.bytes, route.gateway, sizeof gateway.bytes);
        walk_fine(walk, "route", "to %s by %s and router %s", to, by, address_text(walk->arena, &gateway));
    } else
        walk_fine(walk, "route", "to %s by %s", to, by);
}

static bool is_relevant(const struct why_interface *interface) {
    return !str_eq(interface->own.name, "lo");
}

// Nothing passes between macvlans, or ipvlans, of a parent that is down.
static void parent_look(struct walk *walk, const struct why_side *side,
                        const struct why_interface *interface) {
    const struct look_link *parent = interface_parent(walk, interface);
    if (!parent || parent->up) return;
    walk_ends(walk, "bridge", "%s of %s shares the link of %s, which is down", interface->own.name,
              side->text, parent->name);
    walk_advise(walk, "ip link set %s up", parent->name);
}

static void interface_look(struct walk *walk, const struct why_side *side,
                           const struct why_interface *interface) {
    const char *name = interface->own.name;
    if (!interface->own.up) {
        walk_ends(walk, "bridge", "interface %s of %s is down", name, side->text);
        walk_advise(walk, "hoy restart %s", side->text);
    }
    if (interface_is_child(interface)) return parent_look(walk, side, interface);
    if (!str_eq(interface->own.kind, "veth")) return;
    if (!interface->host)
        return walk_note(walk, "bridge", "the other end of %s of %s is not on this host", name, side->text);
    if (!interface->host->up) {
        walk_ends(walk, "bridge", "interface %s, the host's end of %s of %s, is down", interface->host->name,
                  name, side->text);
        walk_advise(walk, "ip link set %s up", interface->host->name);
        return;
    }
    if (!interface->bridge) {
        walk_ends(walk, "bridge", "interface %s of %s is on no bridge: somebody removed it",
                  interface->host->name, side->text);
        walk_advise(walk, "hoy restart %s", side->text);
        return;
    }
    if (misplaced_explain(walk, side, interface)) return;
    if (!walk->bridge) walk->bridge = interface->bridge->name;
    if (!interface->bridge->up) {
        walk_ends(walk, "bridge", "bridge %s is down", interface->bridge->name);
        walk_advise(walk, "ip link set %s up", interface->bridge->name);
        return;
    }
    walk_fine(walk, "bridge", "%s of %s is %s on bridge %s, both up", name, side->text, interface->host->name,
              interface->bridge->name);
    if (interface->host->mtu < interface->bridge->mtu || interface->host->mtu < interface->own.mtu)
        walk_note(
            walk, "mtu",
            "%s takes packets of %u bytes and drops larger ones without a word; %s takes %u, bridge %s %u",
            interface->host->name, interface->host->mtu, name, interface->own.mtu, interface->bridge->name,
            interface->bridge->mtu);
}

bool interface_has(const struct why_interface *interface, const struct address *address) {
    for (size_t i = 0; i < interface->address_count; i++)
        if (interface->addresses[i].family == address->family &&
            !memcmp(interface->addresses[i].bytes, address->bytes, address_size(address)))
            return true;
    return false;
}

const struct why_interface *side_interface_with(const struct why_side *side, const struct address *address) {
    for (size_t i = 0; i < side->interfaces.count; i++)
        if (is_relevant(&side->interfaces.items[i]) && interface_has(&side->interfaces.items[i], address))
            return &side->interfaces.items[i];
    return NULL;
}

static void receiver_look(struct walk *walk, const struct why_side *side, const struct address *address) {
    const struct why_interface *interface = side_interface_with(side, address);
    if (interface) interface_look(walk, side, interface);
}

const struct why_interface *sender_interface(struct walk *walk) {
    struct look_route route = {0};
    if (walk->from.kind == WHY_OUTSIDE || why_route(walk, &walk->from, &walk->target, &route)) return NULL;
    for (size_t i = 0; i < walk->from.interfaces.count; i++)
        if (is_relevant(&walk->from.interfaces.items[i]) &&
            walk->from.interfaces.items[i].own.index == route.link)
            return &walk->from.interfaces.items[i];
    return NULL;
}

static bool source_find(struct walk *walk, struct address *ret_source) {
    struct look_route route = {0};
    if (walk->from.kind == WHY_OUTSIDE) {
        *ret_source = walk->from.address;
        return true;
    }
    if (why_route(walk, &walk->from, &walk->target, &route) || !route.has_source) return false;
    ret_source->family = walk->target.family;
    memcpy(ret_source->bytes, route.source, sizeof ret_source->bytes);
    return true;
}

bool flow_find(struct walk *walk, struct why_flow *ret_flow) {
    struct why_flow flow = {.receiver = walk->published ? &walk->behind : &walk->to,
                            .target = walk->published ? &walk->behind_address : &walk->target};
    if (!source_find(walk, &flow.source) || flow.source.family != flow.target->family) return false;
    if (walk->from.kind == WHY_CONTAINER) flow.sending = sender_interface(walk);
    if (flow.receiver->kind == WHY_CONTAINER)
        flow.receiving = side_interface_with(flow.receiver, flow.target);
    *ret_flow = flow;
    return true;
}

bool stays_inside(const struct walk *walk) {
    return walk->from.kind == WHY_CONTAINER && walk->to.kind == WHY_CONTAINER &&
           str_eq(walk->from.container.id, walk->to.container.id);
}

void bridge_look(struct walk *walk) {
    bool same = stays_inside(walk);
    const struct why_interface *sending = walk->from.kind == WHY_CONTAINER ? sender_interface(walk) : NULL;
    if (!same && sending) interface_look(walk, &walk->from, sending);
    if (!same && walk->to.kind == WHY_CONTAINER) receiver_look(walk, &walk->to, &walk->target);
    if (walk->published) receiver_look(walk, &walk->behind, &walk->behind_address);
    bool leaves = walk->from.kind == WHY_CONTAINER && walk->to.kind == WHY_OUTSIDE && !walk->target_is_host;
    bool enters = walk->from.kind == WHY_OUTSIDE && (walk->to.kind == WHY_CONTAINER || walk->published) &&
                  !goes_past_host(walk);
    bool six = walk->target.family != AF_INET;
    if (!(leaves || enters) || network_forwards(six)) return;
    const char *setting = six ? "net.ipv6.conf.all.forwarding" : "net.ipv4.ip_forward";
    walk_ends(walk, "route", "the host does not forward: %s is 0", setting);
    walk_advise(walk, "sysctl -w %s=1", setting);
}
