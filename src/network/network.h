// SPDX-License-Identifier: Apache-2.0
// Networks: what they are (rows of the database), the addresses that containers get from them, and what they
// are made of in the kernel: a bridge and a veth pair a container, or macvlan and ipvlan interfaces of a
// parent; rules of one nftables table of hoy's own. All by netlink.
//
// A network is three things that may each be missing after a crash, a reboot, or somebody's `ip link delete`:
// the row is what counts, and network_ensure() makes the rest true when a container comes.
#pragma once

#include "base/id.h"
#include "network/address.h"
#include "oci/spec.h"
#include "plan/plan.h"
#include "state/db.h"

#include <string.h>

#define NETWORK_DEFAULT "bridge"
#define NETWORK_HOST    "host"
#define NETWORK_NONE    "none"

enum network_driver {
    NETWORK_DRIVER_BRIDGE,
    NETWORK_DRIVER_MACVLAN,
    NETWORK_DRIVER_IPVLAN,
    NETWORK_DRIVER_HOST,
    NETWORK_DRIVER_NULL,
};
const char *network_driver_name(enum network_driver driver);
int network_driver_parse(const char *name, enum network_driver *ret_driver); // -EINVAL

// What a network has of one IP version. Without a subnet it has nothing of it.
struct network_pool {
    struct subnet subnet;
    struct subnet range;    // where addresses are given from; without a base: the whole subnet
    struct address gateway; // may be none
    struct address last;    // the one given last
};

enum network_gateway_mode { NETWORK_GATEWAY_NAT, NETWORK_GATEWAY_ROUTED, NETWORK_GATEWAY_ISOLATED };

// A network's row, in an arena.
struct network {
    const char *id, *name;
    enum network_driver driver;
    const char *link; // the bridge; the parent of macvlan and ipvlan
    int64_t created;  // wall clock, ns
    struct spec_key_values labels, options;
    const char *ipam_driver; // NULL: "default"
    struct spec_key_values ipam_options;
    struct spec_key_values auxiliary[2]; // names and addresses that nobody gets, by IP version
    bool internal, attachable;
    bool made_link;               // the parent is a dummy or a VLAN of hoy's making
    struct network_pool pools[2]; // IPv4, IPv6
};
static inline bool network_is_predefined(const struct network *network) {
    return str_eq(network->name, NETWORK_DEFAULT) || str_eq(network->name, NETWORK_HOST) ||
           str_eq(network->name, NETWORK_NONE);
}
static inline bool network_is_default(const struct network *network) {
    return str_eq(network->name, NETWORK_DEFAULT);
}
struct networks {
    struct network *items;
    size_t count;
};

// Rows (row.c, default.c)

// The predefined networks' rows, where they are not there yet. Cheap when they are.
int network_predefine(struct db *db, struct err *err);
// By its name: 1, or 0 when there is none.
int network_load(struct db *db, struct arena *arena, const char *name, struct network *ret_network,
                 struct err *err);
// The same for a container that starts: the default network is made when it is not there. ERR_NOT_FOUND.
int network_require(struct db *db, struct arena *arena, const char *name, struct network *ret_network,
                    struct err *err);
// By its name, its id, or a unique beginning of that. ERR_NOT_FOUND "network X not found".
int network_find(struct db *db, struct arena *arena, const char *name, struct network *ret_network,
                 struct err *err);
int network_list(struct db *db, struct arena *arena, struct networks *ret_networks, struct err *err);

// Making and removing (create.c)

// As `network create` gives it. Ranges, gateways and auxiliary addresses find their subnets by themselves.
struct network_request {
    struct network network; // of it count: name, driver, labels, options, IPAM driver and options, internal,
                            // attachable
    enum network_ipv6 {
        NETWORK_IPV6_WHERE_POSSIBLE,
        NETWORK_IPV6_ON,
        NETWORK_IPV6_OFF,
    } ipv6;
    bool no_ipv4;
    struct strings subnets, ranges, gateways;
    struct spec_key_values auxiliary;
};
// Checks, picks what was not given, makes the row and what the kernel has of it. ERR_CONFLICT when the name
// is taken or a subnet overlaps.
int network_create(struct db *db, struct arena *arena, const struct network_request *request,
                   struct network *ret_network, struct err *err);
// ERR_CONFLICT when containers are on it.
int network_remove(struct db *db, const struct network *network, struct err *err);

// In the kernel (ensure.c, bridge.c)

// Makes sure that the network is there in the kernel: a bridge that is up with its addresses, forwarding on,
// the nftables rules; the parent of a macvlan or ipvlan. Idempotent and cheap when it does. The default
// network gets another subnet when the host has a route of its own there meanwhile: *network is updated.
int network_ensure(struct db *db, struct arena *arena, struct network *network, struct err *err);
// Is all of that there?
bool network_is_ready(struct db *db, const struct network *network);
// Whether the host has a route to the subnet, be it somebody else's; without one nobody gets to its
// containers. probe: an address in it that is not the host's own (network_probe()).
struct address network_probe(const struct network_pool *pool);
bool network_is_routed(const struct address *probe, uint8_t prefix);
// Whether the host forwards packets: of IPv4 (0), of IPv6 (1).
bool network_forwards(size_t version);
// Takes away what a removed network, or a killed command, left: bridges that name this database and a network
// that it does not have, and interfaces of containers that were being connected or disconnected.
int network_sweep(struct db *db, struct err *err);
// Whether somebody makes or removes a network just now, or was killed doing so: a look at a file of the root.
// Then what he has left undone is done.
bool networks_are_changing(int root_fd);
int networks_mend(struct db *db, int root_fd, struct err *err);

