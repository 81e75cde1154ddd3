// SPDX-License-Identifier: Apache-2.0
// A container's place in the network. The database gives the addresses, and its primary key is what makes
// each one's only one; an address that was just given back is the last to be given again, so that nobody's
// open connections meet a new container.
#include "network/network.h"
#include "network/row.h"

#include "base/macro.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void endpoint_make(const struct network *network, uint32_t address, const char *container_id,
                          struct endpoint *ret_endpoint) {
    *ret_endpoint = (struct endpoint){.network = NETWORK_DEFAULT,
                                      .address = address,
                                      .gateway = network->gateway,
                                      .prefix = network->prefix,
                                      // Locally administered; the same address always has the same one
                                      .mac = {0x02, 0x42, (uint8_t)(address >> 24), (uint8_t)(address >> 16),
                                              (uint8_t)(address >> 8), (uint8_t)address}};
    snprintf(ret_endpoint->bridge, sizeof ret_endpoint->bridge, "%s", network->bridge);
    snprintf(ret_endpoint->host_interface, sizeof ret_endpoint->host_interface, "hoy%.12s", container_id);
}

void network_set_mac(struct endpoint *endpoint, const char *mac) {
    uint8_t *m = endpoint->mac;
    if (mac) sscanf(mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]);
}

// The first address of [first, end) that nobody has: 1, 0 when there is none. Reads only the rows in front of
// the gap.
static int address_find_free(struct db *db, uint32_t first, uint32_t end, uint32_t *ret_address,
                             struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(db, &rows, err,
                 "SELECT address FROM address WHERE network = ? AND address >= ? ORDER BY address", "si",
                 NETWORK_DEFAULT, (int64_t)first))
        return -1;
    while (first < end && (r = db_next(&rows, err)) > 0 && db_i64(&rows, 0) == first) first++;
    if (first < end && r < 0) return -1;
    *ret_address = first;
    return first < end;
}

static int address_find(struct db *db, const char *container_id, uint32_t *ret_address, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(db, &rows, err, "SELECT address FROM address WHERE container_id = ?", "s", container_id))
        return -1;
    int r = db_next(&rows, err);
    if (r > 0) *ret_address = (uint32_t)db_i64(&rows, 0);
    return r;
}

static int address_take(struct db *db, const struct network *network, const char *container_id,
                        uint32_t *ret_address, struct err *err) {
    uint32_t first = network_first(network), end = network_end(network), next = network->last + 1;
    if (next < first || next > end) next = first;
    int r = address_find_free(db, next, end, ret_address, err);
    if (r == 0) r = address_find_free(db, first, next, ret_address, err);
    if (r < 0) return -1;
    if (r == 0) {
        struct in_addr subnet = {htonl(network->subnet)};
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "network %s: all %u addresses of %s/%u are in use: remove containers first",
                       NETWORK_DEFAULT, end - first, inet_ntoa(subnet), network->prefix);
    }
    return db_run(db, err, "INSERT INTO address (network, address, container_id) VALUES (?, ?, ?)", "sis",
                  NETWORK_DEFAULT, (int64_t)*ret_address, container_id) < 0 ||
                   db_run(db, err, "UPDATE network SET last = ? WHERE name = ?", "is", (int64_t)*ret_address,
                          NETWORK_DEFAULT) < 0
               ? -1
               : 0;
}

static int network_require(struct db *db, struct network *ret_network, struct err *err) {
    int r = network_load(db, ret_network, err);
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "network %s not found", NETWORK_DEFAULT);
    return r < 0 ? -1 : 0;
}

int network_attach(struct db *db, const char *container_id, struct endpoint *ret_endpoint, struct err *err) {
    struct network network;
    uint32_t address;
    if (db_begin(db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (network_require(db, &network, err)) return -1;
    int r = address_find(db, container_id, &address, err); // it has one already when a start was cut short
    if (r < 0 || (r == 0 && address_take(db, &network, container_id, &address, err))) return -1;
    if (db_commit(db, err)) return -1;
    transaction = NULL;
    endpoint_make(&network, address, container_id, ret_endpoint);
    return 0;
}

int network_release(struct db *db, const char *container_id, struct err *err) {
    return db_run(db, err, "DELETE FROM address WHERE container_id = ?", "s", container_id) < 0 ? -1 : 0;
}

int network_endpoint(struct db *db, const char *container_id, struct endpoint *ret_endpoint,
                     struct err *err) {
    struct network network;
    uint32_t address;
    int r = address_find(db, container_id, &address, err);
    if (r <= 0) return r;
    if (network_require(db, &network, err)) return -1;
    endpoint_make(&network, address, container_id, ret_endpoint);
    return 1;
}

void network_plan(const struct endpoint *endpoint, struct plan *plan) {
    char why[80];
    uint32_t address = htonl(endpoint->address), gateway = htonl(endpoint->gateway);
    snprintf(why, sizeof why, "network %s", endpoint->network);
    plan_str host = plan_string(plan, endpoint->host_interface), link = plan_string(plan, "eth0"),
             bridge = plan_string(plan, endpoint->bridge);

    struct plan_op *op = plan_add(plan, PLAN_VETH_ADD, why);
    op->veth.host = host;
    op->veth.peer = link;
    op->veth.bridge = bridge;
    op->veth.has_mac = 1;
    memcpy(op->veth.mac, endpoint->mac, sizeof op->veth.mac);

    op = plan_add(plan, PLAN_ADDRESS_ADD, why);
    op->address.link = link;
    op->address.family = AF_INET;
    op->address.prefix = endpoint->prefix;
    memcpy(op->address.bytes, &address, sizeof address);

    plan_add(plan, PLAN_LINK_UP, why)->link.name = link;

    op = plan_add(plan, PLAN_ROUTE_ADD, why);
    op->address.link = link;
    op->address.family = AF_INET;
    memcpy(op->address.bytes, &gateway, sizeof gateway);
}
