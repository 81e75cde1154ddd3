// SPDX-License-Identifier: Apache-2.0
// New networks. Everything that one may be refused for is found before there is a row, with one sentence.
#include "network/kernel.h"
#include "network/options.h"
#include "network/row.h"
#include "network/subnet.h"

#include "base/clock.h"
#include "base/fd.h"
#include "oci/key_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BRIDGE_ID       10 // digits of the network's id in its bridge's name
#define NAME_LENGTH_MAX 255

static int check_name(const char *name, struct err *err) {
    bool good = !str_empty(name) && isalnum((unsigned char)*name);
    if (name && strlen(name) > NAME_LENGTH_MAX)
        return err_set(err, ERR_INVALID, 0, "Invalid network name (%.32s…): it is longer than %d characters",
                       name, NAME_LENGTH_MAX);
    for (const char *c = name; good && *c; c++) good = isalnum((unsigned char)*c) || strchr("_.-", *c);
    if (!good)
        return err_set(err, ERR_INVALID, 0,
                       "Invalid network name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
    if (str_eq(name, NETWORK_DEFAULT) || str_eq(name, NETWORK_HOST) || str_eq(name, NETWORK_NONE) ||
        str_eq(name, "default"))
        return err_set(err, ERR_CONFLICT, 0, "operation is not permitted on predefined %s network", name);
    return 0;
}

static int check_driver(const struct network *network, struct err *err) {
    if (network->driver == NETWORK_DRIVER_HOST || network->driver == NETWORK_DRIVER_NULL)
        return err_set(err, ERR_CONFLICT, 0, "only one instance of \"%s\" network is allowed",
                       network_driver_name(network->driver));
    if (network->ipam_driver && !str_eq(network->ipam_driver, "default"))
        return err_set(err, ERR_INVALID, 0,
                       "--ipam-driver %s is not supported: addresses are given by "
                       "\"default\" alone",
                       network->ipam_driver);
    if (network->ipam_options.count)
        return err_set(err, ERR_INVALID, 0, "--ipam-opt %s: the driver \"default\" has no options",
                       network->ipam_options.items[0].key);
    if (network->driver == NETWORK_DRIVER_BRIDGE && !network->internal)
        for (int i = 0; i < 2; i++)
            if (network_gateway_mode(network, i) == NETWORK_GATEWAY_ISOLATED)
                return err_set(err, ERR_INVALID, 0,
                               "gateway mode 'isolated' can only be used for an internal network");
    return options_check(network, err);
}

// Subnets

// No hosts of anybody's: 0/8, 127/8, multicast and above; ::/8, fe80::/10, ff00::/8. And what is wider than
// /8 would take everything.
static bool is_special(const struct subnet *subnet) {
    static const char *const special[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                          "::/8",      "fe80::/10",   "ff00::/8"};
    struct subnet other;
    for (size_t i = 0; i < ARRAY_SIZE(special); i++)
        if (!subnet_parse(special[i], &other) && subnet_overlaps(subnet, &other)) return true;
    return subnet->prefix < 8;
}

static int read_subnet(const char *text, struct subnet *ret_subnet, struct err *err) {
    char good[SUBNET_TEXT];
    int r = subnet_parse(text, ret_subnet);
    if (r == -ERANGE)
        return err_set(err, ERR_INVALID, 0, "invalid subnet %s: it should be %s", text,
                       subnet_print(ret_subnet, good));
    if (r) return err_set(err, ERR_INVALID, 0, "invalid subnet %s: not of the form ADDRESS/BITS", text);
    if (is_special(ret_subnet))
        return err_set(err, ERR_INVALID, 0, "invalid subnet %s: containers can't have addresses of it", text);
    return 0;
}

static int add_subnet(struct network *network, const char *text, struct err *err) {
    struct subnet subnet;
    char other[SUBNET_TEXT];
    if (read_subnet(text, &subnet, err)) return -1;
    struct network_pool *pool = &network->pools[pool_index(&subnet.base)];
    if (address_is_set(&pool->subnet.base))
        return err_set(err, ERR_INVALID, 0,
                       "subnets %s and %s: a network has one of each IP version, make a second network",
                       subnet_print(&pool->subnet, other), text);
    pool->subnet = subnet;
    return 0;
}

static struct network_pool *pool_of(struct network *network, const struct address *address) {
    struct network_pool *pool = &network->pools[pool_index(address)];
    return address_in(address, &pool->subnet) ? pool : NULL;
}

static int add_range(struct network *network, const char *text, struct err *err) {
    struct subnet range;
    int r = subnet_parse(text, &range);
    if (r && r != -ERANGE) return err_set(err, ERR_INVALID, 0, "invalid ip-range %s", text);
    struct network_pool *pool = pool_of(network, &range.base);
    if (!pool || !subnet_contains(&pool->subnet, &range))
        return err_set(err, ERR_INVALID, 0, "no matching subnet for range %s", text);
    if (address_is_set(&pool->range.base))
        return err_set(err, ERR_INVALID, 0, "cannot configure multiple ranges on the same subnet: %s", text);
    pool->range = range;
    return 0;
}

static bool is_usable(const struct network_pool *pool, const struct address *address) {
    struct address first, last;
    subnet_usable(&pool->subnet, &first, &last);
    return address_compare(address, &first) >= 0 && address_compare(address, &last) <= 0;
}

static int add_gateway(struct network *network, const char *text, struct err *err) {
    struct address gateway;
    if (address_parse(text, &gateway)) return err_set(err, ERR_INVALID, 0, "invalid gateway %s", text);
    struct network_pool *pool = pool_of(network, &gateway);
    if (!pool) return err_set(err, ERR_INVALID, 0, "no matching subnet for gateway %s", text);
    if (!is_usable(pool, &gateway))
        return err_set(err, ERR_INVALID, 0,
                       "invalid gateway %s: it is the subnet's own address or its broadcast address", text);
    if (address_is_set(&pool->gateway))
        return err_set(err, ERR_INVALID, 0, "cannot configure multiple gateways on the same subnet: %s",
                       text);
    pool->gateway = gateway;
    return 0;
}

static int add_auxiliary(struct arena *arena, struct network *network, const struct spec_key_value *word,
                         struct err *err) {
    struct address address;
    if (address_parse(word->value, &address))
        return err_set(err, ERR_INVALID, 0, "invalid aux-address %s=%s: not an IP address", word->key,
                       word->value);
    if (!pool_of(network, &address))
        return err_set(err, ERR_INVALID, 0, "no matching subnet for aux-address %s", word->value);
    *arena_push(arena, &network->auxiliary[pool_index(&address)]) = *word;
    return 0;
}

static int read_pools(struct arena *arena, const struct network_request *request, struct network *network,
                      struct err *err) {
    for (size_t i = 0; i < request->subnets.count; i++)
        if (add_subnet(network, request->subnets.items[i], err)) return -1;
    for (size_t i = 0; i < request->ranges.count; i++)
        if (add_range(network, request->ranges.items[i], err)) return -1;
    for (size_t i = 0; i < request->gateways.count; i++)
        if (add_gateway(network, request->gateways.items[i], err)) return -1;
    for (size_t i = 0; i < request->auxiliary.count; i++)
        if (add_auxiliary(arena, network, &request->auxiliary.items[i], err)) return -1;
    return 0;
}

// Which IP versions

#define IPV6_MTU_MIN 1280 // RFC 8200: with less, an interface has no IPv6

static int check_versions(const struct network_request *request, const struct network *network,
                          bool ret_wanted[static 2], struct err *err) {
    bool has[2] = {address_is_set(&network->pools[0].subnet.base),
                   address_is_set(&network->pools[1].subnet.base)};
    if (request->no_ipv4 && has[0])
        return err_set(err, ERR_INVALID, 0,
                       "an IPv4 subnet for a network without IPv4: leave out one of the two");
    if (request->ipv6 == NETWORK_IPV6_OFF && has[1])
        return err_set(err, ERR_INVALID, 0,
                       "an IPv6 subnet for a network without IPv6: leave out one of the two");
    ret_wanted[0] = !request->no_ipv4;
    uint32_t mtu = network_mtu(network);
    bool small = mtu && mtu < IPV6_MTU_MIN;
    ret_wanted[1] = has[1] || request->ipv6 == NETWORK_IPV6_ON ||
                    (request->ipv6 == NETWORK_IPV6_WHERE_POSSIBLE && host_has_ipv6() && !small);
    if (!ret_wanted[0] && !ret_wanted[1]) return err_set(err, ERR_INVALID, 0, "IPv4 or IPv6 must be enabled");
    if (ret_wanted[1] && small)
        return err_set(err, ERR_INVALID, 0,
                       "option " OPTION_MTU
                       ": IPv6 needs %d at least, and %u was asked for: make the network "
                       "with --ipv6=false",
                       IPV6_MTU_MIN, mtu);
    if (ret_wanted[1] && !host_has_ipv6())
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "IPv6 is switched off on this host (net.ipv6.conf.all.disable_ipv6): make the network "
                       "with --ipv6=false");
    return 0;
}

