// SPDX-License-Identifier: Apache-2.0
// New settings for a container. Mounts come first, held so that they can be taken back; then the row is
// changed; then the limits, which may take long (memory is taken back for one), and where something is
// refused the row is put back, and the mounts. Who is killed in between leaves settings that hold from the
// next start on.
#include "runtime/update.h"
#include "engine/log.h"
#include "engine/net_rate.h"
#include "engine/parts.h"
#include "engine/pasta.h"
#include "engine/ports.h"
#include "engine/spec_parts.h"
#include "engine/update_live.h"
#include "engine/upkeep.h"
#include "runtime/cgroup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Docker's rules for what is set already

static int conflict(const char *new, const char *old, struct err *err) {
    return err_set(err, ERR_CONFLICT, 0,
                   "Conflicting options: %s cannot be updated as %s has already been set", new, old);
}

static int check_against(const struct container_config *now, const struct container_config *changes,
                         struct err *err) {
    int64_t swap = now->memory_swap.value;
    if (!swap && now->memory.value) swap = limits_default_swap(now->memory.value).value;
    if (changes->nano_cpus.value && now->cpu_period.value) return conflict("Nano CPUs", "CPU Period", err);
    if (changes->nano_cpus.value && now->cpu_quota.value) return conflict("Nano CPUs", "CPU Quota", err);
    if (changes->cpu_period.value && now->nano_cpus.value) return conflict("CPU Period", "NanoCPUs", err);
    if (changes->cpu_quota.value && now->nano_cpus.value) return conflict("CPU Quota", "NanoCPUs", err);
    if (swap > 0 && changes->memory.value > swap && !changes->memory_swap.value)
        return err_set(err, ERR_CONFLICT, 0,
                       "Memory limit should be smaller than already set memoryswap limit, update the "
                       "memoryswap at the same time");
    return 0;
}

// The settings with the changes in them

static void merge_i64(struct spec_i64 *field, const struct spec_i64 *change) {
    if (change->value) *field = *change;
}

static void merge_u64(struct spec_u64 *field, const struct spec_u64 *change) {
    if (change->value) *field = *change;
}

static void merge_text(const char **field, const char *change) {
    if (!str_empty(change)) *field = change;
}

static void merge(struct container_config *config, const struct container_config *changes) {
    merge_i64(&config->nano_cpus, &changes->nano_cpus);
    merge_i64(&config->cpu_period, &changes->cpu_period);
    merge_i64(&config->cpu_quota, &changes->cpu_quota);
    merge_i64(&config->cpu_rt_period, &changes->cpu_rt_period);
    merge_i64(&config->cpu_rt_runtime, &changes->cpu_rt_runtime);
    merge_i64(&config->memory, &changes->memory);
    merge_i64(&config->memory_swap, &changes->memory_swap);
    merge_i64(&config->memory_reservation, &changes->memory_reservation);
    merge_u64(&config->cpu_shares, &changes->cpu_shares);
    merge_u64(&config->blkio_weight, &changes->blkio_weight);
    merge_text(&config->cpuset_cpus, changes->cpuset_cpus);
    merge_text(&config->cpuset_mems, changes->cpuset_mems);
    if (changes->pids_limit.set) config->pids_limit = changes->pids_limit;
    net_rate_merge(&config->net_rate, &changes->net_rate);
}

// The kernel

// Memory goes together with swap: v2's limit of swap is the difference.
static void complete(const struct container_config *merged, struct container_config *changes) {
    if (!changes->memory.value && !changes->memory_swap.value) return;
    changes->memory = merged->memory;
    changes->memory_swap = merged->memory_swap;
}

static int build(struct arena *arena, const struct container *container,
                 const struct container_config *config, struct spec *ret_spec, struct err *err) {
    *ret_spec = (struct spec){0};
    struct spec_builder b = {
        .arena = arena, .config = config, .id = container->id, .spec = ret_spec, .err = err};
    return spec_build_limits(&b);
}

