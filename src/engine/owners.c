// SPDX-License-Identifier: Apache-2.0
// Containers that share another's namespaces. Settings name the other by its id, whatever it is called later;
// each start looks which process it has then.
#include "engine/freeze.h"
#include "engine/joiners.h"
#include "engine/parts.h"
#include "plan/plan.h"

#include <linux/capability.h>
#include <string.h>
#include <strings.h>

static const char *owner_of(const char *mode) {
    return str_empty(mode) ? NULL : str_after(mode, "container:");
}

// The names

static int resolve(struct engine *engine, struct arena *arena, const char **mode, struct container *ret_owner,
                   struct err *err) {
    const char *name = owner_of(*mode);
    if (!name) return 0;
    if (container_find(engine, arena, name, ret_owner, err)) return -1;
    *mode = arena_printf(arena, "container:%s", ret_owner->id);
    return 1;
}

int owners_resolve(struct engine *engine, struct arena *arena, struct container_config *config,
                   struct err *err) {
    struct container owner;
    if (resolve(engine, arena, &config->pid_mode, &owner, err) < 0 ||
        resolve(engine, arena, &config->ipc_mode, &owner, err) < 0)
        return -1;
    int r = resolve(engine, arena, &config->network_mode, &owner, err);
    if (r <= 0) return r;
    config->hostname = owner.config.hostname;
    config->domainname = owner.config.domainname;
    return 0;
}

// The processes

static int find_process(struct engine *engine, const struct container *owner,
                        struct namespace_owner *ret_owner, struct err *err) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    if (container_plan_map(engine, owner->id, &plan, err)) return -1;
    *ret_owner = (struct namespace_owner){.pid = plan->pid, .start_time = plan->start_time};
    return 0;
}

static bool is_shareable(const struct container *owner) {
    const char *mode = owner->config.ipc_mode;
    return str_eq(mode, "shareable") || str_eq(mode, "host") || owner_of(mode);
}

static int find_owner(struct engine *engine, struct arena *arena, const char *id, const char *what,
                      struct namespace_owner *ret_owner, struct err *err) {
    struct container owner;
    if (container_find(engine, arena, id, &owner, err)) return -1;
    if (!str_eq(owner.state, "running") && !str_eq(owner.state, "paused"))
        return err_set(err, ERR_CONFLICT, 0, "cannot join %s of a non running container: %s", what,
                       owner.name);
    if (str_eq(what, "IPC") && !is_shareable(&owner))
        return err_set(err, ERR_CONFLICT, 0,
                       "container %s: non-shareable IPC (hint: use --ipc shareable for it)", owner.name);
    return find_process(engine, &owner, ret_owner, err);
}

int owners_find(struct engine *engine, struct arena *arena, const struct container *container,
                struct namespace_owners *ret_owners, const char **ret_network_id, struct err *err) {
    const struct container_config *config = &container->config;
    struct namespace_owners owners = {0};
    const char *pid = owner_of(config->pid_mode), *ipc = owner_of(config->ipc_mode),
               *network = owner_of(config->network_mode);
    if ((pid && find_owner(engine, arena, pid, "PID", &owners.pid, err)) ||
        (ipc && find_owner(engine, arena, ipc, "IPC", &owners.ipc, err)) ||
        (network && find_owner(engine, arena, network, "network", &owners.network, err)))
        return -1;
    if (network && joiners_add(engine, network, container->id, err)) return -1;
    *ret_owners = owners;
    *ret_network_id = network;
    return 0;
}

// Who is privileged has the host already.
static bool may_trace(const struct container_config *config) {
    for (size_t i = 0; i < config->cap_add.count; i++)
        if (!strcasecmp(config->cap_add.items[i], "ALL") ||
            cap_number(config->cap_add.items[i]) == CAP_SYS_PTRACE)
            return !config->privileged;
    return false;
}

// Whose pid namespace it is: a container may have joined one that had joined another.
static const char *pid_owner(const struct containers *all, const char *id) {
    for (size_t hops = 0; hops <= all->count; hops++) {
        const char *next = NULL;
        for (size_t i = 0; i < all->count && !next; i++)
            if (str_eq(all->items[i].id, id)) next = owner_of(all->items[i].config.pid_mode);
        if (!next) return id;
        id = next;
    }
    return id;
}

int owners_hold(struct engine *engine, struct arena *arena, const struct container *container,
                struct freezes *ret_freezes, struct err *err) {
    struct containers running;
    const char *id = owner_of(container->config.pid_mode);
    if (!id) return 0;
    if (container_list(engine, arena, false, &running, err)) return -1;
    id = pid_owner(&running, id);
    for (size_t i = 0; i < running.count; i++) {
        const struct container *other = &running.items[i];
        if (!may_trace(&other->config) || !str_eq(pid_owner(&running, other->id), id)) continue;
        struct freeze *freeze = arena_push(arena, ret_freezes);
        *freeze = (struct freeze)FREEZE_INIT;
        if (freeze_begin(engine, other, freeze, err)) return -1;
    }
    return 0;
}

void owners_let_go(struct freezes *freezes) {
    for (size_t i = 0; i < freezes->count; i++) freeze_end(&freezes->items[i]);
    freezes->count = 0;
}
