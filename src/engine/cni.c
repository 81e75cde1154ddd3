// SPDX-License-Identifier: Apache-2.0
#include "engine/cni.h"

#include "engine/config_ports.h"
#include "engine/parts.h"
#include "engine/ports.h"
#include "network/cni.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

const char *container_cni_network(const struct container_config *config) {
    return config->network_mode ? str_after(config->network_mode, "cni:") : NULL;
}

static const char *run_path(const struct engine *engine, const struct container *container,
                            struct arena *arena) {
    return arena_printf(arena, "%s/containers/%s", engine->store.runroot, container->id);
}

// A port of the host's is a number for plugins: nobody chooses one.
static int check_ports(const struct port_bindings *ports, struct arena *arena, struct err *err) {
    for (size_t i = 0; i < ports->count; i++)
        if (!ports->items[i].host_port || ports->items[i].host_count != ports->items[i].count)
            return err_set(err, ERR_INVALID, 0,
                           "-p %s: the plugins of a CNI network choose no host port: say which one",
                           port_binding_text(arena, &ports->items[i]));
    return 0;
}

int container_cni_prepare(struct engine *engine, const struct container *container, int dir,
                          struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const struct container_config *config = &container->config;
    struct cni_request request = {
        .network = container_cni_network(config),
        .container_id = container->id,
        .hostname = config->hostname,
        .mac = config->mac_address,
        .in = config->net_rate.in.value,
        .out = config->net_rate.out.value,
        .ports = ports_wanted(&arena, config),
        .own_dns = config->dns.count || config->dns_search.count || config->dns_options.count,
    };
    if (check_ports(&request.ports, &arena, err)) return -1;
    // A run before may have left something.
    if (container_cni_release(engine, container, err)) return -1;
    return cni_prepare(dir, &request, err);
}

void container_cni_plan(const struct engine *engine, const struct container *container, struct arena *arena,
                        struct plan *plan) {
    const char *name = container_cni_network(&container->config), *dir = run_path(engine, container, arena);
    plan_str network = plan_string(plan, name);
    struct plan_list add = plan_strings(plan, (const char *[]){engine->hoy, "cni-add", dir}, 3),
                     remove = plan_strings(plan, (const char *[]){engine->hoy, "cni-delete", dir}, 3);
    struct plan_op *op = plan_add(plan, PLAN_CNI, arena_printf(arena, "--network cni:%s", name));
    op->cni.network = network;
    op->cni.add = add;
    op->cni.remove = remove;
}

int container_cni_check(const struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    return cni_check(run_path(engine, container, &arena), err);
}

static void run_push(struct arena *arena, struct port_runs *runs, const struct port_binding *binding,
                     const char *address, bool ipv6) {
    const char *host = binding->host ? binding->host : ipv6 ? "::" : "0.0.0.0";
    if (!*address || ipv6 != (strchr(host, ':') != NULL)) return;
    struct port_run *run = arena_push(arena, runs);
    *run = (struct port_run){.family = ipv6 ? AF_INET6 : AF_INET,
                             .protocol = binding->protocol,
                             .host_port = binding->host_port,
                             .port = binding->port,
                             .count = binding->count};
    snprintf(run->host, sizeof run->host, "%s", host);
    snprintf(run->address, sizeof run->address, "%s", address);
}

int container_cni_ports(const struct engine *engine, struct arena *arena, const struct container *container,
                        struct port_runs *ret_runs, struct err *err) {
    struct cni_result result;
    struct port_bindings wanted = ports_wanted(arena, &container->config);
    int r = cni_result_read(arena, run_path(engine, container, arena), &result, err);
    if (r <= 0) return r;
    for (size_t i = 0; i < wanted.count; i++) {
        run_push(arena, ret_runs, &wanted.items[i], result.address, false);
        run_push(arena, ret_runs, &wanted.items[i], result.address6, true);
    }
    return 0;
}

int container_cni_release(const struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    if (!container_cni_network(&container->config)) return 0;
    return cni_delete(run_path(engine, container, &arena), err)
               ? err_wrap(err, "container %s", container->name)
               : 0;
}
