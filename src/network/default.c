// SPDX-License-Identifier: Apache-2.0
// The networks that every root has: bridge, host and none.
#include "network/kernel.h"
#include "network/row.h"
#include "network/subnet.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>

#define BRIDGES_MAX 1000

// hoy0, or the next name that is free. A bridge whose database is gone is left over.
static int pick_name(struct db *db, const char *database, char ret_name[static LINK_NAME_SIZE],
                     struct err *err) {
    if (networks_sweep(db, database, err)) return -1;
    for (int i = 0; i < BRIDGES_MAX; i++) {
        snprintf(ret_name, LINK_NAME_SIZE, "hoy%d", i);
        int r = link_index(ret_name);
        if (r == -ENODEV) return 0;
        if (r < 0) return err_set(err, ERR_SYSTEM, -r, "look at interface %s", ret_name);
    }
    return err_set(err, ERR_UNAVAILABLE, 0, "no name is free for a bridge: hoy0 to hoy%d are all in use",
                   BRIDGES_MAX - 1);
}

static void pool_begin(struct network_pool *pool) {
    struct address last;
    subnet_usable(&pool->subnet, &pool->gateway, &last);
    pool->last = pool->gateway;
}

static int pick_subnets(struct db *db, struct network *network, bool ipv4, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct networks networks;
    if (networks_read(db, &arena, &networks, err)) return -1;
    struct network_pool *pools = network->pools;
    if (ipv4) {
        pools[0] = (struct network_pool){0};
        if (subnet_pick(&networks, SUBNET_PREFIX_DEFAULT, &pools[0].subnet, err)) return -1;
        pool_begin(&pools[0]);
    }
    if (!address_is_set(&pools[1].subnet.base)) {
        if (subnet_pick_ipv6(&networks, &pools[1].subnet, err)) return -1;
        pool_begin(&pools[1]);
    }
    return 0;
}

// Its old addresses are of containers that can't run: their bridge is gone.
static int store(struct db *db, const struct network *network, struct err *err) {
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (network_update_pools(db, network, err) || db_commit(db, err)) return -1;
    return 0;
}

int default_choose(struct db *db, const char *database, struct arena *arena, struct network *network,
                   struct err *err) {
    char name[LINK_NAME_SIZE];
    if (pick_name(db, database, name, err) || pick_subnets(db, network, true, err)) return -1;
    network->link = arena_strdup(arena, name);
    return store(db, network, err);
}

int default_fits(const struct network *network, bool *ret_fits, struct err *err) {
    struct link link = {0};
    struct subnet route = {0};
    int r = link_get(network->link, &link);
    if (r && r != -ENODEV) return err_set(err, ERR_SYSTEM, -r, "look at interface %s", network->link);
    bool ours = !r && bridge_is_of(&link, network);
    if (!ours && subnet_find_route(&network->pools[0].subnet, &route, err)) return -1;
    *ret_fits = ours || (r && !address_is_set(&route.base));
    return 0;
}

// The rows

static int are_there(struct db *db, struct err *err) {
    return db_number(
        db, NULL, err,
        "SELECT 1 WHERE (SELECT count(*) FROM network WHERE name IN ('bridge', 'host', 'none')) = 3 AND "
        "EXISTS (SELECT 1 FROM network JOIN subnet ON network = id WHERE name = 'bridge' AND family = 6)",
        "");
}

static int add_plain(struct db *db, const char *name, enum network_driver driver, struct err *err) {
    char id[ID_SIZE];
    id_random(id);
    return db_do(db, err,
                 "INSERT OR IGNORE INTO network (id, name, driver, link, created, config) VALUES (?, ?, ?, "
                 "'', ?, '{}')",
                 "sssi", id, name, network_driver_name(driver), clock_wall_ns());
}

// One that an earlier hoy made has no IPv6 yet.
static int complete(struct db *db, struct network *network, struct err *err) {
    if (address_is_set(&network->pools[1].subnet.base)) return 0;
    return pick_subnets(db, network, false, err) || network_update_pools(db, network, err) ? -1 : 0;
}

static int add_default(struct db *db, const char *database, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct network network;
    char id[ID_SIZE], link[LINK_NAME_SIZE];
    int r = network_load(db, &arena, NETWORK_DEFAULT, &network, err);
    if (r) return r < 0 ? -1 : complete(db, &network, err);
    id_random(id);
    network = (struct network){.id = id, .name = NETWORK_DEFAULT, .link = link, .created = clock_wall_ns()};
    if (pick_name(db, database, link, err) || pick_subnets(db, &network, true, err)) return -1;
    return network_insert(db, &network, err);
}

int network_predefine(struct db *db, struct err *err) {
    _cleanup_(fd_closep) int lock = -1;
    char database[LINK_ALIAS_SIZE];
    int there = are_there(db, err);
    if (there) return there < 0 ? -1 : 0;
    if (namespace_lock(&lock, err) || database_path(db, database, err) || db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (add_default(db, database, err) || add_plain(db, NETWORK_HOST, NETWORK_DRIVER_HOST, err) ||
        add_plain(db, NETWORK_NONE, NETWORK_DRIVER_NULL, err) || db_commit(db, err))
        return -1;
    return 0;
}

int network_require(struct db *db, struct arena *arena, const char *name, struct network *ret_network,
                    struct err *err) {
    int r = network_load(db, arena, name, ret_network, err);
    bool complete = r > 0 && address_is_set(&ret_network->pools[1].subnet.base);
    if (r >= 0 && !complete && str_eq(name, NETWORK_DEFAULT)) {
        if (network_predefine(db, err)) return -1;
        r = network_load(db, arena, name, ret_network, err);
    }
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "network %s not found", name);
    return r < 0 ? -1 : 0;
}
