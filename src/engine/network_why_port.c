// SPDX-License-Identifier: Apache-2.0
// A port of the host's: whose it is, and the container that it leads to. From there on the walk is about that
// one.
#include "engine/network_why_parts.h"

#include "engine/parts.h"
#include "network/gate.h"
#include "network/options.h"
#include "network/port.h"

#include <errno.h>
#include <string.h>

static struct port_address address_of(const struct walk *walk) {
    struct port_address address = {
        .family = walk->target.family, .protocol = walk->udp ? IPPROTO_UDP : IPPROTO_TCP, .port = walk->port};
    memcpy(address.bytes, walk->target.bytes, sizeof address.bytes);
    return address;
}

static void respect_look(struct walk *walk, uint16_t host_port) {
    walk_note(
        walk, "port",
        "the host's own rules for input decide who gets there (--firewall respect): its firewall has to let "
        "port %u/%s in",
        host_port, protocol_word(walk));
    if (network_gate_runs(walk->engine->store.runroot)) return;
    walk_ends(walk, "port", "hoy-gate does not run, by which what the firewall accepts goes on");
    walk_advise(walk, "hoy ps: any command of hoy's starts it again; hoyd does so by itself");
}

static int published(struct walk *walk, const char *id, const struct port_run *run, struct err *err) {
    struct container *container = &walk->behind.container;
    int r = row_load(walk->engine, walk->arena, id, container, err);
    if (r <= 0) return r;
    walk->behind_port = (uint16_t)(run->port + walk->port - run->host_port);
    walk_fine(walk, "port", "port %u/%s of the host is published: it leads to %s, port %u at %s", walk->port,
              protocol_word(walk), container->name, walk->behind_port, run->address);
    walk->respects = run->respect && walk->from.kind != WHY_HOST;
    if (walk->respects) respect_look(walk, walk->port);
    walk->behind.text = container->name;
    (void)address_parse(run->address, &walk->behind_address);
    walk->run = *run;
    walk->host_port = walk->port;
    if (side_open(walk, &walk->behind, err)) return -1;
    walk->published = true;
    // A container may send there from an address that the host forwards.
    if (address_is_link_local(&walk->target) && walk->from.kind != WHY_CONTAINER)
        walk_ends(walk, "port",
                  "what is for a link-local address leads on to no container: the port is published at the "
                  "host's other addresses");
    if (walk->from.kind == WHY_OUTSIDE && address_is_link_local(&walk->from.address))
        walk_ends(walk, "port",
                  "what comes from a link-local address is not forwarded: ask from another one");
    if (walk_has_ended(walk) || side_interface_with(&walk->behind, &walk->behind_address)) return 0;
    return gone_explain(walk, &walk->behind, &walk->behind_address, err) < 0 ? -1 : 0;
}

// Bound without listening: by somebody whose rules lead on what comes there.
static bool is_held(const struct port_address *address) {
    _cleanup_(fd_closep) int fd = -1;
    uint16_t port;
    return port_socket_hold(address, &fd, &port) == -EADDRINUSE;
}

static int owner_look(struct walk *walk) {
    struct port_owner owner;
    struct port_address address = address_of(walk);
    if (port_owner_find(&address, &owner) > 0) {
        walk_fine(walk, "port", "port %u/%s of the host is published by no container: %s%s has it",
                  walk->port, protocol_word(walk), *owner.name ? "the host's own program " : "somebody",
                  owner.name);
        return 0;
    }
    walk->held = is_held(&address);
    if (walk->held) {
        walk_note(walk, "port",
                  "port %u/%s of the host is published by no container of this root, but somebody holds it "
                  "without listening, as another root of hoy's or podman does for its containers",
                  walk->port, protocol_word(walk));
        return 0;
    }
    struct port_address six = {.family = AF_INET6, .protocol = address.protocol, .port = address.port};
    const char *other = "";
    if (address.family == AF_INET && port_owner_find(&six, &owner) > 0)
        other = arena_printf(walk->arena, " for IPv4: %s takes IPv6 alone",
                             *owner.name ? owner.name : "somebody");
    walk_ends(walk, "port", "port %u/%s of the host is not published, and nobody on the host listens there%s",
              walk->port, protocol_word(walk), other);
    walk_advise(walk,
                "hoy ps shows what is published; -p %u:PORT publishes a container's port, or "
                "hoy update --publish-add %u:PORT CONTAINER that of one that runs",
                walk->port, walk->port);
    return 0;
}

