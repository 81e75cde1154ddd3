// SPDX-License-Identifier: Apache-2.0
// The default network in the kernel. The database says what it should be, one look at the kernel says whether
// it is, and only when it is not does anything slow happen.
//
// Whose bridge is it? Several roots on one host each have their own, so a name is not enough. The bridge's
// alias ("hoy <network id> <database>", which `ip link` shows) names the owner; the nftables table has the
// bridge's name. A bridge whose database is gone and which has no ports is left over: the next root that
// looks for a name takes it down.
//
// What several processes may do at once is done under a lock on the network namespace itself (a flock of its
// file in /proc): that is what roots that know nothing of each other have in common.
#include "network/gate.h"
#include "network/network.h"
#include "network/row.h"
#include "network/subnet.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "kernel/netlink.h"
#include "kernel/nft.h"
#include "kernel/nft_look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FORWARDING    "/proc/sys/net/ipv4/ip_forward"
#define BRIDGES_MAX   1000
#define BRIDGES_SWEPT 100

int network_load(struct db *db, struct network *ret_network, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(db, &rows, err,
                 "SELECT id, bridge, subnet, prefix, gateway, last FROM network WHERE name = ?", "s",
                 NETWORK_DEFAULT))
        return -1;
    int r = db_next(&rows, err);
    if (r <= 0) return r;
    struct network network = {.subnet = (uint32_t)db_i64(&rows, 2),
                              .prefix = (uint8_t)db_i64(&rows, 3),
                              .gateway = (uint32_t)db_i64(&rows, 4),
                              .last = (uint32_t)db_i64(&rows, 5)};
    snprintf(network.id, sizeof network.id, "%s", db_text(&rows, 0));
    snprintf(network.bridge, sizeof network.bridge, "%s", db_text(&rows, 1));
    if (network.prefix < 8 || network.prefix > 30)
        return err_set(err, ERR_INVALID, 0, "network %s: a prefix of %u bits", NETWORK_DEFAULT,
                       network.prefix);
    *ret_network = network;
    return 1;
}

uint32_t network_first(const struct network *network) {
    return network->subnet + 2;
}

uint32_t network_end(const struct network *network) {
    return network->subnet + (1u << (32 - network->prefix)) - 1;
}

static void address_bytes(uint32_t address, uint8_t ret_bytes[static 4]) {
    address = htonl(address);
    memcpy(ret_bytes, &address, 4);
}

static bool forwarding_is_on(void) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, FORWARDING, O_RDONLY, 0);
    char digit = 0;
    return fd >= 0 && read(fd, &digit, 1) == 1 && digit == '1';
}

static bool owns(const struct network *network, const struct link *link) {
    const char *id = str_after(link->alias, "hoy ");
    return id && str_after(id, network->id);
}

bool network_detours(void) {
    bool drops = false;
    return !nft_look_forward(&drops) && drops;
}

static struct nft_table table_of(const struct network *network) {
    return (struct nft_table){.name = network->bridge,
                              .gate_group = network_gate_group(network->bridge),
                              .detour = network_detours()};
}

static struct nft_network rules_of(const struct network *network) {
    struct nft_network rules = {.subnets = {{AF_INET, network->prefix, {0}}}, .subnet_count = 1};
    memcpy(rules.link, network->bridge, sizeof rules.link);
    address_bytes(network->subnet, rules.subnets[0].bytes);
    return rules;
}

static bool network_is_ready(const struct network *network) {
    struct link link;
    uint8_t gateway[4];
    struct nft_table table = table_of(network);
    struct nft_network rules = rules_of(network);
    address_bytes(network->gateway, gateway);
    return !link_get(network->bridge, &link) && link.up && owns(network, &link) &&
           link_has_address(network->bridge, gateway) && forwarding_is_on() &&
           nft_network_ready(&table, &rules);
}

static int database_path(struct db *db, char ret_path[static LINK_ALIAS_SIZE], struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(db, &rows, err, "SELECT file FROM pragma_database_list WHERE name = 'main'", "")) return -1;
    int r = db_next(&rows, err);
    if (r < 0) return -1;
    snprintf(ret_path, LINK_ALIAS_SIZE, "%s", r ? db_text(&rows, 0) : "");
    return 0;
}

static void alias_make(const struct network *network, const char *database,
                       char ret_alias[static LINK_ALIAS_SIZE]) {
    snprintf(ret_alias, LINK_ALIAS_SIZE, "hoy %s %s", network->id, database);
}

// Left over: of this root before it was emptied, or of a root that is gone; and no container is on it. A path
// too long for the alias is never found to be gone.
static bool is_left_over(const struct link *link, const char *database) {
    size_t ports;
    const char *id = str_after(link->alias, "hoy "), *path = id ? strchr(id, '/') : NULL;
    if (!path || strlen(link->alias) + 1 == LINK_ALIAS_SIZE) return false;
    if (!str_eq(path, database) && (!access(path, F_OK) || errno != ENOENT)) return false;
    return !link_count_ports(link->index, &ports) && ports == 0;
}

// Slow work, but only for a root that has no bridge yet.
static void sweep_left_over(const char *database) {
    for (int i = 0; i < BRIDGES_SWEPT; i++) {
        struct link link;
        char name[LINK_NAME_SIZE];
        snprintf(name, sizeof name, "hoy%d", i);
        if (link_get(name, &link) || !is_left_over(&link, database)) continue;
        nft_table_delete(&(struct nft_table){.name = name});
        link_delete(name);
    }
}

