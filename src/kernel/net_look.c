// SPDX-License-Identifier: Apache-2.0
#include "kernel/net_look.h"

#include "base/macro.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static size_t family_size(uint8_t family) {
    return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

// Links

struct link_walk {
    int (*each)(const struct look_link *link, void *data);
    void *data;
};

static void kind_read(const struct nlattr *info, struct look_link *link) {
    const struct nlattr *table[IFLA_INFO_KIND + 1] = {0};
    if (info && !netlink_parse(info + 1, info->nla_len - sizeof *info, table, ARRAY_SIZE(table)))
        netlink_get_string(table[IFLA_INFO_KIND], link->kind, sizeof link->kind);
}

static int link_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct link_walk *walk = data;
    const struct ifinfomsg *head = payload;
    const struct nlattr *table[IFLA_MAX + 1] = {0};
    if (type != RTM_NEWLINK) return 0;
    if (size < sizeof *head) return -EBADMSG;
    struct look_link link = {.index = head->ifi_index, .up = head->ifi_flags & IFF_UP};
    int r = netlink_parse(head + 1, size - sizeof *head, table, ARRAY_SIZE(table));
    if (r) return r;
    netlink_get(table[IFLA_LINK], &link.peer, sizeof link.peer);
    link.abroad = table[IFLA_LINK_NETNSID];
    netlink_get(table[IFLA_ADDRESS], link.mac, sizeof link.mac);
    netlink_get(table[IFLA_MASTER], &link.master, sizeof link.master);
    netlink_get(table[IFLA_MTU], &link.mtu, sizeof link.mtu);
    netlink_get_string(table[IFLA_IFNAME], link.name, sizeof link.name);
    netlink_get_string(table[IFLA_IFALIAS], link.alias, sizeof link.alias);
    kind_read(table[IFLA_LINKINFO], &link);
    return walk->each(&link, walk->data);
}

int look_links(int (*each)(const struct look_link *link, void *data), void *data) {
    struct netlink_batch batch = {0};
    struct link_walk walk = {each, data};
    netlink_begin(&batch, RTM_GETLINK, NLM_F_DUMP, &(struct ifinfomsg){0}, sizeof(struct ifinfomsg));
    return netlink_route_call(&batch, link_read, &walk);
}

// Addresses

struct address_walk {
    int (*each)(const struct look_address *address, void *data);
    void *data;
};

static int address_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct address_walk *walk = data;
    const struct ifaddrmsg *head = payload;
    const struct nlattr *table[IFA_MAX + 1] = {0};
    if (type != RTM_NEWADDR) return 0;
    if (size < sizeof *head) return -EBADMSG;
    struct look_address address = {.link = (int)head->ifa_index,
                                   .family = head->ifa_family,
                                   .prefix = head->ifa_prefixlen,
                                   .link_local = head->ifa_scope == RT_SCOPE_LINK};
    int r = netlink_parse(head + 1, size - sizeof *head, table, ARRAY_SIZE(table));
    if (r || !family_size(address.family)) return r;
    const struct nlattr *own = table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS];
    if (netlink_get(own, address.bytes, family_size(address.family))) return 0;
    return walk->each(&address, walk->data);
}

int look_addresses(int (*each)(const struct look_address *address, void *data), void *data) {
    struct netlink_batch batch = {0};
    struct address_walk walk = {each, data};
    netlink_begin(&batch, RTM_GETADDR, NLM_F_DUMP, &(struct ifaddrmsg){0}, sizeof(struct ifaddrmsg));
    return netlink_route_call(&batch, address_read, &walk);
}

// Routes

static int route_read(uint16_t type, const void *payload, size_t size, void *data) {
    struct look_route *route = data;
    const struct rtmsg *head = payload;
    const struct nlattr *table[RTA_MAX + 1] = {0};
    if (type != RTM_NEWROUTE) return 0;
    if (size < sizeof *head) return -EBADMSG;
    int r = netlink_parse(head + 1, size - sizeof *head, table, ARRAY_SIZE(table));
    if (r) return r;
    route->local = head->rtm_type == RTN_LOCAL;
    netlink_get(table[RTA_OIF], &route->link, sizeof route->link);
    route->has_gateway = !netlink_get(table[RTA_GATEWAY], route->gateway, family_size(head->rtm_family));
    route->has_source = !netlink_get(table[RTA_PREFSRC], route->source, family_size(head->rtm_family));
    switch (head->rtm_type) {
    case RTN_UNREACHABLE: return -EHOSTUNREACH;
    case RTN_PROHIBIT: return -EACCES;
    case RTN_BLACKHOLE: return -ENETUNREACH;
    default: return 0;
    }
}

int look_way(const struct look_way *way, struct look_route *ret_route) {
    struct netlink_batch batch = {0};
    struct look_route route = {0};
    size_t size = family_size(way->family);
    uint8_t bits = (uint8_t)(size * 8);
    struct rtmsg head = {.rtm_family = way->family, .rtm_dst_len = bits};
    if (!size) return -EAFNOSUPPORT;
    if (way->source) head.rtm_src_len = bits;
    netlink_begin(&batch, RTM_GETROUTE, NLM_F_ACK, &head, sizeof head);
    netlink_put(&batch, RTA_DST, way->destination, size);
    if (way->source) netlink_put(&batch, RTA_SRC, way->source, size);
    if (way->in) netlink_put_u32(&batch, RTA_IIF, (uint32_t)way->in);
    if (way->out) netlink_put_u32(&batch, RTA_OIF, (uint32_t)way->out);
    int r = netlink_route_call(&batch, route_read, &route);
    if (!r) *ret_route = route;
    return r;
}

int look_route(uint8_t family, const void *destination, struct look_route *ret_route) {
    return look_way(&(struct look_way){.family = family, .destination = destination}, ret_route);
}

static int prefix_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct rtmsg *head = payload;
    if (type == RTM_NEWROUTE && size >= sizeof *head) *(uint8_t *)data = head->rtm_dst_len;
    return 0;
}

int look_route_prefix(uint8_t family, const void *destination, uint8_t *ret_prefix) {
    struct netlink_batch batch = {0};
    uint8_t prefix = 0;
    size_t size = family_size(family);
    struct rtmsg head = {
        .rtm_family = family, .rtm_dst_len = (uint8_t)(size * 8), .rtm_flags = RTM_F_FIB_MATCH};
    if (!size) return -EAFNOSUPPORT;
    netlink_begin(&batch, RTM_GETROUTE, NLM_F_ACK, &head, sizeof head);
    netlink_put(&batch, RTA_DST, destination, size);
    int r = netlink_route_call(&batch, prefix_read, &prefix);
    if (r && r != -ENETUNREACH) return r;
    *ret_prefix = prefix;
    return 0;
}
