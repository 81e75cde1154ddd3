// SPDX-License-Identifier: Apache-2.0
#include "cli/parse_network.h"

#include "cli/parse_modes.h"
#include "cli/parse_mount.h"
#include "cli/parse_value.h"
#include "engine/engine.h"
#include "engine/pasta.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

// Values

static int store_ip(const char *text, uint8_t family, void *field, struct err *err) {
    struct address address;
    if (address_parse(text, &address) || address.family != family)
        return err_set(err, ERR_INVALID, 0, "%s is not an %s address", text,
                       family == AF_INET ? "IPv4" : "IPv6");
    *(const char **)field = text;
    return 0;
}

int store_ipv4(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    return store_ip(text, AF_INET, field, err);
}

int store_ipv6(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    return store_ip(text, AF_INET6, field, err);
}

int store_link_local_ip(struct parse *parse, const char *text, void *field, struct err *err) {
    struct address address;
    struct subnet ipv4, ipv6;
    (void)subnet_parse("169.254.0.0/16", &ipv4);
    (void)subnet_parse("fe80::/10", &ipv6);
    if (address_parse(text, &address) || (!address_in(&address, &ipv4) && !address_in(&address, &ipv6)))
        return err_set(err, ERR_INVALID, 0, "%s is not a link-local address (169.254.0.0/16, fe80::/10)",
                       text);
    strings_add(parse->arena, field, text);
    return 0;
}

// What a resolver can be asked for: a part has at most 63 characters.
static bool is_name(const char *text) {
    size_t part = 0;
    for (const char *c = text; *c; c++) {
        part = *c == '.' ? 0 : part + 1;
        if (part > 63 || (!isalnum((unsigned char)*c) && !strchr("_.-", *c))) return false;
    }
    return *text && strlen(text) <= 253;
}

int store_alias(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!is_name(text))
        return err_set(
            err, ERR_INVALID, 0,
            "'%.256s' is no name for a container on a network: its parts have at most 63 characters, of "
            "letters, digits, - and _",
            text);
    strings_add(parse->arena, field, text);
    return 0;
}

int store_link(struct parse *parse, const char *text, void *field, struct err *err) {
    size_t name = strcspn(text, ":");
    const char *alias = text[name] ? text + name + 1 : text;
    if (!name || !*alias || strchr(alias, ':'))
        return err_set(err, ERR_INVALID, 0, "bad format for links: %s", text);
    if (text[name])
        strings_add(parse->arena, field, text);
    else
        strings_add(parse->arena, field, arena_printf(parse->arena, "%s:%s", text, text));
    return 0;
}

int store_driver_option(struct parse *parse, const char *text, void *field, struct err *err) {
    size_t key = strcspn(text, "=");
    if (!key || !text[key]) return err_set(err, ERR_INVALID, 0, "'%s' is not of the form KEY=VALUE", text);
    *arena_push(parse->arena, (struct spec_key_values *)field) =
        (struct spec_key_value){arena_strndup(parse->arena, text, key), text + key + 1};
    return 0;
}

int store_priority(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    if (parse_i64(text, field)) return err_set(err, ERR_INVALID, 0, "'%s' is not a number", text);
    return 0;
}

static int store_name(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    if (!*text) return err_set(err, ERR_INVALID, 0, "network name/id is not specified");
    *(const char **)field = text;
    return 0;
}

// The long form

#define AT(member) offsetof(struct endpoint_settings, member)

static const struct key {
    const char *name;
    option_store *store;
    size_t at;
} keys[] = {
    {"name", store_name, AT(network)},
    {"alias", store_alias, AT(aliases)},
    {"driver-opt", store_driver_option, AT(driver_options)},
    {"gw-priority", store_priority, AT(gw_priority)},
    {"ip", store_ipv4, AT(ipv4)},
    {"ip6", store_ipv6, AT(ipv6)},
    {"link-local-ip", store_link_local_ip, AT(link_local_ips)},
    {"mac-address", store_mac, AT(mac)},
};

static int read_key(struct parse *parse, char *word, struct endpoint_settings *endpoint, struct err *err) {
    char *value = strchr(word, '=');
    if (!value) return err_set(err, ERR_INVALID, 0, "invalid field %s", word);
    *value++ = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (!strcasecmp(keys[i].name, word))
            return keys[i].store(parse, value, (char *)endpoint + keys[i].at, err);
    return err_set(err, ERR_INVALID, 0, "invalid field key %s", word);
}

static int read_long(struct parse *parse, const char *text, struct endpoint_settings *endpoint,
                     struct err *err) {
    char *rest = arena_strdup(parse->arena, text), *word = NULL;
    while (rest)
        if (parse_field(&rest, &word, err) < 0 || read_key(parse, word, endpoint, err)) return -1;
    if (!endpoint->network) return err_set(err, ERR_INVALID, 0, "network name/id is not specified");
    return 0;
}

static int add(struct parse *parse, struct container_config *config, const struct endpoint_settings *endpoint,
               struct err *err) {
    if (container_network_find(config, endpoint->network))
        return err_set(err, ERR_INVALID, 0, "network \"%s\" is specified multiple times", endpoint->network);
    *container_network_add(parse->arena, config, endpoint->network) = *endpoint;
    return 0;
}