static int bridge_pick(const char *database, char ret_name[static LINK_NAME_SIZE], struct err *err) {
    sweep_left_over(database);
    for (int i = 0; i < BRIDGES_MAX; i++) {
        snprintf(ret_name, LINK_NAME_SIZE, "hoy%d", i);
        int r = link_index(ret_name);
        if (r == -ENODEV) return 0;
        if (r < 0) return err_set(err, ERR_SYSTEM, -r, "look at interface %s", ret_name);
    }
    return err_set(err, ERR_UNAVAILABLE, 0, "no name is free for a bridge: hoy0 to hoy%d are all in use",
                   BRIDGES_MAX - 1);
}

static int network_choose(const char *database, struct network *network, struct err *err) {
    if (bridge_pick(database, network->bridge, err) || subnet_pick(&network->subnet, err)) return -1;
    network->prefix = SUBNET_PREFIX;
    network->gateway = network->subnet + 1;
    network->last = network->gateway;
    return 0;
}

// Addresses of an earlier subnet are of containers that can't run: their bridge is gone.
static int network_store(struct db *db, const struct network *network, struct err *err) {
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (db_run(db, err, "DELETE FROM address WHERE network = ?", "s", NETWORK_DEFAULT) < 0 ||
        db_run(db, err,
               "INSERT INTO network (name, id, driver, bridge, subnet, prefix, gateway, last, created) "
               "VALUES (?, ?, 'bridge', ?, ?, ?, ?, ?, ?) "
               "ON CONFLICT (name) DO UPDATE SET bridge = excluded.bridge, subnet = excluded.subnet, "
               "prefix = excluded.prefix, gateway = excluded.gateway, last = excluded.last",
               "sssiiiii", NETWORK_DEFAULT, network->id, network->bridge, (int64_t)network->subnet,
               (int64_t)network->prefix, (int64_t)network->gateway, (int64_t)network->last,
               clock_wall_ns()) < 0 ||
        db_commit(db, err))
        return -1;
    transaction = NULL;
    return 0;
}

static int kernel_fail(const char *bridge, int r, const char *what, struct err *err) {
    const char *words = netlink_error_text();
    return err_set(err, ERR_SYSTEM, -r, "network %s: %s %s%s%s%s", NETWORK_DEFAULT, what, bridge,
                   *words ? " (" : "", words, *words ? ")" : "");
}

static int bridge_make(const struct network *network, const char *database, struct err *err) {
    const char *bridge = network->bridge;
    uint8_t gateway[4], mac[6] = {0x02, 0x42};
    char alias[LINK_ALIAS_SIZE];
    alias_make(network, database, alias);
    address_bytes(network->gateway, gateway);
    memcpy(mac + 2, gateway, 4);
    int r = bridge_create(bridge, mac, alias);
    if (r && r != -EEXIST) return kernel_fail(bridge, r, "make bridge", err);
    if ((r = link_disable_ipv6(bridge))) return kernel_fail(bridge, r, "switch IPv6 off on", err);
    if ((r = address_add(bridge, AF_INET, gateway, network->prefix)))
        return kernel_fail(bridge, r, "set the address of", err);
    struct nft_table table = table_of(network);
    struct nft_network rules = rules_of(network);
    if (!nft_network_ready(&table, &rules) && (r = nft_table_apply(&table, &rules, 1, NULL, 0)))
        return kernel_fail(bridge, r, "make the nftables rules for", err);
    // Last, so that nothing passes before the rules are there.
    if ((r = link_up(bridge))) return kernel_fail(bridge, r, "bring up", err);
    if (forwarding_is_on()) return 0;
    r = file_write_at(AT_FDCWD, FORWARDING, "1");
    return r ? err_set(err, ERR_SYSTEM, -r, "switch on " FORWARDING) : 0;
}

// Is what the database says still to be had? Another root may have taken the name or the subnet while this
// one's bridge was not there (after a reboot).
static int network_fits(const struct network *network, bool *ret_fits, struct err *err) {
    struct link link = {0};
    bool routed = false;
    int r = link_get(network->bridge, &link);
    if (r && r != -ENODEV) return err_set(err, ERR_SYSTEM, -r, "look at interface %s", network->bridge);
    bool ours = !r && owns(network, &link);
    if (!ours && subnet_is_routed(network->subnet, network->prefix, 0, &routed, err)) return -1;
    *ret_fits = ours || (r && !routed);
    return 0;
}

static int namespace_lock(int *ret_fd, struct err *err) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "open /proc/self/ns/net");
    while (flock(fd, LOCK_EX))
        if (errno != EINTR) return err_set(err, ERR_SYSTEM, errno, "lock the network namespace");
    *ret_fd = take_fd(&fd);
    return 0;
}

static int network_make(struct db *db, struct err *err) {
    _cleanup_(fd_closep) int lock = -1;
    struct network network = {0};
    char database[LINK_ALIAS_SIZE];
    bool fits = false;
    if (namespace_lock(&lock, err) || database_path(db, database, err)) return -1;
    int there = network_load(db, &network, err);
    if (there < 0) return -1;
    if (there && network_is_ready(&network)) return 0; // another process was faster
    if (!there) id_random(network.id);
    if (there && network_fits(&network, &fits, err)) return -1;
    // The row first: a crash between the two leaves a row without a bridge, which the next command mends.
    if (!fits && (network_choose(database, &network, err) || network_store(db, &network, err))) return -1;
    return bridge_make(&network, database, err);
}

int network_ensure_default(struct db *db, struct err *err) {
    struct network network;
    int r = network_load(db, &network, err);
    if (r < 0) return -1;
    return r && network_is_ready(&network) ? 0 : network_make(db, err);
}
