// SPDX-License-Identifier: Apache-2.0
// Every function opens a socket of its own: that costs some ten microseconds, and the caller is a process
// that lives for milliseconds and changes its namespace while it does.
#include "kernel/link.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static bool name_valid(const char *name) {
    size_t length = name ? strlen(name) : 0;
    return length && length < LINK_NAME_SIZE && !strchr(name, '/');
}

// Links are named by IFLA_IFNAME, not by index: nothing to look up first, and no other link meant when a name
// was reused in between.
static void link_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const char *name,
                       unsigned link_flags) {
    struct ifinfomsg info = {.ifi_flags = link_flags, .ifi_change = link_flags};
    netlink_begin(batch, type, flags | NLM_F_ACK, &info, sizeof info);
    netlink_put_string(batch, IFLA_IFNAME, name);
}

static int link_ioctl(const char *name, unsigned long request, struct ifreq *ret_request) {
    _cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (!name_valid(name)) return -ENODEV;
    *ret_request = (struct ifreq){0};
    strcpy(ret_request->ifr_name, name);
    return ioctl(fd, request, ret_request) ? -errno : 0;
}

int link_index(const char *name) {
    struct ifreq request;
    int r = link_ioctl(name, SIOCGIFINDEX, &request);
    return r ? r : request.ifr_ifindex;
}

int link_peek(const char *name, bool *ret_up, uint8_t ret_mac[6]) {
    struct ifreq flags, address;
    int r = link_ioctl(name, SIOCGIFFLAGS, &flags);
    if (!r) r = link_ioctl(name, SIOCGIFHWADDR, &address);
    if (r) return r;
    *ret_up = flags.ifr_flags & IFF_UP;
    memcpy(ret_mac, address.ifr_hwaddr.sa_data, 6);
    return 0;
}

static int local_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct rtmsg *info = payload;
    const struct nlattr *table[RTA_MAX + 1] = {0};
    if (type != RTM_NEWROUTE) return 0;
    if (size < sizeof *info) return -EBADMSG;
    int r = netlink_parse(info + 1, size - sizeof *info, table, ARRAY_SIZE(table));
    if (!r && info->rtm_type == RTN_LOCAL) netlink_get(table[RTA_OIF], data, sizeof(int));
    return r;
}

// By its route, since only routes are told without the lock of all interfaces.
bool link_has_address(const char *link, const uint8_t bytes[4]) {
    struct netlink_batch batch = {0};
    struct rtmsg info = {.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_flags = RTM_F_FIB_MATCH};
    int index = link_index(link), found = 0;
    if (index < 0) return false;
    netlink_begin(&batch, RTM_GETROUTE, NLM_F_ACK, &info, sizeof info);
    netlink_put(&batch, RTA_DST, bytes, 4);
    return !netlink_route_call(&batch, local_read, &found) && found == index;
}

static int link_read(uint16_t type, const void *payload, size_t size, void *data) {
    struct link *link = data;
    const struct ifinfomsg *info = payload;
    const struct nlattr *table[IFLA_MAX + 1] = {0}, *kinds[IFLA_INFO_MAX + 1] = {0};
    if (type != RTM_NEWLINK) return 0;
    if (size < sizeof *info) return -EBADMSG;
    int r = netlink_parse(info + 1, size - sizeof *info, table, ARRAY_SIZE(table));
    if (r) return r;
    *link = (struct link){.index = info->ifi_index, .up = info->ifi_flags & IFF_UP};
    const struct nlattr *kind = table[IFLA_LINKINFO];
    if (kind) r = netlink_parse(kind + 1, kind->nla_len - sizeof *kind, kinds, ARRAY_SIZE(kinds));
    netlink_get_string(kinds[IFLA_INFO_KIND], link->kind, sizeof link->kind);
    netlink_get_string(table[IFLA_IFALIAS], link->alias, sizeof link->alias);
    netlink_get(table[IFLA_MASTER], &link->master, sizeof link->master);
    netlink_get(table[IFLA_MTU], &link->mtu, sizeof link->mtu);
    netlink_get(table[IFLA_ADDRESS], link->mac, sizeof link->mac);
    return r;
}

