// SPDX-License-Identifier: Apache-2.0
// The plan limits what is there when a container starts, and takes that back at its end. An update makes
// something that the plan does not know of: it goes when the end is settled, whatever the settings are by
// then.
#include "engine/net_rate.h"
#include "engine/cni.h"

#include "kernel/netlink.h"
#include "kernel/traffic.h"
#include "network/network.h"

#include <errno.h>
#include <string.h>

bool net_rate_is_empty(const struct net_rate *rate) {
    return !rate->in.value && !rate->out.value && !rate->class_id.value && !rate->priorities.count;
}

static void rate_write(const struct spec_u64 *rate, const char *key, struct json_writer *w) {
    if (rate->value) json_put_u64(w, key, rate->value);
}

void config_net_rate_write(const struct net_rate *rate, const char *key, struct json_writer *w) {
    if (net_rate_is_empty(rate)) return;
    json_begin_object(w, key);
    rate_write(&rate->in, "In", w);
    rate_write(&rate->out, "Out", w);
    rate_write(&rate->class_id, "ClassID", w);
    if (rate->priorities.count) {
        json_begin_object(w, "Priorities");
        for (size_t i = 0; i < rate->priorities.count; i++)
            json_put_u64(w, rate->priorities.items[i].name, rate->priorities.items[i].priority);
        json_end_object(w);
    }
    json_end_object(w);
}

static int rate_read(const struct json *json, const char *key, struct spec_u64 *ret_rate) {
    const struct json *value = json_get(json, key);
    if (json_is_null(value)) return 0;
    ret_rate->set = true;
    return json_u64(value, &ret_rate->value);
}

struct priority_reader {
    struct arena *arena;
    struct net_rate *rate;
};

static int priority_read(const char *key, const struct json *value, void *data) {
    struct priority_reader *r = data;
    uint64_t priority;
    if (json_u64(value, &priority) || priority > UINT32_MAX) return -1;
    *arena_push(r->arena, &r->rate->priorities) =
        (struct spec_network_priority){.name = arena_strdup(r->arena, key), .priority = (uint32_t)priority};
    return 0;
}

int config_net_rate_read(struct arena *arena, const struct json *json, struct net_rate *ret_rate) {
    struct priority_reader reader = {arena, ret_rate};
    const struct json *priorities = json_get(json, "Priorities");
    if (!json_is_object(json) || rate_read(json, "In", &ret_rate->in) ||
        rate_read(json, "Out", &ret_rate->out) || rate_read(json, "ClassID", &ret_rate->class_id))
        return -1;
    return json_is_null(priorities) ? 0 : json_each(priorities, priority_read, &reader);
}

int net_rate_check(const struct container_config *config, struct err *err) {
    const char *mode = config->network_mode ? config->network_mode : "bridge";
    if (!config->net_rate.in.value && !config->net_rate.out.value) return 0;
    if (str_eq(mode, "host") || str_eq(mode, "none"))
        return err_set(err, ERR_INVALID, 0,
                       "--net-rate: a container with --network %s has no interface of its own whose traffic "
                       "could be held back: give it another network, or leave the rate out",
                       mode);
    if (str_has_prefix(mode, "container:"))
        return err_set(err, ERR_INVALID, 0,
                       "--net-rate: the network is that of container %.12s: set the rate there",
                       mode + strlen("container:"));
    return 0;
}

void net_rate_merge(struct net_rate *rate, const struct net_rate *changes) {
    if (changes->in.set) rate->in = changes->in;
    if (changes->out.set) rate->out = changes->out;
}

static bool is_limited(const struct container_config *config) {
    return config->net_rate.in.value || config->net_rate.out.value;
}

static int check_network(const struct endpoint *endpoint, struct err *err) {
    if (endpoint->driver == NETWORK_DRIVER_BRIDGE) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "--net-rate: network %s has the driver %s: a container's interface has no end on the host "
                   "there, where its traffic could be held back: use a bridge, or leave the rate out",
                   endpoint->network, network_driver_name(endpoint->driver));
}

int net_rate_check_networks(const struct container_config *config, const struct endpoints *endpoints,
                            struct err *err) {
    for (size_t i = 0; is_limited(config) && i < endpoints->count; i++)
        if (check_network(&endpoints->items[i], err)) return -1;
    return 0;
}

void net_rate_plan(const struct container_config *config, const struct endpoints *endpoints,
                   struct plan *plan) {
    for (size_t i = 0; is_limited(config) && i < endpoints->count; i++) {
        plan_str host = plan_string(plan, endpoints->items[i].host_interface);
        struct plan_op *op = plan_add(plan, PLAN_NET_RATE, "--net-rate");
        op->net_rate.host = host;
        op->net_rate.in = config->net_rate.in.value;
        op->net_rate.out = config->net_rate.out.value;
    }
}

// The interfaces of the host's that lead to a container

static int fail(int r, const char *interface, struct err *err) {
    const char *words = netlink_error_text();
    return err_set(err, ERR_SYSTEM, -r, "limit the traffic of the interface %s%s%s%s", interface,
                   *words ? " (" : "", words, *words ? ")" : "");
}

static int apply(const char *host_interface, const void *data) {
    const struct net_rate *rate = data;
    int r = traffic_limit_sent(host_interface, rate->in.value);
    return r ? r : traffic_limit_received(host_interface, rate->out.value);
}

int net_rate_connect(const struct container_config *config, const struct endpoint *endpoint,
                     struct err *err) {
    if (!is_limited(config)) return 0;
    if (check_network(endpoint, err)) return -1;
    int r = apply(endpoint->host_interface, &config->net_rate);
    return r ? fail(r, endpoint->host_interface, err) : 0;
}

int net_rate_apply(struct engine *engine, const struct container *container, const struct net_rate *rate,
                   struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct endpoints endpoints;
    const struct container_config wanted = {.net_rate = *rate};
    if (container_cni_network(&container->config))
        return err_set(
            err, ERR_INVALID, 0,
            "--net-rate: what a CNI network lets through is its plugins' business, who are told when "
            "the container starts: stop it first");
    if (network_endpoints(engine->store.db, &arena, container->id, &endpoints, err) ||
        net_rate_check_networks(&wanted, &endpoints, err))
        return -1;
    for (size_t i = 0; i < endpoints.count; i++) {
        const struct endpoint *endpoint = &endpoints.items[i];
        int r = endpoint->driver == NETWORK_DRIVER_BRIDGE ? apply(endpoint->host_interface, rate) : 0;
        if (r) return fail(r, endpoint->host_interface, err);
    }
    return 0;
}

int net_rate_release(struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct endpoints endpoints;
    if (!container_has_networks(&container->config)) return 0;
    if (network_endpoints(engine->store.db, &arena, container->id, &endpoints, err)) return -1;
    for (size_t i = 0; i < endpoints.count; i++) {
        const struct endpoint *endpoint = &endpoints.items[i];
        int r = endpoint->driver == NETWORK_DRIVER_BRIDGE ? traffic_release(endpoint->host_interface) : 0;
        if (r) return fail(r, endpoint->host_interface, err);
    }
    return 0;
}
