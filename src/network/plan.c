// SPDX-License-Identifier: Apache-2.0
// A container's interfaces as operations of its plan.
#include "network/network.h"

#include "base/macro.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void plan_veth(const struct endpoint *endpoint, const char *why, struct plan *plan) {
    plan_str host = plan_string(plan, endpoint->host_interface),
             link = plan_string(plan, endpoint->interface), bridge = plan_string(plan, endpoint->link);
    struct plan_op *op = plan_add(plan, PLAN_VETH_ADD, why);
    op->veth.host = host;
    op->veth.peer = link;
    op->veth.bridge = bridge;
    op->veth.has_mac = 1;
    memcpy(op->veth.mac, endpoint->mac, sizeof op->veth.mac);
    op->veth.mtu = endpoint->mtu;
}

static void plan_interface(const struct endpoint *endpoint, const char *why, struct plan *plan) {
    plan_veth(endpoint, why, plan);
}

static void plan_address(struct plan *plan, enum plan_op_type type, const char *why, plan_str link,
                         const struct address *address, uint8_t prefix) {
    struct plan_op *op = plan_add(plan, type, why);
    op->address.link = link;
    op->address.family = address->family;
    op->address.prefix = prefix;
    memcpy(op->address.bytes, address->bytes, sizeof op->address.bytes);
}

static void plan_endpoint(const struct endpoint *endpoint, struct plan *plan) {
    char why[300];
    snprintf(why, sizeof why, "network %s", endpoint->network);
    plan_str link = plan_string(plan, endpoint->interface);
    plan_interface(endpoint, why, plan);
    bool ipv6 = address_is_set(&endpoint->addresses[1]);
    struct plan_op *op = plan_add(plan, PLAN_LINK_IPV6, why);
    op->link.name = link;
    op->link.ipv6 = ipv6;
    for (size_t i = 0; i < 2; i++)
        if (address_is_set(&endpoint->addresses[i]))
            plan_address(plan, PLAN_ADDRESS_ADD, why, link, &endpoint->addresses[i], endpoint->prefixes[i]);
    plan_add(plan, PLAN_LINK_UP, why)->link.name = link;
    for (size_t i = 0; i < 2; i++)
        if (endpoint->default_route[i])
            plan_address(plan, PLAN_ROUTE_ADD, why, link, &endpoint->gateways[i], 0);
}

void network_plan(const struct endpoints *endpoints, struct plan *plan) {
    for (size_t i = 0; i < endpoints->count; i++) plan_endpoint(&endpoints->items[i], plan);
}