// As CNI's specification has names.
static int check_cni(const char *name, struct err *err) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (*name && strchr(letters, *name) && !name[strspn(name, all)]) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "\"%s\" is no name of a CNI network: it begins with a letter or a digit, and goes on with "
                   "those, dots, dashes and underscores",
                   name);
}

static int read_network(struct parse *parse, const char *text, struct endpoint_settings *endpoint,
                        struct err *err) {
    if (strchr(text, '=') ? read_long(parse, text, endpoint, err)
                          : store_name(parse, text, &endpoint->network, err))
        return -1;
    const char *cni = str_after(endpoint->network, "cni:");
    if (cni && check_cni(cni, err)) return -1;
    if (str_eq(endpoint->network, "default")) endpoint->network = network_usual();
    return 0;
}

int store_network_settings(struct parse *parse, const char *text, void *field, struct err *err) {
    struct network_changes *changes = (struct network_changes *)field; // its first member
    struct endpoint_settings endpoint = {0};
    if (read_network(parse, text, &endpoint, err)) return -1;
    *arena_push(parse->arena, &changes->add) = endpoint;
    return 0;
}

int store_network(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = &((struct settings *)field)->config;
    struct endpoint_settings endpoint = {0};
    if (str_eq(text, "container:"))
        return err_set(err, ERR_INVALID, 0, "invalid container format container:<name|id>");
    if (read_network(parse, text, &endpoint, err)) return -1;
    if (!config->network_mode) config->network_mode = endpoint.network;
    return add(parse, config, &endpoint, err);
}

// Together

static int check_several(const struct container_config *config, struct err *err) {
    for (size_t i = 0; config->networks.count > 1 && i < config->networks.count; i++)
        if (network_mode_special(config->networks.items[i].network))
            return err_set(err, ERR_INVALID, 0,
                           "conflicting options: cannot attach both user-defined and non-user-defined "
                           "network-modes");
    return 0;
}

static int conflict(const char *flag, const char *other, struct err *err) {
    return err_set(err, ERR_INVALID, 0, "conflicting options: cannot specify both --%s and per-network %s",
                   flag, other);
}

static int merge_first(const struct endpoint_settings *flags, struct endpoint_settings *first,
                       struct err *err) {
    if (flags->aliases.count && first->aliases.count) return conflict("network-alias", "alias", err);
    if (flags->ipv4 && first->ipv4) return conflict("ip", "IPv4 address", err);
    if (flags->ipv6 && first->ipv6) return conflict("ip6", "IPv6 address", err);
    if (flags->link_local_ips.count && first->link_local_ips.count)
        return conflict("link-local-ip", "link-local IP addresses", err);
    if (flags->aliases.count) first->aliases = flags->aliases;
    if (flags->ipv4) first->ipv4 = flags->ipv4;
    if (flags->ipv6) first->ipv6 = flags->ipv6;
    if (flags->link_local_ips.count) first->link_local_ips = flags->link_local_ips;
    return 0;
}

// Without an interface of its own the container can't have any of it.
static int check_mode(const struct container_config *config, const struct endpoint_settings *first,
                      const struct endpoint_settings *flags, struct err *err) {
    const char *mode = config->network_mode;
    bool other = str_has_prefix(mode, "container:");
    if (first->ipv4 || first->ipv6 || first->link_local_ips.count)
        return err_set(
            err, ERR_INVALID, 0,
            "conflicting options: user specified IP address is supported on user defined networks only");
    if (first->aliases.count)
        return err_set(err, ERR_INVALID, 0,
                       "network-scoped alias is supported only for containers in user defined networks");
    if (first->driver_options.count || first->gw_priority)
        return err_set(err, ERR_INVALID, 0,
                       "--network %s has no interface of hoy's that options could be for", mode);
    if (flags->links.count && (str_has_prefix(mode, "cni:") || str_eq(mode, NETWORK_PASTA)))
        return err_set(
            err, ERR_INVALID, 0,
            "--link: the containers of the network %s have no names for each other; with --network "
            "container:X one has the localhost of another",
            mode);
    if (flags->links.count && !str_eq(mode, "none"))
        return err_set(
            err, ERR_INVALID, 0,
            "conflicting options: %s type network%s can't be used with links. This would result in "
            "undefined behavior",
            other ? "container" : "host", other ? "" : "ing");
    return 0;
}

int networks_finish(struct arena *arena, struct settings *settings, struct err *err) {
    struct container_config *config = &settings->config;
    const struct endpoint_settings *flags = &settings->endpoint;
    if (!config->network_mode) config->network_mode = network_usual();
    struct endpoint_settings *first = container_network_add(arena, config, config->network_mode);
    if (check_several(config, err) || merge_first(flags, first, err)) return -1;
    if (config->mac_address && first->mac) return conflict("mac-address", "MAC address", err);
    if (first->mac && !config->mac_address) config->mac_address = first->mac;
    if (network_mode_special(config->network_mode)) {
        if (check_mode(config, first, flags, err)) return -1;
        config->networks.count = 0;
        return 0;
    }
    // On the default network links are more than names.
    *(str_eq(config->network_mode, NETWORK_DEFAULT) ? &config->links : &first->links) = flags->links;
    return 0;
}