int link_get(const char *name, struct link *ret_link) {
    struct link link = {0};
    struct netlink_batch batch = {0};
    if (!name_valid(name)) return -ENODEV;
    link_begin(&batch, RTM_GETLINK, 0, name, 0);
    int r = netlink_route_call(&batch, link_read, &link);
    if (r) return r;
    if (!link.index) return -ENODEV;
    *ret_link = link;
    return 0;
}

int link_up(const char *name) {
    struct netlink_batch batch = {0};
    if (!name_valid(name)) return -ENODEV;
    link_begin(&batch, RTM_NEWLINK, 0, name, IFF_UP);
    return netlink_route_call(&batch, NULL, NULL);
}

static int link_down(const char *name) {
    struct ifinfomsg info = {.ifi_change = IFF_UP};
    struct netlink_batch batch = {0};
    if (!name_valid(name)) return -ENODEV;
    netlink_begin(&batch, RTM_NEWLINK, NLM_F_ACK, &info, sizeof info);
    netlink_put_string(&batch, IFLA_IFNAME, name);
    return netlink_route_call(&batch, NULL, NULL);
}

// By index, since the name in the message is the new one.
int link_rename(const char *name, const char *new_name) {
    struct link link;
    struct netlink_batch batch = {0};
    if (!name_valid(new_name)) return -EINVAL;
    int r = link_get(name, &link);
    if (!r && link.up) r = link_down(name);
    if (r) return r;
    struct ifinfomsg info = {.ifi_index = link.index};
    netlink_begin(&batch, RTM_NEWLINK, NLM_F_ACK, &info, sizeof info);
    netlink_put_string(&batch, IFLA_IFNAME, new_name);
    r = netlink_route_call(&batch, NULL, NULL);
    if (!link.up) return r;
    int up = link_up(r ? name : new_name);
    return r ? r : up;
}

int link_set_alias(const char *name, const char *alias) {
    struct netlink_batch batch = {0};
    if (!name_valid(name)) return -ENODEV;
    link_begin(&batch, RTM_NEWLINK, 0, name, 0);
    netlink_put(&batch, IFLA_IFALIAS, alias, strlen(alias));
    return netlink_route_call(&batch, NULL, NULL);
}

int link_delete(const char *name) {
    struct netlink_batch batch = {0};
    if (!name_valid(name)) return -ENODEV;
    link_begin(&batch, RTM_DELLINK, 0, name, 0);
    return netlink_route_call(&batch, NULL, NULL);
}

// Moving

#define ADDRESSES_MAX 32

struct addresses {
    int link; // its index
    size_t count;
    struct {
        struct ifaddrmsg info;
        uint8_t local[16], peer[16], broadcast[4];
        bool has_broadcast;
        uint32_t metric; // of the route that comes with it
        uint32_t flags;
    } items[ADDRESSES_MAX];
};

// Addresses that an agent leases out to the link end with the lease, and those of the link's scope the kernel
// makes again by itself.
static int address_read(uint16_t type, const void *payload, size_t size, void *data) {
    struct addresses *all = data;
    const struct ifaddrmsg *info = payload;
    const struct nlattr *table[IFA_MAX + 1] = {0};
    if (type != RTM_NEWADDR) return 0;
    if (size < sizeof *info) return -EBADMSG;
    if ((int)info->ifa_index != all->link || info->ifa_scope >= RT_SCOPE_LINK) return 0;
    if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) return 0;
    int r = netlink_parse(info + 1, size - sizeof *info, table, ARRAY_SIZE(table));
    if (r) return r;
    size_t bytes = info->ifa_family == AF_INET ? 4 : 16;
    uint32_t flags = info->ifa_flags;
    netlink_get(table[IFA_FLAGS], &flags, sizeof flags);
    if (!(flags & IFA_F_PERMANENT)) return 0;
    if (all->count == ADDRESSES_MAX) return -E2BIG;
    typeof(all->items[0]) *item = &all->items[all->count];
    *item = (typeof(*item)){.info = *info, .flags = flags & (IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)};
    if (netlink_get(table[IFA_ADDRESS], item->peer, bytes)) return 0;
    if (netlink_get(table[IFA_LOCAL], item->local, bytes)) memcpy(item->local, item->peer, bytes);
    item->has_broadcast = !netlink_get(table[IFA_BROADCAST], item->broadcast, 4);
    netlink_get(table[IFA_RT_PRIORITY], &item->metric, sizeof item->metric);
    all->count++;
    return 0;
}

