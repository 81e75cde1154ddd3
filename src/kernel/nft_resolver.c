// SPDX-License-Identifier: Apache-2.0
// Programs ask 127.0.0.11:53, and a container may want port 53 for itself: the resolver's sockets are on
// another port. Ports are written over as packets leave, before connection tracking and before the kernel
// looks for the socket that an answer belongs to. Nothing is remembered, so nothing can overflow:
//   ip daddr 127.0.0.11 udp dport 53   udp dport set PORT
//   ip saddr 127.0.0.11 udp sport PORT udp sport set 53     and both for TCP
#include "kernel/nft_resolver.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define TABLE    "hoy_resolver"
#define CHAIN    "output"
#define DNS_PORT 53

enum {
    IP_SOURCE = 12,
    IP_DESTINATION = 16,
    SOURCE_PORT = 0,
    DESTINATION_PORT = 2,
    UDP_CHECKSUM = 6,
    TCP_CHECKSUM = 16
};

struct rule {
    uint8_t protocol;
    uint32_t address, port; // offsets of what is compared and, for the port, written
    uint16_t from, to;
};

static void message_begin(struct netlink_batch *batch, uint8_t type, uint16_t flags) {
    struct nfgenmsg head = {.nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0};
    netlink_begin(batch, NFNL_SUBSYS_NFTABLES << 8 | type, flags | NLM_F_ACK, &head, sizeof head);
}

static void batch_mark(struct netlink_batch *batch, uint16_t type) {
    struct nfgenmsg head = {.version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
    netlink_begin(batch, type, 0, &head, sizeof head);
}

// An expression is a name and nested data; its end closes both.
struct expression {
    size_t element, data;
};

static struct expression expression_begin(struct netlink_batch *batch, const char *name) {
    struct expression e = {.element = netlink_nest(batch, NFTA_LIST_ELEM)};
    netlink_put_string(batch, NFTA_EXPR_NAME, name);
    e.data = netlink_nest(batch, NFTA_EXPR_DATA);
    return e;
}

static void expression_end(struct netlink_batch *batch, struct expression e) {
    netlink_end(batch, e.data);
    netlink_end(batch, e.element);
}

static void data_put(struct netlink_batch *batch, uint16_t type, const void *bytes, size_t size) {
    size_t nest = netlink_nest(batch, type);
    netlink_put(batch, NFTA_DATA_VALUE, bytes, size);
    netlink_end(batch, nest);
}

static void compare_put(struct netlink_batch *batch, const void *bytes, size_t size) {
    struct expression e = expression_begin(batch, "cmp");
    netlink_put_be32(batch, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_CMP_OP, NFT_CMP_EQ);
    data_put(batch, NFTA_CMP_DATA, bytes, size);
    expression_end(batch, e);
}

static void payload_match(struct netlink_batch *batch, uint32_t base, uint32_t offset, const void *bytes,
                          uint32_t size) {
    struct expression e = expression_begin(batch, "payload");
    netlink_put_be32(batch, NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_PAYLOAD_BASE, base);
    netlink_put_be32(batch, NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(batch, NFTA_PAYLOAD_LEN, size);
    expression_end(batch, e);
    compare_put(batch, bytes, size);
}

static void protocol_match(struct netlink_batch *batch, uint8_t protocol) {
    struct expression e = expression_begin(batch, "meta");
    netlink_put_be32(batch, NFTA_META_DREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_META_KEY, NFT_META_L4PROTO);
    expression_end(batch, e);
    compare_put(batch, &protocol, sizeof protocol);
}

static void port_write(struct netlink_batch *batch, const struct rule *rule) {
    uint16_t port = htons(rule->to);
    struct expression e = expression_begin(batch, "immediate");
    netlink_put_be32(batch, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    data_put(batch, NFTA_IMMEDIATE_DATA, &port, sizeof port);
    expression_end(batch, e);
    e = expression_begin(batch, "payload");
    netlink_put_be32(batch, NFTA_PAYLOAD_SREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    netlink_put_be32(batch, NFTA_PAYLOAD_OFFSET, rule->port);
    netlink_put_be32(batch, NFTA_PAYLOAD_LEN, sizeof port);
    netlink_put_be32(batch, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
    netlink_put_be32(batch, NFTA_PAYLOAD_CSUM_OFFSET,
                     rule->protocol == IPPROTO_UDP ? UDP_CHECKSUM : TCP_CHECKSUM);
    expression_end(batch, e);
}

static void rule_put(struct netlink_batch *batch, const struct rule *rule) {
    uint32_t address = htonl(NFT_RESOLVER_ADDRESS);
    uint16_t port = htons(rule->from);
    message_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(batch, NFTA_RULE_TABLE, TABLE);
    netlink_put_string(batch, NFTA_RULE_CHAIN, CHAIN);
    size_t list = netlink_nest(batch, NFTA_RULE_EXPRESSIONS);
    payload_match(batch, NFT_PAYLOAD_NETWORK_HEADER, rule->address, &address, sizeof address);
    protocol_match(batch, rule->protocol);
    payload_match(batch, NFT_PAYLOAD_TRANSPORT_HEADER, rule->port, &port, sizeof port);
    port_write(batch, rule);
    netlink_end(batch, list);
}

static void table_put(struct netlink_batch *batch, uint8_t type, uint16_t flags) {
    message_begin(batch, type, flags);
    netlink_put_string(batch, NFTA_TABLE_NAME, TABLE);
}

// "There is one, it is deleted, there is a new one": the first so that the second can't fail.
static void table_renew(struct netlink_batch *batch) {
    table_put(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    table_put(batch, NFT_MSG_DELTABLE, 0);
    table_put(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
}

static void chain_put(struct netlink_batch *batch) {
    message_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_string(batch, NFTA_CHAIN_TABLE, TABLE);
    netlink_put_string(batch, NFTA_CHAIN_NAME, CHAIN);
    netlink_put_string(batch, NFTA_CHAIN_TYPE, "filter");
    netlink_put_be32(batch, NFTA_CHAIN_POLICY, NF_ACCEPT);
    size_t hook = netlink_nest(batch, NFTA_CHAIN_HOOK);
    netlink_put_be32(batch, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
    netlink_put_be32(batch, NFTA_HOOK_PRIORITY, (uint32_t)NF_IP_PRI_RAW);
    netlink_end(batch, hook);
}

static int apply(uint16_t port, bool is_new) {
    const struct rule rules[] = {
        {IPPROTO_UDP, IP_DESTINATION, DESTINATION_PORT, DNS_PORT, port},
        {IPPROTO_TCP, IP_DESTINATION, DESTINATION_PORT, DNS_PORT, port},
        {IPPROTO_UDP, IP_SOURCE, SOURCE_PORT, port, DNS_PORT},
        {IPPROTO_TCP, IP_SOURCE, SOURCE_PORT, port, DNS_PORT},
    };
    struct netlink_batch batch = {0};
    batch_mark(&batch, NFNL_MSG_BATCH_BEGIN);
    if (is_new)
        table_put(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    else
        table_renew(&batch);
    chain_put(&batch);
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) rule_put(&batch, &rules[i]);
    batch_mark(&batch, NFNL_MSG_BATCH_END);
    _cleanup_(fd_closep) int fd = netlink_open(NETLINK_NETFILTER);
    return fd < 0 ? fd : netlink_call(fd, &batch, NULL, NULL);
}

// A container that starts has none: what deletes nothing is not waited for when the socket is closed
// (kernel/nft_socket.c), which is 10 ms.
int nft_resolver_apply(uint16_t port) {
    int r = apply(port, true);
    return r == -EEXIST ? apply(port, false) : r;
}
