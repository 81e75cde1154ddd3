// SPDX-License-Identifier: Apache-2.0
// network ls, inspect, rm, prune, connect, disconnect.
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/format.h"
#include "cli/inspect.h"
#include "cli/parse_network.h"
#include "cli/store_filter.h"
#include "engine/networks.h"
#include "oci/key_values.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// ls

struct ls_flags {
    bool quiet, no_trunc;
    struct strings filters;
    const char *format;
};

#define LS(member) offsetof(struct ls_flags, member)
static const struct option ls_rows[] = {
    {"filter", 'f', "filter", "Provide filter values: dangling, driver, id, label, name, scope, type",
     store_filter, LS(filters)},
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, LS(format)},
    {"no-trunc", 0, NULL, "Do not truncate the output", store_flag, LS(no_trunc)},
    {"quiet", 'q', NULL, "Only display network IDs", store_flag, LS(quiet)},
};
const struct option_table network_ls_options_table = OPTIONS(ls_rows, struct ls_flags);

static bool has_pool(const struct network *network, size_t i) {
    return address_is_set(&network->pools[i].subnet.base);
}

// As Go prints a time: "2026-01-02 03:04:05.06 +0000 UTC".
static const char *created_text(struct arena *arena, int64_t wall_ns) {
    time_t seconds = (time_t)(wall_ns / 1000000000);
    char date[32], fraction[12];
    struct tm tm;
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", gmtime_r(&seconds, &tm));
    int length = snprintf(fraction, sizeof fraction, ".%09d", (int)(wall_ns % 1000000000));
    while (length > 0 && strchr("0.", fraction[length - 1])) fraction[--length] = '\0';
    return arena_printf(arena, "%s%s +0000 UTC", date, fraction);
}

struct row {
    const struct network *network;
    bool whole; // --no-trunc
};

FORMAT_COLUMN(row_id) {
    const struct row *row = data;
    return row->whole ? row->network->id : arena_strndup(arena, row->network->id, SHORT_ID);
}

FORMAT_COLUMN(row_name) {
    return ((const struct row *)data)->network->name;
}

FORMAT_COLUMN(row_driver) {
    return network_driver_name(((const struct row *)data)->network->driver);
}

FORMAT_COLUMN(row_scope) {
    return "local";
}

FORMAT_COLUMN(row_ipv4) {
    return has_pool(((const struct row *)data)->network, 0) ? "true" : "false";
}

FORMAT_COLUMN(row_ipv6) {
    return has_pool(((const struct row *)data)->network, 1) ? "true" : "false";
}

FORMAT_COLUMN(row_internal) {
    return ((const struct row *)data)->network->internal ? "true" : "false";
}

FORMAT_COLUMN(row_labels) {
    return key_values_text(arena, &((const struct row *)data)->network->labels);
}

FORMAT_COLUMN(row_label) {
    return key_values_value(&((const struct row *)data)->network->labels, argument);
}

FORMAT_COLUMN(row_created) {
    return created_text(arena, ((const struct row *)data)->network->created);
}

static const struct value_method columns[] = {
    {"ID", "NETWORK ID", row_id, false},
    {"Name", "NAME", row_name, false},
    {"Driver", "DRIVER", row_driver, false},
    {"Scope", "SCOPE", row_scope, false},
    {"IPv4", "IPV4", row_ipv4, false},
    {"IPv6", "IPV6", row_ipv6, false},
    {"Internal", "INTERNAL", row_internal, false},
    {"Labels", "LABELS", row_labels, false},
    {"CreatedAt", "CREATED AT", row_created, false},
    {"Label", NULL, row_label, true},
};
static const struct format_listing listing = {
    .rows = {"*network.networkContext", columns, ARRAY_SIZE(columns)},
    .table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    .raw = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
    .raw_quiet = "network_id: {{.ID}}",
};

