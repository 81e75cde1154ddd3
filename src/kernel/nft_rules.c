// SPDX-License-Identifier: Apache-2.0
// Rules are words, and one function writes a word as nftables' expressions: the base is a table of words, a
// network's rules are words with its names and subnets in them.
//
// Every match loads what it looks at into the first register and compares; only the look-up of a published
// port fills several: its protocol, the address where the map is for one, and the port, each in registers of
// four bytes, one after the other.
#include "kernel/nft_rules.h"

#include "base/macro.h"
#include "kernel/localnet.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define CHAIN_SIZE     (LINK_NAME_SIZE + 16)
#define LOOPBACK_INDEX 1      // in every network namespace
#define PRIORITY_TRACE (-350) // before all rules, and after fragments are put together
#define PRIORITY_GATE  200    // after the filters of the host's firewall, whoever made them

enum kind {
    END,
    // Matches.
    ANY, // everything
    IN_LOOPBACK,
    NOT_IN_LOOPBACK,
    IN_LINK,  // text: its name
    OUT_LINK, // the same
    IPV4,
    IPV6,
    ICMP6,
    SOLICITATION, // of neighbours
    ADVERTISEMENT,
    FROM,        // subnet
    TO,          // subnet
    FROM_SET,    // family, text: a set of addresses
    TO_SET,      // the same
    TO_HOST,     // an address of the host's own
    TO_OTHERS,   // a single address that is not the host's
    ESTABLISHED, // and related
    NEW,
    ORIGINAL,      // in the direction of who made the connection
    REPLY,         // in the other
    OTHER_NAME,    // of a connection whose maker is masqueraded
    OF_MAKER,      // subnet: its family; text: a set of addresses: who made the connection
    OF_TARGET,     // the same: who it came to, in the end
    TRANSLATED,    // of a connection that a published port accepted
    FROM_LOCALNET, // of a connection that began at an address of 127.0.0.0/8
    TO_PORTS,      // text: a set of ports
    TO_ADDRESS_PORTS4,
    TO_ADDRESS_PORTS6,
    IN_PORTS4, // text: a map of ports
    IN_PORTS6,
    IN_ADDRESS_PORTS4,
    IN_ADDRESS_PORTS6,
    // What ends a rule, or may.
    ACCEPT,
    DROP,
    RETURN,
    JUMP,        // text: a chain
    GOTO,        // the same
    BY_IN_LINK,  // text: a map of verdicts
    BY_OUT_LINK, // the same
    MASQUERADE,
    MARK_LOCALNET, // goes on; see kernel/localnet.h
    LOG,           // to the gate's group; goes on
    FORWARD4,      // text: a map of ports, to whose container it goes
    FORWARD6,
    FORWARD_ADDRESS4,
    FORWARD_ADDRESS6,
};

struct word {
    enum kind kind;
    const char *text;
    const struct nft_subnet *subnet;
};

#define WORDS_MAX 7

struct rule {
    const char *chain;
    struct word words[WORDS_MAX];
};

static const struct nft_subnet loopback4 = {AF_INET, 8, {127}}, loopback6 = {AF_INET6, 128, {[15] = 1}},
                               unspecified6 = {AF_INET6, 128, {0}},
                               link_local6 = {AF_INET6, 10, {0xfe, 0x80}};

