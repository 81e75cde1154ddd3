// SPDX-License-Identifier: Apache-2.0
// Limits as writes: one row a limit, with its file and its text for either version (config-linux.md).
#include "base/fd.h"
#include "runtime/cgroup_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct limit {
    const char *field; // in the spec, and in the sentence when there is no controller
    uint32_t controller;
    bool optional;               // the engine's own addition, not a wish: no file, no limit
    const char *file1, *file2;   // NULL: that version has nothing like it
    const char *value1, *value2; // NULL: nothing to write
};

static int add_limit(const struct cgroup_plan *c, const struct limit *limit) {
    if (!limit->value1 && !limit->value2) return 0;
    const char *why = spec_why(c->spec, limit->field, limit->field);
    const struct cgroup_hierarchy *h = cgroup_with(c->layout, limit->controller);
    if (!h && limit->optional) return 0;
    if (!h)
        return err_set(c->err, ERR_INVALID, 0, "%s: this host has no cgroup controller \"%s\"", why,
                       cgroup_controller_name(limit->controller, true));
    const char *file = h->v2 ? limit->file2 : limit->file1, *value = h->v2 ? limit->value2 : limit->value1;
    if (!file)
        return err_set(c->err, ERR_INVALID, 0, "%s: cgroup v%d has nothing like it", why, h->v2 ? 2 : 1);
    if (value) cgroup_plan_write(c, cgroup_folder(c, h), file, value, why, limit->optional);
    return 0;
}

// Numbers as text. Zero says nothing where the specification's users write it for "not given".

static const char *text_i64(const struct cgroup_plan *c, struct spec_i64 n) {
    return n.set ? arena_printf(c->arena, "%" PRId64, n.value) : NULL;
}

static const char *text_u64(const struct cgroup_plan *c, struct spec_u64 n) {
    return n.set ? arena_printf(c->arena, "%" PRIu64, n.value) : NULL;
}

static const char *text_bytes(const struct cgroup_plan *c, struct spec_i64 n, bool v2) {
    if (!n.value) return NULL;
    return v2 && n.value < 0 ? "max" : text_i64(c, n);
}

// v1 counts memory and swap together, v2 swap alone.
static const char *text_swap(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    if (!r->memory_swap.value && r->memory_limit.value < 0 && c->groups) return "max"; // no limit at all
    if (!r->memory_swap.value) return NULL;
    if (r->memory_swap.value < 0) return "max";
    return arena_printf(c->arena, "%" PRId64, r->memory_swap.value - r->memory_limit.value);
}

// 2..262144 to 1..10000, the ends on the ends.
static const char *text_cpu_weight(const struct cgroup_plan *c) {
    uint64_t shares = c->spec->resources.cpu_shares.value;
    if (!shares) return NULL;
    shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
    return arena_printf(c->arena, "%" PRIu64, 1 + (shares - 2) * 9999 / 262142);
}

// "quota period": who changes one of a running container keeps the other.
static const char *text_cpu_max(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    unsigned long long period = r->cpu_period.value;
    char quota[24] = "max";
    if (!r->cpu_quota.value && !period) return NULL;
    if (c->groups && (!r->cpu_quota.value || !period)) {
        _cleanup_(str_finish) struct str now = {0};
        const struct cgroup_hierarchy *h = cgroup_with(c->layout, CGROUP_CPU);
        const char *file = h ? arena_printf(c->arena, "%s/cpu.max", cgroup_folder(c, h)) : "";
        unsigned long long now_period = 0;
        if (file_read_at(AT_FDCWD, file, 64, &now) == 0) sscanf(now.data, "%23s %llu", quota, &now_period);
        if (!period) period = now_period;
    }
    if (r->cpu_quota.value > 0) snprintf(quota, sizeof quota, "%" PRId64, r->cpu_quota.value);
    if (r->cpu_quota.value < 0) strcpy(quota, "max");
    return arena_printf(c->arena, "%s %llu", quota, period ? period : 100000);
}

