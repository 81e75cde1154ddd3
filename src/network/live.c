// SPDX-License-Identifier: Apache-2.0
#include "network/live.h"

#include "kernel/link_events.h"
#include "kernel/link_settings.h"
#include "kernel/net_look.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"
#include "kernel/traffic.h"
#include "network/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int fail(const struct endpoint *endpoint, int r, const char *what, struct err *err) {
    const struct network network = {.name = endpoint->network};
    return kernel_fail(&network, r, what, endpoint->interface, err);
}

static bool is_pair(const struct endpoint *endpoint) {
    return endpoint->driver == NETWORK_DRIVER_BRIDGE;
}

static const char *endpoint_kind(const struct endpoint *endpoint) {
    return is_pair(endpoint) ? "veth" : network_driver_name(endpoint->driver);
}

static int make_veth(const struct endpoint *endpoint, int netns) {
    struct veth veth = {.host = endpoint->host_interface,
                        .peer = endpoint->interface,
                        .netns_fd = netns,
                        .mac = endpoint->mac,
                        .mtu = endpoint->mtu};
    return veth_create(&veth);
}

static int make_child(const struct endpoint *endpoint, int netns) {
    struct link_child child = {.kind = network_driver_name(endpoint->driver),
                               .mode = endpoint->mode,
                               .flag = endpoint->flag,
                               .parent = endpoint->link,
                               .name = endpoint->interface,
                               .netns_fd = netns,
                               .mac = endpoint_has_mac(endpoint) ? endpoint->mac : NULL,
                               .mtu = endpoint->mtu};
    return link_child_make(&child);
}

// In the container's namespace. What another container had until just now is waited for.
static int give_address(const struct endpoint *endpoint, const struct address *address, uint8_t prefix,
                        struct link_events *events) {
    int r = address_add(endpoint->interface, address->family, address->bytes, prefix);
    while (r == -EADDRINUSE && link_events_wait(events))
        r = address_add(endpoint->interface, address->family, address->bytes, prefix);
    return r;
}

static int set_up(const struct endpoint *endpoint, struct link_events *events) {
    int r = link_set_ipv6(AT_FDCWD, endpoint->interface, address_is_set(&endpoint->addresses[1]));
    for (size_t i = 0; !r && i < 2; i++)
        if (address_is_set(&endpoint->addresses[i]))
            r = give_address(endpoint, &endpoint->addresses[i], endpoint->prefixes[i], events);
    for (size_t i = 0; !r && i < endpoint->settings.link_local_ips.count; i++) {
        struct address address;
        if (!(r = address_parse(endpoint->settings.link_local_ips.items[i], &address)))
            r = give_address(endpoint, &address, link_local_prefix(&address), events);
    }
    if (!r) r = link_up(endpoint->interface);
    while (r == -EADDRINUSE && link_events_wait(events)) r = link_up(endpoint->interface);
    return r;
}

static int set_up_in(const struct endpoint *endpoint, int netns) {
    _cleanup_(link_events_finish) struct link_events events = LINK_EVENTS_NONE;
    _cleanup_(netns_leavep) int own = -1;
    int r = is_pair(endpoint) ? 0 : link_events_open(&events);
    if (!r) r = netns_enter(netns, &own);
    return r ? r : set_up(endpoint, &events);
}

int live_add(const struct endpoint *endpoint, int netns, struct err *err) {
    struct err ignored;
    int r = is_pair(endpoint) ? make_veth(endpoint, netns) : make_child(endpoint, netns);
    bool made = !r;
    if (!r) r = set_up_in(endpoint, netns);
    if (!r && is_pair(endpoint)) r = link_set_master(endpoint->host_interface, endpoint->link);
    if (!r) return 0;
    (void)fail(endpoint, r, made ? "set up the interface" : "make the interface", err);
    // A pair may be there though the kernel's answer was not heard.
    if (made || (is_pair(endpoint) && r != -EEXIST)) (void)live_remove(endpoint, netns, &ignored);
    return -1;
}

// In a container the name may have become another by its own doing. What it can't change is the parent, of
// which it has one interface; and of a pair, whose end on the host is not where it was, there is its address
// on the wire.
struct search {
    const struct endpoint *endpoint;
    int parent; // 0: none, or not there any more
    char found[LINK_NAME_SIZE];
    bool other; // has the name
};

static bool is_its(const struct search *search, const struct look_link *link) {
    const struct endpoint *endpoint = search->endpoint;
    if (search->parent) return link->peer == search->parent;
    return endpoint_has_mac(endpoint) ? !memcmp(link->mac, endpoint->mac, sizeof link->mac)
                                      : str_eq(link->name, endpoint->interface);
}

static int search_look(const struct look_link *link, void *data) {
    struct search *search = data;
    bool named = str_eq(link->name, search->endpoint->interface);
    if (!link->abroad || !str_eq(link->kind, endpoint_kind(search->endpoint))) return 0;
    if (!is_its(search, link))
        search->other |= named;
    else if (named || !*search->found)
        memcpy(search->found, link->name, sizeof search->found);
    return 0;
}

