// SPDX-License-Identifier: Apache-2.0
// Published ports are elements of maps, one map for each form of key: for IPv4 and IPv6, for one address of
// the host (protocol, address, port) and for all (protocol, port), and all that once more for ports that
// respect the firewall. These also have sets with the same keys, by which the gate knows them: a map that is
// asked as if it were a set is understood by newer kernels only.
//
// In a key or a value each part begins on four bytes.
#include "kernel/nft_message.h"

#include "base/macro.h"
#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <sys/socket.h>

#define LIST_MAX 60000 // bytes of elements in a message: an attribute's length has 16 bits

static const struct port_map {
    const char *name;
    uint8_t family;
    bool one_address, respect;
    bool is_set;
} port_maps[] = {
    {"ports4", AF_INET, false, false, false},     {"address_ports4", AF_INET, true, false, false},
    {"ports6", AF_INET6, false, false, false},    {"address_ports6", AF_INET6, true, false, false},
    {"respected4", AF_INET, false, true, false},  {"address_respected4", AF_INET, true, true, false},
    {"respected6", AF_INET6, false, true, false}, {"address_respected6", AF_INET6, true, true, false},
    {"gate_ports4", AF_INET, false, true, true},  {"gate_address_ports4", AF_INET, true, true, true},
    {"gate_ports6", AF_INET6, false, true, true}, {"gate_address_ports6", AF_INET6, true, true, true},
};

static const uint8_t all_addresses[16];

static size_t address_size(uint8_t family) {
    return family == AF_INET ? 4 : 16;
}

static bool map_has(const struct port_map *map, const struct nft_port *port) {
    bool one = memcmp(port->host, all_addresses, address_size(port->family)) != 0;
    return map->family == port->family && map->respect == port->respect && map->one_address == one;
}

static bool port_valid(const struct nft_port *port) {
    bool protocol =
        port->protocol == IPPROTO_TCP || port->protocol == IPPROTO_UDP || port->protocol == IPPROTO_SCTP;
    return (port->family == AF_INET || port->family == AF_INET6) && protocol && port->host_port && port->port;
}

bool nft_ports_valid(const struct nft_port *ports, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!port_valid(&ports[i])) return false;
    return true;
}

void nft_port_maps_put(struct nft_batch *batch) {
    for (size_t i = 0; i < ARRAY_SIZE(port_maps); i++) {
        const struct port_map *map = &port_maps[i];
        uint32_t address = map->family == AF_INET ? NFT_TYPE_IPV4 : NFT_TYPE_IPV6;
        uint32_t size = (uint32_t)address_size(map->family);
        struct nft_set set = {.name = map->name,
                              .flags = map->is_set ? 0 : NFT_SET_MAP,
                              .key_type =
                                  map->one_address ? NFT_TYPES(NFT_TYPE_PROTO, address) : NFT_TYPE_PROTO,
                              .key_size = map->one_address ? 8 + size : 8,
                              .data_type = NFT_TYPES(address, NFT_TYPE_PORT),
                              .data_size = size + 4};
        set.key_type = NFT_TYPES(set.key_type, NFT_TYPE_PORT);
        nft_set_put(batch, &set);
    }
}

static size_t part_put(uint8_t *bytes, const void *part, size_t size) {
    memset(bytes, 0, 4);
    memcpy(bytes, part, size);
    return (size + 3) & ~(size_t)3;
}

static void element_put(struct nft_batch *batch, const struct port_map *map, const struct nft_port *port) {
    uint8_t key[24], data[20];
    uint16_t host_port = htons(port->host_port), to_port = htons(port->port);
    size_t size = address_size(port->family), n = part_put(key, &port->protocol, 1);
    if (map->one_address) n += part_put(key + n, port->host, size);
    n += part_put(key + n, &host_port, sizeof host_port);
    size_t element = netlink_nest(&batch->messages, NFTA_LIST_ELEM);
    nft_data_put(batch, NFTA_SET_ELEM_KEY, key, n);
    n = part_put(data, port->address, size);
    n += part_put(data + n, &to_port, sizeof to_port);
    if (!map->is_set) nft_data_put(batch, NFTA_SET_ELEM_DATA, data, n);
    netlink_end(&batch->messages, element);
}

