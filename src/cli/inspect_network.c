// SPDX-License-Identifier: Apache-2.0
// Networks in the documents of inspect: NetworkSettings of a container.
#include "base/json_strings.h"
#include "base/str.h"
#include "cli/inspect.h"
#include "engine/cni.h"
#include "engine/networks.h"
#include "engine/pasta.h"
#include "network/cni.h"
#include "oci/key_values.h"

#include <stdio.h>
#include <string.h>

static void put_strings(struct json_writer *w, const char *key, const struct strings *list) {
    if (!list->count) return json_put_null(w, key);
    json_put_strings(w, key, list);
}

void inspect_mac(struct json_writer *w, const char *key, const uint8_t *m) {
    static const uint8_t none[6];
    char text[18] = "";
    if (m && memcmp(m, none, sizeof none))
        snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    json_put_string(w, key, text);
}

static void put_address(struct json_writer *w, const char *key, const struct address *address) {
    char text[ADDRESS_TEXT];
    json_put_string(w, key, address_print(address, text));
}

// The fields that a network's entry and, for the default one, the whole share. NULL: it does not run.
static void write_addresses(const struct endpoint *endpoint, struct json_writer *w) {
    static const struct endpoint none;
    if (!endpoint) endpoint = &none;
    json_put_string(w, "EndpointID", endpoint->id ? endpoint->id : "");
    put_address(w, "Gateway", &endpoint->gateways[0]);
    put_address(w, "IPAddress", &endpoint->addresses[0]);
    json_put_i64(w, "IPPrefixLen", endpoint->prefixes[0]);
    put_address(w, "IPv6Gateway", &endpoint->gateways[1]);
    put_address(w, "GlobalIPv6Address", &endpoint->addresses[1]);
    json_put_i64(w, "GlobalIPv6PrefixLen", endpoint->prefixes[1]);
}

static void write_ipam(const struct endpoint_settings *settings, struct json_writer *w) {
    if (!settings->ipv4 && !settings->ipv6 && !settings->link_local_ips.count)
        return json_put_null(w, "IPAMConfig");
    json_begin_object(w, "IPAMConfig");
    if (settings->ipv4) json_put_string(w, "IPv4Address", settings->ipv4);
    if (settings->ipv6) json_put_string(w, "IPv6Address", settings->ipv6);
    if (settings->link_local_ips.count) put_strings(w, "LinkLocalIPs", &settings->link_local_ips);
    json_end_object(w);
}

static void write_entry(const struct endpoint_settings *settings, const char *network_id,
                        const struct endpoint *endpoint, struct json_writer *w) {
    static const struct strings none;
    json_begin_object(w, settings->network);
    write_ipam(settings, w);
    put_strings(w, "Links", &settings->links);
    put_strings(w, "Aliases", &settings->aliases);
    inspect_mac(w, "MacAddress", endpoint ? endpoint->mac : NULL);
    if (settings->driver_options.count)
        key_values_write(w, "DriverOpts", &settings->driver_options);
    else
        json_put_null(w, "DriverOpts");
    json_put_i64(w, "GwPriority", settings->gw_priority);
    json_put_string(w, "NetworkID", network_id);
    write_addresses(endpoint, w);
    put_strings(w, "DNSNames", endpoint ? &endpoint->names : &none);
    json_end_object(w);
}

static const struct endpoint *endpoint_find(const struct endpoints *endpoints, const char *network) {
    for (size_t i = 0; i < endpoints->count; i++)
        if (str_eq(endpoints->items[i].network, network)) return &endpoints->items[i];
    return NULL;
}

// A network may be gone.
static const char *id_of(struct engine *engine, struct arena *arena, const char *name) {
    struct network network;
    struct err ignored;
    return network_load(engine->store.db, arena, name, &network, &ignored) > 0 ? network.id : "";
}

static void write_entries(struct engine *engine, struct arena *arena, const struct container *container,
                          const struct endpoints *endpoints, struct json_writer *w) {
    const struct container_config *config = &container->config;
    json_begin_object(w, "Networks");
    if (str_eq(config->network_mode, "host") || str_eq(config->network_mode, "none") ||
        container_uses_pasta(config)) {
        struct endpoint_settings settings = {.network = config->network_mode};
        write_entry(&settings, id_of(engine, arena, config->network_mode), NULL, w);
    }
    for (size_t i = 0; i < config->networks.count; i++) {
        const char *name = config->networks.items[i].network;
        write_entry(&config->networks.items[i], id_of(engine, arena, name), endpoint_find(endpoints, name),
                    w);
    }
    json_end_object(w);
}

// The same fields of what CNI plugins have made.
static void write_result(const struct cni_result *result, struct json_writer *w) {
    json_put_string(w, "Gateway", result->gateway);
    json_put_string(w, "IPAddress", result->address);
    json_put_i64(w, "IPPrefixLen", result->prefix);
    json_put_string(w, "IPv6Gateway", result->gateway6);
    json_put_string(w, "GlobalIPv6Address", result->address6);
    json_put_i64(w, "GlobalIPv6PrefixLen", result->prefix6);
    json_put_string(w, "MacAddress", result->mac);
}

static int write_cni(struct engine *engine, struct arena *arena, const struct container *container,
                     struct json_writer *w, struct err *err) {
    struct cni_result result = {.mac = "", .address = "", .gateway = "", .address6 = "", .gateway6 = ""};
    const char *dir = arena_printf(arena, "%s/containers/%s", engine->store.runroot, container->id);
    if (str_eq(container->state, "running") && cni_result_read(arena, dir, &result, err) < 0) return -1;
    write_result(&result, w);
    json_begin_object(w, "Networks");
    json_begin_object(w, container->config.network_mode);
    write_result(&result, w);
    json_end_object(w);
    json_end_object(w);
    return 0;
}

int inspect_network_settings(struct engine *engine, struct arena *arena, const struct container *container,
                             struct json_writer *w, struct err *err) {
    struct endpoints endpoints = {0};
    bool running = str_eq(container->state, "running");
    if (running && networks_endpoints(engine, arena, container, &endpoints, err)) return -1;
    const struct endpoint *first = endpoint_find(&endpoints, NETWORK_DEFAULT);
    json_begin_object(w, "NetworkSettings");
    json_put_string(w, "SandboxID", "");
    json_put_string(w, "SandboxKey", running ? arena_printf(arena, "/proc/%d/ns/net", container->pid) : "");
    int r = inspect_ports(engine, arena, container, w, err);
    if (r) return -1;
    if (container_cni_network(&container->config)) {
        r = write_cni(engine, arena, container, w, err);
    } else {
        write_addresses(first, w);
        inspect_mac(w, "MacAddress", first ? first->mac : NULL);
        write_entries(engine, arena, container, &endpoints, w);
    }
    json_end_object(w);
    return r;
}
