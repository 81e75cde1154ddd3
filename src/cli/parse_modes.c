// SPDX-License-Identifier: Apache-2.0
#include "cli/parse_modes.h"

#include "base/str.h"
#include "engine/config_ports.h"
#include "oci/key_values.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

// Namespaces

static bool is_container(const char *text) {
    const char *name = str_after(text, "container:");
    return name && *name;
}

static bool is_one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (str_eq(text, *words)) return true;
    return false;
}

static int store_mode(const char *text, bool valid, const char *kind, const char *known, void *field,
                      struct err *err) {
    if (*text && !valid) return err_set(err, ERR_INVALID, 0, "invalid %s mode: it is %s", kind, known);
    *(const char **)field = *text ? text : NULL;
    return 0;
}

int store_pid(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    return store_mode(text, str_eq(text, "host") || is_container(text), "PID", "host or container:X", field,
                      err);
}

int store_ipc(struct parse *parse, const char *text, void *field, struct err *err) {
    static const char *const words[] = {"none", "private", "shareable", "host", NULL};
    (void)parse;
    return store_mode(text, is_one_of(text, words) || is_container(text), "IPC",
                      "none, private, shareable, host or container:X", field, err);
}

int store_uts(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    return store_mode(text, str_eq(text, "host"), "UTS", "host", field, err);
}

int store_userns(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    return store_mode(text, str_eq(text, "host"), "USER", "host", field, err);
}

int store_cgroupns(struct parse *parse, const char *text, void *field, struct err *err) {
    static const char *const words[] = {"host", "private", NULL};
    (void)parse;
    return store_mode(text, is_one_of(text, words), "CGROUP", "host or private", field, err);
}

int store_firewall(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    if (!str_eq(text, "respect") && !str_eq(text, "bypass"))
        return err_set(err, ERR_INVALID, 0, "'%s' is neither respect nor bypass", text);
    *(const char **)field = text;
    return 0;
}

// "dns" alone may differ: Docker's check of the network mode.
static int conflict(const char *what, const char *with, struct err *err) {
    return err_set(err, ERR_INVALID, 0, "conflicting options: %s and the %s", what, with);
}

int modes_check(const struct container_config *config, struct err *err) {
    bool names = config->hostname || config->domainname;
    if (str_eq(config->uts_mode, "host") && names) return conflict("hostname", "UTS mode", err);
    bool other = str_has_prefix(config->network_mode ? config->network_mode : "", "container:");
    if (config->mac_address && (other || str_eq(config->network_mode, "host")))
        return conflict("mac-address", "network mode", err);
    if (!other) return 0;
    if (names) return conflict("hostname", "network mode", err);
    if (config->dns.count || config->dns_search.count || config->dns_options.count)
        return conflict("dns", "network mode", err);
    if (config->add_host.count) return conflict("custom host-to-IP mapping", "network mode", err);
    if (config->ports.count || config->publish_all)
        return conflict("port publishing", "container type network mode", err);
    if (config->exposed_ports.count) return conflict("port exposing", "container type network mode", err);
    return 0;
}

// Choices

int store_runtime(struct parse *parse, const char *text, void *field, struct err *err) {
    static const char *const own[] = {"hoy", "hoy-runtime", "runc", "io.containerd.runc.v2", NULL};
    (void)parse;
    if (*text && !is_one_of(text, own))
        return err_set(
            err, ERR_INVALID, 0,
            "unknown or invalid runtime name: %s; hoy has its own, hoy-runtime, which also answers "
            "to runc and io.containerd.runc.v2",
            text);
    *(const char **)field = *text ? text : NULL;
    return 0;
}

int store_isolation(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    if (*text && strcasecmp(text, "default") != 0)
        return err_set(err, ERR_INVALID, 0, "invalid isolation '%s': on Linux there is only 'default'", text);
    *(const char **)field = *text ? "default" : NULL;
    return 0;
}

int store_content_trust(struct parse *parse, const char *text, void *field, struct err *err) {
    bool disable;
    (void)parse, (void)field;
    if (parse_bool(text, &disable) < 0) return err_set(err, ERR_INVALID, 0, "it is either true or false");
    if (disable) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "hoy has no Notary content trust: require signatures with a policy.json instead");
}

int refuse_windows(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)text, (void)field;
    return err_set(err, ERR_INVALID, 0, "--%s is for containers of Windows, and this is Linux",
                   parse->option->name);
}

