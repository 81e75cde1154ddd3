// SPDX-License-Identifier: Apache-2.0
#include "engine/config_networks.h"
#include "base/json_strings.h"
#include "engine/pasta.h"
#include "oci/key_values.h"

#include <string.h>

// Modes

bool network_mode_special(const char *mode) {
    return str_eq(mode, "host") || str_eq(mode, "none") || str_eq(mode, NETWORK_PASTA) ||
           str_has_prefix(mode, "container:") || str_has_prefix(mode, "cni:");
}

bool container_has_networks(const struct container_config *config) {
    return str_empty(config->network_mode) || !network_mode_special(config->network_mode);
}

const char *container_network_name(const struct container_config *config) {
    const char *mode = config->network_mode;
    return str_empty(mode) || str_eq(mode, "default") ? "bridge" : mode;
}

struct endpoint_settings *container_network_find(const struct container_config *config, const char *name) {
    for (size_t i = 0; i < config->networks.count; i++)
        if (str_eq(config->networks.items[i].network, name)) return &config->networks.items[i];
    return NULL;
}

struct endpoint_settings *container_network_add(struct arena *arena, struct container_config *config,
                                                const char *name) {
    struct endpoint_settings *settings = container_network_find(config, name);
    if (settings) return settings;
    settings = arena_push(arena, &config->networks);
    *settings = (struct endpoint_settings){.network = name};
    return settings;
}

// Writing

static void list_write(struct json_writer *w, const char *key, const struct strings *list) {
    if (list->count) json_put_strings(w, key, list);
}

static void text_write(struct json_writer *w, const char *key, const char *text) {
    if (text) json_put_string(w, key, text);
}

static void ipam_write(const struct endpoint_settings *settings, struct json_writer *w) {
    if (!settings->ipv4 && !settings->ipv6 && !settings->link_local_ips.count) return;
    json_begin_object(w, "IPAMConfig");
    text_write(w, "IPv4Address", settings->ipv4);
    text_write(w, "IPv6Address", settings->ipv6);
    list_write(w, "LinkLocalIPs", &settings->link_local_ips);
    json_end_object(w);
}

static void settings_write(const struct endpoint_settings *settings, struct json_writer *w) {
    json_begin_object(w, settings->network);
    ipam_write(settings, w);
    list_write(w, "Links", &settings->links);
    list_write(w, "Aliases", &settings->aliases);
    text_write(w, "MacAddress", settings->mac);
    if (settings->driver_options.count) key_values_write(w, "DriverOpts", &settings->driver_options);
    if (settings->gw_priority) json_put_i64(w, "GwPriority", settings->gw_priority);
    json_end_object(w);
}

void config_networks_store(const struct container_config *config, struct json_writer *w) {
    json_begin_object(w, "NetworkingConfig");
    json_begin_object(w, "EndpointsConfig");
    for (size_t i = 0; i < config->networks.count; i++) settings_write(&config->networks.items[i], w);
    json_end_object(w);
    json_end_object(w);
}

// Reading

struct reader {
    struct arena *arena;
    struct container_config *config;
};

static int settings_read(const char *name, const struct json *json, void *data) {
    struct reader *reader = data;
    struct arena *arena = reader->arena;
    const struct json *ipam = json_get(json, "IPAMConfig");
    if (!json_is_object(json)) return -1;
    struct endpoint_settings *settings =
        container_network_add(arena, reader->config, arena_strdup(arena, name));
    settings->ipv4 = arena_strdup(arena, json_get_string(ipam, "IPv4Address"));
    settings->ipv6 = arena_strdup(arena, json_get_string(ipam, "IPv6Address"));
    settings->mac = arena_strdup(arena, json_get_string(json, "MacAddress"));
    (void)json_i64(json_get(json, "GwPriority"), &settings->gw_priority);
    if (json_strings(arena, json_get(ipam, "LinkLocalIPs"), &settings->link_local_ips) ||
        json_strings(arena, json_get(json, "Links"), &settings->links) ||
        json_strings(arena, json_get(json, "Aliases"), &settings->aliases))
        return -1;
    const struct json *options = json_get(json, "DriverOpts");
    return json_is_null(options) ? 0 : key_values_read(arena, options, &settings->driver_options);
}

int config_networks_read(struct arena *arena, const struct json *json, struct container_config *config) {
    struct reader reader = {.arena = arena, .config = config};
    if (json_is_object(json)) return json_each(json_get(json, "EndpointsConfig"), settings_read, &reader);
    if (container_has_networks(config))
        container_network_add(arena, config, container_network_name(config))->mac = config->mac_address;
    return 0;
}