static int check_overlap(const struct networks *networks, const struct network *network, struct err *err) {
    char text[SUBNET_TEXT], other[SUBNET_TEXT];
    for (size_t i = 0; i < networks->count; i++)
        for (size_t family = 0; family < 2; family++) {
            const struct subnet *a = &network->pools[family].subnet,
                                *b = &networks->items[i].pools[family].subnet;
            if (!address_is_set(&a->base) || !address_is_set(&b->base) || !subnet_overlaps(a, b)) continue;
            return err_set(err, ERR_CONFLICT, 0,
                           "Pool overlaps with other one on this address space: %s with %s of network %s",
                           subnet_print(a, text), subnet_print(b, other), networks->items[i].name);
        }
    return 0;
}

// A bridge with a subnet that the host reaches by another interface would take it away from it. Where the
// network is one of the parent's it is meant to be the same.
static int check_route(const struct subnet *subnet, struct err *err) {
    char text[SUBNET_TEXT], other[SUBNET_TEXT];
    struct subnet route = {0};
    if (subnet_find_route(subnet, &route, err)) return -1;
    if (!address_is_set(&route.base)) return 0;
    return err_set(err, ERR_CONFLICT, 0, "subnet %s overlaps with the host's route to %s: choose another one",
                   subnet_print(subnet, text), subnet_print(&route, other));
}

