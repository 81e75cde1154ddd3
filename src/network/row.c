// SPDX-License-Identifier: Apache-2.0
// Networks' rows. What is looked for by the database is in columns: the name, subnets, addresses. The rest is
// a JSON object with Docker's names, without what nobody asked for.
#include "network/row.h"

#include "base/clock.h"
#include "network/subnet.h"
#include "oci/key_values.h"

#include <errno.h>
#include <string.h>

static const char *const drivers[] = {
    [NETWORK_DRIVER_BRIDGE] = "bridge", [NETWORK_DRIVER_MACVLAN] = "macvlan",
    [NETWORK_DRIVER_IPVLAN] = "ipvlan", [NETWORK_DRIVER_HOST] = "host",
    [NETWORK_DRIVER_NULL] = "null",
};

const char *network_driver_name(enum network_driver driver) {
    return drivers[driver];
}

int network_driver_parse(const char *name, enum network_driver *ret_driver) {
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        if (str_eq(drivers[i], name)) return *ret_driver = (enum network_driver)i, 0;
    return -EINVAL;
}

// The settings

static void write_words(struct json_writer *w, const char *key, const struct spec_key_values *words) {
    if (words->count) key_values_write(w, key, words);
}

static void write_true(struct json_writer *w, const char *key, bool value) {
    if (value) json_put_bool(w, key, true);
}

static char *config_write(const struct network *network) {
    struct json_writer w = {0};
    json_begin_object(&w, NULL);
    write_words(&w, "Labels", &network->labels);
    write_words(&w, "Options", &network->options);
    write_words(&w, "IPAMOptions", &network->ipam_options);
    write_words(&w, "Auxiliary4", &network->auxiliary[0]);
    write_words(&w, "Auxiliary6", &network->auxiliary[1]);
    if (network->ipam_driver) json_put_string(&w, "IPAMDriver", network->ipam_driver);
    write_true(&w, "Internal", network->internal);
    write_true(&w, "Attachable", network->attachable);
    write_true(&w, "MadeLink", network->made_link);
    json_end_object(&w);
    return str_take(&w.text);
}

static void read_words(struct arena *arena, const struct json *config, const char *key,
                       struct spec_key_values *ret_words) {
    (void)key_values_read(arena, json_get(config, key), ret_words);
}

static int config_read(struct arena *arena, const char *text, struct network *network, struct err *err) {
    _cleanup_(json_freep) struct json *config = NULL;
    if (json_parse(text, strlen(text), &config))
        return err_set(err, ERR_INVALID, 0, "network %s: its settings in the database are damaged",
                       network->name);
    read_words(arena, config, "Labels", &network->labels);
    read_words(arena, config, "Options", &network->options);
    read_words(arena, config, "IPAMOptions", &network->ipam_options);
    read_words(arena, config, "Auxiliary4", &network->auxiliary[0]);
    read_words(arena, config, "Auxiliary6", &network->auxiliary[1]);
    network->ipam_driver = arena_strdup(arena, json_get_string(config, "IPAMDriver"));
    network->internal = json_boolean(json_get(config, "Internal"));
    network->attachable = json_boolean(json_get(config, "Attachable"));
    network->made_link = json_boolean(json_get(config, "MadeLink"));
    return 0;
}

// Subnets

static struct address address_of(const struct db_rows *rows, int column) {
    struct address address = {0};
    size_t size;
    const void *bytes = db_blob(rows, column, &size);
    if (!bytes || (size != 4 && size != 16)) return address;
    address.family = size == 4 ? AF_INET : AF_INET6;
    memcpy(address.bytes, bytes, size);
    return address;
}

static int pools_load(struct db *db, struct network *network, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(db, &rows, err,
                 "SELECT base, prefix, range, range_prefix, gateway, last FROM subnet WHERE network = ?", "s",
                 network->id))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        struct network_pool pool = {
            .subnet = {.base = address_of(&rows, 0), .prefix = (uint8_t)db_i64(&rows, 1)},
            .range = {.base = address_of(&rows, 2), .prefix = (uint8_t)db_i64(&rows, 3)},
            .gateway = address_of(&rows, 4),
            .last = address_of(&rows, 5),
        };
        if (!address_is_set(&pool.subnet.base) || pool.subnet.prefix > address_size(&pool.subnet.base) * 8)
            return err_set(err, ERR_INVALID, 0, "network %s: its subnets in the database are damaged",
                           network->name);
        network->pools[pool_index(&pool.subnet.base)] = pool;
    }
    return r;
}

static int reserve(struct db *db, const char *network, const struct address *address, struct err *err) {
    return db_do(
        db, err,
        "INSERT OR IGNORE INTO address (network, family, address, container_id) VALUES (?, ?, ?, '')", "sib",
        network, (int64_t)(address->family == AF_INET6 ? 6 : 4), address->bytes, address_size(address));
}

static int pool_insert(struct db *db, const struct network *network, const struct network_pool *pool,
                       struct err *err) {
    const struct address *base = &pool->subnet.base, *range = &pool->range.base, *gateway = &pool->gateway,
                         *last = &pool->last;
    bool ipv6 = base->family == AF_INET6;
    // A value of no bytes is NULL.
    if (db_run(db, err,
               "INSERT INTO subnet (network, family, base, prefix, range, range_prefix, gateway, last) "
               "VALUES (?, ?, ?, ?, nullif(?, x''), nullif(?, 0), nullif(?, x''), ?)",
               "sibibibb", network->id, (int64_t)(ipv6 ? 6 : 4), base->bytes, address_size(base),
               (int64_t)pool->subnet.prefix, range->bytes, address_size(range), (int64_t)pool->range.prefix,
               gateway->bytes, address_size(gateway), last->bytes, address_size(last)) < 0)
        return -1;
    if (address_is_set(gateway) && reserve(db, network->id, gateway, err)) return -1;
    const struct spec_key_values *auxiliary = &network->auxiliary[ipv6];
    for (size_t i = 0; i < auxiliary->count; i++) {
        struct address address;
        if (!address_parse(auxiliary->items[i].value, &address) && reserve(db, network->id, &address, err))
            return -1;
    }
    return 0;
}