static int addresses_read(int link, struct addresses *ret_all) {
    struct netlink_batch batch = {0};
    *ret_all = (struct addresses){.link = link};
    netlink_begin(&batch, RTM_GETADDR, NLM_F_DUMP, &(struct ifaddrmsg){0}, sizeof(struct ifaddrmsg));
    return netlink_route_call(&batch, address_read, ret_all);
}

static int addresses_add(int socket, int link, const struct addresses *all) {
    for (size_t i = 0; i < all->count; i++) {
        const typeof(all->items[0]) *item = &all->items[i];
        struct netlink_batch batch = {0};
        size_t bytes = item->info.ifa_family == AF_INET ? 4 : 16;
        struct ifaddrmsg info = {.ifa_family = item->info.ifa_family,
                                 .ifa_prefixlen = item->info.ifa_prefixlen,
                                 .ifa_scope = item->info.ifa_scope,
                                 .ifa_index = (uint32_t)link};
        netlink_begin(&batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &info, sizeof info);
        netlink_put(&batch, IFA_LOCAL, item->local, bytes);
        netlink_put(&batch, IFA_ADDRESS, item->peer, bytes);
        if (item->has_broadcast) netlink_put(&batch, IFA_BROADCAST, item->broadcast, 4);
        if (item->metric) netlink_put_u32(&batch, IFA_RT_PRIORITY, item->metric);
        if (item->flags) netlink_put_u32(&batch, IFA_FLAGS, item->flags);
        int r = netlink_call(socket, &batch, NULL, NULL);
        if (r) return r;
    }
    return 0;
}

// A socket belongs to the namespace that its maker was in.
static int open_socket_in(int netns) {
    _cleanup_(netns_leavep) int own = -1;
    int r = netns_enter(netns, &own);
    return r ? r : netlink_open(NETLINK_ROUTE);
}

// Its new index, which is the old one where that is free.
static int index_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct ifinfomsg *info = payload;
    if (type != RTM_NEWLINK) return 0;
    if (size < sizeof *info) return -EBADMSG;
    *(int *)data = info->ifi_index;
    return 0;
}

static int index_in(int socket, const char *name, int *ret_index) {
    struct netlink_batch get = {0};
    link_begin(&get, RTM_GETLINK, 0, name, 0);
    return netlink_call(socket, &get, index_read, ret_index);
}

static int bring_up_in(int socket, const char *name, int *ret_index) {
    struct netlink_batch up = {0};
    link_begin(&up, RTM_NEWLINK, 0, name, IFF_UP);
    int r = netlink_call(socket, &up, NULL, NULL);
    return r ? r : index_in(socket, name, ret_index);
}

// By index: the name may be a new one already.
static int put_in(int socket, int index, int netns, const char *name) {
    struct netlink_batch move = {0};
    struct ifinfomsg info = {.ifi_index = index};
    netlink_begin(&move, RTM_NEWLINK, NLM_F_ACK, &info, sizeof info);
    netlink_put_u32(&move, IFLA_NET_NS_FD, (uint32_t)netns);
    netlink_put_string(&move, IFLA_IFNAME, name);
    return netlink_call(socket, &move, NULL, NULL);
}

