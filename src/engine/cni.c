// SPDX-License-Identifier: Apache-2.0
#include "engine/cni.h"

#include "engine/parts.h"
#include "network/cni.h"

const char *container_cni_network(const struct container_config *config) {
    return config->network_mode ? str_after(config->network_mode, "cni:") : NULL;
}

static const char *run_path(const struct engine *engine, const struct container *container,
                            struct arena *arena) {
    return arena_printf(arena, "%s/containers/%s", engine->store.runroot, container->id);
}

int container_cni_prepare(struct engine *engine, const struct container *container, int dir,
                          struct err *err) {
    const struct container_config *config = &container->config;
    struct cni_request request = {
        .network = container_cni_network(config),
        .container_id = container->id,
        .hostname = config->hostname,
        .mac = config->mac_address,
        .in = config->net_rate.in.value,
        .out = config->net_rate.out.value,
        .own_dns = config->dns.count || config->dns_search.count || config->dns_options.count,
    };
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

int container_cni_release(const struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    if (!container_cni_network(&container->config)) return 0;
    return cni_delete(run_path(engine, container, &arena), err)
               ? err_wrap(err, "container %s", container->name)
               : 0;
}