static int pools_insert(struct db *db, const struct network *network, struct err *err) {
    for (size_t i = 0; i < 2; i++)
        if (address_is_set(&network->pools[i].subnet.base) &&
            pool_insert(db, network, &network->pools[i], err))
            return -1;
    return 0;
}

int network_insert(struct db *db, const struct network *network, struct err *err) {
    _cleanup_(freep) char *config = config_write(network);
    return db_run(db, err,
                  "INSERT INTO network (id, name, driver, link, created, config) VALUES (?, ?, ?, ?, ?, ?)",
                  "ssssis", network->id, network->name, drivers[network->driver],
                  network->link ? network->link : "", network->created, config) < 0
               ? -1
               : pools_insert(db, network, err);
}

int network_update_pools(struct db *db, const struct network *network, struct err *err) {
    return db_run(db, err, "UPDATE network SET link = ? WHERE id = ?", "ss", network->link, network->id) <
                       0 ||
                   db_run(db, err, "DELETE FROM address WHERE network = ?", "s", network->id) < 0 ||
                   db_run(db, err, "DELETE FROM subnet WHERE network = ?", "s", network->id) < 0
               ? -1
               : pools_insert(db, network, err);
}

// Reading

#define COLUMNS "SELECT id, name, driver, link, created, config FROM network "

static int row_read(struct arena *arena, const struct db_rows *rows, struct network *ret_network,
                    struct err *err) {
    *ret_network = (struct network){
        .id = arena_strdup(arena, db_text(rows, 0)),
        .name = arena_strdup(arena, db_text(rows, 1)),
        .link = arena_strdup(arena, db_text(rows, 3)),
        .created = db_i64(rows, 4),
    };
    if (network_driver_parse(db_text(rows, 2), &ret_network->driver))
        return err_set(err, ERR_INVALID, 0, "network %s: a driver %s, which this hoy does not have",
                       ret_network->name, db_text(rows, 2));
    return config_read(arena, db_text(rows, 5), ret_network, err);
}

static int load_where(struct db *db, struct arena *arena, const char *sql, const char *key,
                      struct network *ret_network, struct err *err) {
    struct network network;
    {
        _cleanup_(db_rows_finish) struct db_rows rows = {0};
        if (db_query(db, &rows, err, sql, "s", key)) return -1;
        int r = db_next(&rows, err);
        if (r <= 0) return r;
        if (row_read(arena, &rows, &network, err)) return -1;
    }
    if (pools_load(db, &network, err)) return -1;
    *ret_network = network;
    return 1;
}

int network_load(struct db *db, struct arena *arena, const char *name, struct network *ret_network,
                 struct err *err) {
    return load_where(db, arena, COLUMNS "WHERE name = ?", name, ret_network, err);
}

int network_load_id(struct db *db, struct arena *arena, const char *id, struct network *ret_network,
                    struct err *err) {
    return load_where(db, arena, COLUMNS "WHERE id = ?", id, ret_network, err);
}

// 'g' comes after every hex digit.
static int load_prefix(struct db *db, struct arena *arena, const char *prefix, struct network *ret_network,
                       struct err *err) {
    int64_t count;
    if (!*prefix || prefix[strspn(prefix, "0123456789abcdef")] || strlen(prefix) >= ID_SIZE) return 0;
    if (db_number(db, &count, err,
                  "SELECT count(*) FROM (SELECT 1 FROM network WHERE id > ?1 AND id < ?1 || 'g' LIMIT 2)",
                  "s", prefix) < 0)
        return -1;
    if (count > 1)
        return err_set(err, ERR_INVALID, 0, "network %s is ambiguous (%lld matches found on ID prefix)",
                       prefix, (long long)count);
    return load_where(db, arena, COLUMNS "WHERE id > ?1 AND id < ?1 || 'g'", prefix, ret_network, err);
}

int network_find(struct db *db, struct arena *arena, const char *name, struct network *ret_network,
                 struct err *err) {
    if (network_predefine(db, err)) return -1;
    int r = network_load_id(db, arena, name, ret_network, err);
    if (!r) r = network_load(db, arena, name, ret_network, err);
    if (!r) r = load_prefix(db, arena, name, ret_network, err);
    if (!r) return err_set(err, ERR_NOT_FOUND, 0, "network %s not found", name);
    return r < 0 ? -1 : 0;
}

int networks_read(struct db *db, struct arena *arena, struct networks *ret_networks, struct err *err) {
    struct networks list = {0};
    {
        _cleanup_(db_rows_finish) struct db_rows rows = {0};
        int r;
        if (db_query(db, &rows, err, COLUMNS "ORDER BY name", "")) return -1;
        while ((r = db_next(&rows, err)) > 0)
            if (row_read(arena, &rows, arena_push(arena, &list), err)) return -1;
        if (r < 0) return -1;
    }
    for (size_t i = 0; i < list.count; i++)
        if (pools_load(db, &list.items[i], err)) return -1;
    *ret_networks = list;
    return 0;
}

int network_list(struct db *db, struct arena *arena, struct networks *ret_networks, struct err *err) {
    return network_predefine(db, err) || networks_read(db, arena, ret_networks, err) ? -1 : 0;
}
