// SPDX-License-Identifier: Apache-2.0
// The default network: one bridge, hoy0, a veth pair a container, addresses from the database, NAT by one
// nftables table of hoy's own. All by netlink.
#pragma once

#include "image/image.h"
#include "plan/plan.h"
#include "state/db.h"

struct endpoint {
    char network[64];
    char bridge[16];
    uint32_t address, gateway; // IPv4, host byte order
    uint8_t prefix;
    uint8_t mac[6];
    char host_interface[16]; // "hoy" and 12 digits of the container's id
};

// Makes sure that the default network exists in the database and in the kernel (bridge up with its address,
// forwarding on, the nft table): idempotent and cheap (60 µs) when it does. The subnet is picked around the
// host's routes when the network is first made. Each root has a bridge of its own: hoy0, or the next free
// one.
int network_ensure_default(struct db *db, struct err *err);

// Does a chain of somebody else's drop what is new in FORWARD? Then hoy's rules lead that around it, by way
// of the gate (gate.h). Cheap enough for every start.
bool network_detours(void);

// Takes a free address for a container (atomic; none is given twice), in a transaction of its own. Releasing
// what was never taken is fine.
int network_attach(struct db *db, const char *container_id, struct endpoint *ret_endpoint, struct err *err);
int network_release(struct db *db, const char *container_id, struct err *err);
// What a container has: 1, or 0 when nothing.
int network_endpoint(struct db *db, const char *container_id, struct endpoint *ret_endpoint, struct err *err);

// An address of its owner's own choice: "92:d0:c6:0a:29:33". NULL: it keeps the one that goes with the IP
// address.
void network_set_mac(struct endpoint *endpoint, const char *mac);

// Adds VETH_ADD, LINK_UP, ADDRESS_ADD, ROUTE_ADD for the endpoint to the plan.
void network_plan(const struct endpoint *endpoint, struct plan *plan);

// The text of /etc/hosts and /etc/resolv.conf for a container. endpoint NULL: no network. dns, search and
// options override the host's file; nameservers on loopback are left out when the container has a network
// namespace of its own (own_netns), with public ones instead when none is left, as Docker does.
struct network_files {
    const char *hostname, *domainname;
    struct strings add_host; // "name:address"; address "host-gateway" is the bridge's
    struct strings dns, dns_search, dns_options;
    const struct endpoint *endpoint;
    bool own_netns;
};
int network_write_hosts(const struct network_files *files, struct str *ret_text, struct err *err);
// host_text: the host's resolv.conf; NULL reads it (or systemd-resolved's, when the host's only names that).
int network_write_resolv_conf(const struct network_files *files, const char *host_text, struct str *ret_text,
                              struct err *err);
