// SPDX-License-Identifier: Apache-2.0
// The host's own routes for what passes it, there and back, and the container's for its answers. A network's
// bridge has a route to its containers, but one that is narrower (a VPN's) or a rule of routing goes before
// it. Rules may also go by what can't be seen from here (marks): so they are asked when a try has failed, or
// where there is none.
#include "engine/network_why_parts.h"

struct passage {
    int in;                      // the link by which it comes in; 0: the host itself sends it
    const struct look_link *out; // by which it has to go out; NULL: by any
    const struct address *source, *destination;
};

static const char *question_of(struct walk *walk, const struct passage *passage) {
    const char *destination = address_text(walk->arena, passage->destination);
    if (address_is_loopback(passage->source)) return destination;
    return arena_printf(walk->arena, "%s from %s%s%s", destination,
                        address_text(walk->arena, passage->source), passage->in ? " iif " : "",
                        passage->in ? link_name(walk, NULL, passage->in) : "");
}

// What comes in is forwarded where the link that it comes in by says so (IPv6: the host as a whole).
static bool forwards(struct walk *walk, const struct passage *passage) {
    if (!passage->in || passage->source->family != AF_INET) return true;
    const char *link = link_name(walk, NULL, passage->in);
    if (why_setting(link, "forwarding")) return true;
    walk_ends(walk, "route",
              "the host does not forward what comes in by %s: net.ipv4.conf.%s.forwarding is 0", link, link);
    walk_advise(walk, "sysctl -w net.ipv4.conf.%s.forwarding=1", link);
    return false;
}

// From the host's 127.0.0.1 to a container, and no further.
static bool loopback_leads(struct walk *walk, const struct passage *passage) {
    if (passage->in || !passage->out || passage->source->family != AF_INET ||
        !address_is_loopback(passage->source) || why_setting("all", "route_localnet") ||
        why_setting(passage->out->name, "route_localnet"))
        return true;
    walk_ends(walk, "route", "what is from %s may not leave by %s: net.ipv4.conf.%s.route_localnet is 0",
              address_text(walk->arena, passage->source), passage->out->name, passage->out->name);
    walk_advise(walk, "sysctl -w net.ipv4.conf.%s.route_localnet=1", passage->out->name);
    return false;
}

// What goes out from loopback gets another source.
static bool passage_fails(struct walk *walk, const struct passage *passage) {
    bool own = address_is_loopback(passage->source);
    struct look_way way = {passage->destination->family, own ? NULL : passage->source->bytes,
                           passage->destination->bytes, passage->in};
    struct look_route route;
    const char *source = address_text(walk->arena, passage->source),
               *destination = address_text(walk->arena, passage->destination);
    if (!forwards(walk, passage) || !loopback_leads(walk, passage)) return true;
    int r = look_way(&way, &route);
    if (!r && (!passage->out || route.link == passage->out->index)) return false;
    if (r)
        walk_ends(walk, "route", "the host has no route for what is from %s to %s, or one that refuses",
                  source, destination);
    else
        walk_ends(walk, "route", "what is from %s to %s the host sends out by %s, not by %s", source,
                  destination, link_name(walk, NULL, route.link), passage->out->name);
    walk_advise(walk, "ip route get %s shows the route, and ip rule what chooses it: is it meant?",
                question_of(walk, passage));
    return true;
}

// The link by which the host has to do with one of the two. 0: it is the host's own.
enum { CANT_SAY = -1, NOWHERE = -2 };

static int link_toward(const struct why_interface *interface, const struct address *address) {
    struct look_route route;
    if (interface) return interface->bridge ? interface->bridge->index : CANT_SAY;
    if (look_route(address->family, address->bytes, &route)) return NOWHERE;
    return route.local ? 0 : route.link;
}

static bool host_ways_fail(struct walk *walk, const struct why_flow *flow) {
    int from = link_toward(flow->sending, &flow->source), to = link_toward(flow->receiving, flow->target);
    struct passage there = {from, flow->receiving ? flow->receiving->bridge : NULL, &flow->source,
                            flow->target},
                   back = {to, flow->sending ? flow->sending->bridge : NULL, flow->target, &flow->source};
    if (from < 0 || to == CANT_SAY || (from == to && !walk->published)) return false;
    return (to && passage_fails(walk, &there)) || (from && to != NOWHERE && passage_fails(walk, &back));
}

bool way_explain(struct walk *walk) {
    struct why_flow flow;
    struct look_route route;
    if (!flow_find(walk, &flow)) return false;
    if (host_ways_fail(walk, &flow)) return true;
    // A container of this host, or the host, comes to a published port under another address.
    if (!flow.receiving || (walk->published && walk->from.kind != WHY_OUTSIDE) ||
        !why_route(walk, flow.receiver, &flow.source, &route))
        return false;
    walk_ends(walk, "route", "%s has no route back to %s", flow.receiver->container.name,
              address_text(walk->arena, &flow.source));
    walk_advise(walk, "hoy restart %s", flow.receiver->container.name);
    return true;
}

bool device_is_passed(struct walk *walk, const char *device) {
    struct why_flow flow;
    if (!flow_find(walk, &flow)) return false;
    const struct why_interface *interfaces[] = {flow.sending, flow.receiving};
    const struct address *addresses[] = {&flow.source, flow.target};
    for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
        const struct look_link *end = interfaces[i] ? interfaces[i]->host : NULL;
        int link = link_toward(interfaces[i], addresses[i]);
        if ((end && str_eq(end->name, device)) || (link > 0 && str_eq(link_name(walk, NULL, link), device)))
            return true;
    }
    return false;
}
