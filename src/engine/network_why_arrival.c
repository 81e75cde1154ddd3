// SPDX-License-Identifier: Apache-2.0
// What the kernel asks of every IPv4 packet that comes in by an interface: whether the way back to its sender
// leads out there, too (rp_filter). What fails is dropped without a word, and no rule has to do with it. A
// container that is on two networks, or a route of the host's that covers a network of hoy's, make it fail.
#include "engine/network_why_parts.h"

#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct arrival {
    const struct why_side *at; // NULL: the host
    const struct look_link *link;
    const struct address *source, *target;
};

uint32_t why_setting(const char *interface, const char *name) {
    char path[128];
    uint32_t number = 0;
    _cleanup_(str_finish) struct str text = {0};
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/%s", interface, name);
    if (file_read_at(AT_FDCWD, path, 16, &text)) return 0;
    return sscanf(str_get(&text), "%u", &number) == 1 ? number : 0;
}

// The larger of the two is what counts.
static uint32_t filter_of(const char *interface) {
    uint32_t all = why_setting("all", "rp_filter"), own = why_setting(interface, "rp_filter");
    return all > own ? all : own;
}

static void filter_explain(struct walk *walk, const struct arrival *arrival, uint32_t filter,
                           const struct look_route *back) {
    const char *who = arrival->at ? arrival->at->text : "the host", *link = arrival->link->name;
    const char *source = address_text(walk->arena, arrival->source);
    char way[64] = "there is none";
    if (back) snprintf(way, sizeof way, "it is %s", link_name(walk, arrival->at, back->link));
    walk_ends(
        walk, "route",
        "%s drops what comes in by %s from %s: rp_filter is %u there, which wants %s to be the way back, "
        "and %s",
        who, link, source, filter, filter == 1 ? "that interface" : "some interface", way);
    if (back && arrival->at)
        walk_advise(walk, "hoy run --sysctl net.ipv4.conf.all.rp_filter=2 … for %s: any way back will do",
                    who);
    else if (back) {
        walk_advise(walk, "ip route get %s shows the route that leads elsewhere: is it meant?", source);
        walk_advise(walk, "sysctl -w net.ipv4.conf.%s.rp_filter=2: any way back will do", link);
    } else
        walk_advise(walk, "a route to %s on %s, or rp_filter=0 there", source, who);
}

// The kernel is asked; only its words for it are not the same in all versions.
static void arrival_check(struct walk *walk, const struct arrival *arrival) {
    static const struct why_side host = {.kind = WHY_HOST};
    struct look_route back;
    if (arrival->source->family != AF_INET || arrival->source->bytes[0] == 127 || walk_has_ended(walk))
        return;
    if (walk_enter(arrival->at ? arrival->at : &host)) return walk_leave(walk);
    uint32_t filter = filter_of(arrival->link->name);
    struct look_way way = {AF_INET, arrival->source->bytes, arrival->target->bytes, arrival->link->index};
    int r = look_way(&way, &back);
    bool leads_back = !look_route(AF_INET, arrival->source->bytes, &back);
    walk_leave(walk);
    bool fails = !leads_back || (filter == 1 && back.link != arrival->link->index);
    if (filter && fails && (r == -EXDEV || r == -EINVAL))
        filter_explain(walk, arrival, filter, leads_back ? &back : NULL);
}

// On its way out of the sender, and on that of the answer, the packet comes to the host by a bridge.
static void bridges_check(struct walk *walk, const struct why_flow *flow) {
    const struct why_interface *sending = flow->sending, *receiving = flow->receiving;
    if (sending && receiving && sending->bridge == receiving->bridge) return;
    if (sending && sending->bridge)
        arrival_check(walk, &(struct arrival){NULL, sending->bridge, &flow->source, flow->target});
    if (receiving && receiving->bridge && flow->source.bytes[0] != 127)
        arrival_check(walk, &(struct arrival){NULL, receiving->bridge, flow->target, &flow->source});
}

// By which interface somebody outside comes in can't be seen. That with the address is likely.
static void uplink_look(struct walk *walk) {
    const struct why_interface *by = side_interface_with(&walk->to, &walk->target);
    const struct address *from = &walk->from.address;
    struct look_route back;
    if (!by || walk->target.family != AF_INET || filter_of(by->own.name) != 1 ||
        look_route(AF_INET, from->bytes, &back) || back.link == by->own.index)
        return;
    walk_note(walk, "route",
              "if it comes in by %s, which has that address, the host drops it: rp_filter is 1 there, which "
              "wants that interface to be the way back, and it is %s (with 2 any will do)",
              by->own.name, link_name(walk, NULL, back.link));
}

void arrival_look(struct walk *walk) {
    struct why_flow flow;
    if (walk->from.kind == WHY_OUTSIDE && walk->to.kind == WHY_HOST) uplink_look(walk);
    if (!flow_find(walk, &flow) || flow.source.family != AF_INET) return;
    bridges_check(walk, &flow);
    // A container of this host comes to a published port under another address.
    if (flow.receiving && (!walk->published || walk->from.kind == WHY_OUTSIDE))
        arrival_check(walk,
                      &(struct arrival){flow.receiver, &flow.receiving->own, &flow.source, flow.target});
}
