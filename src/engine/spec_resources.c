// SPDX-License-Identifier: Apache-2.0
// Limits: cgroup values, ulimits and kernel parameters.
//
// One default differs from Docker's, which has none: a container may have PIDS_DEFAULT processes, so that a
// fork bomb in it is nobody else's trouble. --pids-limit -1 takes the limit away.
#include "engine/parts.h"
#include "engine/spec_parts.h"
#include "kernel/process.h"
#include "oci/key_values.h"
#include "plan/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CPU_PERIOD_US 100000
#define PIDS_DEFAULT  4096

static void set(struct spec_i64 *field, int64_t value) {
    *field = (struct spec_i64){.set = true, .value = value};
}

static const char *number_why(struct spec_builder *b, const char *flag, int64_t number) {
    return arena_printf(b->arena, "%s %" PRId64, flag, number);
}

static const char *size_why(struct spec_builder *b, const char *flag, int64_t bytes) {
    return arena_printf(b->arena, "%s %s", flag, bytes < 0 ? "-1" : spec_size_text(b->arena, bytes));
}

// CPU

static void build_cpus(struct spec_builder *b) {
    int64_t nano = b->config->nano_cpus.value;
    if (!nano) return;
    b->spec->resources.cpu_period = (struct spec_u64){.set = true, .value = CPU_PERIOD_US};
    set(&b->spec->resources.cpu_quota, nano / (1000000000 / CPU_PERIOD_US));
    const char *why = arena_printf(b->arena, "--cpus %.9g", (double)nano / 1e9);
    spec_because(b, "linux.resources.cpu.quota", why);
    spec_because(b, "linux.resources.cpu.period", why);
}

static void build_quota(struct spec_builder *b) {
    int64_t period = b->config->cpu_period.value, quota = b->config->cpu_quota.value;
    if (period) {
        b->spec->resources.cpu_period = (struct spec_u64){.set = true, .value = (uint64_t)period};
        spec_because(b, "linux.resources.cpu.period", number_why(b, "--cpu-period", period));
    }
    if (!quota) return;
    set(&b->spec->resources.cpu_quota, quota);
    spec_because(b, "linux.resources.cpu.quota", number_why(b, "--cpu-quota", quota));
}

static void build_realtime(struct spec_builder *b) {
    int64_t period = b->config->cpu_rt_period.value, runtime = b->config->cpu_rt_runtime.value;
    if (period) {
        b->spec->resources.cpu_rt_period = (struct spec_u64){.set = true, .value = (uint64_t)period};
        spec_because(b, "linux.resources.cpu.realtimePeriod", number_why(b, "--cpu-rt-period", period));
    }
    if (!runtime) return;
    set(&b->spec->resources.cpu_rt_runtime, runtime);
    spec_because(b, "linux.resources.cpu.realtimeRuntime", number_why(b, "--cpu-rt-runtime", runtime));
}

static void build_shares(struct spec_builder *b) {
    if (!b->config->cpu_shares.value) return;
    b->spec->resources.cpu_shares = b->config->cpu_shares;
    spec_because(b, "linux.resources.cpu.shares",
                 number_why(b, "--cpu-shares", (int64_t)b->config->cpu_shares.value));
}

static void build_cpusets(struct spec_builder *b) {
    const char *cpus = b->config->cpuset_cpus, *mems = b->config->cpuset_mems;
    b->spec->resources.cpuset_cpus = cpus;
    b->spec->resources.cpuset_mems = mems;
    if (!str_empty(cpus))
        spec_because(b, "linux.resources.cpu.cpus", arena_printf(b->arena, "--cpuset-cpus %s", cpus));
    if (!str_empty(mems))
        spec_because(b, "linux.resources.cpu.mems", arena_printf(b->arena, "--cpuset-mems %s", mems));
}

// Memory

static void build_memory(struct spec_builder *b) {
    int64_t memory = b->config->memory.value, swap = b->config->memory_swap.value;
    const char *why = size_why(b, "--memory", memory);
    if (memory) {
        set(&b->spec->resources.memory_limit, memory);
        spec_because(b, "linux.resources.memory.limit", why);
    }
    if (!memory && !swap) return;
    int64_t usual = limits_default_swap(memory).value;
    set(&b->spec->resources.memory_swap, swap ? swap : usual);
    if (swap && (swap != usual || !memory)) why = size_why(b, "--memory-swap", swap);
    spec_because(b, "linux.resources.memory.swap", why);
}

