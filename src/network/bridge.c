// SPDX-License-Identifier: Apache-2.0
// Bridges. The database says what a network should be, one look at the kernel says whether it is, and only
// when it is not does anything slow happen.
#include "network/kernel.h"
#include "network/options.h"
#include "network/row.h"
#include "network/rules.h"

#include "base/fd.h"
#include "kernel/link_settings.h"
#include "kernel/localnet.h"
#include "kernel/net_look.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

int namespace_lock(int *ret_fd, struct err *err) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "open /proc/self/ns/net");
    int r = fd_lock(fd, LOCK_EX);
    if (r) return err_set(err, ERR_SYSTEM, -r, "lock the network namespace");
    *ret_fd = take_fd(&fd);
    return 0;
}

int database_path(struct db *db, char ret_path[static LINK_ALIAS_SIZE], struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(db, &rows, err, "SELECT file FROM pragma_database_list WHERE name = 'main'", "")) return -1;
    int r = db_next(&rows, err);
    if (r < 0) return -1;
    snprintf(ret_path, LINK_ALIAS_SIZE, "%s", r ? db_text(&rows, 0) : "");
    return 0;
}

bool link_is_of(const struct link *link, const char *network_id) {
    const char *id = str_after(link->alias, "hoy ");
    return id && str_after(id, network_id);
}

int kernel_fail(const struct network *network, int r, const char *what, const char *link, struct err *err) {
    const char *words = netlink_error_text();
    return err_set(err, ERR_SYSTEM, -r, "network %s: %s %s%s%s%s", network->name, what, link,
                   *words ? " (" : "", words, *words ? ")" : "");
}

// Forwarding

static const struct {
    const char *path;
    bool ipv6;
} forwarding[2] = {
    {"/proc/sys/net/ipv4/ip_forward", false},
    {"/proc/sys/net/ipv6/conf/all/forwarding", true},
};

static bool has_pool(const struct network *network, size_t i) {
    return address_is_set(&network->pools[i].subnet.base) && (i == 0 || host_has_ipv6());
}

bool network_forwards(size_t version) {
    char digit = '0';
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, forwarding[version].path, O_RDONLY, 0);
    return fd >= 0 && read(fd, &digit, 1) == 1 && digit != '0';
}

static int forward(size_t i, struct err *err) {
    if (network_forwards(i)) return 0;
    int r = forwarding[i].ipv6 ? link_keep_advertisements() : 0;
    if (!r) r = file_write_at(AT_FDCWD, forwarding[i].path, "1");
    return r ? err_set(err, ERR_SYSTEM, -r, "switch on %s", forwarding[i].path) : 0;
}

// Bridges

// The gateway may be somebody else's.
static bool holds_gateway(const struct network *network, size_t i) {
    return has_pool(network, i) && address_is_set(&network->pools[i].gateway) &&
           (i || !network_switch(network, OPTION_INHIBIT, false));
}

static bool has_address(const struct network *network, size_t i) {
    const struct address *gateway = &network->pools[i].gateway;
    if (!holds_gateway(network, i)) return true;
    return i ? link_has_ipv6(network->link, gateway->bytes) : link_has_address(network->link, gateway->bytes);
}

struct address network_probe(const struct network_pool *pool) {
    struct address probe = pool->subnet.base;
    (void)address_advance(&probe, 1);
    if (address_equal(&probe, &pool->gateway)) (void)address_advance(&probe, 1);
    return address_in(&probe, &pool->subnet) ? probe : pool->subnet.base;
}

bool network_is_routed(const struct address *probe, uint8_t prefix) {
    uint8_t found;
    return look_route_prefix(probe->family, probe->bytes, &found) || found >= prefix;
}

// The kernel makes it with the address.
static bool has_route(const struct network *network, size_t i) {
    const struct network_pool *pool = &network->pools[i];
    if (!holds_gateway(network, i)) return true;
    const struct address probe = network_probe(pool);
    return network_is_routed(&probe, pool->subnet.prefix);
}

// Where ports can be published they are reached from the host's 127.0.0.1, too.
static bool needs_localnet(const struct network *network) {
    return !network->internal && has_pool(network, 0);
}

// Locally administered, the same as long as the network is, and no other network's: it comes of its id. Those
// that containers are given begin otherwise.
static void bridge_mac(const struct network *network, uint8_t ret_mac[6]) {
    unsigned bytes[4] = {0};
    (void)sscanf(network->id, "%2x%2x%2x%2x", &bytes[0], &bytes[1], &bytes[2], &bytes[3]);
    ret_mac[0] = 0x02;
    ret_mac[1] = 0x68;
    for (size_t i = 0; i < 4; i++) ret_mac[2 + i] = (uint8_t)bytes[i];
}

// A bridge gets its alias only once it is there: one without that has the network's own address on the wire
// is of somebody who was killed in between.
bool bridge_is_of(const struct link *link, const struct network *network) {
    uint8_t mac[6];
    bridge_mac(network, mac);
    return link_is_of(link, network->id) ||
           (!*link->alias && str_eq(link->kind, "bridge") && !memcmp(link->mac, mac, sizeof mac));
}

// What has the network's name and its own address on the wire is its bridge. Only of one that has another
// address (it was given one, or an earlier hoy made it) the alias is asked for: that waits until interfaces
// of containers that have ended are destroyed.
static bool is_there(const struct network *network) {
    uint8_t mac[6], found[6];
    struct link link;
    bool up;
    if (link_peek(network->link, &up, found) || !up) return false;
    bridge_mac(network, mac);
    return !memcmp(mac, found, sizeof mac) ||
           (!link_get(network->link, &link) && link_is_of(&link, network->id));
}