int run_network_ls(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct ls_flags *flags = invocation->options;
    _cleanup_(format_finish) struct format format = {0};
    struct networks networks;
    if (networks_list(engine, &invocation->arena, &flags->filters, &networks, err) ||
        format_begin(&format, &listing, flags->format, flags->quiet, err))
        return -1;
    for (size_t i = 0; i < networks.count; i++) {
        const struct row row = {&networks.items[i], flags->no_trunc};
        if (format_add(&format, &row, err)) return -1;
    }
    format_print(&format, stdout);
    return 0;
}

// inspect

static void put_pool(const struct network *network, size_t i, struct json_writer *w) {
    const struct network_pool *pool = &network->pools[i];
    char text[SUBNET_TEXT];
    if (!has_pool(network, i)) return;
    json_begin_object(w, NULL);
    json_put_string(w, "Subnet", subnet_print(&pool->subnet, text));
    if (address_is_set(&pool->range.base)) json_put_string(w, "IPRange", subnet_print(&pool->range, text));
    if (address_is_set(&pool->gateway)) json_put_string(w, "Gateway", address_print(&pool->gateway, text));
    if (network->auxiliary[i].count) key_values_write(w, "AuxiliaryAddresses", &network->auxiliary[i]);
    json_end_object(w);
}

static void put_ipam(const struct network *network, struct json_writer *w) {
    json_begin_object(w, "IPAM");
    json_put_string(w, "Driver", "default");
    json_put_null(w, "Options");
    json_begin_array(w, "Config");
    for (size_t i = 0; i < 2; i++) put_pool(network, i, w);
    json_end_array(w);
    json_end_object(w);
}

static void put_cidr(struct json_writer *w, const char *key, const struct endpoint *endpoint, size_t i) {
    char address[ADDRESS_TEXT], text[SUBNET_TEXT] = "";
    if (address_is_set(&endpoint->addresses[i]))
        snprintf(text, sizeof text, "%s/%u", address_print(&endpoint->addresses[i], address),
                 endpoint->prefixes[i]);
    json_put_string(w, key, text);
}

static void put_member(const struct network_member *member, struct json_writer *w) {
    const struct endpoint *endpoint = &member->endpoint;
    json_begin_object(w, member->id);
    json_put_string(w, "Name", member->name);
    json_put_string(w, "EndpointID", endpoint->id ? endpoint->id : "");
    inspect_mac(w, "MacAddress", endpoint->mac);
    put_cidr(w, "IPv4Address", endpoint, 0);
    put_cidr(w, "IPv6Address", endpoint, 1);
    json_end_object(w);
}

// Docker's default options of its own bridge.
static void put_options(const struct network *network, struct json_writer *w) {
    if (!network_is_default(network)) return key_values_write(w, "Options", &network->options);
    json_begin_object(w, "Options");
    json_put_string(w, "com.docker.network.bridge.default_bridge", "true");
    json_put_string(w, "com.docker.network.bridge.enable_icc", "true");
    json_put_string(w, "com.docker.network.bridge.enable_ip_masquerade", "true");
    json_put_string(w, "com.docker.network.bridge.host_binding_ipv4", "0.0.0.0");
    json_put_string(w, "com.docker.network.bridge.name", network->link);
    json_put_string(w, "com.docker.network.driver.mtu", "1500");
    json_end_object(w);
}

int inspect_network(struct engine *engine, struct arena *arena, const char *name, struct json_writer *w,
                    struct err *err) {
    struct network network;
    struct network_members members;
    if (networks_find(engine, arena, name, &network, err) ||
        networks_members(engine, arena, &network, &members, err))
        return -1;
    json_begin_object(w, NULL);
    json_put_string(w, "Name", network.name);
    json_put_string(w, "Id", network.id);
    inspect_time(w, "Created", network.created);
    json_put_string(w, "Scope", "local");
    json_put_string(w, "Driver", network_driver_name(network.driver));
    json_put_bool(w, "EnableIPv4", has_pool(&network, 0));
    json_put_bool(w, "EnableIPv6", has_pool(&network, 1));
    put_ipam(&network, w);
    json_put_bool(w, "Internal", network.internal);
    json_put_bool(w, "Attachable", network.attachable);
    json_put_bool(w, "Ingress", false);
    json_begin_object(w, "ConfigFrom");
    json_put_string(w, "Network", "");
    json_end_object(w);
    json_put_bool(w, "ConfigOnly", false);
    json_begin_object(w, "Containers");
    for (size_t i = 0; i < members.count; i++) put_member(&members.items[i], w);
    json_end_object(w);
    put_options(&network, w);
    key_values_write(w, "Labels", &network.labels);
    json_end_object(w);
    return 0;
}