static void build_more_memory(struct spec_builder *b) {
    const struct container_config *config = b->config;
    if (config->memory_reservation.value) {
        b->spec->resources.memory_reservation = config->memory_reservation;
        spec_because(b, "linux.resources.memory.reservation",
                     size_why(b, "--memory-reservation", config->memory_reservation.value));
    }
    if (config->memory_swappiness.set && config->memory_swappiness.value >= 0) {
        b->spec->resources.memory_swappiness =
            (struct spec_u64){.set = true, .value = (uint64_t)config->memory_swappiness.value};
        spec_because(b, "linux.resources.memory.swappiness",
                     number_why(b, "--memory-swappiness", config->memory_swappiness.value));
    }
    if (!config->oom_kill_disable) return;
    b->spec->resources.disable_oom_killer = true;
    spec_because(b, "linux.resources.memory.disableOOMKiller", "--oom-kill-disable");
}

static void build_pids(struct spec_builder *b) {
    if (!b->config->pids_limit.set) return;
    int64_t limit = b->config->pids_limit.value;
    set(&b->spec->resources.pids_limit, limit > 0 ? limit : -1);
    spec_because(b, "linux.resources.pids.limit", number_why(b, "--pids-limit", limit));
}

static void build_default_pids(struct spec_builder *b) {
    if (b->config->pids_limit.set) return;
    set(&b->spec->resources.pids_limit, PIDS_DEFAULT);
    spec_because(b, "linux.resources.pids.limit", "default");
}

// Block devices

static int device_find(struct spec_builder *b, const char *path, uint32_t *ret_major, uint32_t *ret_minor) {
    struct stat st;
    if (stat(path, &st)) return err_set(b->err, ERR_INVALID, errno, "%s: %s", path, strerror(errno));
    if (!S_ISBLK(st.st_mode)) return err_set(b->err, ERR_INVALID, 0, "%s is not a block device", path);
    *ret_major = major(st.st_rdev);
    *ret_minor = minor(st.st_rdev);
    return 0;
}

struct throttles {
    struct spec_throttle *items;
    size_t count;
};

static int build_throttles(struct spec_builder *b, const struct device_rates *rates, const char *flag,
                           const char *field, void *to) {
    for (size_t i = 0; i < rates->count; i++) {
        const struct device_rate *rate = &rates->items[i];
        struct spec_throttle *throttle = arena_push(b->arena, (struct throttles *)to);
        throttle->rate = rate->rate;
        if (device_find(b, rate->path, &throttle->major, &throttle->minor)) return -1;
        bool bytes = str_has_suffix(flag, "bps");
        spec_because(b, arena_printf(b->arena, "linux.resources.blockIO.%s", field),
                     arena_printf(b->arena, "%s %s:%s", flag, rate->path,
                                  bytes ? spec_size_text(b->arena, (int64_t)rate->rate)
                                        : arena_printf(b->arena, "%" PRIu64, rate->rate)));
    }
    return 0;
}

static int build_weights(struct spec_builder *b) {
    const struct container_config *config = b->config;
    b->spec->resources.blkio_weight = config->blkio_weight;
    if (config->blkio_weight.value)
        spec_because(b, "linux.resources.blockIO.weight",
                     number_why(b, "--blkio-weight", (int64_t)config->blkio_weight.value));
    for (size_t i = 0; i < config->blkio_weights.count; i++) {
        const struct device_rate *rate = &config->blkio_weights.items[i];
        struct spec_weight *weight = arena_push(b->arena, &b->spec->resources.blkio_weights);
        weight->weight = (uint32_t)rate->rate;
        if (device_find(b, rate->path, &weight->major, &weight->minor)) return -1;
        spec_because(b, "linux.resources.blockIO.weightDevice",
                     arena_printf(b->arena, "--blkio-weight-device %s:%" PRIu64, rate->path, rate->rate));
    }
    return 0;
}

static int build_block_io(struct spec_builder *b) {
    const struct container_config *config = b->config;
    struct spec_resources *r = &b->spec->resources;
#define THROTTLE(list, flag, field) build_throttles(b, &config->list, flag, field, &r->list)
    return build_weights(b) || THROTTLE(read_bps, "--device-read-bps", "throttleReadBpsDevice") ||
                   THROTTLE(write_bps, "--device-write-bps", "throttleWriteBpsDevice") ||
                   THROTTLE(read_iops, "--device-read-iops", "throttleReadIOPSDevice") ||
                   THROTTLE(write_iops, "--device-write-iops", "throttleWriteIOPSDevice")
               ? -1
               : 0;
#undef THROTTLE
}

int spec_build_limits(struct spec_builder *b) {
    build_cpus(b);
    build_quota(b);
    build_realtime(b);
    build_shares(b);
    build_cpusets(b);
    build_memory(b);
    build_more_memory(b);
    build_pids(b);
    return build_block_io(b);
}