// Endpoints (endpoint.c, plan.c, files.c)

// How a container is to be in a network, as its settings say.
struct endpoint_settings {
    const char *network; // its name
    struct strings aliases, links, link_local_ips;
    const char *ipv4, *ipv6, *mac; // or NULL
    struct spec_key_values driver_options;
    int64_t gw_priority;
};

// A container's place in a network, while it runs. Texts are in the arena.
struct endpoint {
    const char *network_id, *network;
    enum network_driver driver;
    bool internal;
    const char *link;                         // the bridge, or the parent
    const char *id;                           // the endpoint's
    unsigned number;                          // of its interface, from 0
    const char *interface;                    // "eth0"
    const char *host_interface;               // of a bridge
    struct address addresses[2], gateways[2]; // IPv4, IPv6; what is not there has family 0
    uint8_t prefixes[2];
    uint8_t mac[6];         // zeros: the parent's
    uint32_t mtu;           // 0: the kernel's default
    const char *mode;       // of macvlan and ipvlan, or NULL
    const char *flag;       // of ipvlan, or NULL
    const char *publish_on; // of a bridge: where ports are published that are said no address of, or NULL
    bool default_route[2];  // it has the container's
    bool pending;           // its interface is being made, or taken away
    struct endpoint_settings settings;
    struct strings names; // that others find it by: the container's, its aliases, its short id
};
struct endpoints {
    struct endpoint *items;
    size_t count;
};
static inline bool endpoint_has_mac(const struct endpoint *endpoint) {
    static const uint8_t none[6];
    return memcmp(endpoint->mac, none, sizeof none) != 0;
}
// There is no router on the network: everything goes to the parent.
static inline bool endpoint_routes_by_link(const struct endpoint *endpoint) {
    return endpoint->driver == NETWORK_DRIVER_IPVLAN && str_has_prefix(endpoint->mode, "l3");
}

// What of them the network can't have: an address outside of its subnets, options that nobody knows.
int network_settings_check(const struct network *network, const struct endpoint_settings *settings,
                           struct err *err);

// Takes addresses (atomic; none is given twice) and writes the endpoint's row. One that is there already
// stays as it is: a start that was cut short, or a restart. number: of its interface.
int network_attach(struct db *db, struct arena *arena, const struct network *network,
                   const char *container_id, const struct endpoint_settings *settings, unsigned number,
                   bool pending, struct endpoint *ret_endpoint, struct err *err);
// Everything that a container has, in all networks or in one (an id). Inside a transaction, or as one of its
// own. Releasing what was never taken is fine.
int network_release(struct db *db, const char *container_id, const char *network_id, struct err *err);
// What a container has, by the numbers of its interfaces, without settings and names.
int network_endpoints(struct db *db, struct arena *arena, const char *container_id,
                      struct endpoints *ret_endpoints, struct err *err);
// Which of them has the default route, of each IP version.
void endpoints_choose_gateway(struct endpoints *endpoints);

// What it is in the kernel: adds interfaces, addresses and routes to the plan of a container's start.
void network_plan(const struct endpoints *endpoints, struct plan *plan);
// And, when the child has done its part of that, what makes those of bridges their ports. hairpin: the host's
// end of the one that published ports lead to, or NULL.
void network_plan_bridge_ports(const struct endpoints *endpoints, const char *hairpin, struct plan *plan);

// The text of /etc/hosts and /etc/resolv.conf for a container. dns, search and options override the host's
// file; nameservers on loopback are left out when the container has a network namespace of its own
// (own_netns), with public ones instead when none is left, as Docker does.
#define HOST_GATEWAY "host-gateway"
struct network_files {
    const char *hostname, *domainname;
    struct strings add_host; // "name:address"; address HOST_GATEWAY is the bridge's
    struct address host;     // what it is without a bridge; may be none
    struct strings dns, dns_search, dns_options;
    const struct endpoints *endpoints; // NULL: none
    struct strings links;              // "address\tnames" lines
    bool own_netns;
    bool own_resolver;     // of one of its networks, at 127.0.0.11
    const char *pasta_dns; // on pasta's network: where the servers are that only the host reaches; else NULL
};
// The text with the lines of one endpoint more, and those of one less; either may be NULL. What leads to the
// host does so by the endpoints that there are now.
void network_change_hosts(const struct network_files *files, const char *text, const struct endpoint *add,
                          const struct endpoint *remove, struct str *ret_text);
int network_write_hosts(const struct network_files *files, struct str *ret_text, struct err *err);
// host_text: the host's resolv.conf; NULL reads it (or systemd-resolved's, when the host's only names that).
int network_write_resolv_conf(const struct network_files *files, const char *host_text, struct str *ret_text,
                              struct err *err);