static int apply(struct engine *engine, struct arena *arena, const struct container *container,
                 const struct container_config *changes, struct err *err) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    struct cgroup_groups places;
    struct spec spec;
    int r = container_plan_map(engine, container->id, &plan, err);
    if (r) return r == -ENOENT ? 0 : -1;
    return build(arena, container, changes, &spec, err) || runtime_cgroup_places(plan, arena, &places, err) ||
                   runtime_update(&places, &spec.resources, err)
               ? -1
               : 0;
}

// A container has a group in these hierarchies only when there is such a limit.
static bool may_have_groups(const struct container_config *config) {
    return !str_empty(config->cpuset_cpus) || !str_empty(config->cpuset_mems) || config->blkio_weight.value;
}

int update_groups_remove(struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    struct cgroup_groups places;
    if (!may_have_groups(&container->config)) return 0;
    int r = container_plan_map(engine, container->id, &plan, err);
    if (r) return r == -ENOENT ? 0 : -1;
    // One that was never begun has none.
    if (runtime_cgroup_places(plan, &arena, &places, err)) return 0;
    return runtime_cgroup_remove(&places, err);
}

// The row

static int put_back(struct engine *engine, const struct container *container, struct err *err) {
    struct err other;
    if (row_store_config(engine, container->id, &container->config, &other))
        return err_wrap(err, "the new settings hold from the next start on, but not now");
    return -1;
}

// One run of it.
struct update {
    struct engine *engine;
    struct arena *arena;
    const struct container *container;
    struct strings *warnings;
    struct container now;            // as it was
    struct container_config changes; // then what the kernel has to be told
    struct container_config merged;
    struct live live;
    struct ports_update ports;
    bool running, restart;
};

static int load(struct update *u, struct err *err) {
    int r = row_load(u->engine, u->arena, u->container->id, &u->now, err);
    if (r == 0) err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", u->container->name);
    return r > 0 ? 0 : -1;
}

static bool changes_log(const struct update *u) {
    return u->changes.log.options.count;
}

static int merge_all(struct update *u, struct err *err) {
    struct container_config *changes = &u->changes;
    u->merged = u->now.config;
    if (check_against(&u->merged, changes, err) || limits_discard(u->arena, changes, u->warnings, err))
        return -1;
    if (u->restart && u->merged.auto_remove)
        return err_set(err, ERR_CONFLICT, 0,
                       "Restart policy cannot be updated because AutoRemove is enabled for the container");
    if (u->restart) u->merged.restart = changes->restart;
    merge(&u->merged, changes);
    limits_fill(&u->merged);
    if (limits_check(&u->merged, err) || live_merge(&u->live, &u->merged, err) ||
        ports_update_merge(&u->ports, &u->merged, err) || pasta_check(u->engine, &u->merged, err))
        return -1;
    complete(&u->merged, changes);
    if (changes_log(u) && (log_merge(u->arena, &u->merged.log, &changes->log, err) ||
                           (u->running && log_check_live(&changes->log, err))))
        return -1;
    return live_changes_mounts(&u->live) ? live_check(&u->live, &u->merged, err) : 0;
}

// Of a container that never ran there is nothing to lock.
static int store_changed(struct update *u, struct err *err) {
    struct container again;
    if (db_begin(u->engine->store.db, err)) return -1;
    _cleanup_(db_rollbackp) struct db *transaction = u->engine->store.db;
    int r = row_load(u->engine, u->arena, u->container->id, &again, err);
    if (r < 0) return -1;
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", u->container->name);
    _cleanup_(freep) char *before = container_config_text(&u->now.config);
    _cleanup_(freep) char *now = container_config_text(&again.config);
    if (!str_eq(before, now))
        return err_set(err, ERR_CONFLICT, 0, "somebody else has updated it meanwhile: try again");
    if (row_store_config(u->engine, u->container->id, &u->merged, err) ||
        ports_update_store(&u->ports, err) || db_commit(u->engine->store.db, err))
        return -1;
    return 0;
}

