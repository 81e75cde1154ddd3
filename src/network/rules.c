// SPDX-License-Identifier: Apache-2.0
#include "network/rules.h"

#include "kernel/netlink.h"
#include "kernel/nft_look.h"
#include "network/gate.h"
#include "network/options.h"
#include "network/port.h"
#include "network/row.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

// A start asks several times, and a look reads the chains of everybody. One that fails has seen nothing.
static struct nft_policies policies_now(void) {
    static struct {
        bool is_there;
        uint32_t generation;
        struct nft_policies policies;
    } last;
    struct nft_policies policies = {0};
    uint32_t generation = 0;
    bool known = !nft_look_generation(&generation);
    if (known && last.is_there && last.generation == generation) return last.policies;
    (void)nft_look_policies(&policies);
    last.policies = policies;
    last.generation = generation; // the older one, if it changed meanwhile
    last.is_there = known;
    return policies;
}

static enum nft_detour detour_of(const struct nft_policies *policies) {
    if (!policies->forward_drops) return NFT_DETOUR_NONE;
    return policies->forward_drops_known ? NFT_DETOUR_ALL : NFT_DETOUR_NEW;
}

enum nft_detour network_detours(void) {
    struct nft_policies policies = policies_now();
    return detour_of(&policies);
}

void rules_table_name(const char *default_id, char ret_name[static RULES_TABLE_SIZE]) {
    snprintf(ret_name, RULES_TABLE_SIZE, "hoy-%.10s", default_id);
}

static struct nft_table table_of(struct arena *arena, const char *default_id) {
    char name[RULES_TABLE_SIZE];
    rules_table_name(default_id, name);
    return (struct nft_table){.name = arena_strdup(arena, name),
                              .gate_group = network_gate_group(default_id)};
}

// For whoever makes it: what is in it depends on others' rules.
static void look_around(struct nft_table *table) {
    struct nft_policies policies = policies_now();
    table->detour = detour_of(&policies);
    table->onward =
        table->detour == NFT_DETOUR_ALL && policies.output_is_open && nft_onward_works(table->name);
}

int rules_table(struct db *db, struct arena *arena, struct nft_table *ret_table, struct err *err) {
    const char *id;
    int r = db_word(db, arena, &id, err, "SELECT id FROM network WHERE name = ?", "s", NETWORK_DEFAULT);
    if (r < 0) return -1;
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "network %s not found", NETWORK_DEFAULT);
    *ret_table = table_of(arena, id);
    return 0;
}

static uint32_t flags_of(const struct network *network) {
    uint32_t flags = 0;
    bool masquerade = network_switch(network, OPTION_MASQUERADE, true);
    if (network->internal) flags |= NFT_INTERNAL;
    if (!network_switch(network, OPTION_ICC, true)) flags |= NFT_NO_ICC;
    if (!masquerade) flags |= NFT_NO_MASQUERADE4 | NFT_NO_MASQUERADE6;
    if (network_gateway_mode(network, false) == NETWORK_GATEWAY_ROUTED) flags |= NFT_ROUTED4;
    if (network_gateway_mode(network, true) == NETWORK_GATEWAY_ROUTED) flags |= NFT_ROUTED6;
    return flags;
}

static struct nft_network rules_of(const struct network *network) {
    struct nft_network rules = {.flags = flags_of(network)};
    snprintf(rules.link, sizeof rules.link, "%s", network->link);
    for (size_t i = 0; i < 2; i++) {
        const struct subnet *subnet = &network->pools[i].subnet;
        if (!address_is_set(&subnet->base)) continue;
        struct nft_subnet *to = &rules.subnets[rules.subnet_count++];
        to->family = subnet->base.family;
        to->prefix = subnet->prefix;
        memcpy(to->bytes, subnet->base.bytes, sizeof to->bytes);
    }
    return rules;
}

// The default network's own row need not be looked up.
static int table_for(struct db *db, struct arena *arena, const struct network *network,
                     struct nft_table *ret_table, struct err *err) {
    if (network_is_default(network))
        *ret_table = table_of(arena, network->id);
    else if (rules_table(db, arena, ret_table, err))
        return -1;
    look_around(ret_table);
    return 0;
}

bool rules_are_ready(struct db *db, const struct network *network) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct nft_network rules = rules_of(network);
    struct nft_table table;
    struct err ignored;
    return !table_for(db, &arena, network, &table, &ignored) && nft_network_ready(&table, &rules);
}

// All anew

static int apply(struct arena *arena, const struct nft_table *table, const struct networks *networks,
                 const struct nft_ports *ports) {
    struct {
        struct nft_network *items;
        size_t count;
    } rules = {0};
    for (size_t i = 0; i < networks->count; i++)
        if (networks->items[i].driver == NETWORK_DRIVER_BRIDGE)
            *arena_push(arena, &rules) = rules_of(&networks->items[i]);
    return nft_table_apply(table, rules.items, rules.count, ports->items, ports->count);
}

static int fail(const struct nft_table *table, int r, struct err *err) {
    const char *words = netlink_error_text();
    return err_set(err, ERR_SYSTEM, -r, "make the nftables rules of %s%s%s%s", table->name,
                   *words ? " (" : "", words, *words ? ")" : "");
}

static int rebuild(struct db *db, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct nft_table table;
    struct networks networks;
    struct nft_ports ports;
    if (rules_table(db, &arena, &table, err) || networks_read(db, &arena, &networks, err) ||
        port_rows_rules(db, &arena, &ports, err))
        return -1;
    look_around(&table);
    int r = apply(&arena, &table, &networks, &ports);
    return r ? fail(&table, r, err) : 0;
}

// In a transaction: a container that ends takes its ports out of the rules and out of its rows in one, and
// must not do so between our look at the rows and the rules that we make of them.
int rules_rebuild(struct db *db, struct err *err) {
    if (db_begin(db, err)) return -1;
    int r = rebuild(db, err);
    db_rollback(db); // nothing is written
    return r;
}

int rules_make(struct db *db, const struct network *network, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct nft_network rules = rules_of(network);
    struct nft_table table;
    if (table_for(db, &arena, network, &table, err)) return -1;
    if (nft_network_ready(&table, &rules)) return 0;
    if (!nft_network_add(&table, &rules) && nft_network_ready(&table, &rules)) return 0;
    return rules_rebuild(db, err);
}

void rules_remove(struct db *db, const struct network *network) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct nft_network rules = rules_of(network);
    struct nft_table table;
    struct err ignored;
    if (!table_for(db, &arena, network, &table, &ignored)) (void)nft_network_remove(&table, &rules);
}
