// SPDX-License-Identifier: Apache-2.0
// Two dumps: chains, and rules. Of a rule only counts whether it can end a packet: a verdict of its own,
// nftables' reject, or a target of iptables'. What it matches is for its owner to know.
#include "kernel/nft_look.h"

#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "kernel/netlink.h"
#include "kernel/nft_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_bridge.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct nlattr *inner(const struct nlattr *attribute) {
    return attribute + 1;
}

static size_t inner_size(const struct nlattr *attribute) {
    return attribute->nla_len - sizeof *attribute;
}

static int split(const struct nlattr *nest, const struct nlattr *ret_table[], size_t count) {
    return nest ? netlink_parse(inner(nest), inner_size(nest), ret_table, count) : -ENODATA;
}

static uint32_t number(const struct nlattr *attribute) {
    uint32_t value = 0;
    return netlink_get(attribute, &value, sizeof value) ? 0 : ntohl(value);
}

// Chains

static void recognise(struct nft_look *look, const char *chain) {
    if (str_has_prefix(chain, "ufw")) look->ufw = true;
    if (str_eq(chain, "DOCKER-USER") || str_eq(chain, "DOCKER-FORWARD")) look->docker = true;
}

static bool counts(const struct nft_look *look, const struct nft_look_chain *chain) {
    switch (chain->family) {
    case NFPROTO_IPV4:
    case NFPROTO_IPV6:
    case NFPROTO_INET:
        return chain->hook == NF_INET_LOCAL_IN || chain->hook == NF_INET_FORWARD ||
               chain->hook == NF_INET_LOCAL_OUT ||
               (look->below_ip && chain->hook == NF_INET_PRE_ROUTING && chain->policy_drops);
    case NFPROTO_BRIDGE: return look->below_ip && chain->hook == NF_BR_FORWARD;
    default: return false;
    }
}

static void chain_add(struct nft_look *look, const struct nft_look_chain *chain) {
    if (look->count < NFT_LOOK_MAX) look->chains[look->count++] = *chain;
}

static void devices_add(struct nft_look *look, struct nft_look_chain *chain, const struct nlattr *list) {
    const void *at = inner(list);
    size_t left = inner_size(list);
    const struct nlattr *device;
    chain->hook = NF_INET_INGRESS;
    while ((device = netlink_next(&at, &left))) {
        netlink_get_string(device, chain->device, sizeof chain->device);
        chain_add(look, chain);
    }
}

static int chain_read(struct nft_look *look, const struct nfgenmsg *head, size_t size) {
    const struct nlattr *table[NFTA_CHAIN_MAX + 1] = {0}, *hook[NFTA_HOOK_MAX + 1] = {0};
    struct nft_look_chain chain = {.family = head->nfgen_family};
    char type[16] = "";
    int r = netlink_parse(head + 1, size - sizeof *head, table, ARRAY_SIZE(table));
    if (r) return r;
    netlink_get_string(table[NFTA_CHAIN_TABLE], chain.table, sizeof chain.table);
    netlink_get_string(table[NFTA_CHAIN_NAME], chain.name, sizeof chain.name);
    recognise(look, chain.name);
    if (split(table[NFTA_CHAIN_HOOK], hook, ARRAY_SIZE(hook))) return 0;
    chain.hook = number(hook[NFTA_HOOK_HOOKNUM]);
    chain.priority = (int32_t)number(hook[NFTA_HOOK_PRIORITY]);
    chain.policy_drops = table[NFTA_CHAIN_POLICY] && number(table[NFTA_CHAIN_POLICY]) == NF_DROP;
    netlink_get_string(table[NFTA_CHAIN_TYPE], type, sizeof type);
    chain.translates = str_eq(type, "nat");
    chain.has_rules = number(table[NFTA_CHAIN_USE]);
    if (look->below_ip && hook[NFTA_HOOK_DEVS])
        devices_add(look, &chain, hook[NFTA_HOOK_DEVS]);
    else if (counts(look, &chain))
        chain_add(look, &chain);
    return 0;
}