// rm

struct rm_flags {
    bool force;
};

static const struct option rm_rows[] = {
    {"force", 'f', NULL, "Do not error if the network does not exist", store_flag,
     offsetof(struct rm_flags, force)},
};
const struct option_table network_rm_options_table = OPTIONS(rm_rows, struct rm_flags);

int run_network_rm(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    const struct rm_flags *flags = invocation->options;
    if (networks_remove(engine, &invocation->arena, name, err)) {
        if (!flags->force || err->kind != ERR_NOT_FOUND) return -1;
        return 0;
    }
    puts(name);
    return 0;
}

// prune

struct prune_flags {
    struct strings filters;
    bool force;
};

static const struct option prune_rows[] = {
    {"filter", 0, "filter", "Provide filter values: until, label, label!", store_filter,
     offsetof(struct prune_flags, filters)},
    {"force", 'f', NULL, "Do not prompt for confirmation", store_flag, offsetof(struct prune_flags, force)},
};
const struct option_table network_prune_options_table = OPTIONS(prune_rows, struct prune_flags);

int run_network_prune(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct prune_flags *flags = invocation->options;
    struct strings names;
    if (!flags->force && !confirm("This will remove all custom networks not used by at least one container."))
        return 0;
    if (networks_prune(engine, &invocation->arena, &flags->filters, &names, err)) return -1;
    print_pruned("Deleted Networks:", &names);
    return 0;
}

// connect, disconnect

#define SETTINGS(member) offsetof(struct endpoint_settings, member)
static const struct option connect_rows[] = {
    {"alias", 0, "strings", "Add network-scoped alias for the container", store_alias, SETTINGS(aliases)},
    {"driver-opt", 0, "strings", "Driver options for the network", store_driver_option,
     SETTINGS(driver_options)},
    {"gw-priority", 0, "int", "Highest gw-priority provides the default gateway", store_priority,
     SETTINGS(gw_priority)},
    {"ip", 0, "ip", "IPv4 address (e.g., 172.30.100.104)", store_ipv4, SETTINGS(ipv4)},
    {"ip6", 0, "ip", "IPv6 address (e.g., 2001:db8::33)", store_ipv6, SETTINGS(ipv6)},
    {"link", 0, "list", "Add link to another container", store_link, SETTINGS(links)},
    {"link-local-ip", 0, "strings", "Add a link-local address for the container", store_link_local_ip,
     SETTINGS(link_local_ips)},
};
const struct option_table network_connect_options_table = OPTIONS(connect_rows, struct endpoint_settings);

int run_network_connect(struct invocation *invocation, struct engine *engine, struct err *err) {
    const char *const *names = invocation->arguments.items;
    return networks_connect(engine, &invocation->arena, names[0], names[1], invocation->options, err);
}

struct disconnect_flags {
    bool force;
};

static const struct option disconnect_rows[] = {
    {"force", 'f', NULL, "Force the container to disconnect from a network", store_flag,
     offsetof(struct disconnect_flags, force)},
};
const struct option_table network_disconnect_options_table =
    OPTIONS(disconnect_rows, struct disconnect_flags);

int run_network_disconnect(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct disconnect_flags *flags = invocation->options;
    const char *const *names = invocation->arguments.items;
    return networks_disconnect(engine, &invocation->arena, names[0], names[1], flags->force, err);
}
