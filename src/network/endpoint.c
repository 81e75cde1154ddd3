// SPDX-License-Identifier: Apache-2.0
// A container's place in a network. The database gives the addresses, and its primary key is what makes each
// one's only one; an address that was just given back is the last to be given again, so that nobody's open
// connections meet a new container.
#include "network/options.h"
#include "network/row.h"
#include "oci/key_values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// Addresses

static int64_t family_of(size_t i) {
    return i ? 6 : 4;
}

static struct address later_of(struct address a, struct address b) {
    return address_compare(&a, &b) >= 0 ? a : b;
}

static struct address earlier_of(struct address a, struct address b) {
    return address_compare(&a, &b) <= 0 ? a : b;
}

static void pool_bounds(const struct network_pool *pool, struct address *ret_first,
                        struct address *ret_last) {
    subnet_usable(&pool->subnet, ret_first, ret_last);
    if (!address_is_set(&pool->range.base)) return;
    *ret_first = later_of(*ret_first, pool->range.base);
    *ret_last = earlier_of(*ret_last, subnet_last(&pool->range));
}

// The first address of [first, last] that nobody has: 1, 0 when there is none. Reads only the rows in front
// of the gap.
static int find_free(struct db *db, const char *network, struct address first, struct address last,
                     struct address *ret_address, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    size_t size = address_size(&first);
    int r = 0;
    if (address_compare(&first, &last) > 0) return 0;
    if (db_query(db, &rows, err,
                 "SELECT address FROM address WHERE network = ? AND family = ? AND address >= ? ORDER BY "
                 "address",
                 "sib", network, family_of(pool_index(&first)), first.bytes, size))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        size_t taken_size;
        const void *taken = db_blob(&rows, 0, &taken_size);
        if (taken_size != size || memcmp(taken, first.bytes, size)) break;
        if (!address_advance(&first, 1) || address_compare(&first, &last) > 0) return 0;
    }
    if (r < 0) return -1;
    *ret_address = first;
    return 1;
}

static int refuse_full(const struct network *network, size_t i, struct err *err) {
    char text[SUBNET_TEXT];
    const struct network_pool *pool = &network->pools[i];
    bool range = address_is_set(&pool->range.base);
    return err_set(err, ERR_UNAVAILABLE, 0,
                   "no available IPv%d addresses on this network's address pools: %s (all of %s are in use: "
                   "disconnect containers first, or make a larger network)",
                   (int)family_of(i), network->name,
                   subnet_print(range ? &pool->range : &pool->subnet, text));
}

static int pick(struct db *db, const struct network *network, size_t i, struct address *ret_address,
                struct err *err) {
    const struct network_pool *pool = &network->pools[i];
    struct address first, last, next = pool->last;
    pool_bounds(pool, &first, &last);
    if (!address_advance(&next, 1) || address_compare(&next, &first) < 0 || address_compare(&next, &last) > 0)
        next = first;
    int r = find_free(db, network->id, next, last, ret_address, err);
    if (r == 0) r = find_free(db, network->id, first, last, ret_address, err);
    if (r == 0) return refuse_full(network, i, err);
    return r < 0 || db_run(db, err, "UPDATE subnet SET last = ? WHERE network = ? AND family = ?", "bsi",
                           ret_address->bytes, address_size(ret_address), network->id, family_of(i)) < 0
               ? -1
               : 0;
}

// An address of the user's choice.
static int check_static(const struct network *network, const char *text, size_t i,
                        struct address *ret_address, struct err *err) {
    struct address address = {0};
    if (address_parse(text, &address) || pool_index(&address) != i)
        return err_set(err, ERR_INVALID, 0, "invalid IPv%d address: %s", (int)family_of(i), text);
    if (!address_is_set(&network->pools[i].subnet.base))
        return err_set(err, ERR_INVALID, 0, "network %s has no IPv%d subnet, and so no address %s",
                       network->name, (int)family_of(i), text);
    struct address first, last;
    subnet_usable(&network->pools[i].subnet, &first, &last);
    if (!address_in(&address, &network->pools[i].subnet))
        return err_set(err, ERR_INVALID, 0, "no configured subnet contains IP address %s", text);
    if (address_compare(&address, &first) < 0 || address_compare(&address, &last) > 0)
        return err_set(err, ERR_INVALID, 0,
                       "%s is the network's own address or its broadcast address: no container can have it",
                       text);
    *ret_address = address;
    return 0;
}