int refuse_kernel_memory(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse, (void)text, (void)field;
    return err_set(err, ERR_INVALID, 0,
                   "Linux has no limit for the kernel's memory any more: --memory counts it, too");
}

int refuse_api_socket(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse, (void)text, (void)field;
    return err_set(err, ERR_INVALID, 0, "hoy has no API socket yet that a container could be given");
}

// Maps

static int pair_read(struct parse *parse, const char *text, struct spec_key_value *ret_pair,
                     struct err *err) {
    char *key = arena_strdup(parse->arena, text), *value = strchr(key, '=');
    if (value == key || !*key) return err_set(err, ERR_INVALID, 0, "the name is missing");
    if (!value) return err_set(err, ERR_INVALID, 0, "it is not of the form KEY=VALUE");
    *value++ = 0;
    *ret_pair = (struct spec_key_value){key, value};
    return 0;
}

int store_annotation(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = field;
    struct spec_key_value pair;
    if (pair_read(parse, text, &pair, err) < 0) return -1;
    if (str_has_prefix(pair.key, "hoy."))
        return err_set(err, ERR_INVALID, 0, "names that begin with \"hoy.\" are hoy's own");
    key_values_set(parse->arena, &config->annotations, pair.key, pair.value);
    return 0;
}

int store_storage(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_config *config = field;
    struct spec_key_value pair;
    uint64_t bytes;
    if (pair_read(parse, text, &pair, err) < 0) return -1;
    if (!str_eq(pair.key, "size")) return err_set(err, ERR_INVALID, 0, "there is no option '%s'", pair.key);
    if (parse_size(pair.value, &bytes) || !bytes)
        return err_set(err, ERR_INVALID, 0, "invalid size: '%s'", pair.value);
    config->storage_opt.count = 0; // of several the last one counts
    *arena_push(parse->arena, &config->storage_opt) = pair;
    return 0;
}

// Ports

// "8000-8010", "80"
static int range_read(char *text, uint32_t *ret_first, uint32_t *ret_last) {
    char *dash = strchr(text, '-');
    if (dash) *dash++ = 0;
    if (parse_u32(text, ret_first) || parse_u32(dash ? dash : text, ret_last)) return -1;
    return *ret_first && *ret_first <= *ret_last && *ret_last <= 65535 ? 0 : -1;
}

int store_expose(struct parse *parse, const char *text, void *field, struct err *err) {
    static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
    struct strings *ports = field;
    uint32_t first, last;
    if (strchr(text, ':')) return err_set(err, ERR_INVALID, 0, "invalid port format for --expose: %s", text);
    char *range = arena_strdup(parse->arena, text), *protocol = strchr(range, '/');
    if (protocol) *protocol++ = 0;
    for (char *c = protocol; c && *c; c++) *c = (char)tolower((unsigned char)*c);
    if (protocol && !is_one_of(protocol, protocols))
        return err_set(err, ERR_INVALID, 0, "invalid proto: %s", protocol);
    if (range_read(range, &first, &last))
        return err_set(err, ERR_INVALID, 0,
                       "invalid range format for --expose: %s: it is PORT[-PORT][/PROTOCOL]", text);
    struct strings before = *ports;
    for (uint32_t port = first; port <= last; port++) {
        const char *name = arena_printf(parse->arena, "%u/%s", port, protocol ? protocol : "tcp");
        if (!strings_have(&before, name)) strings_add(parse->arena, ports, name);
    }
    return 0;
}

int store_publish(struct parse *parse, const char *text, void *field, struct err *err) {
    struct port_binding binding;
    if (port_binding_parse(parse->arena, text, &binding, err)) return -1;
    *arena_push(parse->arena, (struct port_bindings *)field) = binding;
    return 0;
}

int store_mac(struct parse *parse, const char *text, void *field, struct err *err) {
    unsigned m[6];
    int end = 0;
    (void)parse;
    bool valid =
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &end) == 6 &&
        strlen(text) == 17 && end == 17 && strspn(text, "0123456789abcdefABCDEF:") == 17;
    if (!valid) return err_set(err, ERR_INVALID, 0, "%s is not a valid mac address", text);
    // Bit 0 says that an address is a group's.
    if (m[0] & 1 || !(m[0] | m[1] | m[2] | m[3] | m[4] | m[5]))
        return err_set(err, ERR_INVALID, 0, "%s is no address of a single interface", text);
    *(const char **)field = text;
    return 0;
}