static int check_routes(const struct network *network, struct err *err) {
    if (network->driver != NETWORK_DRIVER_BRIDGE) return 0;
    for (size_t i = 0; i < 2; i++)
        if (address_is_set(&network->pools[i].subnet.base) && check_route(&network->pools[i].subnet, err))
            return -1;
    return 0;
}

// The first address, unless somebody chose one or it is an auxiliary one.
static void choose_gateway(const struct network *network, size_t i, struct network_pool *pool) {
    struct address last, taken;
    if (address_is_set(&pool->gateway) ||
        (network->internal && network_gateway_mode(network, i == 1) == NETWORK_GATEWAY_ISOLATED))
        return;
    subnet_usable(&pool->subnet, &pool->gateway, &last);
    for (size_t n = 0; n < network->auxiliary[i].count; n++)
        if (!address_parse(network->auxiliary[i].items[n].value, &taken) &&
            address_equal(&taken, &pool->gateway) && address_compare(&taken, &last) < 0) {
            address_advance(&pool->gateway, 1);
            n = (size_t)-1; // from the beginning
        }
}

static int complete_pool(const struct networks *networks, struct network *network, size_t i,
                         struct err *err) {
    struct network_pool *pool = &network->pools[i];
    struct address first, last;
    char text[SUBNET_TEXT];
    if (!address_is_set(&pool->subnet.base) && (i ? subnet_pick_ipv6(networks, &pool->subnet, err)
                                                  : subnet_pick(networks, SUBNET_PREFIX, &pool->subnet, err)))
        return -1;
    choose_gateway(network, i, pool);
    subnet_usable(&pool->subnet, &first, &last);
    if (address_equal(&first, &last) && address_equal(&first, &pool->gateway))
        return err_set(err, ERR_INVALID, 0,
                       "subnet %s is too small: its only address is the gateway's, and none is left for a "
                       "container",
                       subnet_print(&pool->subnet, text));
    // The first address to be given is the one behind this.
    pool->last = address_is_set(&pool->range.base) ? subnet_last(&pool->range) : pool->subnet.base;
    return 0;
}

// The link

static int find_link(struct db *db, const char *link, bool *ret_found, char ret_name[static 257],
                     struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(db, &rows, err, "SELECT name FROM network WHERE link = ?", "s", link)) return -1;
    int r = db_next(&rows, err);
    *ret_found = r > 0;
    if (r > 0) snprintf(ret_name, 257, "%s", db_text(&rows, 0));
    return r < 0 ? -1 : 0;
}

static int choose_bridge(struct db *db, struct arena *arena, struct network *network, struct err *err) {
    char other[257];
    bool found;
    const char *name = key_values_find(&network->options, OPTION_BRIDGE_NAME);
    network->link = name ? name : arena_printf(arena, "hoy-%.*s", BRIDGE_ID, network->id);
    if (find_link(db, network->link, &found, other, err)) return -1;
    if (found)
        return err_set(err, ERR_CONFLICT, 0, "bridge %s is network %s's already", network->link, other);
    if (link_index(network->link) > 0)
        return err_set(err, ERR_CONFLICT, 0,
                       "there is an interface %s already: choose another name for the bridge", network->link);
    return 0;
}

