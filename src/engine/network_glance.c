// SPDX-License-Identifier: Apache-2.0
// Every command looks whether others have taken something of the networks away, so that has to cost next to
// nothing: what the last real look found is kept in a file of the run root, and compared. Whatever hoy itself
// changes has another generation of the rules, which is seen by the next command; its look finds all as it
// should be and keeps that.
#include "engine/network_restore.h"

#include "base/fd.h"
#include "kernel/nft_look.h"
#include "network/gate.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEEN      "networks.seen"
#define LINKS_MAX 64 // what is more than that only a change of rules, a start, or hoyd looks at

struct seen {
    uint32_t generation, link_count;
    struct seen_link {
        char name[LINK_NAME_SIZE];
        bool up;
        struct seen_subnet {
            struct address probe; // family 0: none
            uint8_t prefix;
            bool routed; // which goes with the address
        } subnets[2];
    } links[LINKS_MAX];
    bool gate;          // has to be there
    bool forwarding[2]; // IPv4, IPv6
};

static bool is_up(const char *name) {
    uint8_t mac[6];
    bool up;
    return !link_peek(name, &up, mac) && up;
}

static void link_see(const struct network *network, struct seen_link *link) {
    snprintf(link->name, sizeof link->name, "%s", network->link);
    link->up = is_up(link->name);
    for (size_t i = 0; i < 2; i++) {
        const struct network_pool *pool = &network->pools[i];
        struct seen_subnet *subnet = &link->subnets[i];
        if (!address_is_set(&pool->subnet.base)) continue;
        subnet->probe = network_probe(pool);
        subnet->prefix = pool->subnet.prefix;
        subnet->routed = network_is_routed(&subnet->probe, subnet->prefix);
    }
}

static void all_see(const struct networks *networks, struct seen *seen) {
    for (size_t i = 0; i < networks->count && seen->link_count < LINKS_MAX; i++)
        link_see(&networks->items[i], &seen->links[seen->link_count++]);
    for (size_t i = 0; i < 2; i++) seen->forwarding[i] = network_forwards(i);
}

static bool link_is_as_seen(const struct seen_link *link) {
    if (link->up && !is_up(link->name)) return false;
    for (size_t i = 0; i < 2; i++)
        if (link->subnets[i].routed && !network_is_routed(&link->subnets[i].probe, link->subnets[i].prefix))
            return false;
    return true;
}

static bool is_as_seen(const struct engine *engine, const struct seen *seen) {
    for (uint32_t i = 0; i < seen->link_count; i++)
        if (!link_is_as_seen(&seen->links[i])) return false;
    for (size_t i = 0; i < 2; i++)
        if (network_forwards(i) < seen->forwarding[i]) return false;
    return !seen->gate || network_gate_runs(engine->store.runroot);
}

static bool seen_read(const struct engine *engine, struct seen *ret_seen) {
    _cleanup_(fd_closep) int fd = fd_open_at(engine->store.runroot_fd, SEEN, O_RDONLY | O_NOFOLLOW, 0);
    return fd >= 0 && fd_read_full(fd, ret_seen, sizeof *ret_seen) == sizeof *ret_seen &&
           ret_seen->link_count <= LINKS_MAX;
}

static void seen_write(const struct engine *engine, const struct seen *seen) {
    _cleanup_(fd_closep) int fd =
        fd_open_at(engine->store.runroot_fd, SEEN, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
    if (fd >= 0) (void)fd_write_all(fd, seen, sizeof *seen);
}

void networks_glance_from(struct engine *engine, const struct endpoint *endpoint) {
    struct seen seen;
    if (endpoint->driver != NETWORK_DRIVER_BRIDGE || !seen_read(engine, &seen) ||
        seen.link_count == LINKS_MAX)
        return;
    for (uint32_t i = 0; i < seen.link_count; i++)
        if (str_eq(seen.links[i].name, endpoint->link)) return;
    (void)unlinkat(engine->store.runroot_fd, SEEN, 0);
}

void networks_glance(struct engine *engine) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct seen seen;
    struct networks networks;
    struct err err = {0};
    uint32_t generation;
    if (engine->rootless || nft_look_generation(&generation)) return;
    bool changing = networks_are_changing(engine->store.root_fd);
    if (!changing && seen_read(engine, &seen) && seen.generation == generation && is_as_seen(engine, &seen))
        return;
    memset(&seen, 0, sizeof seen);
    seen.generation = generation;
    if ((changing && networks_mend(engine->store.db, engine->store.root_fd, &err)) ||
        networks_look(engine, &arena, false, &networks, &seen.gate, &err)) {
        fprintf(stderr, "hoy: warning: networks that others changed can't be put back: %s\n", err.text);
        return;
    }
    all_see(&networks, &seen);
    seen_write(engine, &seen);
}
