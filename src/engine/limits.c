// SPDX-License-Identifier: Apache-2.0
// Limits as Docker's daemon looks at them before a container has them: their ranges, what contradicts what,
// and what this kernel does not know.
#include "base/fd.h"
#include "engine/net_rate.h"
#include "engine/parts.h"
#include "kernel/cgroup.h"
#include "oci/number_list.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MINIMUM (6 << 20)
#define SET_WORDS      (NUMBER_LIST_CPUS / 64)
#define RT_PERIOD_US   1000000

// Memory

static int check_reservation(const struct container_config *config, struct err *err) {
    int64_t memory = config->memory.value, reservation = config->memory_reservation.value;
    if (reservation < 0 || (reservation && reservation < MEMORY_MINIMUM))
        return err_set(err, ERR_INVALID, 0, "Minimum memory reservation allowed is 6MB");
    if (memory && memory < reservation)
        return err_set(err, ERR_INVALID, 0,
                       "Minimum memory limit can not be less than memory reservation limit, see usage");
    return 0;
}

static int check_memory(const struct container_config *config, struct err *err) {
    int64_t memory = config->memory.value, swap = config->memory_swap.value;
    int64_t swappiness = config->memory_swappiness.value;
    if (memory < 0 || (memory && memory < MEMORY_MINIMUM))
        return err_set(err, ERR_INVALID, 0, "Minimum memory limit allowed is 6MB");
    if (swap > 0 && !memory)
        return err_set(err, ERR_INVALID, 0,
                       "You should always set the Memory limit when using Memoryswap limit, see usage");
    if (swap > 0 && swap < memory)
        return err_set(err, ERR_INVALID, 0,
                       "Minimum memoryswap limit should be larger than memory limit, see usage");
    if (config->memory_swappiness.set && (swappiness < -1 || swappiness > 100))
        return err_set(err, ERR_INVALID, 0,
                       "Invalid value: %" PRId64 ", valid memory swappiness range is 0-100", swappiness);
    return check_reservation(config, err);
}

// CPU