// Docker has one network a parent; where there is none the network is on its own.
static int choose_parent(struct db *db, struct arena *arena, struct network *network, struct err *err) {
    char other[257];
    bool found;
    const char *parent = key_values_find(&network->options, "parent");
    network->link = parent ? parent : arena_printf(arena, "dm-%.12s", network->id);
    network->made_link = link_index(network->link) < 0;
    if (!parent) network->internal = true;
    if (find_link(db, network->link, &found, other, err)) return -1;
    if (found)
        return err_set(err, ERR_CONFLICT, 0, "network %s is already using parent interface %s", other,
                       network->link);
    return parent ? parent_check(network, err) : 0;
}

// Making

static int check_free(struct db *db, struct arena *arena, const char *name, struct err *err) {
    struct network other;
    int r = network_load(db, arena, name, &other, err);
    if (r > 0) return err_set(err, ERR_CONFLICT, 0, "network with name %s already exists", name);
    return r;
}

static int choose(struct db *db, struct arena *arena, const struct network_request *request,
                  struct network *network, struct err *err) {
    struct networks networks;
    bool wanted[2];
    if (check_free(db, arena, network->name, err) || networks_read(db, arena, &networks, err) ||
        check_versions(request, network, wanted, err) || check_overlap(&networks, network, err) ||
        check_routes(network, err))
        return -1;
    if (network->driver == NETWORK_DRIVER_BRIDGE ? choose_bridge(db, arena, network, err)
                                                 : choose_parent(db, arena, network, err))
        return -1;
    for (size_t i = 0; i < 2; i++)
        if (wanted[i] && complete_pool(&networks, network, i, err)) return -1;
    return 0;
}

static int insert(struct db *db, struct arena *arena, const struct network_request *request,
                  struct network *network, struct err *err) {
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (choose(db, arena, request, network, err) || network_insert(db, network, err) || db_commit(db, err))
        return -1;
    return 0;
}

static int make(struct db *db, const struct network *network, const char *database, struct err *err) {
    return network->driver == NETWORK_DRIVER_BRIDGE ? bridge_make(db, network, database, err)
                                                    : parent_make(network, database, err);
}

static void unmake(struct db *db, const struct network *network) {
    network->driver == NETWORK_DRIVER_BRIDGE ? bridge_remove(db, network) : parent_remove(network);
}

// The row first: what of it a crash leaves undone in the kernel is made by the next command.
int network_create(struct db *db, struct arena *arena, const struct network_request *request,
                   struct network *ret_network, struct err *err) {
    _cleanup_(fd_closep) int lock = -1;
    _cleanup_(change_finish) struct change change = {0};
    struct network network = request->network;
    struct err ignored;
    char database[LINK_ALIAS_SIZE], *id = arena_alloc(arena, ID_SIZE);
    id_random(id);
    network.id = id;
    network.created = clock_wall_ns();
    if (check_name(network.name, err) || check_driver(&network, err) ||
        read_pools(arena, request, &network, err) || network_predefine(db, err) ||
        namespace_lock(&lock, err) || database_path(db, database, err))
        return -1;
    change_begin(database, &change);
    if (insert(db, arena, request, &network, err)) return -1;
    if (make(db, &network, database, err)) {
        unmake(db, &network);
        (void)db_run(db, &ignored, "DELETE FROM network WHERE id = ?", "s", network.id);
        return -1;
    }
    *ret_network = network;
    return 0;
}

// Removing

static int delete_row(struct db *db, const struct network *network, struct err *err) {
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    int used = db_number(db, NULL, err, "SELECT 1 FROM endpoint WHERE network = ?", "s", network->id);
    if (used < 0) return -1;
    if (used)
        return err_set(err, ERR_CONFLICT, 0,
                       "error while removing network: network %s id %s has active endpoints", network->name,
                       network->id);
    int changed = db_run(db, err, "DELETE FROM network WHERE id = ?", "s", network->id);
    if (changed == 0) return err_set(err, ERR_NOT_FOUND, 0, "network %s not found", network->name);
    if (changed < 0 || db_commit(db, err)) return -1;
    return 0;
}

// The row first again: what a crash leaves in the kernel names a network that is not there, and is swept.
int network_remove(struct db *db, const struct network *network, struct err *err) {
    _cleanup_(fd_closep) int lock = -1;
    _cleanup_(change_finish) struct change change = {0};
    char database[LINK_ALIAS_SIZE];
    if (network_is_predefined(network))
        return err_set(err, ERR_CONFLICT, 0, "%s is a pre-defined network and cannot be removed",
                       network->name);
    if (namespace_lock(&lock, err) || database_path(db, database, err)) return -1;
    change_begin(database, &change);
    if (delete_row(db, network, err)) return -1;
    unmake(db, network);
    return 0;
}
