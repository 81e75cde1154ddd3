// SPDX-License-Identifier: Apache-2.0
// A row an option: whose it is, and what is a value of it.
#include "network/options.h"

#include "kernel/link.h"
#include "oci/key_values.h"

#include <ctype.h>
#include <string.h>
#include <sys/socket.h>

static bool is_any(const char *value) {
    return *value != '\0';
}

static bool is_bool(const char *value) {
    bool ignored;
    return !parse_bool(value, &ignored);
}

static bool is_mtu(const char *value) {
    uint32_t mtu;
    return !parse_u32(value, &mtu) && (mtu == 0 || (mtu >= 68 && mtu <= 65535));
}

static bool is_link(const char *value) {
    size_t length = strlen(value);
    if (!length || length >= LINK_NAME_SIZE || str_eq(value, ".") || str_eq(value, "..")) return false;
    for (; *value; value++)
        if (!isgraph((unsigned char)*value) || *value == '/' || *value == ':') return false;
    return true;
}

// With a number behind it.
static bool is_prefix(const char *value) {
    return is_link(value) && strlen(value) < LINK_NAME_SIZE - 3;
}

static bool is_ipv4(const char *value) {
    struct address address;
    return !address_parse(value, &address) && address.family == AF_INET;
}

static bool is_gateway_mode(const char *value) {
    return str_eq(value, "nat") || str_eq(value, "routed") || str_eq(value, "isolated");
}

static bool is_macvlan_mode(const char *value) {
    return link_child_has_mode("macvlan", value);
}

static bool is_ipvlan_mode(const char *value) {
    return link_child_has_mode("ipvlan", value);
}

static bool is_ipvlan_flag(const char *value) {
    return link_child_has_flag("ipvlan", value);
}

#define BRIDGE  (1u << NETWORK_DRIVER_BRIDGE)
#define MACVLAN (1u << NETWORK_DRIVER_MACVLAN)
#define IPVLAN  (1u << NETWORK_DRIVER_IPVLAN)

static const struct {
    const char *key;
    unsigned drivers;
    bool (*is_value)(const char *value);
    const char *values;
} rows[] = {
    {OPTION_BRIDGE_NAME, BRIDGE, is_link, "a name of an interface, of at most 15 characters"},
    {OPTION_MASQUERADE, BRIDGE, is_bool, "true or false"},
    {OPTION_ICC, BRIDGE, is_bool, "true or false"},
    {OPTION_HOST_IPV4, BRIDGE, is_ipv4, "an IPv4 address"},
    {OPTION_MODE_IPV4, BRIDGE, is_gateway_mode, "nat, routed or isolated"},
    {OPTION_MODE_IPV6, BRIDGE, is_gateway_mode, "nat, routed or isolated"},
    {OPTION_INHIBIT, BRIDGE, is_bool, "true or false"},
    {OPTION_MTU, BRIDGE | MACVLAN | IPVLAN, is_mtu, "a number from 68 to 65535"},
    {OPTION_PREFIX, BRIDGE | MACVLAN | IPVLAN, is_prefix, "the beginning of an interface's name"},
    {"parent", MACVLAN | IPVLAN, is_any, "an interface of the host"},
    {"macvlan_mode", MACVLAN, is_macvlan_mode, "bridge, private, vepa or passthru"},
    {"ipvlan_mode", IPVLAN, is_ipvlan_mode, "l2, l3 or l3s"},
    {"ipvlan_flag", IPVLAN, is_ipvlan_flag, "bridge, private or vepa"},
};

static int option_check(const struct network *network, const struct spec_key_value *option, struct err *err) {
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (!str_eq(rows[i].key, option->key) || !(rows[i].drivers & 1u << network->driver)) continue;
        if (rows[i].is_value(option->value)) return 0;
        return err_set(err, ERR_INVALID, 0, "option %s: '%s' is not %s", option->key, option->value,
                       rows[i].values);
    }
    return err_set(err, ERR_INVALID, 0, "option %s is not one of the driver %s", option->key,
                   network_driver_name(network->driver));
}

int options_check(const struct network *network, struct err *err) {
    for (size_t i = 0; i < network->options.count; i++)
        if (option_check(network, &network->options.items[i], err)) return -1;
    return 0;
}

int endpoint_options_check(const struct endpoint_settings *settings, struct err *err) {
    for (size_t i = 0; i < settings->driver_options.count; i++) {
        const struct spec_key_value *option = &settings->driver_options.items[i];
        if (!str_eq(option->key, OPTION_INTERFACE))
            return err_set(err, ERR_INVALID, 0, "--driver-opt %s is not supported: %s is", option->key,
                           OPTION_INTERFACE);
        if (!is_link(option->value) || str_eq(option->value, "lo"))
            return err_set(err, ERR_INVALID, 0, "--driver-opt %s: '%s' is no name of an interface",
                           option->key, option->value);
    }
    return 0;
}

uint32_t network_mtu(const struct network *network) {
    uint32_t mtu = 0;
    const char *value = key_values_find(&network->options, OPTION_MTU);
    if (value) (void)parse_u32(value, &mtu);
    return mtu;
}

bool network_switch(const struct network *network, const char *key, bool fallback) {
    const char *value = key_values_find(&network->options, key);
    if (value) (void)parse_bool(value, &fallback);
    return fallback;
}

enum network_gateway_mode network_gateway_mode(const struct network *network, bool ipv6) {
    const char *value = key_values_find(&network->options, ipv6 ? OPTION_MODE_IPV6 : OPTION_MODE_IPV4);
    return str_eq(value, "routed")     ? NETWORK_GATEWAY_ROUTED
           : str_eq(value, "isolated") ? NETWORK_GATEWAY_ISOLATED
                                       : NETWORK_GATEWAY_NAT;
}

const char *network_mode(const struct network *network) {
    bool macvlan = network->driver == NETWORK_DRIVER_MACVLAN;
    const char *value = key_values_find(&network->options, macvlan ? "macvlan_mode" : "ipvlan_mode");
    return value ? value : macvlan ? "bridge" : "l2";
}

const char *network_flag(const struct network *network) {
    const char *value = key_values_find(&network->options, "ipvlan_flag");
    return value ? value : "bridge";
}

const char *network_prefix(const struct network *network) {
    const char *value = key_values_find(&network->options, OPTION_PREFIX);
    return value ? value : "eth";
}