static bool run_has(const struct walk *walk, const struct port_run *run) {
    return run->family == walk->target.family &&
           port_run_has(run, walk->udp ? IPPROTO_UDP : IPPROTO_TCP, walk->port);
}

static void unpublished_explain(struct walk *walk) {
    const char *name = walk->to.container.name, *protocol = protocol_word(walk);
    if (side_is_internal(walk, &walk->to)) {
        walk_ends(walk, "port",
                  "%s is on internal networks only, which nothing leads into, no published port either",
                  name);
        return walk_advise(walk, "hoy network connect NETWORK %s, with one that is not internal", name);
    }
    walk_ends(walk, "port", "port %u/%s of %s is not published: from outside of this host nobody gets there",
              walk->port, protocol, name);
    walk_advise(walk, "hoy update --publish-add %u:%u/%s %s", walk->port, walk->port, protocol, name);
}

// Where it needs no published port: on the parent's link, or on a network that is routed.
static int open_look(struct walk *walk, bool *ret_open, struct err *err) {
    const struct why_interface *interface = side_interface_with(&walk->to, &walk->target);
    const struct network *network = NULL;
    *ret_open = true;
    if (interface && interface_is_child(interface)) {
        walk_fine(walk, "port",
                  "%s has an address of its own beside the host (%s): all of its ports are there",
                  walk->to.container.name, interface->own.kind);
        return 0;
    }
    if (interface && interface->bridge && network_of_bridge(walk, interface->bridge->name, &network, err))
        return -1;
    *ret_open =
        network && network_gateway_mode(network, walk->target.family == AF_INET6) == NETWORK_GATEWAY_ROUTED;
    if (*ret_open)
        walk_fine(walk, "port", "network %s is routed: all ports of %s are at its own address", network->name,
                  walk->to.container.name);
    return 0;
}

// Of a container that somebody outside of this host means.
static int inner_port_look(struct walk *walk, struct err *err) {
    struct port_runs runs;
    bool open;
    if (open_look(walk, &open, err)) return -1;
    if (open) return 0;
    if (port_rows_load(walk->engine->store.db, walk->arena, walk->to.container.id, false, &runs, err))
        return -1;
    for (size_t i = 0; i < runs.count; i++) {
        const struct port_run *run = &runs.items[i];
        if (!run_has(walk, run)) continue;
        uint16_t host_port = (uint16_t)(run->host_port + walk->port - run->port);
        walk_fine(walk, "port", "port %u/%s of %s is published as port %u of %s: that is where to send",
                  walk->port, protocol_word(walk), walk->to.container.name, host_port, run->host);
        walk->respects = run->respect;
        if (run->respect) respect_look(walk, host_port);
        walk->run = *run;
        walk->host_port = host_port;
        return 0;
    }
    unpublished_explain(walk);
    return 0;
}

int port_look(struct walk *walk, struct err *err) {
    struct port_address address = address_of(walk);
    struct port_run run;
    char id[ID_SIZE];
    if (!walk->port) return 0;
    if (walk->to.kind == WHY_CONTAINER && walk->from.kind == WHY_OUTSIDE) return inner_port_look(walk, err);
    if (!walk->target_is_host) return 0;
    int r = port_row_find(walk->engine->store.db, &address, id, &run, err);
    if (r < 0) return -1;
    return r ? published(walk, id, &run, err) : owner_look(walk);
}
