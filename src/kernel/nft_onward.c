// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_onward.h"

#include "base/macro.h"
#include "kernel/nft.h"
#include "kernel/nft_words.h"

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/tcp.h>
#include <stddef.h>

#define CHAIN    "onward"
#define PRIORITY (NF_IP_PRI_MANGLE + 1) // after what marks it

static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};

static const struct nft_rule rules[] = {
    {CHAIN, {{ONWARD}, {ORIGINAL}, {UNMARK}, {SEND_ORIGINAL}, {DROP}}},
    {CHAIN, {{ONWARD}, {REPLY}, {UNMARK}, {SEND_REPLY}, {DROP}}},
};

static void address_write(struct nft_batch *batch, bool source) {
    const struct nft_field ip = {NFT_PAYLOAD_NETWORK_HEADER,
                                 source ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr),
                                 4,
                                 NFT_PAYLOAD_CSUM_INET,
                                 offsetof(struct iphdr, check),
                                 NFT_PAYLOAD_L4CSUM_PSEUDOHDR};
    const struct nft_field ip6 = {NFT_PAYLOAD_NETWORK_HEADER,
                                  source ? offsetof(struct ipv6hdr, saddr) : offsetof(struct ipv6hdr, daddr),
                                  16,
                                  NFT_PAYLOAD_CSUM_NONE,
                                  0,
                                  NFT_PAYLOAD_L4CSUM_PSEUDOHDR};
    nft_payload_write(batch, batch->family == NFPROTO_IPV4 ? &ip : &ip6);
}

static void port_write(struct nft_batch *batch, bool source) {
    nft_payload_write(
        batch, &(struct nft_field){NFT_PAYLOAD_TRANSPORT_HEADER,
                                   source ? offsetof(struct tcphdr, source) : offsetof(struct tcphdr, dest),
                                   2, NFT_PAYLOAD_CSUM_INET, offsetof(struct tcphdr, check), 0});
}

void nft_onward_put(struct nft_batch *batch, uint8_t other) {
    bool ip = batch->family == NFPROTO_IPV4;
    nft_tuple_put(batch, ip ? NFT_CT_DST_IP : NFT_CT_DST_IP6, other);
    address_write(batch, true);
    nft_tuple_put(batch, NFT_CT_PROTO_DST, other);
    port_write(batch, true);
    nft_tuple_put(batch, NFT_CT_PROTO_SRC, other);
    port_write(batch, false);
    nft_tuple_put(batch, ip ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6, other);
    address_write(batch, false);
    struct nft_expression e =
        nft_expression_begin(batch, "dup"); // to the address that is in the register still
    netlink_put_be32(&batch->messages, NFTA_DUP_SREG_ADDR, NFT_REG_1);
    nft_expression_end(batch, e);
}

void nft_onward_tables_put(struct nft_batch *batch) {
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        batch->family = families[i];
        nft_message(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        nft_base_chain_put(batch, CHAIN, "filter", NF_INET_PRE_ROUTING, PRIORITY);
        for (size_t n = 0; n < ARRAY_SIZE(rules); n++) nft_rule_put(batch, &rules[n], 0);
    }
    batch->family = 0;
}

// "There is one, it is deleted": the first so that the second can't fail.
void nft_onward_tables_delete(struct nft_batch *batch) {
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        nft_message_family(batch, families[i], NFT_MSG_NEWTABLE, NLM_F_CREATE);
        nft_message_family(batch, families[i], NFT_MSG_DELTABLE, 0);
    }
}

void nft_onward_ask(struct nft_batch *batch) {
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        nft_message_family(batch, families[i], NFT_MSG_GETCHAIN, 0);
        netlink_put_string(&batch->messages, NFTA_CHAIN_NAME, CHAIN);
    }
}

static bool is_there(const char *name) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {.table = name};
    nft_onward_ask(&batch);
    netlink_acknowledge(&batch.messages);
    return !nft_batch_ask(&batch, NULL, NULL);
}

// Makes both and takes them away in one transaction: nobody sees them.
static bool can_be_made(void) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    nft_batch_begin(&batch, "hoy-attempt");
    nft_onward_tables_put(&batch);
    nft_onward_tables_delete(&batch);
    return !nft_batch_send(&batch);
}

bool nft_onward_works(const char *name) {
    static int works = -1; // it is the kernel's to say, and that does not change
    if (works < 0) works = is_there(name) || can_be_made();
    return works;
}