static int check_cpus(const struct container_config *config, struct err *err) {
    int64_t nano = config->nano_cpus.value;
    if (!nano) return 0;
    if (config->cpu_period.value)
        return err_set(err, ERR_INVALID, 0,
                       "Conflicting options: Nano CPUs and CPU Period cannot both be set");
    if (config->cpu_quota.value)
        return err_set(err, ERR_INVALID, 0,
                       "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (nano < 10000000 || nano > online * 1000000000ll)
        return err_set(err, ERR_INVALID, 0,
                       "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available", online,
                       online);
    return 0;
}

static int check_quota(const struct container_config *config, struct err *err) {
    int64_t period = config->cpu_period.value, quota = config->cpu_quota.value;
    if (period && (period < 1000 || period > 1000000))
        return err_set(
            err, ERR_INVALID, 0,
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    if (quota && quota != -1 && quota < 1000)
        return err_set(err, ERR_INVALID, 0, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    return 0;
}

static int check_realtime(const struct container_config *config, struct err *err) {
    int64_t period = config->cpu_rt_period.value, runtime = config->cpu_rt_runtime.value;
    if (period < 0 || runtime < 0)
        return err_set(err, ERR_INVALID, 0, "CPU real-time period and runtime can not be negative");
    if (runtime > (period ? period : RT_PERIOD_US))
        return err_set(err, ERR_INVALID, 0,
                       "cpu real-time runtime cannot be higher than cpu real-time period");
    return 0;
}

// Docker's lists have neither spaces nor empty places. Numbers beyond the most are none (CVE-2018-20699).
static bool set_parse(const char *text, uint64_t bits[static SET_WORDS]) {
    return isdigit((unsigned char)*text) && !strchr(text, ' ') && !strstr(text, ",,") &&
           !str_has_suffix(text, ",") && number_list_parse(text, NUMBER_LIST_CPUS, bits) > 0;
}

static int check_set(const char *list, const char *name, const char *what, const char *file,
                     struct err *err) {
    uint64_t wanted[SET_WORDS], there[SET_WORDS];
    _cleanup_(str_finish) struct str online = {0};
    if (str_empty(list)) return 0;
    if (!set_parse(list, wanted))
        return err_set(err, ERR_INVALID, 0, "invalid value %s for cpuset %s", list, name);
    if (file_read_at(AT_FDCWD, file, 4096, &online)) return 0;
    online.data[strcspn(online.data, "\n")] = 0;
    if (!set_parse(online.data, there)) return 0;
    for (size_t i = 0; i < SET_WORDS; i++)
        if (wanted[i] & ~there[i])
            return err_set(err, ERR_INVALID, 0,
                           "Requested %s are not available - requested %s, available: %s", what, list,
                           online.data);
    return 0;
}

static int check_cpu(const struct container_config *config, struct err *err) {
    return check_cpus(config, err) || check_quota(config, err) || check_realtime(config, err) ||
                   check_set(config->cpuset_cpus, "cpus", "CPUs", "/sys/devices/system/cpu/online", err) ||
                   check_set(config->cpuset_mems, "mems", "memory nodes", "/sys/devices/system/node/online",
                             err)
               ? -1
               : 0;
}

// The rest

static int check_weight(uint64_t weight, struct err *err) {
    if (!weight || (weight >= 10 && weight <= 1000)) return 0;
    return err_set(err, ERR_INVALID, 0, "Range of blkio weight is from 10 to 1000");
}

static int check_weights(const struct container_config *config, struct err *err) {
    for (size_t i = 0; i < config->blkio_weights.count; i++)
        if (check_weight(config->blkio_weights.items[i].rate, err)) return -1;
    return check_weight(config->blkio_weight.value, err);
}

// Below the hierarchies' roots and nowhere else.
static int check_parent(const char *parent, struct err *err) {
    for (const char *at = parent; at && *at; at += strcspn(at, "/"), at += *at == '/') {
        size_t n = strcspn(at, "/");
        if ((n <= 2 && n && strspn(at, ".") >= n) || memchr(at, ':', n))
            return err_set(err, ERR_INVALID, 0, "--cgroup-parent %s is no path of a cgroup", parent);
    }
    if (parent && strlen(parent) > 512)
        return err_set(err, ERR_INVALID, 0, "--cgroup-parent is longer than 512 characters");
    return 0;
}

int limits_check(const struct container_config *config, struct err *err) {
    int64_t score = config->oom_score_adj.value;
    if (check_memory(config, err) || check_cpu(config, err) || check_weights(config, err) ||
        check_parent(config->cgroup_parent, err) || net_rate_check(config, err))
        return -1;
    if (score < -1000 || score > 1000)
        return err_set(err, ERR_INVALID, 0,
                       "Invalid value %" PRId64 ", range for oom score adj is [-1000, 1000]", score);
    return 0;
}

// What this kernel lacks

static bool kernel_has(const struct cgroup_layout *layout, uint32_t controller, const char *file1, bool v2) {
    char path[1200];
    for (size_t i = 0; i < layout->count; i++) {
        const struct cgroup_hierarchy *h = &layout->items[i];
        if (!(h->controllers & controller)) continue;
        snprintf(path, sizeof path, "%s/%s", h->mount, file1);
        return h->v2 ? v2 : !access(path, F_OK);
    }
    return false;
}

static bool asks_kernel(const struct container_config *config) {
    return config->memory_swappiness.set || config->oom_kill_disable || config->blkio_weight.value ||
           config->blkio_weights.count || config->cpu_rt_period.value || config->cpu_rt_runtime.value ||
           config->net_rate.class_id.value || config->net_rate.priorities.count;
}

static void discard_memory(struct arena *arena, const struct cgroup_layout *layout,
                           struct container_config *config, struct strings *warnings) {
    if (config->memory_swappiness.set && !kernel_has(layout, CGROUP_MEMORY, "memory.swappiness", false)) {
        strings_add(arena, warnings,
                    "Your kernel does not support memory swappiness capabilities or the cgroup is not "
                    "mounted. Memory swappiness discarded.");
        config->memory_swappiness.set = false;
    }
    if (config->oom_kill_disable && !kernel_has(layout, CGROUP_MEMORY, "memory.oom_control", false)) {
        strings_add(arena, warnings,
                    "Your kernel does not support OomKillDisable. OomKillDisable discarded.");
        config->oom_kill_disable = false;
    }
}

// The root's group has no weight to look at; with BFQ it has counters.
static void discard_weights(struct arena *arena, const struct cgroup_layout *layout,
                            struct container_config *config, struct strings *warnings) {
    if (kernel_has(layout, CGROUP_IO, "blkio.bfq.io_service_bytes", true)) return;
    if (config->blkio_weight.value)
        strings_add(arena, warnings,
                    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight "
                    "discarded.");
    if (config->blkio_weights.count)
        strings_add(arena, warnings,
                    "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. "
                    "Weight-device discarded.");
    config->blkio_weight = (struct spec_u64){0};
    config->blkio_weights.count = 0;
}

// Who asks for this asks for deadlines that will be met: it is not passed over.
static int check_kernel_realtime(const struct cgroup_layout *layout, const struct container_config *config,
                                 struct err *err) {
    if (!config->cpu_rt_period.value && !config->cpu_rt_runtime.value) return 0;
    if (kernel_has(layout, CGROUP_CPU, "cpu.rt_runtime_us", false)) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "Your kernel does not support CPU real-time scheduling for cgroups, or they are v2, which "
                   "has nothing like it: leave --cpu-rt-period and --cpu-rt-runtime out");
}

// Who marks packets has rules for such: they would take others.
static int check_kernel_marks(const struct cgroup_layout *layout, const struct container_config *config,
                              struct err *err) {
    static const char text[] =
        "--net-rate: %s needs the controller %s of cgroup v1, which this host does not "
        "have (mount it, or leave %s out: v2 has nothing like it)";
    if (config->net_rate.class_id.value && !kernel_has(layout, CGROUP_NET_CLS, "net_cls.classid", false))
        return err_set(err, ERR_INVALID, 0, text, "class=", "net_cls", "class=");
    if (config->net_rate.priorities.count &&
        !kernel_has(layout, CGROUP_NET_PRIO, "net_prio.ifpriomap", false))
        return err_set(err, ERR_INVALID, 0, text, "priority=", "net_prio", "priority=");
    return 0;
}

int limits_discard(struct arena *arena, struct container_config *config, struct strings *warnings,
                   struct err *err) {
    struct cgroup_layout layout;
    if (!asks_kernel(config)) return 0;
    int r = cgroup_layout_read(&layout);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "finding the host's cgroups");
    if (check_kernel_realtime(&layout, config, err) || check_kernel_marks(&layout, config, err)) return -1;
    discard_memory(arena, &layout, config, warnings);
    discard_weights(arena, &layout, config, warnings);
    if (config->oom_kill_disable && !config->memory.value)
        strings_add(arena, warnings,
                    "OOM killer is disabled for the container, but no memory limit is set, this can result "
                    "in the system running out of resources.");
    return 0;
}

void limits_fill(struct container_config *config) {
    if (config->memory_swappiness.value == -1) config->memory_swappiness.set = false;
    if (config->memory.value > 0 && !config->memory_swap.value)
        config->memory_swap = limits_default_swap(config->memory.value);
}

struct spec_i64 limits_default_swap(int64_t memory) {
    return (struct spec_i64){.set = true, .value = memory > INT64_MAX / 2 ? -1 : memory * 2};
}