// Rules

// false: no verdict. ret_chain: where a jump leads, else NULL.
static bool verdict_read(const struct nlattr *data, uint32_t *ret_code, const struct nlattr **ret_chain) {
    const struct nlattr *immediate[NFTA_IMMEDIATE_MAX + 1] = {0}, *value[NFTA_DATA_MAX + 1] = {0},
                                                        *verdict[NFTA_VERDICT_MAX + 1] = {0};
    if (split(data, immediate, ARRAY_SIZE(immediate)) ||
        split(immediate[NFTA_IMMEDIATE_DATA], value, ARRAY_SIZE(value)) ||
        split(value[NFTA_DATA_VERDICT], verdict, ARRAY_SIZE(verdict)) || !verdict[NFTA_VERDICT_CODE])
        return false;
    *ret_code = number(verdict[NFTA_VERDICT_CODE]);
    *ret_chain = verdict[NFTA_VERDICT_CHAIN];
    return true;
}

static bool verdict_is(const struct nlattr *data, uint32_t code) {
    const struct nlattr *chain;
    uint32_t found;
    return verdict_read(data, &found, &chain) && found == code;
}

static bool target_drops(const struct nlattr *data) {
    const struct nlattr *target[NFTA_TARGET_MAX + 1] = {0};
    char name[32];
    if (split(data, target, ARRAY_SIZE(target))) return false;
    netlink_get_string(target[NFTA_TARGET_NAME], name, sizeof name);
    return str_eq(name, "DROP") || str_eq(name, "REJECT");
}

static bool expression_drops(const struct nlattr *element) {
    const struct nlattr *table[NFTA_EXPR_MAX + 1] = {0};
    char name[32];
    if (split(element, table, ARRAY_SIZE(table))) return false;
    netlink_get_string(table[NFTA_EXPR_NAME], name, sizeof name);
    return str_eq(name, "reject") ||
           (str_eq(name, "immediate") && verdict_is(table[NFTA_EXPR_DATA], NF_DROP)) ||
           (str_eq(name, "target") && target_drops(table[NFTA_EXPR_DATA]));
}

static bool rule_drops(const struct nlattr *list) {
    size_t left = list ? inner_size(list) : 0;
    const char *at = (const char *)(list ? inner(list) : NULL);
    while (left >= sizeof(struct nlattr)) {
        const struct nlattr *element = (const struct nlattr *)at;
        if (element->nla_len < sizeof *element || element->nla_len > left) return false;
        if (expression_drops(element)) return true;
        size_t step = NLMSG_ALIGN(element->nla_len) < left ? NLMSG_ALIGN(element->nla_len) : left;
        at += step;
        left -= step;
    }
    return false;
}

static int rule_read(struct nft_look *look, const struct nfgenmsg *head, size_t size) {
    const struct nlattr *table[NFTA_RULE_MAX + 1] = {0};
    char name[NFT_LOOK_NAME];
    int r = netlink_parse(head + 1, size - sizeof *head, table, ARRAY_SIZE(table));
    if (r || !rule_drops(table[NFTA_RULE_EXPRESSIONS])) return r;
    netlink_get_string(table[NFTA_RULE_TABLE], name, sizeof name);
    for (size_t i = 0; i < look->count; i++)
        if (look->chains[i].family == head->nfgen_family && str_eq(look->chains[i].table, name))
            look->chains[i].rules_drop = true;
    return 0;
}

static int message_read(uint16_t type, const void *payload, size_t size, void *data) {
    if (size < sizeof(struct nfgenmsg)) return -EBADMSG;
    if (type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN)) return chain_read(data, payload, size);
    if (type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE)) return rule_read(data, payload, size);
    return 0;
}