// Those of the ports that belong to the map, from *at on, as many as one message takes.
static void map_put(struct nft_batch *batch, uint8_t type, const struct port_map *map,
                    const struct nft_port *ports, size_t count, size_t *at) {
    struct netlink_batch *messages = &batch->messages;
    size_t list = 0;
    for (; *at < count && !messages->overflow; (*at)++) {
        if (!map_has(map, &ports[*at])) continue;
        if (list && messages->used - list > LIST_MAX) break;
        if (!list) {
            nft_message(batch, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
            netlink_put_string(messages, NFTA_SET_ELEM_LIST_SET, map->name);
            list = netlink_nest(messages, NFTA_SET_ELEM_LIST_ELEMENTS);
        }
        element_put(batch, map, &ports[*at]);
    }
    if (list) netlink_end(messages, list);
}

void nft_ports_put(struct nft_batch *batch, uint8_t type, const struct nft_port *ports, size_t count) {
    for (size_t i = 0; i < ARRAY_SIZE(port_maps); i++)
        for (size_t at = 0; at < count && !batch->messages.overflow;)
            map_put(batch, type, &port_maps[i], ports, count, &at);
}

bool nft_ports_any(const struct nft_table *table, const struct nft_port *ports, size_t count) {
    for (size_t i = 0; i < count; i++) {
        _cleanup_(nft_batch_finish) struct nft_batch batch = {.table = table->name};
        nft_ports_put(&batch, NFT_MSG_GETSETELEM, &ports[i], 1);
        netlink_acknowledge(&batch.messages);
        if (!nft_batch_ask(&batch, NULL, NULL)) return true;
    }
    return false;
}

int nft_ports_add(const struct nft_table *table, const struct nft_port *ports, size_t count) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    if (!nft_ports_valid(ports, count)) return -EINVAL;
    if (!count) return 0;
    nft_batch_begin(&batch, table->name);
    nft_ports_put(&batch, NFT_MSG_NEWSETELEM, ports, count);
    int r = nft_batch_send(&batch);
    if (!r) conntrack_forget(ports, count, false);
    return r == -EBUSY ? -EEXIST : r; // what older kernels say
}

// Added, so that taking away cannot fail, and so that it does when the port leads to another container.
static int ports_remove(const struct nft_table *table, const struct nft_port *ports, size_t count) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    nft_batch_begin(&batch, table->name);
    nft_ports_put(&batch, NFT_MSG_NEWSETELEM, ports, count);
    nft_ports_put(&batch, NFT_MSG_DELSETELEM, ports, count);
    int r = nft_batch_send(&batch);
    if (r == -EBUSY) return -EEXIST; // what older kernels say
    return r == -ENOENT ? 0 : r;     // no such table
}

// What leads to another container spoils a transaction: halves of it are tried until that port is alone. One
// by one would be simpler, but the kernel waits for all of its processors after each that removes something.
static int ports_remove_own(const struct nft_table *table, const struct nft_port *ports, size_t count) {
    int r = count ? ports_remove(table, ports, count) : 0;
    if (r != -EEXIST) return r;
    if (count == 1) return 0;
    int first = ports_remove_own(table, ports, count / 2);
    r = ports_remove_own(table, ports + count / 2, count - count / 2);
    return first ? first : r;
}

int nft_ports_remove(const struct nft_table *table, const struct nft_port *ports, size_t count) {
    if (!nft_ports_valid(ports, count)) return -EINVAL;
    int r = ports_remove_own(table, ports, count);
    conntrack_forget(ports, count, true);
    return r;
}

int nft_ports_set_respect(const struct nft_table *table, const struct nft_port *ports, size_t count,
                          bool respect) {
    _cleanup_(nft_batch_finish) struct nft_batch batch = {0};
    if (!nft_ports_valid(ports, count)) return -EINVAL;
    nft_batch_begin(&batch, table->name);
    for (size_t i = 0; i < count; i++) {
        struct nft_port before = ports[i], after = ports[i];
        before.respect = !respect;
        after.respect = respect;
        nft_ports_put(&batch, NFT_MSG_NEWSETELEM, &before, 1); // so that taking it away can't fail
        nft_ports_put(&batch, NFT_MSG_DELSETELEM, &before, 1);
        nft_ports_put(&batch, NFT_MSG_NEWSETELEM, &after, 1);
    }
    int r = nft_batch_send(&batch);
    return r == -EBUSY ? -EEXIST : r; // what older kernels say
}
