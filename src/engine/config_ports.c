// SPDX-License-Identifier: Apache-2.0
// Docker has a key for each port, and inspect prints that. The database keeps the ranges as they were given:
// a container with thousands of ports is read as quickly as another.
#include "engine/config_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

static int protocol_number(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
        if (!strcasecmp(protocols[i].name, name)) return protocols[i].number;
    return -EINVAL;
}

bool port_binding_has(const struct port_binding *binding, uint8_t protocol, uint16_t port) {
    return binding->protocol == protocol && port >= binding->port && port - binding->port < binding->count;
}

// The grammar

// "80", "80-90"; 0 is no port of a container's.
static int range_parse(const char *text, uint32_t least, uint32_t *ret_first, uint32_t *ret_last) {
    char first[16];
    const char *dash = strchr(text, '-');
    size_t length = dash ? (size_t)(dash - text) : strlen(text);
    if (length >= sizeof first) return -EINVAL;
    memcpy(first, text, length);
    first[length] = '\0';
    if (parse_u32(first, ret_first) || parse_u32(dash ? dash + 1 : first, ret_last)) return -EINVAL;
    return *ret_first >= least && *ret_first <= *ret_last && *ret_last <= UINT16_MAX ? 0 : -EINVAL;
}

int port_parse(const char *text, uint16_t *ret_port, uint8_t *ret_protocol) {
    char number[8];
    uint32_t first, last;
    size_t length = strcspn(text, "/");
    int protocol = text[length] ? protocol_number(text + length + 1) : IPPROTO_TCP;
    if (length >= sizeof number || protocol < 0) return -EINVAL;
    memcpy(number, text, length);
    number[length] = '\0';
    if (strchr(number, '-') || range_parse(number, 1, &first, &last)) return -EINVAL;
    *ret_port = (uint16_t)first;
    *ret_protocol = (uint8_t)protocol;
    return 0;
}

// "published=8080,target=80,protocol=udp" becomes "8080:80/udp".
static int convert_long_form(struct arena *arena, const char **text, struct err *err) {
    const char *published = "", *target = "", *protocol = "tcp";
    char *rest = arena_strdup(arena, *text);
    for (char *word; (word = strsep(&rest, ","));) {
        char *value = strchr(word, '=');
        if (!value || value == word)
            return err_set(err, ERR_INVALID, 0,
                           "invalid publish opts format (should be name=value but got '%s')", word);
        *value++ = '\0';
        const char **field = str_eq(word, "published")  ? &published
                             : str_eq(word, "target")   ? &target
                             : str_eq(word, "protocol") ? &protocol
                                                        : NULL;
        if (!field)
            return err_set(err, ERR_INVALID, 0,
                           "there is no '%s': it is published=, target= or protocol=", word);
        *field = value;
    }
    *text = arena_printf(arena, "%s:%s/%s", published, target, protocol);
    return 0;
}

// An address in brackets is version 6; without, it has no colons.
static int host_parse(struct arena *arena, char *text, const char **ret_host, struct err *err) {
    char name[INET6_ADDRSTRLEN];
    struct in6_addr address;
    char *plain = text;
    size_t length = strlen(text);
    bool brackets = *text == '[';
    if (brackets && text[length - 1] != ']')
        return err_set(err, ERR_INVALID, 0, "Invalid ip address %s: it has no ']'", text);
    if (brackets) {
        text[length - 1] = '\0';
        plain++;
    } else if (strchr(text, ':')) {
        return err_set(err, ERR_INVALID, 0,
                       "Invalid ip address %s: too many colons; one of version 6 stands in brackets", text);
    }
    int family = strchr(plain, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, plain, &address) != 1)
        return err_set(err, ERR_INVALID, 0, "Invalid ip address: %s", plain);
    if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address))
        return err_set(err, ERR_INVALID, 0, "Invalid ip address: %s is one of version 4, written as one of 6",
                       plain);
    *ret_host = arena_strdup(arena, inet_ntop(family, &address, name, sizeof name));
    return 0;
}

// The container's part is behind the last colon, the host's port before it, and all else is the address.
struct parts {
    char *host, *host_port, *port, *protocol;
};

static void split(char *text, struct parts *ret_parts) {
    struct parts parts = {.port = text};
    char *colon = strrchr(text, ':');
    if (colon) {
        *colon = '\0';
        parts.port = colon + 1;
        parts.host_port = text;
        colon = strrchr(text, ':');
        if (colon) {
            *colon = '\0';
            parts.host_port = colon + 1;
            parts.host = text;
        }
    }
    parts.protocol = strchr(parts.port, '/');
    if (parts.protocol) *parts.protocol++ = '\0';
    *ret_parts = parts;
}

static int ports_parse(const char *text, const struct parts *parts, struct port_binding *binding,
                       struct err *err) {
    uint32_t first, last, host_first = 0, host_last = 0;
    if (!*parts->port) return err_set(err, ERR_INVALID, 0, "No port specified: %s<empty>", text);
    if (range_parse(parts->port, 1, &first, &last))
        return err_set(err, ERR_INVALID, 0, "Invalid containerPort: %s", parts->port);
    bool given = !str_empty(parts->host_port);
    if (given && range_parse(parts->host_port, 0, &host_first, &host_last))
        return err_set(err, ERR_INVALID, 0, "Invalid hostPort: %s", parts->host_port);
    if (given && !host_first && host_last)
        return err_set(err, ERR_INVALID, 0, "Invalid hostPort: %s: 0 is no port", parts->host_port);
    if (host_first && last > first && last - first != host_last - host_first)
        return err_set(err, ERR_INVALID, 0,
                       "Invalid ranges specified for container and host Ports: %s and %s", parts->port,
                       parts->host_port);
    binding->port = (uint16_t)first;
    binding->count = (uint16_t)(last - first + 1);
    binding->host_port = (uint16_t)host_first;
    binding->host_count = (uint16_t)(host_first ? host_last - host_first + 1 : 0);
    return 0;
}

