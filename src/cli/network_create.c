// SPDX-License-Identifier: Apache-2.0
// network create.
#include "base/str.h"
#include "cli/cli.h"
#include "cli/parse_value.h"
#include "engine/networks.h"

#include <stdio.h>
#include <string.h>

enum choice { UNSET, ON, OFF };

struct create_flags {
    const char *driver, *ipam_driver, *scope, *config_from;
    struct strings subnets, ranges, gateways, labels, options, auxiliary, ipam_options;
    bool internal, attachable, ingress, config_only;
    enum choice ipv4, ipv6;
};

static int store_choice_of(struct parse *parse, const char *text, void *field, struct err *err) {
    bool on;
    if (store_flag(parse, text, &on, err)) return -1;
    *(enum choice *)field = on ? ON : OFF;
    return 0;
}

#define AT(member) offsetof(struct create_flags, member)
static const struct option rows[] = {
    {"attachable", 0, NULL, "Enable manual container attachment", store_flag, AT(attachable)},
    {"aux-address", 0, "map", "Auxiliary IPv4 or IPv6 addresses that no container gets (NAME=ADDRESS)",
     store_list, AT(auxiliary)},
    {"driver", 'd', "string", "Driver to manage the Network (default \"bridge\")", store_string, AT(driver),
     "bridge|macvlan|ipvlan"},
    {"gateway", 0, "ipSlice", "IPv4 or IPv6 Gateway for the master subnet", store_commas, AT(gateways)},
    {"internal", 0, NULL, "Restrict external access to the network", store_flag, AT(internal)},
    {"ip-range", 0, "strings", "Allocate container ip from a sub-range", store_commas, AT(ranges)},
    {"ipam-driver", 0, "string", "IP Address Management Driver (default \"default\")", store_string,
     AT(ipam_driver), "default"},
    {"ipam-opt", 0, "map", "Set IPAM driver specific options", store_list, AT(ipam_options)},
    {"ipv4", 0, NULL, "Enable or disable IPv4 address assignment (default true)", store_choice_of, AT(ipv4)},
    {"ipv6", 0, NULL, "Enable or disable IPv6 address assignment (default: where the host has IPv6)",
     store_choice_of, AT(ipv6)},
    {"label", 0, "list", "Set metadata on a network", store_list, AT(labels)},
    {"opt", 'o', "map", "Set driver specific options", store_list, AT(options)},
    {"subnet", 0, "strings", "Subnet in CIDR format that represents a network segment", store_commas,
     AT(subnets)},
    // Of Docker's swarm, and refused by check_swarm().
    {"config-from", 0, "network", NULL, store_string, AT(config_from)},
    {"config-only", 0, NULL, NULL, store_flag, AT(config_only)},
    {"ingress", 0, NULL, NULL, store_flag, AT(ingress)},
    {"scope", 0, "string", "Control the network's scope (\"local\")", store_string, AT(scope), "local"},
};
const struct option_table network_create_options_table = OPTIONS(rows, struct create_flags);

static int read_driver(const char *name, enum network_driver *ret_driver, struct err *err) {
    if (str_empty(name)) name = "bridge";
    if (!network_driver_parse(name, ret_driver)) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "plugin \"%s\" not found: hoy's networks are of the drivers bridge, macvlan and ipvlan",
                   name);
}

// A swarm has networks of several machines; hoy's are of this one.
static int check_swarm(const struct create_flags *flags, struct err *err) {
    if (!str_empty(flags->scope) && !str_eq(flags->scope, "local"))
        return err_set(err, ERR_INVALID, 0,
                       "--scope %s is not supported: networks are of this machine alone, whose scope is "
                       "\"local\"",
                       flags->scope);
    const char *flag = flags->ingress                   ? "ingress"
                       : flags->config_only             ? "config-only"
                       : !str_empty(flags->config_from) ? "config-from"
                                                        : NULL;
    return flag ? err_set(err, ERR_INVALID, 0,
                          "--%s is not supported: it is for the nodes of a Docker swarm, and hoy has none",
                          flag)
                : 0;
}

int run_network_create(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct create_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct network network;
    struct network_request request = {
        .network = {.name = invocation->arguments.items[0],
                    .ipam_driver = str_eq(flags->ipam_driver, "default") ? NULL : flags->ipam_driver,
                    .internal = flags->internal,
                    .attachable = flags->attachable},
        .ipv6 = flags->ipv6 == ON    ? NETWORK_IPV6_ON
                : flags->ipv6 == OFF ? NETWORK_IPV6_OFF
                                     : NETWORK_IPV6_WHERE_POSSIBLE,
        .no_ipv4 = flags->ipv4 == OFF,
        .subnets = flags->subnets,
        .ranges = flags->ranges,
        .gateways = flags->gateways,
    };
    if (check_swarm(flags, err) || read_driver(flags->driver, &request.network.driver, err) ||
        read_key_values(arena, &flags->labels, &request.network.labels, err) ||
        read_key_values(arena, &flags->options, &request.network.options, err) ||
        read_key_values(arena, &flags->ipam_options, &request.network.ipam_options, err) ||
        read_key_values(arena, &flags->auxiliary, &request.auxiliary, err) ||
        networks_create(engine, arena, &request, &network, err))
        return -1;
    puts(network.id);
    return 0;
}
