// SPDX-License-Identifier: Apache-2.0
// One function writes a word as nftables' expressions. Every match loads what it looks at into the first
// register and compares; only the look-up of a published port fills several: its protocol, the address where
// the map is for one, and the port, each in registers of four bytes, one after the other.
#include "kernel/nft_words.h"

#include "kernel/localnet.h"
#include "kernel/nft_onward.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>

static void mask_put(struct nft_batch *batch, const void *mask, size_t size) {
    const uint8_t zero[16] = {0};
    struct nft_expression e = nft_expression_begin(batch, "bitwise");
    netlink_put_be32(&batch->messages, NFTA_BITWISE_SREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_BITWISE_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_BITWISE_LEN, (uint32_t)size);
    nft_data_put(batch, NFTA_BITWISE_MASK, mask, size);
    nft_data_put(batch, NFTA_BITWISE_XOR, zero, size);
    nft_expression_end(batch, e);
}

// By the key in the registers from the first on. value: the register for what a map has under it, or -1.
static void lookup_put(struct nft_batch *batch, const char *set, int value) {
    struct nft_expression e = nft_expression_begin(batch, "lookup");
    netlink_put_string(&batch->messages, NFTA_LOOKUP_SET, set);
    netlink_put_be32(&batch->messages, NFTA_LOOKUP_SREG, NFT_REG_1);
    if (value >= 0) netlink_put_be32(&batch->messages, NFTA_LOOKUP_DREG, (uint32_t)value);
    nft_expression_end(batch, e);
}

static void link_put(struct nft_batch *batch, uint32_t key, const char *name) {
    char padded[LINK_NAME_SIZE] = "";
    strncpy(padded, name, sizeof padded - 1);
    nft_meta_put(batch, key);
    nft_compare_put(batch, true, padded, sizeof padded);
}

static void loopback_put(struct nft_batch *batch, bool equal) {
    nft_meta_put(batch, NFT_META_IIF);
    nft_compare_put(batch, equal, &(uint32_t){NFT_LOOPBACK_INDEX}, sizeof(uint32_t));
}

static void family_put(struct nft_batch *batch, uint8_t family) {
    uint8_t protocol = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
    nft_meta_put(batch, NFT_META_NFPROTO);
    nft_compare_put(batch, true, &protocol, sizeof protocol);
}

// Where an address is in its header.
static void address_put(struct nft_batch *batch, uint32_t reg, uint8_t family, bool source) {
    uint32_t offset = family == AF_INET ? (source ? 12 : 16) : (source ? 8 : 24);
    nft_payload_put(batch, reg, NFT_PAYLOAD_NETWORK_HEADER, offset, family == AF_INET ? 4 : 16);
}

static void subnet_put(struct nft_batch *batch, const struct nft_subnet *subnet, bool source) {
    size_t size = subnet->family == AF_INET ? 4 : 16;
    uint8_t mask[16];
    for (unsigned i = 0; i < sizeof mask; i++) {
        unsigned bits = subnet->prefix > 8 * i ? subnet->prefix - 8 * i : 0;
        mask[i] = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
    }
    family_put(batch, subnet->family);
    address_put(batch, NFT_REG_1, subnet->family, source);
    if (subnet->prefix < 8 * size) mask_put(batch, mask, size);
    nft_compare_put(batch, true, subnet->bytes, size);
}

static void set_put(struct nft_batch *batch, uint8_t family, const char *set, bool source) {
    family_put(batch, family);
    address_put(batch, NFT_REG_1, family, source);
    lookup_put(batch, set, -1);
}

// Any of the bits of conntrack's state or status.
static void connection_put(struct nft_batch *batch, uint32_t key, uint32_t bits) {
    struct nft_expression e = nft_expression_begin(batch, "ct");
    netlink_put_be32(&batch->messages, NFTA_CT_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_CT_KEY, key);
    nft_expression_end(batch, e);
    mask_put(batch, &bits, sizeof bits);
    nft_compare_put(batch, false, &(uint32_t){0}, sizeof bits);
}

static void direction_put(struct nft_batch *batch, uint8_t direction) {
    struct nft_expression e = nft_expression_begin(batch, "ct");
    netlink_put_be32(&batch->messages, NFTA_CT_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_CT_KEY, NFT_CT_DIRECTION);
    nft_expression_end(batch, e);
    nft_compare_put(batch, true, &direction, sizeof direction);
}

// Who sends in a direction of the connection, as conntrack has it.
static void sender_put(struct nft_batch *batch, uint8_t family, uint8_t direction, const char *set) {
    family_put(batch, family);
    nft_tuple_put(batch, family == AF_INET ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6, direction);
    lookup_put(batch, set, -1);
}

