// SPDX-License-Identifier: Apache-2.0
// Programs ask 127.0.0.11:53, and a container may want port 53 for itself: the resolver's sockets are on
// another port. Ports are written over as packets leave, before connection tracking and before the kernel
// looks for the socket that an answer belongs to. Nothing is remembered, so nothing can overflow; what leaves
// the container passes one rule:
//   oif != lo                          accept
//   ip daddr 127.0.0.11 udp dport 53   udp dport set PORT
//   ip saddr 127.0.0.11 udp sport PORT udp sport set 53     and both for TCP
#include "kernel/nft_resolver.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/nft_message.h"

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

static void payload_match(struct nft_batch *batch, uint32_t base, uint32_t offset, const void *bytes,
                          uint32_t size) {
    nft_payload_put(batch, NFT_REG_1, base, offset, size);
    nft_compare_put(batch, true, bytes, size);
}

static void port_write(struct nft_batch *batch, const struct rule *rule) {
    uint16_t port = htons(rule->to);
    nft_immediate_put(batch, &port, sizeof port);
    nft_payload_write(batch, &(struct nft_field){
                                 NFT_PAYLOAD_TRANSPORT_HEADER, rule->port, sizeof port, NFT_PAYLOAD_CSUM_INET,
                                 rule->protocol == IPPROTO_UDP ? UDP_CHECKSUM : TCP_CHECKSUM, 0});
}

// The list of its expressions, which the caller ends.
static size_t rule_begin(struct nft_batch *batch) {
    nft_message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(&batch->messages, NFTA_RULE_CHAIN, CHAIN);
    return netlink_nest(&batch->messages, NFTA_RULE_EXPRESSIONS);
}

static void leaving_put(struct nft_batch *batch) {
    size_t list = rule_begin(batch);
    nft_meta_put(batch, NFT_META_OIF);
    nft_compare_put(batch, false, &(uint32_t){NFT_LOOPBACK_INDEX}, sizeof(uint32_t));
    nft_immediate_verdict_put(batch, NF_ACCEPT, NULL);
    netlink_end(&batch->messages, list);
}

static void rule_put(struct nft_batch *batch, const struct rule *rule) {
    uint32_t address = htonl(NFT_RESOLVER_ADDRESS);
    uint16_t port = htons(rule->from);
    size_t list = rule_begin(batch);
    payload_match(batch, NFT_PAYLOAD_NETWORK_HEADER, rule->address, &address, sizeof address);
    nft_protocol_put(batch, rule->protocol);
    payload_match(batch, NFT_PAYLOAD_TRANSPORT_HEADER, rule->port, &port, sizeof port);
    port_write(batch, rule);
    netlink_end(&batch->messages, list);
}

// "There is one, it is deleted, there is a new one": the first so that the second can't fail.
static void table_renew(struct nft_batch *batch) {
    nft_message(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    nft_message(batch, NFT_MSG_DELTABLE, 0);
    nft_message(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
}

static int apply(uint16_t port, bool is_new) {
    const struct rule rules[] = {
        {IPPROTO_UDP, IP_DESTINATION, DESTINATION_PORT, DNS_PORT, port},
        {IPPROTO_TCP, IP_DESTINATION, DESTINATION_PORT, DNS_PORT, port},
        {IPPROTO_UDP, IP_SOURCE, SOURCE_PORT, port, DNS_PORT},
        {IPPROTO_TCP, IP_SOURCE, SOURCE_PORT, port, DNS_PORT},
    };
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    nft_batch_begin(&batch, TABLE);
    batch.family = NFPROTO_IPV4;
    if (is_new)
        nft_message(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    else
        table_renew(&batch);
    nft_base_chain_put(&batch, CHAIN, "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_RAW);
    leaving_put(&batch);
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) rule_put(&batch, &rules[i]);
    _cleanup_(fd_closep) int fd = netlink_open(NETLINK_NETFILTER);
    return fd < 0 ? fd : nft_batch_send_by(fd, &batch);
}

// A container that starts has none: what deletes nothing is not waited for when the socket is closed
// (kernel/nft_socket.c), which is 10 ms.
int nft_resolver_apply(uint16_t port) {
    int r = apply(port, true);
    return r == -EEXIST ? apply(port, false) : r;
}