// Before Linux 6.2 only what is down is renamed.
static int take_down(int socket, int index) {
    struct netlink_batch down = {0};
    struct ifinfomsg info = {.ifi_index = index, .ifi_change = IFF_UP};
    netlink_begin(&down, RTM_NEWLINK, NLM_F_ACK, &info, sizeof info);
    return netlink_call(socket, &down, NULL, NULL);
}

// One that cannot be used there would end with the namespace, or come back by another name.
static void take_back(int there, int here, const char *new_name, const char *name, const struct link *link,
                      const struct addresses *addresses) {
    int index;
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (own < 0 || index_in(there, new_name, &index)) return;
    (void)take_down(there, index);
    if (put_in(there, index, own, name) || index_in(here, name, &index)) return;
    if (link->up) (void)link_up(name);
    (void)addresses_add(here, index, addresses);
}

int link_move(const char *name, int netns, const char *new_name) {
    struct addresses addresses;
    if (!name_valid(name)) return -ENODEV;
    if (!name_valid(new_name)) return -EINVAL;
    struct link link;
    int r = link_get(name, &link);
    if (!r) r = addresses_read(link.index, &addresses);
    if (r) return r;
    _cleanup_(fd_closep) int here = netlink_open(NETLINK_ROUTE);
    _cleanup_(fd_closep) int there = here < 0 ? here : open_socket_in(netns);
    if (there < 0) return there;
    // The kernel would find that out when the link is there already.
    int index;
    r = index_in(there, new_name, &index);
    if (r != -ENODEV) return r ? r : -EEXIST;
    r = take_down(here, link.index);
    if (r) return r;
    r = put_in(here, link.index, netns, new_name);
    if (r && link.up) (void)link_up(name); // it stays, as it was
    if (r) return r;
    r = bring_up_in(there, new_name, &index);
    if (!r) r = addresses_add(there, index, &addresses);
    if (r) take_back(there, here, new_name, name, &link, &addresses);
    return r;
}

struct port_count {
    int master;
    size_t count;
};

static int port_read(uint16_t type, const void *payload, size_t size, void *data) {
    struct port_count *ports = data;
    struct link link = {0};
    int r = link_read(type, payload, size, &link);
    if (!r && link.master == ports->master) ports->count++;
    return r;
}

int link_count_ports(int master, size_t *ret_count) {
    struct port_count ports = {.master = master};
    struct netlink_batch batch = {0};
    netlink_begin(&batch, RTM_GETLINK, NLM_F_DUMP, &(struct ifinfomsg){0}, sizeof(struct ifinfomsg));
    int r = netlink_route_call(&batch, port_read, &ports);
    if (!r) *ret_count = ports.count;
    return r;
}

int bridge_create(const char *name, const uint8_t mac[6], const char *alias) {
    struct netlink_batch batch = {0};
    if (!name_valid(name)) return -EINVAL;
    link_begin(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name, 0);
    netlink_put(&batch, IFLA_ADDRESS, mac, 6);
    size_t info = netlink_nest(&batch, IFLA_LINKINFO);
    netlink_put_string(&batch, IFLA_INFO_KIND, "bridge");
    size_t data = netlink_nest(&batch, IFLA_INFO_DATA);
    netlink_put_u32(&batch, IFLA_BR_STP_STATE, 0);
    netlink_put_u32(&batch, IFLA_BR_FORWARD_DELAY, 0);
    netlink_put_u8(&batch, IFLA_BR_MCAST_SNOOPING, 0);
    netlink_end(&batch, data);
    netlink_end(&batch, info);
    int r = netlink_route_call(&batch, NULL, NULL);
    // An alias is only taken by a link that is there.
    return r || !alias ? r : link_set_alias(name, alias);
}

