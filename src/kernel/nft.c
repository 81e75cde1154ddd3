// SPDX-License-Identifier: Apache-2.0
// The rules are a table of words (below), and one function that writes a word as nftables' expressions. The
// table of nftables carries a hash of all the messages that make it as its comment, so that one question
// tells whether what is there is what this program would make.
#include "kernel/nft.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/link.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define COMMENT_SIZE 24

enum match {
    ALWAYS, // the end of a rule's matches
    IN_BRIDGE,
    NOT_IN_BRIDGE,
    NOT_IN_LOOPBACK,
    OUT_BRIDGE,
    NOT_OUT_BRIDGE,
    FROM_SUBNET,
    NOT_FROM_SUBNET,
    TO_SUBNET,
    TO_LOOPBACK,
    ESTABLISHED,
};

enum verdict { ACCEPT, DROP, MASQUERADE };

static const struct chain {
    const char *name, *type;
    uint32_t hook;
    int32_t priority;
} chains[] = {
    {"raw", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW},
    {"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER},
    {"postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
};

static const struct rule {
    const char *chain;
    enum match matches[4];
    enum verdict verdict;
} rules_of_bridge[] = {
    {"raw", {IN_BRIDGE, NOT_FROM_SUBNET}, DROP},                // spoofed
    {"raw", {IN_BRIDGE, TO_LOOPBACK}, DROP},                    // even with route_localnet
    {"raw", {NOT_IN_BRIDGE, NOT_IN_LOOPBACK, TO_SUBNET}, DROP}, // past the published ports
    {"forward", {IN_BRIDGE}, ACCEPT},
    {"forward", {OUT_BRIDGE, ESTABLISHED}, ACCEPT},
    {"forward", {OUT_BRIDGE}, DROP},
    {"postrouting", {FROM_SUBNET, NOT_OUT_BRIDGE}, MASQUERADE},
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

static void compare_put(struct netlink_batch *batch, bool equal, const void *bytes, size_t size) {
    struct expression e = expression_begin(batch, "cmp");
    netlink_put_be32(batch, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    data_put(batch, NFTA_CMP_DATA, bytes, size);
    expression_end(batch, e);
}

static void mask_put(struct netlink_batch *batch, uint32_t mask) {
    struct expression e = expression_begin(batch, "bitwise");
    netlink_put_be32(batch, NFTA_BITWISE_SREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_BITWISE_DREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_BITWISE_LEN, sizeof mask);
    data_put(batch, NFTA_BITWISE_MASK, &mask, sizeof mask);
    data_put(batch, NFTA_BITWISE_XOR, &(uint32_t){0}, sizeof mask);
    expression_end(batch, e);
}

static void meta_put(struct netlink_batch *batch, uint32_t key) {
    struct expression e = expression_begin(batch, "meta");
    netlink_put_be32(batch, NFTA_META_DREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_META_KEY, key);
    expression_end(batch, e);
}

static void interface_put(struct netlink_batch *batch, uint32_t key, bool equal, const char *name) {
    char padded[LINK_NAME_SIZE] = "";
    strncpy(padded, name, sizeof padded - 1);
    meta_put(batch, key);
    compare_put(batch, equal, padded, sizeof padded);
}

// offset: of the address in the IPv4 header.
static void address_put(struct netlink_batch *batch, uint32_t offset, bool equal, uint32_t network,
                        uint8_t prefix) {
    uint32_t mask = htonl(prefix ? UINT32_MAX << (32 - prefix) : 0), value = htonl(network) & mask;
    struct expression e = expression_begin(batch, "payload");
    netlink_put_be32(batch, NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    netlink_put_be32(batch, NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(batch, NFTA_PAYLOAD_LEN, sizeof value);
    expression_end(batch, e);
    mask_put(batch, mask);
    compare_put(batch, equal, &value, sizeof value);
}

static void established_put(struct netlink_batch *batch) {
    struct expression e = expression_begin(batch, "ct");
    netlink_put_be32(batch, NFTA_CT_DREG, NFT_REG_1);
    netlink_put_be32(batch, NFTA_CT_KEY, NFT_CT_STATE);
    expression_end(batch, e);
    mask_put(batch, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
    compare_put(batch, false, &(uint32_t){0}, sizeof(uint32_t));
}

static void match_put(struct netlink_batch *batch, enum match match, const struct nft_bridge *b) {
    enum { SOURCE = 12, DESTINATION = 16 };
    switch (match) {
    case ALWAYS: return;
    case IN_BRIDGE: return interface_put(batch, NFT_META_IIFNAME, true, b->bridge);
    case NOT_IN_BRIDGE: return interface_put(batch, NFT_META_IIFNAME, false, b->bridge);
    case OUT_BRIDGE: return interface_put(batch, NFT_META_OIFNAME, true, b->bridge);
    case NOT_OUT_BRIDGE: return interface_put(batch, NFT_META_OIFNAME, false, b->bridge);
    case FROM_SUBNET: return address_put(batch, SOURCE, true, b->subnet, b->prefix);
    case NOT_FROM_SUBNET: return address_put(batch, SOURCE, false, b->subnet, b->prefix);
    case TO_SUBNET: return address_put(batch, DESTINATION, true, b->subnet, b->prefix);
    case TO_LOOPBACK: return address_put(batch, DESTINATION, true, 127u << 24, 8);
    case ESTABLISHED: return established_put(batch);
    case NOT_IN_LOOPBACK: meta_put(batch, NFT_META_IIFTYPE);
    }
    compare_put(batch, false, &(uint16_t){ARPHRD_LOOPBACK}, sizeof(uint16_t));
}

static void verdict_put(struct netlink_batch *batch, enum verdict verdict) {
    if (verdict == MASQUERADE) {
        expression_end(batch, expression_begin(batch, "masq"));
        return;
    }
    struct expression e = expression_begin(batch, "immediate");
    netlink_put_be32(batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t data = netlink_nest(batch, NFTA_IMMEDIATE_DATA), code = netlink_nest(batch, NFTA_DATA_VERDICT);
    netlink_put_be32(batch, NFTA_VERDICT_CODE, verdict == DROP ? NF_DROP : NF_ACCEPT);
    netlink_end(batch, code);
    netlink_end(batch, data);
    expression_end(batch, e);
}

static void rule_put(struct netlink_batch *batch, const struct rule *rule, const struct nft_bridge *b) {
    message_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    netlink_put_string(batch, NFTA_RULE_TABLE, b->bridge);
    netlink_put_string(batch, NFTA_RULE_CHAIN, rule->chain);
    size_t list = netlink_nest(batch, NFTA_RULE_EXPRESSIONS);
    for (size_t i = 0; rule->matches[i] != ALWAYS; i++) match_put(batch, rule->matches[i], b);
    verdict_put(batch, rule->verdict);
    netlink_end(batch, list);
}

static void chain_put(struct netlink_batch *batch, const struct chain *chain, const char *table) {
    message_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    netlink_put_string(batch, NFTA_CHAIN_TABLE, table);
    netlink_put_string(batch, NFTA_CHAIN_NAME, chain->name);
    netlink_put_string(batch, NFTA_CHAIN_TYPE, chain->type);
    netlink_put_be32(batch, NFTA_CHAIN_POLICY, NF_ACCEPT);
    size_t hook = netlink_nest(batch, NFTA_CHAIN_HOOK);
    netlink_put_be32(batch, NFTA_HOOK_HOOKNUM, chain->hook);
    netlink_put_be32(batch, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
    netlink_end(batch, hook);
}

// The comment, in the form that nft prints: a type (0: comment), a length, a text with its NUL.
static size_t comment_make(const char *text, uint8_t ret_bytes[static COMMENT_SIZE + 2]) {
    size_t size = strlen(text) + 1;
    ret_bytes[0] = 0;
    ret_bytes[1] = (uint8_t)size;
    memcpy(ret_bytes + 2, text, size);
    return size + 2;
}

static void table_put(struct netlink_batch *batch, uint8_t type, const char *table, const char *comment) {
    uint8_t bytes[COMMENT_SIZE + 2];
    message_begin(batch, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);
    netlink_put_string(batch, NFTA_TABLE_NAME, table);
    if (comment) netlink_put(batch, NFTA_TABLE_USERDATA, bytes, comment_make(comment, bytes));
}

// "There is one, it is deleted, there is a new one": the first so that the second can't fail.
static void bridge_put(struct netlink_batch *batch, const struct nft_bridge *b, const char *comment) {
    batch_mark(batch, NFNL_MSG_BATCH_BEGIN);
    table_put(batch, NFT_MSG_NEWTABLE, b->bridge, NULL);
    table_put(batch, NFT_MSG_DELTABLE, b->bridge, NULL);
    table_put(batch, NFT_MSG_NEWTABLE, b->bridge, comment);
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++) chain_put(batch, &chains[i], b->bridge);
    for (size_t i = 0; i < ARRAY_SIZE(rules_of_bridge); i++) rule_put(batch, &rules_of_bridge[i], b);
    batch_mark(batch, NFNL_MSG_BATCH_END);
}

// FNV-1a over the messages with an empty comment.
static void bridge_comment(const struct nft_bridge *b, char ret_text[static COMMENT_SIZE]) {
    struct netlink_batch batch = {0};
    uint64_t hash = 0xcbf29ce484222325;
    bridge_put(&batch, b, "");
    for (size_t i = 0; i < batch.used; i++) hash = (hash ^ (uint8_t)batch.bytes[i]) * 0x100000001b3;
    snprintf(ret_text, COMMENT_SIZE, "hoy %016llx", (unsigned long long)hash);
}

static int nft_call(const struct netlink_batch *batch, netlink_each *each, void *data) {
    _cleanup_(fd_closep) int fd = netlink_open(NETLINK_NETFILTER);
    return fd < 0 ? fd : netlink_call(fd, batch, each, data);
}

static bool bridge_valid(const struct nft_bridge *b) {
    return *b->bridge && strlen(b->bridge) < LINK_NAME_SIZE && b->prefix <= 32;
}

int nft_bridge_apply(const struct nft_bridge *b) {
    struct netlink_batch batch = {0};
    char comment[COMMENT_SIZE];
    if (!bridge_valid(b)) return -EINVAL;
    bridge_comment(b, comment);
    bridge_put(&batch, b, comment);
    return nft_call(&batch, NULL, NULL);
}

int nft_bridge_delete(const char *bridge) {
    struct netlink_batch batch = {0};
    batch_mark(&batch, NFNL_MSG_BATCH_BEGIN);
    table_put(&batch, NFT_MSG_DELTABLE, bridge, NULL);
    batch_mark(&batch, NFNL_MSG_BATCH_END);
    return nft_call(&batch, NULL, NULL);
}

struct found {
    const char *comment;
    bool table;
    uint32_t rules; // what the chains hold, added up
};

static int found_table(struct found *found, const void *bytes, size_t size) {
    const struct nlattr *table[NFTA_TABLE_MAX + 1] = {0};
    uint8_t comment[COMMENT_SIZE + 2], value[COMMENT_SIZE + 2];
    int r = netlink_parse(bytes, size, table, ARRAY_SIZE(table));
    if (r) return r;
    size_t length = comment_make(found->comment, comment);
    found->table = !netlink_get(table[NFTA_TABLE_USERDATA], value, length) && !memcmp(value, comment, length);
    return 0;
}

static int found_chain(struct found *found, const void *bytes, size_t size) {
    const struct nlattr *table[NFTA_CHAIN_MAX + 1] = {0};
    uint32_t rules = 0;
    int r = netlink_parse(bytes, size, table, ARRAY_SIZE(table));
    if (!r && !netlink_get(table[NFTA_CHAIN_USE], &rules, sizeof rules)) found->rules += ntohl(rules);
    return r;
}

static int found_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct nfgenmsg *head = payload;
    if (size < sizeof *head) return -EBADMSG;
    if (type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE))
        return found_table(data, head + 1, size - sizeof *head);
    if (type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN))
        return found_chain(data, head + 1, size - sizeof *head);
    return 0;
}

bool nft_bridge_ready(const struct nft_bridge *b) {
    struct netlink_batch batch = {0};
    char comment[COMMENT_SIZE];
    struct found found = {.comment = comment};
    if (!bridge_valid(b)) return false;
    bridge_comment(b, comment);
    table_put(&batch, NFT_MSG_GETTABLE, b->bridge, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
        message_begin(&batch, NFT_MSG_GETCHAIN, 0);
        netlink_put_string(&batch, NFTA_CHAIN_TABLE, b->bridge);
        netlink_put_string(&batch, NFTA_CHAIN_NAME, chains[i].name);
    }
    return !nft_call(&batch, found_read, &found) && found.table && found.rules == ARRAY_SIZE(rules_of_bridge);
}

int nft_ports_add(const struct nft_table *table, const struct nft_port *ports, size_t count) {
    (void)table, (void)ports, (void)count;
    return 0;
}
int nft_ports_remove(const struct nft_table *table, const struct nft_port *ports, size_t count) {
    (void)table, (void)ports, (void)count;
    return 0;
}