bool bridge_is_ready(struct db *db, const struct network *network) {
    if (!is_there(network)) return false;
    for (size_t i = 0; i < 2; i++)
        if (has_pool(network, i) &&
            (!has_address(network, i) || !has_route(network, i) || !network_forwards(i)))
            return false;
    return (!needs_localnet(network) || localnet_is_open(network->link)) && rules_are_ready(db, network);
}

static int link_make(const struct network *network, const char *database, struct err *err) {
    char alias[LINK_ALIAS_SIZE];
    uint8_t mac[6];
    struct link link;
    snprintf(alias, sizeof alias, "hoy %s %s", network->id, database);
    bridge_mac(network, mac);
    int r = bridge_create(network->link, mac, alias);
    int found = r == -EEXIST ? link_get(network->link, &link) : 0;
    if (found) r = found;
    if (r == -EEXIST && bridge_is_of(&link, network)) r = link_set_alias(network->link, alias);
    if (!r) return 0;
    if (r == -EEXIST)
        return err_set(err, ERR_CONFLICT, 0,
                       "network %s: there is an interface %s that is not this network's: remove it, or make "
                       "the network anew",
                       network->name, network->link);
    return kernel_fail(network, r, "make bridge", network->link, err);
}

// Who was on a bridge that somebody deleted is on the new one. What is not there is of one that has ended.
static int ports_take(struct db *db, const struct network *network, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(db, &rows, err, "SELECT host_interface FROM endpoint WHERE network = ?", "s", network->id))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        int taken = link_set_master(db_text(&rows, 0), network->link);
        if (taken && taken != -ENODEV)
            return kernel_fail(network, taken, "take interfaces onto", network->link, err);
    }
    return r;
}

// Without one nobody asks there who has an address of IPv6. The kernel makes it, and not again.
static int link_local_make(const struct network *network) {
    uint8_t bytes[16] = {0xfe, 0x80, [11] = 0xff, [12] = 0xfe}, mac[6];
    bool up;
    int r = link_peek(network->link, &up, mac);
    memcpy(bytes + 8, mac, 3);
    memcpy(bytes + 13, mac + 3, 3);
    bytes[8] ^= 2;
    return r ? r : address_add(network->link, AF_INET6, bytes, 64);
}

static int addresses_make(const struct network *network, struct err *err) {
    int r = link_set_ipv6(AT_FDCWD, network->link, has_pool(network, 1));
    if (r) return kernel_fail(network, r, "set IPv6 on or off on", network->link, err);
    for (size_t i = 0; i < 2; i++) {
        const struct network_pool *pool = &network->pools[i];
        if (!holds_gateway(network, i)) continue;
        r = address_add(network->link, pool->gateway.family, pool->gateway.bytes, pool->subnet.prefix);
        if (!r && i) r = link_local_make(network);
        if (r) return kernel_fail(network, r, "set the address of", network->link, err);
    }
    return 0;
}

// It comes and goes with the address; of the address alone somebody may have taken it away.
static int routes_make(const struct network *network, struct err *err) {
    for (size_t i = 0; i < 2; i++) {
        const struct subnet *subnet = &network->pools[i].subnet;
        if (has_route(network, i)) continue;
        int r = route_add(&(struct route){.link = network->link,
                                          .family = subnet->base.family,
                                          .prefix = subnet->prefix,
                                          .destination = subnet->base.bytes});
        if (r && r != -EEXIST)
            return kernel_fail(network, r, "set the route to the subnet by", network->link, err);
    }
    return 0;
}

int bridge_make(struct db *db, const struct network *network, const char *database, struct err *err) {
    if (link_make(network, database, err) || addresses_make(network, err)) return -1;
    uint32_t mtu = network_mtu(network);
    int r = mtu ? link_set_mtu(network->link, mtu) : 0;
    if (r) return kernel_fail(network, r, "set the MTU of", network->link, err);
    if (rules_make(db, network, err)) return err_wrap(err, "network %s", network->name);
    if (ports_take(db, network, err)) return -1;
    if (needs_localnet(network) && (r = localnet_open(network->link)))
        return kernel_fail(network, r, "let answers to 127.0.0.1 come back by", network->link, err);
    // Last, so that nothing passes before the rules are there.
    if ((r = link_up(network->link))) return kernel_fail(network, r, "bring up", network->link, err);
    if (routes_make(network, err)) return -1;
    for (size_t i = 0; i < 2; i++)
        if (has_pool(network, i) && forward(i, err)) return -1;
    return 0;
}

void bridge_remove(struct db *db, const struct network *network) {
    struct link link;
    rules_remove(db, network);
    if (!link_get(network->link, &link) && bridge_is_of(&link, network)) (void)link_delete(network->link);
}

struct renamed {
    const struct network *network;
    char name[LINK_NAME_SIZE];
};

static int renamed_look(const char *name, const struct link *link, void *data) {
    struct renamed *renamed = data;
    if (link_is_of(link, renamed->network->id) && !str_eq(name, renamed->network->link))
        snprintf(renamed->name, sizeof renamed->name, "%s", name);
    return 0;
}

void bridge_remove_renamed(const struct network *network) {
    struct renamed renamed = {.network = network};
    if (!link_each(renamed_look, &renamed) && *renamed.name) (void)link_delete(renamed.name);
}
