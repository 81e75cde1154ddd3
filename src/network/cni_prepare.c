// SPDX-License-Identifier: Apache-2.0
// What is found out before a container on a CNI network is made: its list, its plugins' programs, and what
// they are to be told. All that can be refused is refused here, while there is nothing to take back.
#include "network/cni.h"
#include "network/cni_list.h"
#include "network/cni_record.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/macro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS "/etc/hoy/config.json"

// Where networks and plugins are looked for, and how long one may take: as the environment says, or as it did
// when the container ran last (what starts it again by its policy has no environment), or the host's
// settings, or as everybody has it.
struct places {
    struct json *last, *settings;
    const char *folder, *path;
    int timeout_s;
    bool has[3]; // said by the environment, now or then
};

static void places_finish(struct places *places) {
    json_freep(&places->last);
    json_freep(&places->settings);
}

enum { FOLDER, PATH, TIMEOUT };
static const struct {
    const char *variable, *setting, *usual;
} place_rows[] = {
    [FOLDER] = {"NETCONFPATH", "cni-networks", "/etc/cni/net.d"},
    [PATH] = {"CNI_PATH", "cni-plugins", "/opt/cni/bin:/usr/lib/cni"},
    [TIMEOUT] = {"HOY_CNI_TIMEOUT", "cni-timeout", NULL},
};

static const char *place(struct places *places, int which) {
    const char *value = getenv(place_rows[which].variable);
    if (str_empty(value)) value = json_get_string(places->last, place_rows[which].variable);
    places->has[which] = !str_empty(value);
    if (str_empty(value)) value = json_get_string(places->settings, place_rows[which].setting);
    return str_empty(value) ? place_rows[which].usual : value;
}

static int places_find(int dir, struct places *ret_places, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    uint32_t seconds = CNI_TIMEOUT_S;
    if (!file_read_at(dir, CNI_PLACES, CNI_FILE_LIMIT, &text) && text.len)
        (void)json_parse(text.data, text.len, &ret_places->last);
    int r = json_read_file(SETTINGS, CNI_FILE_LIMIT, &ret_places->settings);
    if (r) return err_set(err, ERR_INVALID, -r, "read " SETTINGS);
    ret_places->folder = place(ret_places, FOLDER);
    ret_places->path = place(ret_places, PATH);
    const char *timeout = place(ret_places, TIMEOUT);
    if (timeout && (parse_u32(timeout, &seconds) || !seconds || seconds > 86400))
        return err_set(err, ERR_INVALID, 0, "%s: '%s' is no number of seconds",
                       ret_places->has[TIMEOUT] ? "HOY_CNI_TIMEOUT" : SETTINGS ": cni-timeout", timeout);
    ret_places->timeout_s = (int)seconds;
    return 0;
}

static int places_keep(int dir, const struct places *places) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    char timeout[16];
    snprintf(timeout, sizeof timeout, "%d", places->timeout_s);
    const char *values[] = {places->folder, places->path, timeout};
    json_begin_object(&w, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        if (places->has[i]) json_put_string(&w, place_rows[i].variable, values[i]);
    json_end_object(&w);
    return file_replace_at(dir, CNI_PLACES, str_get(&w.text), w.text.len, CNI_MODE, false);
}

static bool any_has_capability(const struct json *plugins, const char *capability) {
    for (size_t i = 0; i < json_length(plugins); i++)
        if (json_boolean(json_get(json_get(json_at(plugins, i), "capabilities"), capability))) return true;
    return false;
}