int port_binding_parse(struct arena *arena, const char *text, struct port_binding *ret_binding,
                       struct err *err) {
    struct parts parts;
    struct port_binding binding = {.protocol = IPPROTO_TCP};
    if (strchr(text, '=') && convert_long_form(arena, &text, err)) return -1;
    split(arena_strdup(arena, text), &parts);
    if (!str_empty(parts.protocol)) {
        int protocol = protocol_number(parts.protocol);
        if (protocol < 0) return err_set(err, ERR_INVALID, 0, "Invalid proto: %s", parts.protocol);
        binding.protocol = (uint8_t)protocol;
    }
    if (!str_empty(parts.host) && host_parse(arena, parts.host, &binding.host, err)) return -1;
    if (ports_parse(text, &parts, &binding, err)) return -1;
    *ret_binding = binding;
    return 0;
}

static const char *range_text(struct arena *arena, uint16_t first, uint16_t count) {
    return count > 1 ? arena_printf(arena, "%u-%u", first, first + count - 1u)
                     : arena_printf(arena, "%u", first);
}

const char *port_binding_text(struct arena *arena, const struct port_binding *binding) {
    _cleanup_(str_finish) struct str text = {0};
    if (binding->host) str_printf(&text, strchr(binding->host, ':') ? "[%s]:" : "%s:", binding->host);
    if (binding->host_port) str_add(&text, range_text(arena, binding->host_port, binding->host_count));
    if (text.len) str_add_char(&text, ':');
    str_add(&text, range_text(arena, binding->port, binding->count));
    if (binding->protocol != IPPROTO_TCP) str_printf(&text, "/%s", port_protocol_name(binding->protocol));
    return arena_strdup(arena, str_get(&text));
}

// Docker's documents

// A key for each port of the container's: the first binding that has one writes all that have it.
static bool is_first(const struct port_bindings *ports, size_t index, uint16_t port) {
    for (size_t i = 0; i < index; i++)
        if (port_binding_has(&ports->items[i], ports->items[index].protocol, port)) return false;
    return true;
}

static void host_port_write(const struct port_binding *binding, uint16_t port, struct json_writer *w) {
    char text[16] = "";
    unsigned first = binding->host_port, last = first + binding->host_count - 1u;
    if (first && binding->count == 1 && binding->host_count > 1)
        snprintf(text, sizeof text, "%u-%u", first, last);
    else if (first)
        snprintf(text, sizeof text, "%u", first + port - binding->port);
    json_begin_object(w, NULL);
    json_put_string(w, "HostIp", binding->host ? binding->host : "");
    json_put_string(w, "HostPort", text);
    json_end_object(w);
}

static void key_write(const struct port_bindings *ports, size_t index, uint16_t port, struct json_writer *w) {
    char key[24];
    const struct port_binding *first = &ports->items[index];
    snprintf(key, sizeof key, "%u/%s", port, port_protocol_name(first->protocol));
    json_begin_array(w, key);
    for (size_t i = index; i < ports->count; i++)
        if (port_binding_has(&ports->items[i], first->protocol, port))
            host_port_write(&ports->items[i], port, w);
    json_end_array(w);
}

void config_bindings_write(const struct port_bindings *ports, const char *key, struct json_writer *w) {
    json_begin_object(w, key);
    for (size_t i = 0; i < ports->count; i++)
        for (uint32_t n = 0; n < ports->items[i].count; n++) {
            uint16_t port = (uint16_t)(ports->items[i].port + n);
            if (is_first(ports, i, port)) key_write(ports, i, port, w);
        }
    json_end_object(w);
}

// Ours

void config_published_write(const struct port_bindings *ports, const char *key, struct json_writer *w) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    json_begin_array(w, key);
    for (size_t i = 0; i < ports->count; i++)
        json_put_string(w, NULL, port_binding_text(&arena, &ports->items[i]));
    json_end_array(w);
}

int config_published_read(struct arena *arena, const struct json *json, struct port_bindings *ports) {
    struct err ignored;
    for (size_t i = 0; i < json_length(json); i++) {
        const char *text = json_string(json_at(json, i));
        if (!text || port_binding_parse(arena, text, arena_push(arena, ports), &ignored)) return -1;
    }
    return json_is_array(json) ? 0 : -1;
}

void config_exposed_write(const struct container_config *config, const char *key, struct json_writer *w) {
    const struct strings *exposed = &config->exposed_ports;
    const struct port_bindings *ports = &config->ports;
    if (!exposed->count && !ports->count) return;
    json_begin_object(w, key);
    for (size_t i = 0; i < exposed->count; i++) json_put_raw(w, exposed->items[i], "{}");
    for (size_t i = 0; i < ports->count; i++)
        for (uint32_t n = 0; n < ports->items[i].count; n++) {
            char name[24];
            uint16_t port = (uint16_t)(ports->items[i].port + n);
            snprintf(name, sizeof name, "%u/%s", port, port_protocol_name(ports->items[i].protocol));
            if (is_first(ports, i, port) && !strings_have(&config->exposed_ports, name))
                json_put_raw(w, name, "{}");
        }
    json_end_object(w);
}