static void from_localnet_put(struct nft_batch *batch) {
    nft_tuple_put(batch, NFT_CT_SRC_IP, IP_CT_DIR_ORIGINAL);
    mask_put(batch, &(uint32_t){htonl(0xff000000)}, sizeof(uint32_t));
    nft_compare_put(batch, true, &(uint32_t){htonl(0x7f000000)}, sizeof(uint32_t));
}

static void meta_set(struct nft_batch *batch, uint32_t key, const void *bytes, size_t size) {
    nft_immediate_put(batch, bytes, size);
    struct nft_expression e = nft_expression_begin(batch, "meta");
    netlink_put_be32(&batch->messages, NFTA_META_SREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_META_KEY, key);
    nft_expression_end(batch, e);
}

static void known_tcp_put(struct nft_batch *batch) {
    nft_protocol_put(batch, IPPROTO_TCP);
    connection_put(batch, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
}

static void marked_put(struct nft_batch *batch, uint32_t mark) {
    nft_meta_put(batch, NFT_META_MARK);
    nft_compare_put(batch, true, &mark, sizeof mark);
}

static void to_type_put(struct nft_batch *batch, uint32_t type) {
    struct nft_expression e = nft_expression_begin(batch, "fib");
    netlink_put_be32(&batch->messages, NFTA_FIB_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    netlink_put_be32(&batch->messages, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    nft_expression_end(batch, e);
    nft_compare_put(batch, true, &type, sizeof type);
}

// The key of a map of ports. address: of this family, or 0 for a map for all addresses.
static void port_key_put(struct nft_batch *batch, uint8_t address) {
    nft_meta_put(batch, NFT_META_L4PROTO);
    uint32_t reg = NFT_REG32_01;
    if (address) address_put(batch, reg, address, false);
    if (address) reg += address == AF_INET ? 1 : 4;
    nft_payload_put(batch, reg, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2); // tcp, udp and sctp agree
}

// To what the map has under the key: an address and behind it a port.
static void forward_put(struct nft_batch *batch, uint8_t family, uint8_t address, const char *map) {
    port_key_put(batch, address);
    lookup_put(batch, map, NFT_REG_1);
    struct nft_expression e = nft_expression_begin(batch, "nat");
    netlink_put_be32(&batch->messages, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    netlink_put_be32(&batch->messages, NFTA_NAT_FAMILY, family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
    netlink_put_be32(&batch->messages, NFTA_NAT_REG_ADDR_MIN, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_NAT_REG_PROTO_MIN, family == AF_INET ? NFT_REG32_01 : NFT_REG_2);
    nft_expression_end(batch, e);
}

static void ports_set_put(struct nft_batch *batch, uint8_t address, const char *set) {
    port_key_put(batch, address);
    lookup_put(batch, set, -1);
}

// A map is only asked for what it has under the key.
static void in_ports_put(struct nft_batch *batch, uint8_t address, const char *map) {
    port_key_put(batch, address);
    lookup_put(batch, map, NFT_REG_1);
}

// sender: its port; else the other end's. tcp, udp and sctp agree where these are.
static void port_put(struct nft_batch *batch, uint16_t port, bool sender) {
    uint16_t bytes = htons(port);
    nft_payload_put(batch, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, sender ? 0 : 2, sizeof bytes);
    nft_compare_put(batch, true, &bytes, sizeof bytes);
}

static void icmp6_put(struct nft_batch *batch, uint8_t type) {
    nft_protocol_put(batch, IPPROTO_ICMPV6);
    nft_payload_put(batch, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof type);
    nft_compare_put(batch, true, &type, sizeof type);
}

static void by_link_put(struct nft_batch *batch, uint32_t key, const char *map) {
    nft_meta_put(batch, key);
    lookup_put(batch, map, NFT_REG_VERDICT);
}

static void log_put(struct nft_batch *batch, uint16_t group) {
    struct nft_expression e = nft_expression_begin(batch, "log");
    netlink_put(&batch->messages, NFTA_LOG_GROUP, &(uint16_t){htons(group)}, sizeof group);
    nft_expression_end(batch, e);
}

static void masquerade_put(struct nft_batch *batch) {
    nft_expression_end(batch, nft_expression_begin(batch, "masq"));
}

#define ESTABLISHED_BITS (NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))

static void word_put(struct nft_batch *batch, const struct nft_word *word, uint16_t group) {
    switch (word->kind) {
    case END:
    case ANY: return;
    case IN_LOOPBACK: return loopback_put(batch, true);
    case NOT_IN_LOOPBACK: return loopback_put(batch, false);
    case IN_LINK: return link_put(batch, NFT_META_IIFNAME, word->text);
    case OUT_LINK: return link_put(batch, NFT_META_OIFNAME, word->text);
    case IPV4: return family_put(batch, AF_INET);
    case IPV6: return family_put(batch, AF_INET6);
    case ICMP6: return nft_protocol_put(batch, IPPROTO_ICMPV6);
    case SOLICITATION: return icmp6_put(batch, ND_NEIGHBOR_SOLICIT);
    case ADVERTISEMENT: return icmp6_put(batch, ND_NEIGHBOR_ADVERT);
    case FROM: return subnet_put(batch, word->subnet, true);
    case TO: return subnet_put(batch, word->subnet, false);
    case FROM_SET: return set_put(batch, word->subnet->family, word->text, true);
    case TO_SET: return set_put(batch, word->subnet->family, word->text, false);
    case TO_HOST: return to_type_put(batch, RTN_LOCAL);
    case TO_OTHERS: return to_type_put(batch, RTN_UNICAST);
    case KNOWN_TCP: return known_tcp_put(batch);
    case ESTABLISHED: return connection_put(batch, NFT_CT_STATE, ESTABLISHED_BITS);
    case NEW: return connection_put(batch, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_NEW));
    case ORIGINAL: return direction_put(batch, IP_CT_DIR_ORIGINAL);
    case REPLY: return direction_put(batch, IP_CT_DIR_REPLY);
    case OTHER_NAME: return connection_put(batch, NFT_CT_STATUS, IPS_SRC_NAT);
    case OF_MAKER: return sender_put(batch, word->subnet->family, IP_CT_DIR_ORIGINAL, word->text);
    case OF_TARGET: return sender_put(batch, word->subnet->family, IP_CT_DIR_REPLY, word->text);
    case TRANSLATED: return connection_put(batch, NFT_CT_STATUS, IPS_DST_NAT);
    case FROM_LOCALNET: return from_localnet_put(batch);
    case ONWARD: return marked_put(batch, ONWARD_MARK);
    case TO_PORTS: return ports_set_put(batch, 0, word->text);
    case TO_ADDRESS_PORTS4: return ports_set_put(batch, AF_INET, word->text);
    case TO_ADDRESS_PORTS6: return ports_set_put(batch, AF_INET6, word->text);
    case PROTOCOL: return nft_protocol_put(batch, (uint8_t)word->number);
    case FROM_PORT: return port_put(batch, word->number, true);
    case TO_PORT: return port_put(batch, word->number, false);
    case IN_PORTS4:
    case IN_PORTS6: return in_ports_put(batch, 0, word->text);
    case IN_ADDRESS_PORTS4: return in_ports_put(batch, AF_INET, word->text);
    case IN_ADDRESS_PORTS6: return in_ports_put(batch, AF_INET6, word->text);
    case ACCEPT: return nft_immediate_verdict_put(batch, NF_ACCEPT, NULL);
    case DROP: return nft_immediate_verdict_put(batch, NF_DROP, NULL);
    case RETURN: return nft_immediate_verdict_put(batch, NFT_RETURN, NULL);
    case JUMP: return nft_immediate_verdict_put(batch, NFT_JUMP, word->text);
    case GOTO: return nft_immediate_verdict_put(batch, NFT_GOTO, word->text);
    case BY_IN_LINK: return by_link_put(batch, NFT_META_IIFNAME, word->text);
    case BY_OUT_LINK: return by_link_put(batch, NFT_META_OIFNAME, word->text);
    case MASQUERADE: return masquerade_put(batch);
    case MARK_LOCALNET: return meta_set(batch, NFT_META_MARK, &(uint32_t){LOCALNET_MARK}, sizeof(uint32_t));
    case MARK_ONWARD: return meta_set(batch, NFT_META_MARK, &(uint32_t){ONWARD_MARK}, sizeof(uint32_t));
    case UNMARK: return meta_set(batch, NFT_META_MARK, &(uint32_t){0}, sizeof(uint32_t));
    case SEND_ORIGINAL: return nft_onward_put(batch, IP_CT_DIR_REPLY);
    case SEND_REPLY: return nft_onward_put(batch, IP_CT_DIR_ORIGINAL);
    case LOG: return log_put(batch, group);
    case TRACE: return meta_set(batch, NFT_META_NFTRACE, &(uint8_t){1}, sizeof(uint8_t));
    case FORWARD4: return forward_put(batch, AF_INET, 0, word->text);
    case FORWARD6: return forward_put(batch, AF_INET6, 0, word->text);
    case FORWARD_ADDRESS4: return forward_put(batch, AF_INET, AF_INET, word->text);
    case FORWARD_ADDRESS6: return forward_put(batch, AF_INET6, AF_INET6, word->text);
    }
}

void nft_rule_put(struct nft_batch *batch, const struct nft_rule *rule, uint16_t group) {
    nft_message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(&batch->messages, NFTA_RULE_CHAIN, rule->chain);
    size_t list = netlink_nest(&batch->messages, NFTA_RULE_EXPRESSIONS);
    for (size_t i = 0; i < NFT_WORDS_MAX; i++) word_put(batch, &rule->words[i], group);
    netlink_end(&batch->messages, list);
    batch->uses++;
}