static int check(const struct cni_request *request, const struct json *list, const char *path,
                 struct err *err) {
    const struct json *plugins = json_get(list, "plugins");
    for (size_t i = 0; i < json_length(plugins); i++) {
        _cleanup_(freep) char *program = NULL;
        const char *type = json_get_string(json_at(plugins, i), "type");
        if (cni_plugin_find(path, type, &program, err))
            return err_wrap(err, "CNI network %s", request->network);
    }
    if ((request->in || request->out) && !any_has_capability(plugins, "bandwidth"))
        return err_set(err, ERR_INVALID, 0,
                       "--net-rate: no plugin of the CNI network %s has the capability bandwidth: add the "
                       "plugin of that name to its list, or leave the rate out",
                       request->network);
    if (request->ports.count && !any_has_capability(plugins, "portMappings"))
        return err_set(err, ERR_INVALID, 0,
                       "--publish: no plugin of the CNI network %s has the capability portMappings: add the "
                       "plugin portmap to its list, or leave the ports out",
                       request->network);
    return 0;
}

static void put_port(struct json_writer *w, const struct port_binding *binding, uint16_t offset) {
    json_begin_object(w, NULL);
    json_put_u64(w, "hostPort", binding->host_port + offset);
    json_put_u64(w, "containerPort", binding->port + offset);
    json_put_string(w, "protocol", port_protocol_name(binding->protocol));
    if (binding->host) json_put_string(w, "hostIP", binding->host);
    json_end_object(w);
}

static void put_ports(struct json_writer *w, const struct port_bindings *ports) {
    if (!ports->count) return;
    json_begin_array(w, "portMappings");
    for (size_t i = 0; i < ports->count; i++)
        for (uint16_t n = 0; n < ports->items[i].count; n++) put_port(w, &ports->items[i], n);
    json_end_array(w);
}

// One way of the plugin bandwidth's: a burst of 20 ms worth, as hoy's own.
static void put_rate(struct json_writer *w, const char *way, uint64_t bits) {
    char key[24];
    if (!bits) return;
    snprintf(key, sizeof key, "%sRate", way);
    json_put_u64(w, key, bits);
    snprintf(key, sizeof key, "%sBurst", way);
    json_put_u64(w, key, bits / 50 > 8192 * 8 ? bits / 50 : 8192 * 8);
}

static void write_runtime(const struct cni_request *request, struct json_writer *w) {
    json_begin_object(w, "runtime");
    if (request->mac) json_put_string(w, "mac", request->mac);
    if (request->in || request->out) {
        json_begin_object(w, "bandwidth");
        put_rate(w, "ingress", request->in);
        put_rate(w, "egress", request->out);
        json_end_object(w);
    }
    put_ports(w, &request->ports);
    json_end_object(w);
}

static char *record_make(const struct cni_request *request, const struct places *places, const char *list) {
    struct json_writer w = {0};
    char arguments[64] = "IgnoreUnknown=1";
    if (request->mac) snprintf(arguments, sizeof arguments, "IgnoreUnknown=1;MAC=%.20s", request->mac);
    json_begin_object(&w, NULL);
    json_put_string(&w, "container", request->container_id);
    json_put_string(&w, "hostname", request->hostname);
    json_put_bool(&w, "dns", !request->own_dns);
    json_put_string(&w, "path", places->path);
    json_put_i64(&w, "deadline", places->timeout_s);
    json_put_string(&w, "arguments", arguments);
    write_runtime(request, &w);
    json_put_raw(&w, "list", list);
    json_end_object(&w);
    return str_take(&w.text);
}

int cni_prepare(int dir, const struct cni_request *request, struct err *err) {
    _cleanup_(places_finish) struct places places = {0};
    _cleanup_(freep) char *text = NULL, *record = NULL;
    _cleanup_(json_freep) struct json *list = NULL;
    if (places_find(dir, &places, err) || cni_list_find(places.folder, request->network, &text, err))
        return -1;
    int r = json_parse(text, strlen(text), &list);
    if (r) return err_set(err, ERR_SYSTEM, -r, "read the CNI network %s", request->network);
    if (check(request, list, places.path, err)) return -1;
    record = record_make(request, &places, text);
    r = places_keep(dir, &places);
    if (!r) r = file_replace_at(dir, CNI_RECORD, record, strlen(record), CNI_MODE, false);
    return r ? err_set(err, ERR_SYSTEM, -r, "write " CNI_RECORD) : 0;
}
