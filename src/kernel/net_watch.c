// SPDX-License-Identifier: Apache-2.0
// Others' rules are passed over here: a firewall that reloads ten thousand of its own costs its messages'
// reading, and nothing behind that. Of others' tables only chains at a hook count, since their policies
// decide whether hoy's rules lead around FORWARD.
#include "kernel/net_watch.h"

#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_BYTES (4 << 20)

int net_watch_open(enum net_watch what) {
    static const int rules[] = {NFNLGRP_NFTABLES},
                     links[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_NETCONF,
                                RTNLGRP_IPV6_NETCONF};
    const int *groups = what == NET_WATCH_RULES ? rules : links;
    size_t count = what == NET_WATCH_RULES ? ARRAY_SIZE(rules) : ARRAY_SIZE(links);
    _cleanup_(fd_closep) int fd = netlink_open(what == NET_WATCH_RULES ? NETLINK_NETFILTER : NETLINK_ROUTE);
    if (fd < 0) return fd;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){QUEUE_BYTES}, sizeof(int));
    // Without a number of its own it would pass for the kernel, which is told nothing of what it says.
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    if (bind(fd, (struct sockaddr *)&own, sizeof own)) return -errno;
    for (size_t i = 0; i < count; i++)
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i])) return -errno;
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : take_fd(&fd);
}

// The table's name is the first attribute of all of them. What only appears there (elements, sets) is what
// hoy itself adds all day.
static bool rules_changed(uint16_t type, const void *payload, size_t size) {
    const struct nlattr *table[NFTA_CHAIN_HOOK + 1] = {0};
    char name[32];
    if (size < sizeof(struct nfgenmsg) || type >> 8 != NFNL_SUBSYS_NFTABLES) return false;
    switch (type & 0xff) {
    case NFT_MSG_DELTABLE:
    case NFT_MSG_DELCHAIN:
    case NFT_MSG_DELRULE:
    case NFT_MSG_DELSET:
    case NFT_MSG_DELSETELEM:
    case NFT_MSG_NEWCHAIN:
    case NFT_MSG_NEWRULE: break;
    default: return false;
    }
    if (netlink_parse((const struct nfgenmsg *)payload + 1, size - sizeof(struct nfgenmsg), table,
                      ARRAY_SIZE(table)))
        return false;
    netlink_get_string(table[1], name, sizeof name);
    bool is_chain = (type & 0xff) == NFT_MSG_NEWCHAIN || (type & 0xff) == NFT_MSG_DELCHAIN;
    return str_has_prefix(name, "hoy") || (is_chain && table[NFTA_CHAIN_HOOK]);
}

// A bridge that went, or went down; a container's interface that is up and on no bridge.
static bool link_changed(uint16_t type, const void *payload, size_t size) {
    const struct nlattr *table[IFLA_LINKINFO + 1] = {0}, *info[IFLA_INFO_KIND + 1] = {0};
    const struct ifinfomsg *head = payload;
    char kind[16];
    if (size < sizeof *head) return false;
    bool up = type == RTM_NEWLINK && head->ifi_flags & IFF_UP;
    if (netlink_parse(head + 1, size - sizeof *head, table, ARRAY_SIZE(table)) || !table[IFLA_LINKINFO])
        return false;
    const struct nlattr *nest = table[IFLA_LINKINFO];
    if (netlink_parse(nest + 1, nest->nla_len - sizeof *nest, info, ARRAY_SIZE(info))) return false;
    netlink_get_string(info[IFLA_INFO_KIND], kind, sizeof kind);
    return str_eq(kind, "bridge") ? !up : up && str_eq(kind, "veth") && !table[IFLA_MASTER];
}

// A link's own address goes with the link, all day.
static bool address_changed(const void *payload, size_t size) {
    const struct ifaddrmsg *head = payload;
    return size >= sizeof *head && (head->ifa_family == AF_INET || head->ifa_scope != RT_SCOPE_LINK);
}

static bool forwarding_changed(const void *payload, size_t size) {
    const struct nlattr *table[NETCONFA_FORWARDING + 1] = {0};
    const struct netconfmsg *head = payload;
    int32_t link = 0, forwarding = 1;
    size_t start = NLMSG_ALIGN(sizeof *head);
    if (size < start || netlink_parse((const char *)payload + start, size - start, table, ARRAY_SIZE(table)))
        return false;
    return !netlink_get(table[NETCONFA_IFINDEX], &link, sizeof link) && link == NETCONFA_IFINDEX_ALL &&
           !netlink_get(table[NETCONFA_FORWARDING], &forwarding, sizeof forwarding) && !forwarding;
}

static bool links_changed(uint16_t type, const void *payload, size_t size) {
    switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: return link_changed(type, payload, size);
    case RTM_DELADDR: return address_changed(payload, size);
    case RTM_NEWNETCONF: return forwarding_changed(payload, size);
    default: return false;
    }
}

static bool message_counts(enum net_watch what, const struct nlmsghdr *message) {
    const char *payload = (const char *)message + NLMSG_HDRLEN;
    size_t size = message->nlmsg_len - NLMSG_HDRLEN;
    return what == NET_WATCH_RULES ? rules_changed(message->nlmsg_type, payload, size)
                                   : links_changed(message->nlmsg_type, payload, size);
}

static bool datagram_counts(enum net_watch what, const char *bytes, size_t left) {
    bool counts = false;
    while (left >= NLMSG_HDRLEN) {
        const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
        if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > left) return true;
        counts |= message_counts(what, message);
        size_t step = NLMSG_ALIGN(message->nlmsg_len) < left ? NLMSG_ALIGN(message->nlmsg_len) : left;
        bytes += step;
        left -= step;
    }
    return counts;
}

int net_watch_read(int fd, enum net_watch what, bool *ret_changed) {
    char buffer[32768] __attribute__((aligned(8)));
    bool changed = false;
    while (true) {
        struct sockaddr_nl from = {0};
        struct iovec part = {buffer, sizeof buffer};
        struct msghdr head = {
            .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n = recvmsg(fd, &head, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0 && errno != ENOBUFS) return -errno;
        changed |=
            n < 0 || head.msg_flags & MSG_TRUNC || (!from.nl_pid && datagram_counts(what, buffer, (size_t)n));
    }
    *ret_changed = changed;
    return 0;
}