// An ipvlan always, a macvlan that is alone on its parent.
static bool has_parents_mac(enum network_driver driver, const char *mode) {
    return driver == NETWORK_DRIVER_IPVLAN || (driver == NETWORK_DRIVER_MACVLAN && str_eq(mode, "passthru"));
}

int network_settings_check(const struct network *network, const struct endpoint_settings *settings,
                           struct err *err) {
    struct address ignored;
    if (settings->mac && has_parents_mac(network->driver, network_mode(network)))
        return err_set(
            err, ERR_INVALID, 0,
            "network %s: its interfaces have the MAC address of their parent (%s), and no other: leave "
            "--mac-address out",
            network->name, network->driver == NETWORK_DRIVER_IPVLAN ? "ipvlan" : "macvlan, passthru");
    if ((settings->ipv4 && check_static(network, settings->ipv4, 0, &ignored, err)) ||
        (settings->ipv6 && check_static(network, settings->ipv6, 1, &ignored, err)))
        return -1;
    return endpoint_options_check(settings, err);
}

static int take(struct db *db, const struct network *network, const char *container_id, const char *wanted,
                size_t i, struct address *ret_address, struct err *err) {
    struct address address;
    if (!address_is_set(&network->pools[i].subnet.base)) return 0;
    if (wanted ? check_static(network, wanted, i, &address, err) : pick(db, network, i, &address, err))
        return -1;
    if (db_run(db, err, "INSERT INTO address (network, family, address, container_id) VALUES (?, ?, ?, ?)",
               "sibs", network->id, family_of(i), address.bytes, address_size(&address), container_id) < 0)
        return wanted && db_is_duplicate(db)
                   ? err_set(err, ERR_CONFLICT, 0, "Address already in use: %s on network %s", wanted,
                             network->name)
                   : -1;
    *ret_address = address;
    return 0;
}

static int load_addresses(struct db *db, const char *network, const char *container_id,
                          struct address ret_addresses[static 2], struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(db, &rows, err, "SELECT family, address FROM address WHERE container_id = ? AND network = ?",
                 "ss", container_id, network))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        size_t i = db_i64(&rows, 0) == 6, size;
        const void *bytes = db_blob(&rows, 1, &size);
        ret_addresses[i] = (struct address){.family = i ? AF_INET6 : AF_INET};
        if (size == address_size(&ret_addresses[i])) memcpy(ret_addresses[i].bytes, bytes, size);
    }
    return r;
}

// Endpoints

static bool has_gateway(const struct network *network, size_t i) {
    return !network->internal && network_gateway_mode(network, i == 1) != NETWORK_GATEWAY_ISOLATED;
}

static void describe(struct arena *arena, const struct network *network, struct endpoint *endpoint) {
    bool above = network->driver == NETWORK_DRIVER_MACVLAN || network->driver == NETWORK_DRIVER_IPVLAN;
    endpoint->network_id = arena_strdup(arena, network->id);
    endpoint->network = arena_strdup(arena, network->name);
    endpoint->driver = network->driver;
    endpoint->internal = network->internal;
    const char *publish_on = key_values_find(&network->options, OPTION_HOST_IPV4);
    endpoint->publish_on = publish_on ? arena_strdup(arena, publish_on) : NULL;
    endpoint->link = arena_strdup(arena, network->link);
    endpoint->mtu = network_mtu(network);
    endpoint->mode = above ? arena_strdup(arena, network_mode(network)) : NULL;
    endpoint->flag =
        network->driver == NETWORK_DRIVER_IPVLAN ? arena_strdup(arena, network_flag(network)) : NULL;
    for (size_t i = 0; i < 2; i++) {
        if (!address_is_set(&endpoint->addresses[i])) continue;
        endpoint->prefixes[i] = network->pools[i].subnet.prefix;
        if (has_gateway(network, i)) endpoint->gateways[i] = network->pools[i].gateway;
    }
}