// name: of the table whose rules are wanted, in all families (older kernels tell of the others, too), or
// NULL.
static int dump_table(uint8_t type, const char *name, netlink_each *each, void *data) {
    struct netlink_batch batch = {0};
    struct nfgenmsg head = {.nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0};
    int fd = nft_socket();
    if (fd < 0) return fd;
    netlink_begin(&batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_DUMP, &head, sizeof head);
    if (name) netlink_put_string(&batch, NFTA_RULE_TABLE, name);
    return netlink_call(fd, &batch, each, data);
}

static int dump(uint8_t type, struct nft_look *look) {
    return dump_table(type, NULL, message_read, look);
}

bool nft_look_is_hoys(const struct nft_look_chain *chain) {
    const char *digits = str_after(chain->table, "hoy-");
    return digits && strlen(digits) == 10 && strspn(digits, "0123456789abcdef") == 10;
}

// Does a rule let everything pass that belongs to a connection, whatever interfaces it passes? As nftables
// has it (ct), or as iptables has (a match). Docker's, for one, let pass what goes to Docker's own bridges.
// It is one of the chain itself, or of a chain that it leads to: the same table has others at other hooks.
#define KNOWN_CHAINS_MAX 64 // rules of more are not looked at

struct known {
    const struct nft_look_chain *chain;
    char chains[KNOWN_CHAINS_MAX][NFT_LOOK_NAME];
    size_t count;
    bool passes;
};

struct known_rule {
    bool connection, interface, accepts;
    char jump[NFT_LOOK_NAME];
};

static bool known_has(const struct known *known, const char *chain) {
    for (size_t i = 0; i < known->count; i++)
        if (str_eq(known->chains[i], chain)) return true;
    return false;
}

static void known_add(struct known *known, const char *chain) {
    if (*chain && known->count < KNOWN_CHAINS_MAX && !known_has(known, chain))
        memcpy(known->chains[known->count++], chain, strlen(chain) + 1);
}

static bool meta_is_interface(const struct nlattr *data) {
    const struct nlattr *meta[NFTA_META_MAX + 1] = {0};
    if (split(data, meta, ARRAY_SIZE(meta))) return false;
    uint32_t key = number(meta[NFTA_META_KEY]);
    return key == NFT_META_IIFNAME || key == NFT_META_OIFNAME || key == NFT_META_IIF || key == NFT_META_OIF;
}

static bool match_is_connection(const struct nlattr *data) {
    const struct nlattr *match[NFTA_MATCH_MAX + 1] = {0};
    char name[32] = "";
    if (split(data, match, ARRAY_SIZE(match))) return false;
    netlink_get_string(match[NFTA_MATCH_NAME], name, sizeof name);
    return str_eq(name, "conntrack") || str_eq(name, "state");
}

// A map of verdicts by state is taken to accept.
static void expression_note(const struct nlattr *element, struct known_rule *rule) {
    const struct nlattr *table[NFTA_EXPR_MAX + 1] = {0}, *chain = NULL;
    uint32_t code = NF_DROP;
    char name[32] = "";
    if (split(element, table, ARRAY_SIZE(table))) return;
    const struct nlattr *data = table[NFTA_EXPR_DATA];
    netlink_get_string(table[NFTA_EXPR_NAME], name, sizeof name);
    if (str_eq(name, "immediate") && verdict_read(data, &code, &chain) && chain)
        netlink_get_string(chain, rule->jump, sizeof rule->jump);
    rule->connection |= str_eq(name, "ct") || (str_eq(name, "match") && match_is_connection(data));
    rule->interface |= str_eq(name, "meta") && meta_is_interface(data);
    rule->accepts |= code == NF_ACCEPT || str_eq(name, "lookup");
}