// The process's own limits

static int build_ulimits(struct spec_builder *b) {
    for (size_t i = 0; i < b->config->ulimits.count; i++) {
        const struct spec_rlimit *limit = &b->config->ulimits.items[i];
        if (limit->soft > limit->hard)
            return err_set(b->err, ERR_INVALID, 0,
                           "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
                           (long long)limit->soft, (long long)limit->hard);
        *arena_push(b->arena, &b->spec->process.rlimits) = *limit;
        spec_because(b, arena_printf(b->arena, "process.rlimits[%zu]", i),
                     arena_printf(b->arena, "--ulimit %s=%lld:%lld", words_rlimit(limit->resource),
                                  (long long)limit->soft, (long long)limit->hard));
    }
    return 0;
}

// Kernel parameters

bool container_sysctl_of_ipc(const char *key) {
    static const char *const keys[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                       "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                       "kernel.shmmni", "kernel.shm_rmid_forced"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (str_eq(key, keys[i])) return true;
    return str_has_prefix(key, "fs.mqueue.");
}

// Letters, digits and _-. with no empty part; a slash stands for a dot inside a part, as in sysctl(8).
static bool sysctl_key_valid(const char *key) {
    if (*key == '.' || *key == '/' || strstr(key, "..") || strstr(key, "./") || strstr(key, "/."))
        return false;
    return !key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./")];
}

static void sysctl_add(struct spec_builder *b, const char *key, const char *value, const char *why) {
    *arena_push(b->arena, &b->spec->sysctls) = (struct spec_key_value){.key = key, .value = value};
    spec_because(b, arena_printf(b->arena, "linux.sysctl.%s", key), why);
}

// Of all groups that there are here, which in a user namespace are less.
static const char *ping_groups(struct spec_builder *b) {
    uint32_t groups = process_group_count();
    return arena_printf(b->arena, "0 %u", groups && groups < INT32_MAX ? groups - 1 : INT32_MAX);
}

// What a container may do with its own network without asking for it, as in Docker.
static void build_default_sysctls(struct spec_builder *b) {
    const struct {
        const char *key, *value;
    } rows[] = {
        {"net.ipv4.ip_unprivileged_port_start", "0"},
        {"net.ipv4.ping_group_range", ping_groups(b)},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (!key_values_find(&b->config->sysctls, rows[i].key))
            sysctl_add(b, rows[i].key, rows[i].value, "default");
}

static int build_sysctls(struct spec_builder *b) {
    for (size_t i = 0; i < b->config->sysctls.count; i++) {
        const char *key = b->config->sysctls.items[i].key, *value = b->config->sysctls.items[i].value;
        bool net = str_has_prefix(key, "net.");
        if (!sysctl_key_valid(key) || (!net && !container_sysctl_of_ipc(key)))
            return err_set(b->err, ERR_INVALID, 0, "sysctl '%s' is not allowed", key);
        if (net && spec_host_network(b))
            return err_set(b->err, ERR_INVALID, 0, "sysctl '%s' not allowed in host network namespace", key);
        if (!net && str_eq(b->config->ipc_mode, "host"))
            return err_set(b->err, ERR_INVALID, 0, "sysctl '%s' not allowed in host ipc namespace", key);
        sysctl_add(b, key, value, arena_printf(b->arena, "--sysctl %s=%s", key, value));
    }
    // Another container's network is as that one has it.
    bool own = !spec_host_network(b) && !spec_joins(b->config->network_mode);
    if (own) build_default_sysctls(b);
    return 0;
}

static void build_oom_score(struct spec_builder *b) {
    if (!b->config->oom_score_adj.value) return;
    b->spec->process.oom_score_adj = b->config->oom_score_adj;
    spec_because(b, "process.oomScoreAdj", number_why(b, "--oom-score-adj", b->config->oom_score_adj.value));
}

static void build_network(struct spec_builder *b) {
    const struct net_rate *rate = &b->config->net_rate;
    b->spec->resources.network_class_id = rate->class_id;
    if (rate->class_id.value) spec_because(b, "linux.resources.network.classID", "--net-rate class=");
    for (size_t i = 0; i < rate->priorities.count; i++)
        *arena_push(b->arena, &b->spec->resources.network_priorities) = rate->priorities.items[i];
    if (rate->priorities.count) spec_because(b, "linux.resources.network.priorities", "--net-rate priority=");
}

int spec_build_resources(struct spec_builder *b) {
    build_network(b);
    build_default_pids(b);
    build_oom_score(b);
    return limits_check(b->config, b->err) || spec_build_limits(b) || build_ulimits(b) || build_sysctls(b)
               ? -1
               : 0;
}