static int change_running(struct update *u, struct err *err) {
    struct err ignored;
    bool rate = u->changes.net_rate.in.set || u->changes.net_rate.out.set;
    if (rate && net_rate_apply(u->engine, u->container, &u->merged.net_rate, err)) {
        (void)net_rate_apply(u->engine, u->container, &u->now.config.net_rate, &ignored);
        return -1;
    }
    if (!apply(u->engine, u->arena, u->container, &u->changes, err)) return 0;
    if (rate) (void)net_rate_apply(u->engine, u->container, &u->now.config.net_rate, &ignored);
    return -1;
}

// The shim keeps the policy in its plan, also between two runs.
static int change_shim(struct update *u, const struct container_config *config, struct err *err) {
    if (u->restart && restart_policy_apply(u->engine, u->container, &config->restart, err)) return -1;
    return u->running && changes_log(u) ? log_apply(u->engine, u->container, &config->log, err) : 0;
}

static int change_kernel(struct update *u, struct err *err) {
    struct err ignored;
    if (!change_shim(u, &u->merged, err) && (!u->running || !change_running(u, err))) return 0;
    (void)change_shim(u, &u->now.config, &ignored);
    return -1;
}

static int change_all(struct update *u, struct err *err) {
    if (store_changed(u, err)) return -1;
    return ports_update_switch(&u->ports, err) || change_kernel(u, err) ? put_back(u->engine, &u->now, err)
                                                                        : 0;
}

// With the mounts, if there are any, made already.
static int complete_update(void *data, struct err *err) {
    struct update *u = data;
    int r = ports_update_begin(&u->ports, err);
    if (!r && (r = change_all(u, err))) ports_update_take_back(&u->ports);
    if (!r) ports_update_complete(&u->ports);
    ports_update_finish(&u->ports);
    return r;
}

static int change_mounts(struct update *u, struct err *err) {
    int r = live_take_volumes(&u->live, err);
    if (!r)
        r = u->running ? live_mount(&u->live, &u->merged, complete_update, u, err) : complete_update(u, err);
    if (r)
        live_drop_volumes(&u->live);
    else
        live_release_volumes(&u->live, &u->merged);
    return r;
}

// The lock keeps others from starting, ending or changing it meanwhile. What never ran has no run directory.
static int update_settings(struct engine *engine, struct arena *arena, const struct container *container,
                           const struct container_changes *changes, struct strings *ret_warnings,
                           struct err *err) {
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    struct update u = {.engine = engine,
                       .arena = arena,
                       .container = container,
                       .warnings = ret_warnings,
                       .changes = changes->config,
                       .restart = changes->restart};
    u.live = (struct live){.engine = engine,
                           .arena = arena,
                           .container = &u.now,
                           .changes = changes->config,
                           .remove = changes->unmount};
    u.ports = (struct ports_update){.engine = engine,
                                    .arena = arena,
                                    .container = &u.now,
                                    .add = changes->config.ports,
                                    .remove = changes->unpublish,
                                    .firewall = changes->config.firewall,
                                    .claim = {.hold = PORT_HOLD_NONE}};
    int r = run_dir_lock(engine, container->id, RUN_DIR_WAIT, &dir, err);
    int running = r || dir.fd < 0 ? 0 : shim_has_started(engine, container->id, err);
    u.running = u.ports.running = running > 0;
    live_prepare(&u.live);
    if (running < 0) r = -1;
    if (!r) r = load(&u, err);
    if (!r) r = merge_all(&u, err);
    if (!r) r = live_changes_mounts(&u.live) ? change_mounts(&u, err) : complete_update(&u, err);
    return r;
}

int container_update(struct engine *engine, struct arena *arena, const struct container *container,
                     const struct container_changes *changes, struct strings *ret_warnings, struct err *err) {
    int r = networks_update(engine, arena, container, &changes->networks, err);
    if (!r && (r = update_settings(engine, arena, container, changes, ret_warnings, err)))
        networks_update_undo(engine, arena, container, &changes->networks);
    return r ? err_wrap(err, "Cannot update container %s", container->name) : 0;
}