// One queue each way: the kernel's default, one for every possible CPU, costs a third of the whole creation.
static void veth_put_sizes(struct netlink_batch *batch, const struct veth *veth) {
    netlink_put_u32(batch, IFLA_NUM_TX_QUEUES, 1);
    netlink_put_u32(batch, IFLA_NUM_RX_QUEUES, 1);
    if (veth->mtu) netlink_put_u32(batch, IFLA_MTU, veth->mtu);
}

// The peer's own attributes, in a message header within the attribute.
static void veth_put_peer(struct netlink_batch *batch, const struct veth *veth) {
    size_t info = netlink_nest(batch, IFLA_LINKINFO);
    netlink_put_string(batch, IFLA_INFO_KIND, "veth");
    size_t data = netlink_nest(batch, IFLA_INFO_DATA);
    size_t peer = netlink_nest(batch, VETH_INFO_PEER);
    netlink_put_bytes(batch, &(struct ifinfomsg){0}, sizeof(struct ifinfomsg));
    netlink_put_string(batch, IFLA_IFNAME, veth->peer);
    if (veth->mac) netlink_put(batch, IFLA_ADDRESS, veth->mac, 6);
    veth_put_sizes(batch, veth);
    if (veth->netns_pid)
        netlink_put_u32(batch, IFLA_NET_NS_PID, (uint32_t)veth->netns_pid);
    else
        netlink_put_u32(batch, IFLA_NET_NS_FD, (uint32_t)veth->netns_fd);
    netlink_end(batch, peer);
    netlink_end(batch, data);
    netlink_end(batch, info);
}

