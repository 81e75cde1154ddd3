// SPDX-License-Identifier: Apache-2.0
// The base is a table of rules, a network's rules are made with its names and subnets in them.
#include "kernel/nft_rules.h"

#include "base/macro.h"
#include "kernel/nft_onward.h"
#include "kernel/nft_words.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <sys/socket.h>

#define CHAIN_SIZE     (LINK_NAME_SIZE + 16)
#define PRIORITY_TRACE (-350) // before all rules, and after fragments are put together
#define PRIORITY_GATE  200    // after the filters of the host's firewall, whoever made them

static const struct nft_subnet loopback4 = {AF_INET, 8, {127}}, loopback6 = {AF_INET6, 128, {[15] = 1}},
                               unspecified6 = {AF_INET6, 128, {0}}, link_local4 = {AF_INET, 16, {169, 254}},
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
    {"onward", NULL, 0, 0},
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
static const struct nft_rule first_rules[] = {
    {"again", {{FROM_LOCALNET}, {MARK_LOCALNET}}},
};

// What the gate sent once is known, but until there is an answer FORWARD takes it for new. Not where
// FORWARD drops what is known as well.
static const struct nft_rule known_rules[] = {
    {"again", {{ESTABLISHED}, {ACCEPT}}},
};

static const struct nft_rule base_rules[] = {
    {"ports", {{IPV4}, {FORWARD_ADDRESS4, "address_ports4"}}},
    {"ports", {{IPV4}, {FORWARD4, "ports4"}}},
    {"ports", {{IPV6}, {FORWARD_ADDRESS6, "address_ports6"}}},
    {"ports", {{IPV6}, {FORWARD6, "ports6"}}},
    {"respected", {{IPV4}, {FORWARD_ADDRESS4, "address_respected4"}}},
    {"respected", {{IPV4}, {FORWARD4, "respected4"}}},
    {"respected", {{IPV6}, {FORWARD_ADDRESS6, "address_respected6"}}},
    {"respected", {{IPV6}, {FORWARD6, "respected6"}}},

    {"guard", {{BY_IN_LINK, "guards"}}}, // comes back with what is for nowhere within its own network
    {"guard", {{IN_LOOPBACK}, {ACCEPT}}},
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
static const struct nft_rule detour_rules[] = {
    {"detour", {{IPV4}, {IN_ADDRESS_PORTS4, "address_ports4"}, {LOG}, {DROP}}},
    {"detour", {{IPV4}, {IN_PORTS4, "ports4"}, {LOG}, {DROP}}},
    {"detour", {{IPV6}, {IN_ADDRESS_PORTS6, "address_ports6"}, {LOG}, {DROP}}},
    {"detour", {{IPV6}, {IN_PORTS6, "ports6"}, {LOG}, {DROP}}},

    {"again", {{NEW}, {TO_HOST}, {JUMP, "detour"}}},
};

// What FORWARD would drop: the gate sends it, but what the kernel can.
static const struct nft_rule kernel_rules[] = {
    {"onward", {{KNOWN_TCP}, {MARK_ONWARD}, {ACCEPT}}},
};

// All that is for an address of the host's, but belongs to a container's connection: to a published port, or
// answers to what went out under that address.
static const struct nft_rule all_rules[] = {
    {"onward", {{LOG}, {DROP}}},
    {"again", {{ORIGINAL}, {TO_HOST}, {TRANSLATED}, {OF_TARGET, "subnets4", &loopback4}, {GOTO, "onward"}}},
    {"again", {{ORIGINAL}, {TO_HOST}, {TRANSLATED}, {OF_TARGET, "subnets6", &loopback6}, {GOTO, "onward"}}},
    {"again", {{REPLY}, {TO_HOST}, {OTHER_NAME}, {OF_MAKER, "subnets4", &loopback4}, {GOTO, "onward"}}},
    {"again", {{REPLY}, {TO_HOST}, {OTHER_NAME}, {OF_MAKER, "subnets6", &loopback6}, {GOTO, "onward"}}},
};

static const struct nft_rule last_rules[] = {
    {"again", {{TO_HOST}, {ACCEPT}}},
    {"again", {{BY_IN_LINK, "around"}}},
};

static void rules_put(struct nft_batch *batch, const struct nft_rule *rules, size_t count, uint16_t group) {
    for (size_t i = 0; i < count; i++) nft_rule_put(batch, &rules[i], group);
}

static void base_chain_put(struct nft_batch *batch, const struct chain *chain) {
    if (chain->type)
        nft_base_chain_put(batch, chain->name, chain->type, chain->hook, chain->priority);
    else
        nft_chain_put(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain->name, NULL);
}

// answers: what comes from there.
static void trace_rule_put(struct nft_batch *batch, const char *chain, const struct nft_flow *flow,
                           bool answers) {
    enum nft_word_kind port = answers ? FROM_PORT : TO_PORT;
    struct nft_rule rule = {chain,
                            {{answers ? FROM : TO, NULL, &flow->to},
                             {PROTOCOL, .number = flow->protocol},
                             {flow->port ? port : ANY, .number = flow->port},
                             {TRACE}}};
    nft_rule_put(batch, &rule, 0);
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
    if (table->onward) rules_put(batch, kernel_rules, ARRAY_SIZE(kernel_rules), group);
    if (table->detour) rules_put(batch, detour_rules, ARRAY_SIZE(detour_rules), group);
    if (table->detour == NFT_DETOUR_ALL) rules_put(batch, all_rules, ARRAY_SIZE(all_rules), group);
    if (table->detour) rules_put(batch, last_rules, ARRAY_SIZE(last_rules), group);
    if (table->onward) nft_onward_tables_put(batch);
}

void nft_base_ask(struct nft_batch *batch, const struct nft_table *table) {
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
        nft_chain_put(batch, NFT_MSG_GETCHAIN, 0, chains[i].name, NULL);
    if (table->onward) nft_onward_ask(batch);
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

#define GATE_RULE(batch, group, chain, ...) \
    nft_rule_put(batch, &(struct nft_rule){chain, {__VA_ARGS__}}, group)
#define RULE(batch, chain, ...) GATE_RULE(batch, 0, chain, __VA_ARGS__)

// Whose source is right goes on to the chain for where it goes to.
static void guard_rules_put(struct nft_batch *batch, const struct nft_network *network,
                            const struct names *names) {
    const char *guard = names->chains[GUARD], *toward = names->chains[TOWARD];
    for (size_t i = 0; i < network->subnet_count; i++) {
        RULE(batch, guard, {FROM, NULL, &network->subnets[i]}, {GOTO, toward});
        RULE(batch, toward, {TO, NULL, &network->subnets[i]}, {ACCEPT});
    }
    RULE(batch, guard, {FROM, NULL, &link_local6}, {GOTO, toward});
    RULE(batch, guard, {FROM, NULL, &link_local4}, {TO, NULL, &link_local4}, {GOTO, toward}); // no router's
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

// As the base's "onward" has it, but in the network's own chain: by what a network jumps to in the base the
// uses of its chains would not be known any more (nft.c).
static void onward_put(struct nft_batch *batch, const struct nft_table *table, const char *chain,
                       struct nft_word where) {
    enum nft_word_kind which = table->detour == NFT_DETOUR_ALL ? ANY : NEW;
    if (table->onward) RULE(batch, chain, {KNOWN_TCP}, where, {MARK_ONWARD}, {ACCEPT});
    GATE_RULE(batch, table->gate_group, chain, {which}, where, {LOG}, {DROP});
}

// Also between containers of the network, where the kernel shows iptables what stays on a bridge: then even
// finding a neighbour passes FORWARD, where nothing is known of it. Its packets go on, and the gate sends
// them as well; but not those that ask whether an address is free, since the asker would hear itself.
static void around_rules_put(struct nft_batch *batch, const struct nft_table *table,
                             const struct nft_network *network, const struct names *names) {
    const char *around = names->chains[AROUND];
    uint16_t group = table->gate_group;
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
            onward_put(batch, table, around, (struct nft_word){TO, NULL, subnet});
    }
    if (!(network->flags & NFT_INTERNAL)) onward_put(batch, table, around, (struct nft_word){TO_OTHERS});
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
