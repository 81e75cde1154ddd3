// SPDX-License-Identifier: Apache-2.0
// A container's interfaces as operations of its plan.
#include "network/network.h"

#include "base/macro.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void plan_veth(const struct endpoint *endpoint, const char *why, struct plan *plan) {
    plan_str host = plan_string(plan, endpoint->host_interface),
             link = plan_string(plan, endpoint->interface);
    struct plan_op *op = plan_add(plan, PLAN_VETH_ADD, why);
    op->veth.host = host;
    op->veth.peer = link;
    op->veth.has_mac = 1;
    memcpy(op->veth.mac, endpoint->mac, sizeof op->veth.mac);
    op->veth.mtu = endpoint->mtu;
}

static void plan_child(const struct endpoint *endpoint, const char *why, struct plan *plan) {
    plan_str kind = plan_string(plan, network_driver_name(endpoint->driver)),
             mode = plan_string(plan, endpoint->mode), flag = plan_string(plan, endpoint->flag),
             parent = plan_string(plan, endpoint->link), name = plan_string(plan, endpoint->interface);
    struct plan_op *op = plan_add(plan, PLAN_LINK_ADD, why);
    op->child_link.kind = kind;
    op->child_link.mode = mode;
    op->child_link.flag = flag;
    op->child_link.parent = parent;
    op->child_link.name = name;
    op->child_link.has_mac = endpoint_has_mac(endpoint);
    memcpy(op->child_link.mac, endpoint->mac, sizeof op->child_link.mac);
    op->child_link.mtu = endpoint->mtu;
}

static void plan_address(struct plan *plan, enum plan_op_type type, const char *why, plan_str link,
                         const struct address *address, uint8_t prefix) {
    struct plan_op *op = plan_add(plan, type, why);
    op->address.link = link;
    op->address.family = address->family;
    op->address.prefix = prefix;
    memcpy(op->address.bytes, address->bytes, sizeof op->address.bytes);
}

// Through the gateway, or where there is none to what the link reaches by itself.
static void plan_route(struct plan *plan, const char *why, plan_str link, const struct endpoint *endpoint,
                       size_t i) {
    struct address gateway = {0};
    if (!endpoint_routes_by_link(endpoint)) gateway = endpoint->gateways[i];
    gateway.family = endpoint->addresses[i].family;
    plan_address(plan, PLAN_ROUTE_ADD, why, link, &gateway, 0);
}

static void plan_endpoint(const struct endpoint *endpoint, struct plan *plan) {
    char why[300];
    snprintf(why, sizeof why, "network %s", endpoint->network);
    plan_str link = plan_string(plan, endpoint->interface);
    if (endpoint->driver == NETWORK_DRIVER_BRIDGE)
        plan_veth(endpoint, why, plan);
    else
        plan_child(endpoint, why, plan);
    bool ipv6 = address_is_set(&endpoint->addresses[1]);
    struct plan_op *op = plan_add(plan, PLAN_LINK_IPV6, why);
    op->link.name = link;
    op->link.ipv6 = ipv6;
    // Up before it has addresses: with them the kernel makes their routes as it comes up, of memory that it
    // may not wait for, and where there is none drops an address without a word.
    plan_add(plan, PLAN_LINK_UP, why)->link.name = link;
    for (size_t i = 0; i < 2; i++)
        if (address_is_set(&endpoint->addresses[i]))
            plan_address(plan, PLAN_ADDRESS_ADD, why, link, &endpoint->addresses[i], endpoint->prefixes[i]);
    for (size_t i = 0; i < endpoint->settings.link_local_ips.count; i++) {
        struct address address;
        if (!address_parse(endpoint->settings.link_local_ips.items[i], &address))
            plan_address(plan, PLAN_ADDRESS_ADD, why, link, &address, link_local_prefix(&address));
    }
    for (size_t i = 0; i < 2; i++)
        if (endpoint->default_route[i]) plan_route(plan, why, link, endpoint, i);
}

void network_plan(const struct endpoints *endpoints, struct plan *plan) {
    for (size_t i = 0; i < endpoints->count; i++) plan_endpoint(&endpoints->items[i], plan);
}

// A bridge hands the first words of IPv6 on a new interface (to which groups it belongs) to everybody who is
// there: for 500 that takes the kernel 2 ms, in which it changes no interface. Nobody needs them. So they are
// said before anybody hears them.
void network_plan_bridge_ports(const struct endpoints *endpoints, const char *hairpin, struct plan *plan) {
    bool awaited = false;
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint *endpoint = &endpoints->items[i];
        if (endpoint->driver != NETWORK_DRIVER_BRIDGE) continue;
        char why[300];
        snprintf(why, sizeof why, "network %s", endpoint->network);
        if (!awaited) plan_add(plan, PLAN_READY, why);
        if (!awaited) plan_add(plan, PLAN_AWAIT, why);
        awaited = true;
        plan_str link = plan_string(plan, endpoint->host_interface),
                 bridge = plan_string(plan, endpoint->link);
        struct plan_op *op = plan_add(plan, PLAN_BRIDGE_PORT, why);
        op->bridge_port.link = link;
        op->bridge_port.bridge = bridge;
        op->bridge_port.hairpin = str_eq(endpoint->host_interface, hairpin);
    }
}