static int known_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct nlattr *table[NFTA_RULE_MAX + 1] = {0};
    const struct nfgenmsg *head = payload;
    struct known *known = data;
    struct known_rule rule = {0};
    char name[NFT_LOOK_NAME] = "", chain[NFT_LOOK_NAME] = "";
    if (size < sizeof *head || type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE)) return 0;
    int r = netlink_parse(head + 1, size - sizeof *head, table, ARRAY_SIZE(table));
    netlink_get_string(table[NFTA_RULE_TABLE], name, sizeof name);
    netlink_get_string(table[NFTA_RULE_CHAIN], chain, sizeof chain);
    if (r || head->nfgen_family != known->chain->family || !str_eq(name, known->chain->table) ||
        !known_has(known, chain))
        return r;
    const struct nlattr *list = table[NFTA_RULE_EXPRESSIONS], *element;
    const void *at = list ? inner(list) : NULL;
    size_t left = list ? inner_size(list) : 0;
    while ((element = netlink_next(&at, &left))) expression_note(element, &rule);
    if (rule.interface) return 0;
    known->passes |= rule.connection && rule.accepts;
    known_add(known, rule.jump);
    return 0;
}

// Again as long as that has found chains whose rules have gone by.
static int look_at_known(const struct nft_look_chain *chain, bool *drops) {
    struct known known = {.chain = chain};
    int r = 0;
    known_add(&known, chain->name);
    for (size_t seen = 0; !r && !known.passes && seen < known.count;) {
        seen = known.count;
        r = dump_table(NFT_MSG_GETRULE, chain->table, known_read, &known);
    }
    *drops |= !known.passes;
    return r;
}

int nft_look_policies(struct nft_policies *ret_policies) {
    struct nft_look look = {0};
    struct nft_policies policies = {0};
    int r = dump(NFT_MSG_GETCHAIN, &look);
    policies.output_is_open = look.count < NFT_LOOK_MAX; // else there may be more
    for (size_t i = 0; !r && i < look.count; i++) {
        const struct nft_look_chain *chain = &look.chains[i];
        if (nft_look_is_hoys(chain)) continue;
        if (chain->hook == NF_INET_LOCAL_OUT && !chain->translates &&
            (chain->policy_drops || chain->has_rules))
            policies.output_is_open = false;
        if (chain->hook != NF_INET_FORWARD || !(chain->policy_drops || str_eq(chain->table, "firewalld")))
            continue;
        policies.forward_drops = true;
        r = look_at_known(chain, &policies.forward_drops_known);
    }
    if (r) return r;
    *ret_policies = policies;
    return 0;
}

static int generation_read(uint16_t type, const void *payload, size_t size, void *data) {
    const struct nlattr *table[NFTA_GEN_MAX + 1] = {0};
    if (type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) || size < sizeof(struct nfgenmsg))
        return -EBADMSG;
    int r = netlink_parse((const struct nfgenmsg *)payload + 1, size - sizeof(struct nfgenmsg), table,
                          ARRAY_SIZE(table));
    return r ? r : netlink_get(table[NFTA_GEN_ID], data, sizeof(uint32_t));
}

int nft_look_generation(uint32_t *ret_generation) {
    struct netlink_batch batch = {0};
    struct nfgenmsg head = {.nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0};
    uint32_t generation = 0;
    int fd = nft_socket();
    if (fd < 0) return fd;
    netlink_begin(&batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, NLM_F_ACK, &head, sizeof head);
    int r = netlink_call(fd, &batch, generation_read, &generation);
    if (!r) *ret_generation = ntohl(generation);
    return r;
}

int nft_look(struct nft_look *ret_look) {
    *ret_look = (struct nft_look){.below_ip = true};
    int r = dump(NFT_MSG_GETCHAIN, ret_look);
    return r ? r : dump(NFT_MSG_GETRULE, ret_look);
}

const char *nft_look_name(const struct nft_look_chain *chain, char buffer[static 160]) {
    static const char *const families[] = {
        [NFPROTO_INET] = "inet",     [NFPROTO_IPV4] = "ip",       [NFPROTO_ARP] = "arp",
        [NFPROTO_NETDEV] = "netdev", [NFPROTO_BRIDGE] = "bridge", [NFPROTO_IPV6] = "ip6"};
    const char *family = chain->family < ARRAY_SIZE(families) ? families[chain->family] : NULL;
    snprintf(buffer, 160, "%s %s %s", family ? family : "?", chain->table, chain->name);
    return buffer;
}