// 10..1000 to 1..10000.
static uint64_t io_weight(uint64_t weight) {
    return weight < 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

static int plan_memory(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    if (r->memory_swap.value > 0 &&
        (r->memory_limit.value <= 0 || r->memory_swap.value < r->memory_limit.value))
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.resources.memory.swap counts memory and swap: it needs a memory limit, and may "
                       "not be less than that");
    // A kernel may count no swap. Then the engine's own "twice the memory" has nothing to act on; what a
    // person asked for fails at the file that is missing.
    const char *why = spec_why(c->spec, "linux.resources.memory.swap", NULL);
    bool derived = why && !str_has_prefix(why, "--memory-swap");
    const char *swap1 = text_bytes(c, r->memory_swap, false);
    // v1: memory without a limit can't be less than memory and swap together with one.
    if (!swap1 && r->memory_limit.value < 0 && c->groups) swap1 = "-1", derived = true;
    const struct limit limits[] = {
        // Before Linux 5.11 v1 did not count groups below unless it was told to; v2 always does.
        {"linux.resources.memory.useHierarchy", CGROUP_MEMORY, true, "memory.use_hierarchy", "memory.max",
         r->use_hierarchy ? "1" : NULL, NULL},
        {"linux.resources.memory.limit", CGROUP_MEMORY, false, "memory.limit_in_bytes", "memory.max",
         text_bytes(c, r->memory_limit, false), text_bytes(c, r->memory_limit, true)},
        {"linux.resources.memory.swap", CGROUP_MEMORY, derived, "memory.memsw.limit_in_bytes",
         "memory.swap.max", swap1, text_swap(c)},
        {"linux.resources.memory.reservation", CGROUP_MEMORY, false, "memory.soft_limit_in_bytes",
         "memory.low", text_bytes(c, r->memory_reservation, false),
         text_bytes(c, r->memory_reservation, true)},
        {"linux.resources.memory.swappiness", CGROUP_MEMORY, false, "memory.swappiness", NULL,
         text_u64(c, r->memory_swappiness), NULL},
        {"linux.resources.memory.disableOOMKiller", CGROUP_MEMORY, false, "memory.oom_control", NULL,
         r->disable_oom_killer ? "1" : NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        if (add_limit(c, &limits[i]) < 0) return -1;
    }
    return 0;
}

static int plan_cpu(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    const char *cpus = str_empty(r->cpuset_cpus) ? NULL : r->cpuset_cpus;
    const char *mems = str_empty(r->cpuset_mems) ? NULL : r->cpuset_mems;
    bool idle = r->cpu_idle.value == 1; // has the least weight there is, and the kernel takes no other
    const struct limit limits[] = {
        {"linux.resources.cpu.cpus", CGROUP_CPUSET, false, "cpuset.cpus", "cpuset.cpus", cpus, cpus},
        {"linux.resources.cpu.mems", CGROUP_CPUSET, false, "cpuset.mems", "cpuset.mems", mems, mems},
        {"linux.resources.cpu.idle", CGROUP_CPU, false, "cpu.idle", "cpu.idle", text_i64(c, r->cpu_idle),
         text_i64(c, r->cpu_idle)},
        {"linux.resources.cpu.shares", CGROUP_CPU, false, "cpu.shares", "cpu.weight",
         idle || !r->cpu_shares.value ? NULL : text_u64(c, r->cpu_shares), idle ? NULL : text_cpu_weight(c)},
        {"linux.resources.cpu.period", CGROUP_CPU, false, "cpu.cfs_period_us", "cpu.max",
         r->cpu_period.value ? text_u64(c, r->cpu_period) : NULL, NULL},
        {"linux.resources.cpu.quota", CGROUP_CPU, false, "cpu.cfs_quota_us", "cpu.max",
         r->cpu_quota.value ? text_i64(c, r->cpu_quota) : NULL, text_cpu_max(c)},
        {"linux.resources.cpu.burst", CGROUP_CPU, false, "cpu.cfs_burst_us", "cpu.max.burst",
         text_u64(c, r->cpu_burst), text_u64(c, r->cpu_burst)},
        {"linux.resources.cpu.realtimePeriod", CGROUP_CPU, false, "cpu.rt_period_us", NULL,
         r->cpu_rt_period.value ? text_u64(c, r->cpu_rt_period) : NULL, NULL},
        {"linux.resources.cpu.realtimeRuntime", CGROUP_CPU, false, "cpu.rt_runtime_us", NULL,
         r->cpu_rt_runtime.value ? text_i64(c, r->cpu_rt_runtime) : NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        if (add_limit(c, &limits[i]) < 0) return -1;
    }
    return 0;
}

// A new group has no limit: none needs to be written.
static int plan_pids(const struct cgroup_plan *c) {
    int64_t value = c->spec->resources.pids_limit.value;
    if (value == 0 || (value < 0 && !c->groups)) return 0;
    const char *text = value < 0 ? "max" : text_i64(c, c->spec->resources.pids_limit);
    const struct limit limit = {
        "linux.resources.pids.limit",
        CGROUP_PIDS,
        str_has_prefix(spec_why(c->spec, "linux.resources.pids.limit", ""), "default"),
        "pids.max",
        "pids.max",
        text,
        text};
    return add_limit(c, &limit);
}

// v2 has two that schedule by weight, and a kernel has either or both: BFQ's file takes the number as it is.
static int plan_weight(const struct cgroup_plan *c, const char *field, const char *device, uint64_t weight) {
    const char *raw = arena_printf(c->arena, "%s%" PRIu64, device, weight);
    const char *scaled = arena_printf(c->arena, "%s%" PRIu64, device, io_weight(weight));
    const struct limit limit = {
        field,       CGROUP_IO, false, *device ? "blkio.bfq.weight_device" : "blkio.bfq.weight",
        "io.weight", raw,       scaled};
    if (add_limit(c, &limit) < 0) return -1;
    const struct cgroup_hierarchy *h = cgroup_with(c->layout, CGROUP_IO);
    if (!h->v2) return 0;
    const char *folder = cgroup_folder(c, h), *why = spec_why(c->spec, field, field);
    plan_str instead = plan_printf(c->plan, "%s/io.bfq.weight", folder);
    c->plan->ops[c->plan->count - 1].write.instead = instead;
    cgroup_plan_write(c, folder, "io.bfq.weight", raw, why, true);
    return 0;
}

static int plan_weights(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    bool leaf = r->blkio_leaf_weight.value;
    if (r->blkio_weight.value &&
        plan_weight(c, "linux.resources.blockIO.weight", "", r->blkio_weight.value) < 0)
        return -1;
    for (size_t i = 0; i < r->blkio_weights.count; i++) {
        const struct spec_weight *w = &r->blkio_weights.items[i];
        const char *device = arena_printf(c->arena, "%u:%u ", w->major, w->minor);
        leaf = leaf || w->leaf_weight;
        if (w->weight && plan_weight(c, "linux.resources.blockIO.weightDevice", device, w->weight) < 0)
            return -1;
    }
    if (!leaf) return 0;
    return err_set(
        c->err, ERR_INVALID, 0,
        "linux.resources.blockIO.leafWeight belongs to the CFQ scheduler, which Linux 5.0 removed");
}

static int plan_throttles(const struct cgroup_plan *c, const struct spec_throttle *items, size_t count,
                          const char *field, const char *file1, const char *key2) {
    for (size_t i = 0; i < count; i++) {
        const char *device = arena_printf(c->arena, "%u:%u", items[i].major, items[i].minor);
        const struct limit limit = {field,
                                    CGROUP_IO,
                                    false,
                                    file1,
                                    "io.max",
                                    arena_printf(c->arena, "%s %" PRIu64, device, items[i].rate),
                                    arena_printf(c->arena, "%s %s=%" PRIu64, device, key2, items[i].rate)};
        if (add_limit(c, &limit) < 0) return -1;
    }
    return 0;
}

static int plan_block_io(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
#define THROTTLE(list, name, file, key)                                                                      \
    plan_throttles(c, r->list.items, r->list.count, "linux.resources.blockIO." name, "blkio.throttle." file, \
                   key)
    if (plan_weights(c) < 0 || THROTTLE(read_bps, "throttleReadBpsDevice", "read_bps_device", "rbps") < 0 ||
        THROTTLE(write_bps, "throttleWriteBpsDevice", "write_bps_device", "wbps") < 0 ||
        THROTTLE(read_iops, "throttleReadIOPSDevice", "read_iops_device", "riops") < 0 ||
        THROTTLE(write_iops, "throttleWriteIOPSDevice", "write_iops_device", "wiops") < 0)
        return -1;
#undef THROTTLE
    return 0;
}

// Twice: what is in use, and what is only reserved (since 5.7). Without the second, who maps more than there
// may be is killed at the first touch instead of being told.
static int plan_huge_page(const struct cgroup_plan *c, const struct spec_huge_page *page, const char *kind) {
    const char *bytes = arena_printf(c->arena, "%" PRIu64, page->limit);
    const struct limit limit = {"linux.resources.hugepageLimits",
                                CGROUP_HUGETLB,
                                *kind != '\0',
                                arena_printf(c->arena, "hugetlb.%s%s.limit_in_bytes", page->page_size, kind),
                                arena_printf(c->arena, "hugetlb.%s%s.max", page->page_size, kind),
                                bytes,
                                bytes};
    return add_limit(c, &limit);
}

static int plan_huge_pages(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    for (size_t i = 0; i < r->huge_pages.count; i++) {
        const struct spec_huge_page *page = &r->huge_pages.items[i];
        if (plan_huge_page(c, page, "") < 0 || plan_huge_page(c, page, ".rsvd") < 0) return -1;
    }
    return 0;
}

// v1 marks what a group sends: a class for tc, and a priority for each interface. v2 has BPF for that.
static int plan_network(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    const struct limit class = {"linux.resources.network.classID",
                                CGROUP_NET_CLS,
                                false,
                                "net_cls.classid",
                                NULL,
                                r->network_class_id.value ? text_u64(c, r->network_class_id) : NULL,
                                NULL};
    if (add_limit(c, &class) < 0) return -1;
    for (size_t i = 0; i < r->network_priorities.count; i++) {
        const struct spec_network_priority *item = &r->network_priorities.items[i];
        const struct limit limit = {"linux.resources.network.priorities",
                                    CGROUP_NET_PRIO,
                                    false,
                                    "net_prio.ifpriomap",
                                    NULL,
                                    arena_printf(c->arena, "%s %u", item->name, item->priority),
                                    NULL};
        if (add_limit(c, &limit) < 0) return -1;
    }
    return 0;
}

static int plan_rdma(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    for (size_t i = 0; i < r->rdma.count; i++) {
        const struct spec_rdma *rdma = &r->rdma.items[i];
        const char *line = rdma->device;
        if (rdma->handles.set)
            line = arena_printf(c->arena, "%s hca_handle=%" PRIu64, line, rdma->handles.value);
        if (rdma->objects.set)
            line = arena_printf(c->arena, "%s hca_object=%" PRIu64, line, rdma->objects.value);
        if (line == rdma->device) continue;
        const struct limit limit = {
            "linux.resources.rdma", CGROUP_RDMA, false, "rdma.max", "rdma.max", line, line};
        if (add_limit(c, &limit) < 0) return -1;
    }
    return 0;
}

// Files of v2 by their names. Those of a controller that v1 has would not be there.
static int plan_unified(const struct cgroup_plan *c) {
    for (size_t i = 0; i < c->spec->resources.unified.count; i++) {
        const struct spec_key_value *item = &c->spec->resources.unified.items[i];
        const struct cgroup_hierarchy *v2 = &c->layout->items[c->layout->count - 1];
        if (strchr(item->key, '/') || *item->key == '.')
            return err_set(c->err, ERR_INVALID, 0, "linux.resources.unified: \"%s\" is no file of a cgroup",
                           item->key);
        bool there = v2->v2 && (str_has_prefix(item->key, "cgroup.") ||
                                cgroup_controllers_of(item->key) & v2->controllers);
        if (!there)
            return err_set(
                c->err, ERR_INVALID, 0,
                "linux.resources.unified: \"%s\" is of a controller that this host does not have in "
                "cgroup v2",
                item->key);
        cgroup_plan_write(c, cgroup_folder(c, v2), item->key, item->value, "linux.resources.unified", false);
    }
    return 0;
}

// runc's words, by which its callers know the case.
int cgroup_plan_check(const struct cgroup_plan *c) {
    uint32_t needed = cgroup_controllers_needed(c->spec);
    for (uint32_t bit = 1; bit && bit <= needed; bit <<= 1) {
        if (!(needed & bit) || cgroup_with(c->layout, bit)) continue;
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.resources: cannot set %s limit: container could not join or create cgroup%s",
                       cgroup_controller_name(bit, true),
                       cgroup_is_restricted()
                           ? ": an ordinary user has limits where a group with that controller "
                             "is his own, as under systemd-run --user --scope"
                           : "");
    }
    return 0;
}

int cgroup_plan_limits(const struct cgroup_plan *c) {
    if (c->whole && cgroup_plan_check(c) < 0) return -1;
    return plan_memory(c) < 0 || plan_cpu(c) < 0 || plan_pids(c) < 0 || plan_block_io(c) < 0 ||
                   plan_huge_pages(c) < 0 || plan_rdma(c) < 0 || plan_network(c) < 0 || plan_unified(c) < 0
               ? -1
               : 0;
}