// On the host, where the parent is; endpoint may be NULL. look_links() with it is for the container's
// namespace.
static struct search search_begin(const struct endpoint *endpoint) {
    struct search search = {.endpoint = endpoint};
    int parent = !endpoint || is_pair(endpoint) ? 0 : link_index(endpoint->link);
    if (parent > 0) search.parent = parent;
    return search;
}

// -ENODEV: it is not there; -ENOTUNIQ: something else has its name.
static int delete_in(const struct endpoint *endpoint, int netns) {
    _cleanup_(netns_leavep) int own = -1;
    struct search search = search_begin(endpoint);
    int r = netns_enter(netns, &own);
    if (!r) r = look_links(search_look, &search);
    if (!r && *search.found) return link_delete(search.found);
    return r ? r : search.other && !search.parent ? -ENOTUNIQ : -ENODEV;
}

static int remove_link(const struct endpoint *endpoint, int netns) {
    int r = is_pair(endpoint) ? link_delete(endpoint->host_interface) : -ENODEV;
    if (r == -ENODEV && netns >= 0) r = delete_in(endpoint, netns);
    if (is_pair(endpoint) && (!r || r == -ENODEV)) r = traffic_release(endpoint->host_interface);
    return r == -ENODEV ? 0 : r;
}

int live_remove(const struct endpoint *endpoint, int netns, struct err *err) {
    int r = remove_link(endpoint, netns);
    if (r == -ENOTUNIQ)
        return err_set(
            err, ERR_CONFLICT, 0,
            "network %s: interface %s of the container has another MAC address than hoy gave it, and "
            "no end on the host that hoy knows: take it away in the container (ip link delete %s), "
            "and then once more",
            endpoint->network, endpoint->interface, endpoint->interface);
    return r ? fail(endpoint, r, "take away the interface", err) : 0;
}

// Routes

static const struct endpoint *chosen(const struct endpoints *endpoints, size_t i) {
    for (size_t n = 0; n < endpoints->count; n++)
        if (endpoints->items[n].default_route[i]) return &endpoints->items[n];
    return NULL;
}

static struct route route_of(const struct search *search, const char *link, size_t i) {
    const struct endpoint *endpoint = search->endpoint;
    bool by_link = endpoint_routes_by_link(endpoint);
    return (struct route){.link = link,
                          .family = endpoint->addresses[i].family,
                          .gateway = by_link ? NULL : endpoint->gateways[i].bytes};
}

// NULL: it has none. What has its name alone will do.
static const char *link_now(struct search *search) {
    if (look_links(search_look, search)) return NULL;
    return *search->found ? search->found : search->other ? search->endpoint->interface : NULL;
}

static int route_take(struct search *search, size_t i) {
    const char *link = link_now(search);
    if (!link) return 0;
    struct route route = route_of(search, link, i);
    int r = route_delete(&route);
    return r == -ESRCH || r == -ENODEV ? 0 : r; // it went with its interface, or by the container's doing
}

// old: the container has had the interface for a while, and may have taken it down, or its addresses away.
static int route_give(struct search *search, size_t i, bool old) {
    const char *link = link_now(search);
    if (!link) return 0;
    struct route route = route_of(search, link, i);
    int r = route_add(&route);
    if (old && (r == -ENETDOWN || r == -ENETUNREACH || r == -EHOSTUNREACH)) return 0;
    return r == -EEXIST ? 0 : r;
}

static bool is_among(const struct endpoints *endpoints, const struct endpoint *endpoint) {
    for (size_t i = 0; i < endpoints->count; i++)
        if (str_eq(endpoints->items[i].id, endpoint->id)) return true;
    return false;
}

static int route_change(struct search *from, struct search *to, size_t i, bool old) {
    if (from->endpoint && to->endpoint && str_eq(from->endpoint->id, to->endpoint->id)) return 0;
    int r = from->endpoint ? route_take(from, i) : 0;
    return r || !to->endpoint ? r : route_give(to, i, old);
}

int live_route(const struct endpoints *before, const struct endpoints *after, int netns, struct err *err) {
    _cleanup_(netns_leavep) int own = -1;
    struct search from[2], to[2];
    for (size_t i = 0; i < 2; i++) {
        from[i] = search_begin(chosen(before, i));
        to[i] = search_begin(chosen(after, i));
    }
    int r = netns_enter(netns, &own);
    for (size_t i = 0; !r && i < 2; i++)
        r = route_change(&from[i], &to[i], i, to[i].endpoint && is_among(before, to[i].endpoint));
    return r ? err_set(err, ERR_SYSTEM, -r, "set the container's default route") : 0;
}

int network_set_pending(struct db *db, const char *container_id, const char *network_id, bool pending,
                        struct err *err) {
    return db_do(db, err, "UPDATE endpoint SET pending = ? WHERE container_id = ? AND network = ?", "iss",
                 (int64_t)pending, container_id, network_id);
}