// A bridge's port has no use for an IPv6 address. Each would come with routes, and the kernel goes through
// those of all others to add one. It may have no IPv6 at all.
static void veth_put_no_address(struct netlink_batch *batch, const struct veth *veth) {
    link_begin(batch, RTM_SETLINK, 0, veth->host, 0);
    netlink_optional(batch);
    size_t families = netlink_nest(batch, IFLA_AF_SPEC);
    size_t family = netlink_nest(batch, AF_INET6);
    netlink_put_u8(batch, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    netlink_end(batch, family);
    netlink_end(batch, families);
}

int veth_create(const struct veth *veth) {
    struct netlink_batch batch = {0};
    if (!name_valid(veth->host) || !name_valid(veth->peer)) return -EINVAL;
    link_begin(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, veth->host, IFF_UP);
    veth_put_sizes(&batch, veth);
    veth_put_peer(&batch, veth);
    veth_put_no_address(&batch, veth);
    return netlink_route_call(&batch, NULL, NULL);
}

int address_add(const char *link, uint8_t family, const void *bytes, uint8_t prefix) {
    struct netlink_batch batch = {0};
    size_t size = family == AF_INET ? 4 : 16;
    int index = link_index(link);
    if (index < 0) return index;
    if ((family != AF_INET && family != AF_INET6) || prefix > size * 8) return -EINVAL;
    struct ifaddrmsg info = {.ifa_family = family, .ifa_prefixlen = prefix, .ifa_index = (uint32_t)index};
    netlink_begin(&batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &info, sizeof info);
    netlink_put(&batch, IFA_LOCAL, bytes, size);
    netlink_put(&batch, IFA_ADDRESS, bytes, size);
    if (family == AF_INET && prefix && prefix < 31) {
        uint32_t broadcast;
        memcpy(&broadcast, bytes, 4);
        broadcast |= htonl(UINT32_MAX >> prefix);
        netlink_put(&batch, IFA_BROADCAST, &broadcast, 4);
    }
    // Nobody else has the address: no second of waiting for an answer from one who does.
    if (family == AF_INET6) netlink_put_u32(&batch, IFA_FLAGS, IFA_F_NODAD);
    return netlink_route_call(&batch, NULL, NULL);
}

static int route_change(const struct route *route, uint16_t type, uint16_t flags) {
    struct netlink_batch batch = {0};
    int index = link_index(route->link);
    size_t size = route->family == AF_INET ? 4 : 16;
    if (index < 0) return index;
    if ((route->family != AF_INET && route->family != AF_INET6) || route->prefix > size * 8) return -EINVAL;
    if (route->prefix && !route->destination) return -EINVAL;
    bool on_link = !route->gateway && route->family == AF_INET;
    struct rtmsg info = {.rtm_family = route->family,
                         .rtm_dst_len = route->prefix,
                         .rtm_table = RT_TABLE_MAIN,
                         .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
                         .rtm_type = RTN_UNICAST,
                         .rtm_flags = route->gateway && route->gateway_is_outside ? RTNH_F_ONLINK : 0};
    netlink_begin(&batch, type, flags | NLM_F_ACK, &info, sizeof info);
    if (route->prefix) netlink_put(&batch, RTA_DST, route->destination, size);
    if (route->gateway) netlink_put(&batch, RTA_GATEWAY, route->gateway, size);
    if (route->metric) netlink_put_u32(&batch, RTA_PRIORITY, route->metric);
    netlink_put_u32(&batch, RTA_OIF, (uint32_t)index);
    return netlink_route_call(&batch, NULL, NULL);
}

int route_add(const struct route *route) {
    return route_change(route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
}

int route_delete(const struct route *route) {
    return route_change(route, RTM_DELROUTE, 0);
}

struct route_walk {
    int (*each)(uint32_t destination, uint8_t prefix, void *data);
    void *data;
};

static int route_read(uint16_t type, const void *payload, size_t size, void *data) {
    struct route_walk *walk = data;
    const struct rtmsg *info = payload;
    const struct nlattr *table[RTA_MAX + 1] = {0};
    uint32_t destination = 0;
    if (type != RTM_NEWROUTE) return 0;
    if (size < sizeof *info) return -EBADMSG;
    if (info->rtm_family != AF_INET || info->rtm_dst_len > 32) return 0;
    int r = netlink_parse(info + 1, size - sizeof *info, table, ARRAY_SIZE(table));
    if (r) return r;
    if (netlink_get(table[RTA_DST], &destination, sizeof destination)) return 0; // the default route
    return walk->each(ntohl(destination), info->rtm_dst_len, walk->data);
}

static int routes_dump(uint8_t family, netlink_each *read, void *walk) {
    struct netlink_batch batch = {0};
    struct rtmsg info = {.rtm_family = family};
    netlink_begin(&batch, RTM_GETROUTE, NLM_F_DUMP, &info, sizeof info);
    return netlink_route_call(&batch, read, walk);
}

int route_each(int (*each)(uint32_t destination, uint8_t prefix, void *data), void *data) {
    return routes_dump(AF_INET, route_read, &(struct route_walk){each, data});
}

struct route_walk_ipv6 {
    int (*each)(const uint8_t destination[16], uint8_t prefix, void *data);
    void *data;
};

static int route_read_ipv6(uint16_t type, const void *payload, size_t size, void *data) {
    struct route_walk_ipv6 *walk = data;
    const struct rtmsg *info = payload;
    const struct nlattr *table[RTA_MAX + 1] = {0};
    uint8_t destination[16];
    if (type != RTM_NEWROUTE) return 0;
    if (size < sizeof *info) return -EBADMSG;
    if (info->rtm_family != AF_INET6 || info->rtm_dst_len > 128 || info->rtm_table == RT_TABLE_LOCAL)
        return 0;
    int r = netlink_parse(info + 1, size - sizeof *info, table, ARRAY_SIZE(table));
    if (r) return r;
    if (netlink_get(table[RTA_DST], destination, sizeof destination)) return 0; // the default route
    return walk->each(destination, info->rtm_dst_len, walk->data);
}

int route_each_ipv6(int (*each)(const uint8_t destination[16], uint8_t prefix, void *data), void *data) {
    return routes_dump(AF_INET6, route_read_ipv6, &(struct route_walk_ipv6){each, data});
}