// Locally administered; the same address always has the same one.
static void choose_mac(const struct endpoint_settings *settings, struct endpoint *endpoint) {
    uint8_t *m = endpoint->mac;
    if (has_parents_mac(endpoint->driver, endpoint->mode)) return;
    if (settings->mac && sscanf(settings->mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &m[0], &m[1], &m[2],
                                &m[3], &m[4], &m[5]) == 6)
        return;
    const struct address *four = &endpoint->addresses[0], *six = &endpoint->addresses[1];
    m[0] = 0x02;
    m[1] = 0x42;
    memcpy(m + 2, address_is_set(four) ? four->bytes : six->bytes + 12, 4);
}

// "hoy" and 12 digits of the container's id; of further interfaces eight and a number.
static const char *host_interface(struct arena *arena, const char *container_id, unsigned number) {
    return number ? arena_printf(arena, "hoy%.8s-%u", container_id, number)
                  : arena_printf(arena, "hoy%.12s", container_id);
}

static void name_interfaces(struct arena *arena, const struct network *network, const char *container_id,
                            const struct endpoint_settings *settings, unsigned number,
                            struct endpoint *endpoint) {
    const char *wanted = key_values_find(&settings->driver_options, OPTION_INTERFACE);
    endpoint->number = number;
    endpoint->interface =
        wanted ? arena_strdup(arena, wanted) : arena_printf(arena, "%s%u", network_prefix(network), number);
    endpoint->host_interface =
        network->driver == NETWORK_DRIVER_BRIDGE ? host_interface(arena, container_id, number) : "";
}

// Its id, when it is there: 1, or 0.
static int load_id(struct db *db, struct arena *arena, const char *network, const char *container_id,
                   const char **ret_id, struct err *err) {
    return db_word(db, arena, ret_id, err, "SELECT id FROM endpoint WHERE network = ? AND container_id = ?",
                   "ss", network, container_id);
}

static int store(struct db *db, const char *container_id, const struct endpoint *endpoint, bool pending,
                 struct err *err) {
    return db_do(db, err,
                 "INSERT INTO endpoint (network, container_id, id, number, interface, host_interface, mac, "
                 "pending) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (network, container_id) DO UPDATE SET "
                 "number = excluded.number, interface = excluded.interface, host_interface = "
                 "excluded.host_interface, mac = excluded.mac, pending = excluded.pending",
                 "sssissbi", endpoint->network_id, container_id, endpoint->id, (int64_t)endpoint->number,
                 endpoint->interface, endpoint->host_interface, endpoint->mac, sizeof endpoint->mac,
                 (int64_t)pending);
}

// Inside a transaction, with the row as it is in it: the network may have got other subnets, or be gone.
static int attach(struct db *db, struct arena *arena, const char *network_id, const char *name,
                  const char *container_id, const struct endpoint_settings *settings, unsigned number,
                  bool pending, struct endpoint *endpoint, struct err *err) {
    struct network network;
    int r = network_load_id(db, arena, network_id, &network, err);
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "network %s not found", name);
    if (r < 0 || (r = load_id(db, arena, network.id, container_id, &endpoint->id, err)) < 0) return -1;
    const char *const wanted[2] = {settings->ipv4, settings->ipv6};
    if (r > 0 && load_addresses(db, network.id, container_id, endpoint->addresses, err)) return -1;
    for (size_t i = 0; !r && i < 2; i++)
        if ((i == 0 || wanted[i] || host_has_ipv6()) &&
            take(db, &network, container_id, wanted[i], i, &endpoint->addresses[i], err))
            return -1;
    if (r == 0) {
        char *id = arena_alloc(arena, ID_SIZE);
        id_random(id);
        endpoint->id = id;
    }
    describe(arena, &network, endpoint);
    name_interfaces(arena, &network, container_id, settings, number, endpoint);
    choose_mac(settings, endpoint);
    endpoint->settings = *settings;
    return store(db, container_id, endpoint, pending, err);
}