static const struct chain {
    const char *name;
    const char *type; // NULL: hooked nowhere, others jump there
    uint32_t hook;
    int32_t priority;
} chains[] = {
    {"ports", NULL, 0, 0},
    {"respected", NULL, 0, 0},
    {"detour", NULL, 0, 0},
    {"guard", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW},
    {"again", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE},
    {"prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST},
    {"output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST},
    {"gate", "filter", NF_INET_LOCAL_IN, PRIORITY_GATE},
    {"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER},
    {"postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
};

static const struct nft_set sets[] = {
    {"guards", NFT_SET_MAP, NFT_TYPE_IFNAME, LINK_NAME_SIZE, NFT_DATA_VERDICT, 0},
    {"internal", NFT_SET_MAP, NFT_TYPE_IFNAME, LINK_NAME_SIZE, NFT_DATA_VERDICT, 0},
    {"around", NFT_SET_MAP, NFT_TYPE_IFNAME, LINK_NAME_SIZE, NFT_DATA_VERDICT, 0},
    {"into", NFT_SET_MAP, NFT_TYPE_IFNAME, LINK_NAME_SIZE, NFT_DATA_VERDICT, 0},
    {"hairpin", NFT_SET_MAP, NFT_TYPE_IFNAME, LINK_NAME_SIZE, NFT_DATA_VERDICT, 0},
    {"subnets4", NFT_SET_INTERVAL, NFT_TYPE_IPV4, 4, 0, 0},
    {"subnets6", NFT_SET_INTERVAL, NFT_TYPE_IPV6, 16, 0, 0},
};

// Before all others of "again".
static const struct rule first_rules[] = {
    {"again", {{FROM_LOCALNET}, {MARK_LOCALNET}}},
};

// What the gate sent once is known, but until there is an answer FORWARD takes it for new. Not where
// FORWARD drops what is known as well.
static const struct rule known_rules[] = {
    {"again", {{ESTABLISHED}, {ACCEPT}}},
};

static const struct rule base_rules[] = {
    {"ports", {{IPV4}, {FORWARD_ADDRESS4, "address_ports4"}}},
    {"ports", {{IPV4}, {FORWARD4, "ports4"}}},
    {"ports", {{IPV6}, {FORWARD_ADDRESS6, "address_ports6"}}},
    {"ports", {{IPV6}, {FORWARD6, "ports6"}}},
    {"respected", {{IPV4}, {FORWARD_ADDRESS4, "address_respected4"}}},
    {"respected", {{IPV4}, {FORWARD4, "respected4"}}},
    {"respected", {{IPV6}, {FORWARD_ADDRESS6, "address_respected6"}}},
    {"respected", {{IPV6}, {FORWARD6, "respected6"}}},

    {"guard", {{IN_LOOPBACK}, {ACCEPT}}},
    {"guard", {{BY_IN_LINK, "guards"}}}, // comes back with what is for nowhere within its own network
    {"guard", {{TO_SET, "subnets4", &loopback4}, {DROP}}},
    {"guard", {{TO_SET, "subnets6", &loopback6}, {DROP}}},

    {"again", {{IN_LOOPBACK}, {ACCEPT}}},
    {"again", {{NEW}, {TRANSLATED}, {TO_HOST}, {IPV4}, {TO_PORTS, "gate_ports4"}, {LOG}, {DROP}}},
    {"again",
     {{NEW}, {TRANSLATED}, {TO_HOST}, {IPV4}, {TO_ADDRESS_PORTS4, "gate_address_ports4"}, {LOG}, {DROP}}},
    {"again", {{NEW}, {TRANSLATED}, {TO_HOST}, {IPV6}, {TO_PORTS, "gate_ports6"}, {LOG}, {DROP}}},
    {"again",
     {{NEW}, {TRANSLATED}, {TO_HOST}, {IPV6}, {TO_ADDRESS_PORTS6, "gate_address_ports6"}, {LOG}, {DROP}}},

    {"prerouting", {{TO_HOST}, {JUMP, "ports"}}},
    {"output", {{TO, NULL, &loopback6}, {ACCEPT}}},
    {"output", {{TO_HOST}, {JUMP, "ports"}}},
    {"output", {{TO_HOST}, {JUMP, "respected"}}},

    {"gate", {{NOT_IN_LOOPBACK}, {NEW}, {IPV4}, {TO_PORTS, "gate_ports4"}, {LOG}, {DROP}}},
    {"gate", {{NOT_IN_LOOPBACK}, {NEW}, {IPV4}, {TO_ADDRESS_PORTS4, "gate_address_ports4"}, {LOG}, {DROP}}},
    {"gate", {{NOT_IN_LOOPBACK}, {NEW}, {IPV6}, {TO_PORTS, "gate_ports6"}, {LOG}, {DROP}}},
    {"gate", {{NOT_IN_LOOPBACK}, {NEW}, {IPV6}, {TO_ADDRESS_PORTS6, "gate_address_ports6"}, {LOG}, {DROP}}},

    {"forward", {{BY_IN_LINK, "internal"}}},
    {"forward", {{BY_OUT_LINK, "into"}}},

    {"postrouting", {{BY_OUT_LINK, "hairpin"}}},
    {"postrouting", {{FROM_SET, "subnets4", &loopback4}, {MASQUERADE}}},
    {"postrouting", {{FROM_SET, "subnets6", &loopback6}, {MASQUERADE}}},
};

// Around FORWARD: the rest of "again" (see nft.h).
static const struct rule detour_rules[] = {
    {"detour", {{IPV4}, {IN_ADDRESS_PORTS4, "address_ports4"}, {LOG}, {DROP}}},
    {"detour", {{IPV4}, {IN_PORTS4, "ports4"}, {LOG}, {DROP}}},
    {"detour", {{IPV6}, {IN_ADDRESS_PORTS6, "address_ports6"}, {LOG}, {DROP}}},
    {"detour", {{IPV6}, {IN_PORTS6, "ports6"}, {LOG}, {DROP}}},

    {"again", {{NEW}, {TO_HOST}, {JUMP, "detour"}}},
};

// All that is for an address of the host's, but belongs to a container's connection: to a published port, or
// answers to what went out under that address.
static const struct rule all_rules[] = {
    {"again", {{ORIGINAL}, {TO_HOST}, {TRANSLATED}, {OF_TARGET, "subnets4", &loopback4}, {LOG}, {DROP}}},
    {"again", {{ORIGINAL}, {TO_HOST}, {TRANSLATED}, {OF_TARGET, "subnets6", &loopback6}, {LOG}, {DROP}}},
    {"again", {{REPLY}, {TO_HOST}, {OTHER_NAME}, {OF_MAKER, "subnets4", &loopback4}, {LOG}, {DROP}}},
    {"again", {{REPLY}, {TO_HOST}, {OTHER_NAME}, {OF_MAKER, "subnets6", &loopback6}, {LOG}, {DROP}}},
};

static const struct rule last_rules[] = {
    {"again", {{TO_HOST}, {ACCEPT}}},
    {"again", {{BY_IN_LINK, "around"}}},
};

static void compare_put(struct nft_batch *batch, bool equal, const void *bytes, size_t size) {
    struct nft_expression e = nft_expression_begin(batch, "cmp");
    netlink_put_be32(&batch->messages, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    nft_data_put(batch, NFTA_CMP_DATA, bytes, size);
    nft_expression_end(batch, e);
}

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

static void meta_put(struct nft_batch *batch, uint32_t key) {
    struct nft_expression e = nft_expression_begin(batch, "meta");
    netlink_put_be32(&batch->messages, NFTA_META_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_META_KEY, key);
    nft_expression_end(batch, e);
}

static void payload_put(struct nft_batch *batch, uint32_t reg, uint32_t base, uint32_t offset, size_t size) {
    struct nft_expression e = nft_expression_begin(batch, "payload");
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_DREG, reg);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_BASE, base);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(&batch->messages, NFTA_PAYLOAD_LEN, (uint32_t)size);
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
    meta_put(batch, key);
    compare_put(batch, true, padded, sizeof padded);
}

static void loopback_put(struct nft_batch *batch, bool equal) {
    meta_put(batch, NFT_META_IIF);
    compare_put(batch, equal, &(uint32_t){LOOPBACK_INDEX}, sizeof(uint32_t));
}

static void family_put(struct nft_batch *batch, uint8_t family) {
    meta_put(batch, NFT_META_NFPROTO);
    compare_put(batch, true, &(uint8_t){family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6}, 1);
}

// Where an address is in its header.
static void address_put(struct nft_batch *batch, uint32_t reg, uint8_t family, bool source) {
    uint32_t offset = family == AF_INET ? (source ? 12 : 16) : (source ? 8 : 24);
    payload_put(batch, reg, NFT_PAYLOAD_NETWORK_HEADER, offset, family == AF_INET ? 4 : 16);
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
    compare_put(batch, true, subnet->bytes, size);
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
    compare_put(batch, false, &(uint32_t){0}, sizeof bits);
}

static void direction_put(struct nft_batch *batch, uint8_t direction) {
    struct nft_expression e = nft_expression_begin(batch, "ct");
    netlink_put_be32(&batch->messages, NFTA_CT_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_CT_KEY, NFT_CT_DIRECTION);
    nft_expression_end(batch, e);
    compare_put(batch, true, &direction, sizeof direction);
}

// Who sends in a direction of the connection, as conntrack has it.
static void sender_put(struct nft_batch *batch, uint8_t family, uint8_t direction, const char *set) {
    family_put(batch, family);
    struct nft_expression e = nft_expression_begin(batch, "ct");
    netlink_put_be32(&batch->messages, NFTA_CT_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_CT_KEY, family == AF_INET ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6);
    netlink_put(&batch->messages, NFTA_CT_DIRECTION, &direction, sizeof direction);
    nft_expression_end(batch, e);
    lookup_put(batch, set, -1);
}

static void from_localnet_put(struct nft_batch *batch) {
    struct nft_expression e = nft_expression_begin(batch, "ct");
    netlink_put_be32(&batch->messages, NFTA_CT_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_CT_KEY, NFT_CT_SRC_IP);
    netlink_put_u8(&batch->messages, NFTA_CT_DIRECTION, IP_CT_DIR_ORIGINAL);
    nft_expression_end(batch, e);
    mask_put(batch, &(uint32_t){htonl(0xff000000)}, sizeof(uint32_t));
    compare_put(batch, true, loopback4.bytes, sizeof(uint32_t));
}

static void mark_localnet_put(struct nft_batch *batch) {
    struct nft_expression e = nft_expression_begin(batch, "immediate");
    netlink_put_be32(&batch->messages, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    nft_data_put(batch, NFTA_IMMEDIATE_DATA, &(uint32_t){LOCALNET_MARK}, sizeof(uint32_t));
    nft_expression_end(batch, e);
    e = nft_expression_begin(batch, "meta");
    netlink_put_be32(&batch->messages, NFTA_META_SREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_META_KEY, NFT_META_MARK);
    nft_expression_end(batch, e);
}

static void to_type_put(struct nft_batch *batch, uint32_t type) {
    struct nft_expression e = nft_expression_begin(batch, "fib");
    netlink_put_be32(&batch->messages, NFTA_FIB_DREG, NFT_REG_1);
    netlink_put_be32(&batch->messages, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    netlink_put_be32(&batch->messages, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    nft_expression_end(batch, e);
    compare_put(batch, true, &type, sizeof type);
}

// The key of a map of ports. address: of this family, or 0 for a map for all addresses.
static void port_key_put(struct nft_batch *batch, uint8_t address) {
    meta_put(batch, NFT_META_L4PROTO);
    uint32_t reg = NFT_REG32_01;
    if (address) address_put(batch, reg, address, false);
    if (address) reg += address == AF_INET ? 1 : 4;
    payload_put(batch, reg, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2); // tcp, udp and sctp agree
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

static void protocol_put(struct nft_batch *batch, uint8_t protocol) {
    meta_put(batch, NFT_META_L4PROTO);
    compare_put(batch, true, &protocol, sizeof protocol);
}

static void icmp6_put(struct nft_batch *batch, uint8_t type) {
    protocol_put(batch, IPPROTO_ICMPV6);
    payload_put(batch, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof type);
    compare_put(batch, true, &type, sizeof type);
}

static void verdict_put(struct nft_batch *batch, int code, const char *chain) {
    struct nft_expression e = nft_expression_begin(batch, "immediate");
    netlink_put_be32(&batch->messages, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    nft_verdict_put(batch, NFTA_IMMEDIATE_DATA, code, chain);
    nft_expression_end(batch, e);
}

static void by_link_put(struct nft_batch *batch, uint32_t key, const char *map) {
    meta_put(batch, key);
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

static void word_put(struct nft_batch *batch, const struct word *word, uint16_t group) {
    switch (word->kind) {
    case END:
    case ANY: return;
    case IN_LOOPBACK: return loopback_put(batch, true);
    case NOT_IN_LOOPBACK: return loopback_put(batch, false);
    case IN_LINK: return link_put(batch, NFT_META_IIFNAME, word->text);
    case OUT_LINK: return link_put(batch, NFT_META_OIFNAME, word->text);
    case IPV4: return family_put(batch, AF_INET);
    case IPV6: return family_put(batch, AF_INET6);
    case ICMP6: return protocol_put(batch, IPPROTO_ICMPV6);
    case SOLICITATION: return icmp6_put(batch, ND_NEIGHBOR_SOLICIT);
    case ADVERTISEMENT: return icmp6_put(batch, ND_NEIGHBOR_ADVERT);
    case FROM: return subnet_put(batch, word->subnet, true);
    case TO: return subnet_put(batch, word->subnet, false);
    case FROM_SET: return set_put(batch, word->subnet->family, word->text, true);
    case TO_SET: return set_put(batch, word->subnet->family, word->text, false);
    case TO_HOST: return to_type_put(batch, RTN_LOCAL);
    case TO_OTHERS: return to_type_put(batch, RTN_UNICAST);
    case ESTABLISHED: return connection_put(batch, NFT_CT_STATE, ESTABLISHED_BITS);
    case NEW: return connection_put(batch, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_NEW));
    case ORIGINAL: return direction_put(batch, IP_CT_DIR_ORIGINAL);
    case REPLY: return direction_put(batch, IP_CT_DIR_REPLY);
    case OTHER_NAME: return connection_put(batch, NFT_CT_STATUS, IPS_SRC_NAT);
    case OF_MAKER: return sender_put(batch, word->subnet->family, IP_CT_DIR_ORIGINAL, word->text);
    case OF_TARGET: return sender_put(batch, word->subnet->family, IP_CT_DIR_REPLY, word->text);
    case TRANSLATED: return connection_put(batch, NFT_CT_STATUS, IPS_DST_NAT);
    case FROM_LOCALNET: return from_localnet_put(batch);
    case TO_PORTS: return ports_set_put(batch, 0, word->text);
    case TO_ADDRESS_PORTS4: return ports_set_put(batch, AF_INET, word->text);
    case TO_ADDRESS_PORTS6: return ports_set_put(batch, AF_INET6, word->text);
    case IN_PORTS4:
    case IN_PORTS6: return in_ports_put(batch, 0, word->text);
    case IN_ADDRESS_PORTS4: return in_ports_put(batch, AF_INET, word->text);
    case IN_ADDRESS_PORTS6: return in_ports_put(batch, AF_INET6, word->text);
    case ACCEPT: return verdict_put(batch, NF_ACCEPT, NULL);
    case DROP: return verdict_put(batch, NF_DROP, NULL);
    case RETURN: return verdict_put(batch, NFT_RETURN, NULL);
    case JUMP: return verdict_put(batch, NFT_JUMP, word->text);
    case GOTO: return verdict_put(batch, NFT_GOTO, word->text);
    case BY_IN_LINK: return by_link_put(batch, NFT_META_IIFNAME, word->text);
    case BY_OUT_LINK: return by_link_put(batch, NFT_META_OIFNAME, word->text);
    case MASQUERADE: return masquerade_put(batch);
    case MARK_LOCALNET: return mark_localnet_put(batch);
    case LOG: return log_put(batch, group);
    case FORWARD4: return forward_put(batch, AF_INET, 0, word->text);
    case FORWARD6: return forward_put(batch, AF_INET6, 0, word->text);
    case FORWARD_ADDRESS4: return forward_put(batch, AF_INET, AF_INET, word->text);
    case FORWARD_ADDRESS6: return forward_put(batch, AF_INET6, AF_INET6, word->text);
    }
}

static void rule_put(struct nft_batch *batch, const struct rule *rule, uint16_t group) {
    nft_message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(&batch->messages, NFTA_RULE_CHAIN, rule->chain);
    size_t list = netlink_nest(&batch->messages, NFTA_RULE_EXPRESSIONS);
    for (size_t i = 0; i < WORDS_MAX; i++) word_put(batch, &rule->words[i], group);
    netlink_end(&batch->messages, list);
    batch->uses++;
}

static void rules_put(struct nft_batch *batch, const struct rule *rules, size_t count, uint16_t group) {
    for (size_t i = 0; i < count; i++) rule_put(batch, &rules[i], group);
}

static void base_chain_put(struct nft_batch *batch, const struct chain *chain) {
    struct netlink_batch *messages = &batch->messages;
    nft_chain_put(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain->name, NULL);
    if (!chain->type) return;
    netlink_put_string(messages, NFTA_CHAIN_TYPE, chain->type);
    netlink_put_be32(messages, NFTA_CHAIN_POLICY, NF_ACCEPT);
    size_t hook = netlink_nest(messages, NFTA_CHAIN_HOOK);
    netlink_put_be32(messages, NFTA_HOOK_HOOKNUM, chain->hook);
    netlink_put_be32(messages, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
    netlink_end(messages, hook);
}

static void trace_word_put(struct nft_batch *batch) {
    struct nft_expression e = nft_expression_begin(batch, "immediate");
    netlink_put_be32(&batch->messages, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    nft_data_put(batch, NFTA_IMMEDIATE_DATA, &(uint8_t){1}, 1);
    nft_expression_end(batch, e);
    e = nft_expression_begin(batch, "meta");
    netlink_put_be32(&batch->messages, NFTA_META_KEY, NFT_META_NFTRACE);
    netlink_put_be32(&batch->messages, NFTA_META_SREG, NFT_REG_1);
    nft_expression_end(batch, e);
}

// answers: what comes from there.
static void trace_rule_put(struct nft_batch *batch, const char *chain, const struct nft_flow *flow,
                           bool answers) {
    nft_message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(&batch->messages, NFTA_RULE_CHAIN, chain);
    size_t list = netlink_nest(&batch->messages, NFTA_RULE_EXPRESSIONS);
    subnet_put(batch, &flow->to, answers);
    protocol_put(batch, flow->protocol);
    if (flow->port) {
        payload_put(batch, NFT_REG_1, NFT_PAYLOAD_TRANSPORT_HEADER, answers ? 0 : 2, 2);
        compare_put(batch, true, &(uint16_t){htons(flow->port)}, 2);
    }
    trace_word_put(batch);
    netlink_end(&batch->messages, list);
}

void nft_trace_put(struct nft_batch *batch, const struct nft_flow *flow) {
    static const struct chain traced[] = {
        {"prerouting", "filter", NF_INET_PRE_ROUTING, PRIORITY_TRACE},
        {"output", "filter", NF_INET_LOCAL_OUT, PRIORITY_TRACE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(traced); i++) {
        base_chain_put(batch, &traced[i]);
        trace_rule_put(batch, traced[i].name, flow, false);
        trace_rule_put(batch, traced[i].name, flow, true);
    }
}

void nft_base_put(struct nft_batch *batch, const struct nft_table *table) {
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) nft_set_put(batch, &sets[i]);
    nft_port_maps_put(batch);
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++) base_chain_put(batch, &chains[i]);
    uint16_t group = table->gate_group;
    rules_put(batch, first_rules, ARRAY_SIZE(first_rules), group);
    if (table->detour != NFT_DETOUR_ALL) rules_put(batch, known_rules, ARRAY_SIZE(known_rules), group);
    rules_put(batch, base_rules, ARRAY_SIZE(base_rules), group);
    if (table->detour) rules_put(batch, detour_rules, ARRAY_SIZE(detour_rules), group);
    if (table->detour == NFT_DETOUR_ALL) rules_put(batch, all_rules, ARRAY_SIZE(all_rules), group);
    if (table->detour) rules_put(batch, last_rules, ARRAY_SIZE(last_rules), group);
}

void nft_base_ask(struct nft_batch *batch) {
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
        nft_chain_put(batch, NFT_MSG_GETCHAIN, 0, chains[i].name, NULL);
}

// The chains of a network, each with the map that leads to it.
enum { GUARD, TOWARD, INTERNAL, INTO, HAIRPIN, AROUND, NETWORK_CHAINS };

static const char *const chain_prefixes[] = {"guard-", "toward-",  "internal-",
                                             "into-",  "hairpin-", "around-"};
static const char *const chain_maps[] = {"guards", NULL, "internal", "into", "hairpin", "around"};

struct names {
    char chains[NETWORK_CHAINS][CHAIN_SIZE];
    bool exists[NETWORK_CHAINS];
};

static void names_make(const struct nft_table *table, const struct nft_network *network,
                       struct names *ret_names) {
    for (size_t i = 0; i < NETWORK_CHAINS; i++) {
        snprintf(ret_names->chains[i], CHAIN_SIZE, "%s%s", chain_prefixes[i], network->link);
        ret_names->exists[i] = true;
    }
    ret_names->exists[INTERNAL] = network->flags & NFT_INTERNAL;
    ret_names->exists[AROUND] = table->detour;
}

static bool is_routed(const struct nft_network *network, const struct nft_subnet *subnet) {
    return network->flags & (subnet->family == AF_INET ? NFT_ROUTED4 : NFT_ROUTED6);
}

// What has its own address outside gets answers from there, so it cannot be guarded before conntrack.
static bool is_guarded(const struct nft_network *network, const struct nft_subnet *subnet) {
    uint32_t open =
        subnet->family == AF_INET ? NFT_ROUTED4 | NFT_NO_MASQUERADE4 : NFT_ROUTED6 | NFT_NO_MASQUERADE6;
    return !(network->flags & open);
}

#define GATE_RULE(batch, group, chain, ...) rule_put(batch, &(struct rule){chain, {__VA_ARGS__}}, group)
#define RULE(batch, chain, ...)             GATE_RULE(batch, 0, chain, __VA_ARGS__)

// Whose source is right goes on to the chain for where it goes to.
static void guard_rules_put(struct nft_batch *batch, const struct nft_network *network,
                            const struct names *names) {
    const char *guard = names->chains[GUARD], *toward = names->chains[TOWARD];
    for (size_t i = 0; i < network->subnet_count; i++) {
        RULE(batch, guard, {FROM, NULL, &network->subnets[i]}, {GOTO, toward});
        RULE(batch, toward, {TO, NULL, &network->subnets[i]}, {ACCEPT});
    }
    RULE(batch, guard, {FROM, NULL, &link_local6}, {GOTO, toward});
    RULE(batch, guard, {FROM, NULL, &unspecified6}, {ICMP6},
         {GOTO, toward}); // finds out if its address is free
    RULE(batch, guard, {DROP});
    RULE(batch, toward, {TO, NULL, &loopback4}, {DROP}); // even with route_localnet
    RULE(batch, toward, {TO, NULL, &loopback6}, {DROP});
}

static void forward_rules_put(struct nft_batch *batch, const struct nft_network *network,
                              const struct names *names) {
    const char *into = names->chains[INTO], *internal = names->chains[INTERNAL];
    if (!(network->flags & NFT_NO_ICC)) RULE(batch, into, {IN_LINK, network->link}, {ACCEPT});
    if (network->flags & NFT_INTERNAL) {
        RULE(batch, internal, {OUT_LINK, network->link}, {RETURN});
        RULE(batch, internal, {DROP});
        RULE(batch, into, {DROP});
        return;
    }
    RULE(batch, into, {ESTABLISHED}, {ACCEPT});
    RULE(batch, into, {TRANSLATED}, {ACCEPT});
    if (network->flags & NFT_NO_ICC) RULE(batch, into, {IN_LINK, network->link}, {DROP});
    for (size_t i = 0; i < network->subnet_count; i++)
        if (is_routed(network, &network->subnets[i]))
            RULE(batch, into, {TO, NULL, &network->subnets[i]}, {ACCEPT});
    RULE(batch, into, {DROP});
}

// Answers have to come back by way of the host, which alone knows what it made of the addresses.
static void hairpin_rules_put(struct nft_batch *batch, const struct nft_network *network,
                              const struct names *names) {
    const char *hairpin = names->chains[HAIRPIN];
    RULE(batch, hairpin, {FROM, NULL, &loopback4}, {MASQUERADE});
    RULE(batch, hairpin, {FROM_SET, "subnets4", &loopback4}, {TRANSLATED}, {MASQUERADE});
    RULE(batch, hairpin, {FROM_SET, "subnets6", &loopback6}, {TRANSLATED}, {MASQUERADE});
    for (size_t i = 0; i < network->subnet_count; i++) {
        const struct nft_subnet *subnet = &network->subnets[i];
        if (!is_guarded(network, subnet))
            RULE(batch, hairpin, {FROM, NULL, subnet}, {TRANSLATED}, {MASQUERADE});
        RULE(batch, hairpin, {FROM, NULL, subnet}, {ACCEPT});
    }
}

// Also between containers of the network, where the kernel shows iptables what stays on a bridge: then even
// finding a neighbour passes FORWARD, where nothing is known of it. Its packets go on, and the gate sends
// them as well; but not those that ask whether an address is free, since the asker would hear itself.
static void around_rules_put(struct nft_batch *batch, const struct nft_table *table,
                             const struct nft_network *network, const struct names *names) {
    const char *around = names->chains[AROUND];
    uint16_t group = table->gate_group;
    enum kind which = table->detour == NFT_DETOUR_ALL ? ANY : NEW;
    bool apart = network->flags & NFT_NO_ICC;
    if (!apart) {
        GATE_RULE(batch, group, around, {FROM, NULL, &unspecified6}, {RETURN});
        GATE_RULE(batch, group, around, {SOLICITATION}, {LOG});
        GATE_RULE(batch, group, around, {ADVERTISEMENT}, {LOG});
    }
    for (size_t i = 0; i < network->subnet_count; i++) {
        const struct nft_subnet *subnet = &network->subnets[i];
        if (apart)
            RULE(batch, around, {TO, NULL, subnet}, {RETURN});
        else
            GATE_RULE(batch, group, around, {which}, {TO, NULL, subnet}, {LOG}, {DROP});
    }
    if (!(network->flags & NFT_INTERNAL))
        GATE_RULE(batch, group, around, {which}, {TO_OTHERS}, {LOG}, {DROP});
}

static void elements_put(struct nft_batch *batch, uint8_t type, const struct nft_network *network,
                         const struct names *names) {
    for (size_t i = 0; i < NETWORK_CHAINS; i++)
        if (chain_maps[i] && names->exists[i])
            nft_link_put(batch, type, chain_maps[i], network->link, names->chains[i]);
    for (size_t i = 0; i < network->subnet_count; i++) {
        const struct nft_subnet *subnet = &network->subnets[i];
        const char *set = subnet->family == AF_INET ? "subnets4" : "subnets6";
        if (is_guarded(network, subnet)) nft_subnet_put(batch, type, set, subnet);
    }
}

static void chains_put(struct nft_batch *batch, uint8_t type, uint16_t flags, const struct names *names,
                       const char *comment) {
    for (size_t i = 0; i < NETWORK_CHAINS; i++)
        if (names->exists[i]) nft_chain_put(batch, type, flags, names->chains[i], i == 0 ? comment : NULL);
}

void nft_network_put(struct nft_batch *batch, const struct nft_table *table,
                     const struct nft_network *network, uint16_t flags, const char *comment) {
    struct names names;
    names_make(table, network, &names);
    chains_put(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | flags, &names, comment);
    guard_rules_put(batch, network, &names);
    forward_rules_put(batch, network, &names);
    hairpin_rules_put(batch, network, &names);
    if (names.exists[AROUND]) around_rules_put(batch, table, network, &names);
    elements_put(batch, NFT_MSG_NEWSETELEM, network, &names);
}

// Everything is made first, so that taking it away cannot fail. A chain takes its rules along.
void nft_network_delete(struct nft_batch *batch, const struct nft_table *table,
                        const struct nft_network *network) {
    struct names names;
    names_make(table, network, &names);
    chains_put(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, &names, NULL);
    elements_put(batch, NFT_MSG_NEWSETELEM, network, &names);
    elements_put(batch, NFT_MSG_DELSETELEM, network, &names);
    chains_put(batch, NFT_MSG_DELCHAIN, 0, &names, NULL);
}

void nft_network_ask(struct nft_batch *batch, const struct nft_table *table,
                     const struct nft_network *network) {
    struct names names;
    names_make(table, network, &names);
    chains_put(batch, NFT_MSG_GETCHAIN, 0, &names, NULL);
    for (size_t i = 0; i < network->subnet_count; i++) {
        const struct nft_subnet *subnet = &network->subnets[i];
        const char *set = subnet->family == AF_INET ? "subnets4" : "subnets6";
        if (is_guarded(network, subnet)) nft_subnet_put(batch, NFT_MSG_GETSETELEM, set, subnet);
    }
}
