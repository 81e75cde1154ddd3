// SPDX-License-Identifier: Apache-2.0
#include "kernel/conntrack.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/netlink.h"
#include "kernel/nft_socket.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define FILTER_PROTOCOL (1u << 3) // CTA_FILTER_ORIG_FLAGS; the kernel has no header for its bits
#define FLOWS_MAX       100000    // of one dump

struct end {
    uint8_t address[16];
    uint16_t port; // network byte order
};

// One direction of a flow.
struct tuple {
    uint8_t protocol;
    struct end from, to;
};

struct search {
    const struct nft_port *ports;
    size_t count;
    bool gone;
    uint8_t family;
    struct netlink_batch forget;
};

static const struct nlattr **nested(const struct nlattr *attribute, const struct nlattr **table,
                                    size_t count) {
    memset(table, 0, count * sizeof *table);
    if (!attribute || netlink_parse(attribute + 1, attribute->nla_len - sizeof *attribute, table, count))
        memset(table, 0, count * sizeof *table);
    return table;
}

static bool tuple_read(const struct nlattr *attribute, uint8_t family, struct tuple *ret_tuple) {
    const struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
    size_t size = family == AF_INET ? 4 : 16;
    struct tuple tuple = {0};
    nested(attribute, parts, ARRAY_SIZE(parts));
    nested(parts[CTA_TUPLE_IP], ip, ARRAY_SIZE(ip));
    nested(parts[CTA_TUPLE_PROTO], proto, ARRAY_SIZE(proto));
    if (netlink_get(ip[family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC], tuple.from.address, size) ||
        netlink_get(ip[family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST], tuple.to.address, size) ||
        netlink_get(proto[CTA_PROTO_NUM], &tuple.protocol, 1) ||
        netlink_get(proto[CTA_PROTO_SRC_PORT], &tuple.from.port, 2) ||
        netlink_get(proto[CTA_PROTO_DST_PORT], &tuple.to.port, 2))
        return false;
    *ret_tuple = tuple;
    return true;
}

// Whether it is an address of this host's, which is where a socket can be bound.
static bool is_local(uint8_t family, const uint8_t *bytes) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    memcpy(&v4.sin_addr, bytes, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, bytes, sizeof v6.sin6_addr);
    _cleanup_(fd_closep) int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && (family == AF_INET ? !bind(fd, (struct sockaddr *)&v4, sizeof v4)
                                         : !bind(fd, (struct sockaddr *)&v6, sizeof v6));
}

static bool is_to_forget(const struct search *search, const struct tuple *first, const struct tuple *answer) {
    static const uint8_t all[16];
    for (size_t i = 0; i < search->count; i++) {
        const struct nft_port *port = &search->ports[i];
        if (port->family != search->family || port->protocol != IPPROTO_UDP ||
            first->to.port != htons(port->host_port))
            continue;
        bool leads = answer->from.port == htons(port->port) &&
                     !memcmp(answer->from.address, port->address, sizeof port->address);
        bool here = memcmp(port->host, all, sizeof all)
                        ? !memcmp(port->host, first->to.address, sizeof port->host)
                        : is_local(search->family, first->to.address);
        if (here && leads == search->gone) return true;
    }
    return false;
}

static int flow_read(uint16_t type, const void *payload, size_t size, void *data) {
    struct search *search = data;
    const struct nfgenmsg *head = payload;
    const struct nlattr *table[CTA_MAX + 1];
    struct tuple first, answer;
    (void)type;
    if (size < sizeof *head || netlink_parse(head + 1, size - sizeof *head, table, ARRAY_SIZE(table)))
        return 0;
    if (head->nfgen_family != search->family || !tuple_read(table[CTA_TUPLE_ORIG], search->family, &first) ||
        !tuple_read(table[CTA_TUPLE_REPLY], search->family, &answer) || first.protocol != IPPROTO_UDP ||
        search->forget.count == FLOWS_MAX || !is_to_forget(search, &first, &answer))
        return 0;
    netlink_begin(&search->forget, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, head,
                  sizeof *head);
    static const int named[] = {CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE};
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        const struct nlattr *one = table[named[i]];
        if (one) netlink_put(&search->forget, one->nla_type, one + 1, one->nla_len - sizeof *one);
    }
    return 0;
}

static void forget(struct search *search) {
    struct nfgenmsg head = {.nfgen_family = search->family, .version = NFNETLINK_V0};
    struct netlink_batch ask = {0};
    int fd = nft_socket();
    // Newer kernels give what is asked for, older ones all that there is.
    netlink_begin(&ask, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, &head, sizeof head);
    size_t tuple = netlink_nest(&ask, CTA_TUPLE_ORIG), protocol = netlink_nest(&ask, CTA_TUPLE_PROTO);
    netlink_put_u8(&ask, CTA_PROTO_NUM, IPPROTO_UDP);
    netlink_end(&ask, protocol);
    netlink_end(&ask, tuple);
    size_t filter = netlink_nest(&ask, CTA_FILTER);
    netlink_put_u32(&ask, CTA_FILTER_ORIG_FLAGS, FILTER_PROTOCOL);
    netlink_end(&ask, filter);
    search->forget = (struct netlink_batch){.growing = true};
    if (fd >= 0 && !netlink_call(fd, &ask, flow_read, search) && search->forget.count)
        (void)netlink_call(fd, &search->forget, NULL, NULL);
    netlink_batch_finish(&search->forget);
}

void conntrack_forget(const struct nft_port *ports, size_t count, bool gone) {
    static const uint8_t families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        struct search search = {.ports = ports, .count = count, .gone = gone, .family = families[i]};
        bool any = false;
        for (size_t n = 0; n < count; n++)
            any |= ports[n].protocol == IPPROTO_UDP && ports[n].family == families[i];
        if (any) forget(&search);
    }
}