int network_attach(struct db *db, struct arena *arena, const struct network *network,
                   const char *container_id, const struct endpoint_settings *settings, unsigned number,
                   bool pending, struct endpoint *ret_endpoint, struct err *err) {
    struct endpoint endpoint = {0};
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (attach(db, arena, network->id, network->name, container_id, settings, number, pending, &endpoint,
               err) ||
        db_commit(db, err))
        return -1;
    *ret_endpoint = endpoint;
    return 0;
}

int network_release(struct db *db, const char *container_id, const char *network_id, struct err *err) {
    static const char *const statements[] = {
        "DELETE FROM address WHERE container_id = ? AND network = coalesce(?, network)",
        "DELETE FROM endpoint WHERE container_id = ? AND network = coalesce(?, network)",
    };
    _cleanup_(db_rollbackp) struct db *own = db_in_transaction(db) ? NULL : db;
    if (own && db_begin(own, err)) return -1;
    for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
        if (db_run(db, err, statements[i], "ss", container_id, network_id) < 0) return -1;
    return own ? db_commit(own, err) : 0;
}

static int list_rows(struct db *db, struct arena *arena, const char *container_id,
                     struct endpoints *ret_endpoints, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(db, &rows, err,
                 "SELECT network, id, number, interface, host_interface, mac, pending FROM endpoint WHERE "
                 "container_id = ? ORDER BY number",
                 "s", container_id))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        size_t size;
        const void *mac = db_blob(&rows, 5, &size);
        struct endpoint *endpoint = arena_push(arena, ret_endpoints);
        *endpoint = (struct endpoint){
            .network_id = arena_strdup(arena, db_text(&rows, 0)),
            .id = arena_strdup(arena, db_text(&rows, 1)),
            .number = (unsigned)db_i64(&rows, 2),
            .interface = arena_strdup(arena, db_text(&rows, 3)),
            .host_interface = arena_strdup(arena, db_text(&rows, 4)),
            .pending = db_i64(&rows, 6) != 0,
        };
        if (size == sizeof endpoint->mac) memcpy(endpoint->mac, mac, size);
    }
    return r;
}

int network_endpoints(struct db *db, struct arena *arena, const char *container_id,
                      struct endpoints *ret_endpoints, struct err *err) {
    struct endpoints list = {0};
    if (list_rows(db, arena, container_id, &list, err)) return -1;
    for (size_t i = 0; i < list.count; i++) {
        struct endpoint *endpoint = &list.items[i];
        struct network network = {.id = endpoint->network_id, .name = ""};
        if (network_load_id(db, arena, endpoint->network_id, &network, err) < 0 ||
            load_addresses(db, endpoint->network_id, container_id, endpoint->addresses, err))
            return -1;
        describe(arena, &network, endpoint);
    }
    *ret_endpoints = list;
    return 0;
}

// The default route

static bool may_route(const struct endpoint *endpoint, size_t i) {
    if (endpoint->internal || !address_is_set(&endpoint->addresses[i])) return false;
    return address_is_set(&endpoint->gateways[i]) || endpoint_routes_by_link(endpoint);
}

static bool goes_before(const struct endpoint *a, const struct endpoint *b) {
    int64_t difference = a->settings.gw_priority - b->settings.gw_priority;
    return difference ? difference > 0 : strcmp(a->network, b->network) < 0;
}

void endpoints_choose_gateway(struct endpoints *endpoints) {
    for (size_t family = 0; family < 2; family++) {
        struct endpoint *best = NULL;
        for (size_t i = 0; i < endpoints->count; i++) {
            struct endpoint *endpoint = &endpoints->items[i];
            endpoint->default_route[family] = false;
            if (may_route(endpoint, family) && (!best || goes_before(endpoint, best))) best = endpoint;
        }
        if (best) best->default_route[family] = true;
    }
}
