// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup.h"

#include "base/fd.h"
#include "kernel/bpf_device.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A limit's files on either version. The value is the text to write; NULL means that it is not set.
struct limit {
    const char *field; // in the spec, and in the sentence when there is no controller
    uint32_t controller;
    const char *file1, *file2;
    const char *value1, *value2;
    bool optional; // the engine's own default, not a wish: no controller, no limit
};

// v1's first: on a hybrid host v2 has only what v1 left.
static const struct cgroup_hierarchy *find_hierarchy(const struct cgroup_layout *layout,
                                                     uint32_t controller) {
    const struct cgroup_hierarchy *found = NULL;
    for (size_t i = 0; i < layout->count; i++)
        if (layout->items[i].controllers & controller && (!found || found->v2)) found = &layout->items[i];
    return found;
}

static bool is_v2(const struct cgroup_layout *layout) {
    return layout->count == 1 && layout->items[0].v2;
}

static int check_path(const char *path, struct err *err) {
    if (str_empty(path) || strstr(path, "/../") || str_has_suffix(path, "/..") || strlen(path) > 1024)
        return err_set(err, ERR_INVALID, 0, "\"%s\" is no cgroup path", path ? path : "");
    if (strchr(path, ':'))
        return err_set(err, ERR_INVALID, 0,
                       "cgroup path \"%s\" is systemd's slice:prefix:name, which needs systemd", path);
    return 0;
}

static const char *choose_path(const struct spec *spec, const char *path) {
    return str_empty(spec->cgroups_path) ? path : spec->cgroups_path;
}

static const char *folder(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    return arena_printf(c->arena, "%s%s%s", h->mount, *c->path == '/' ? "" : "/", c->path);
}

static void add_write(const struct cgroup_plan *c, const char *file, const char *value, const char *why,
                      bool optional) {
    plan_str f = plan_string(c->plan, file), v = plan_string(c->plan, value);
    struct plan_op *op = plan_add(c->plan, PLAN_CGROUP_WRITE, why);
    op->write.file = f;
    op->write.value = v;
    op->write.optional = optional;
}

static int add_limit(const struct cgroup_plan *c, const struct limit *limit) {
    if (!limit->value1 && !limit->value2) return 0;
    const char *why = spec_why(c->spec, limit->field, limit->field);
    const struct cgroup_hierarchy *h = find_hierarchy(c->layout, limit->controller);
    const char *file = h ? h->v2 ? limit->file2 : limit->file1 : NULL,
               *value = h && h->v2 ? limit->value2 : limit->value1;
    if (!h && limit->optional) return 0;
    if (!h)
        return err_set(c->err, ERR_INVALID, 0, "%s: this host has no cgroup controller \"%s\"", why,
                       cgroup_controller_name(limit->controller, true));
    if (!file)
        return err_set(c->err, ERR_INVALID, 0, "%s: cgroup v%d has nothing like it", why, h->v2 ? 2 : 1);
    if (value) add_write(c, arena_printf(c->arena, "%s/%s", folder(c, h), file), value, why, limit->optional);
    return 0;
}

static const char *number(const struct cgroup_plan *c, struct spec_i64 n) {
    return n.set ? arena_printf(c->arena, "%lld", (long long)n.value) : NULL;
}

static const char *unsigned_number(const struct cgroup_plan *c, struct spec_u64 n) {
    return n.set ? arena_printf(c->arena, "%llu", (unsigned long long)n.value) : NULL;
}

static const char *or_max(const struct cgroup_plan *c, struct spec_i64 n) {
    return n.set && n.value < 0 ? "max" : number(c, n);
}

// v1 counts memory and swap together, v2 swap alone.
static const char *swap_max(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    if (!r->memory_swap.set) return NULL;
    if (r->memory_swap.value < 0) return "max";
    int64_t limit = r->memory_limit.set && r->memory_limit.value > 0 ? r->memory_limit.value : 0;
    return arena_printf(c->arena, "%lld",
                        (long long)(r->memory_swap.value > limit ? r->memory_swap.value - limit : 0));
}

// 2..262144 to 1..10000, the ends on the ends (config-linux.md).
static const char *weight(const struct cgroup_plan *c) {
    struct spec_u64 shares = c->spec->resources.cpu_shares;
    if (!shares.set || !shares.value) return NULL;
    uint64_t value = shares.value < 2 ? 2 : shares.value > 262144 ? 262144 : shares.value;
    return arena_printf(c->arena, "%llu", (unsigned long long)(1 + (value - 2) * 9999 / 262142));
}

static const char *cpu_max(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    if (!r->cpu_quota.set && !r->cpu_period.set) return NULL;
    unsigned long long period = r->cpu_period.set && r->cpu_period.value ? r->cpu_period.value : 100000;
    if (!r->cpu_quota.set || r->cpu_quota.value <= 0) return arena_printf(c->arena, "max %llu", period);
    return arena_printf(c->arena, "%lld %llu", (long long)r->cpu_quota.value, period);
}

static bool is_default(const struct cgroup_plan *c, const char *field) {
    return str_has_prefix(spec_why(c->spec, field, ""), "default");
}

static int plan_simple_limits(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    const struct limit limits[] = {
        {"linux.resources.memory.limit", CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max",
         number(c, r->memory_limit), or_max(c, r->memory_limit), false},
        {"linux.resources.memory.swap", CGROUP_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max",
         number(c, r->memory_swap), swap_max(c), is_default(c, "linux.resources.memory.swap")},
        {"linux.resources.memory.reservation", CGROUP_MEMORY, "memory.soft_limit_in_bytes", "memory.low",
         number(c, r->memory_reservation), or_max(c, r->memory_reservation), false},
        {"linux.resources.memory.swappiness", CGROUP_MEMORY, "memory.swappiness", NULL,
         unsigned_number(c, r->memory_swappiness), NULL, false},
        {"linux.resources.memory.disableOOMKiller", CGROUP_MEMORY, "memory.oom_control", NULL,
         r->disable_oom_killer ? "1" : NULL, NULL, false},
        {"linux.resources.cpu.shares", CGROUP_CPU, "cpu.shares", "cpu.weight",
         r->cpu_shares.value ? unsigned_number(c, r->cpu_shares) : NULL, weight(c), false},
        {"linux.resources.cpu.period", CGROUP_CPU, "cpu.cfs_period_us", "cpu.max",
         r->cpu_period.value ? unsigned_number(c, r->cpu_period) : NULL, cpu_max(c), false},
        {"linux.resources.cpu.quota", CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max", number(c, r->cpu_quota),
         NULL, false},
        {"linux.resources.cpu.burst", CGROUP_CPU, "cpu.cfs_burst_us", "cpu.max.burst",
         unsigned_number(c, r->cpu_burst), unsigned_number(c, r->cpu_burst), false},
        {"linux.resources.cpu.idle", CGROUP_CPU, "cpu.idle", "cpu.idle", number(c, r->cpu_idle),
         number(c, r->cpu_idle), false},
        {"linux.resources.cpu.realtimePeriod", CGROUP_CPU, "cpu.rt_period_us", NULL,
         unsigned_number(c, r->cpu_rt_period), NULL, false},
        {"linux.resources.cpu.realtimeRuntime", CGROUP_CPU, "cpu.rt_runtime_us", NULL,
         number(c, r->cpu_rt_runtime), NULL, false},
        {"linux.resources.pids.limit", CGROUP_PIDS, "pids.max", "pids.max",
         r->pids_limit.set && r->pids_limit.value <= 0 ? "max" : number(c, r->pids_limit),
         r->pids_limit.set && r->pids_limit.value <= 0 ? "max" : number(c, r->pids_limit),
         is_default(c, "linux.resources.pids.limit")},
        {"linux.resources.blockIO.weight", CGROUP_IO, "blkio.bfq.weight", "io.bfq.weight",
         unsigned_number(c, r->blkio_weight), unsigned_number(c, r->blkio_weight), false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
        if (add_limit(c, &limits[i])) return -1;
    return 0;
}

static int plan_throttles(const struct cgroup_plan *c, const struct spec_throttle *items, size_t count,
                          const char *field, const char *file1, const char *key2) {
    for (size_t i = 0; i < count; i++) {
        const struct spec_throttle *t = &items[i];
        const struct limit limit = {
            field,
            CGROUP_IO,
            file1,
            "io.max",
            arena_printf(c->arena, "%u:%u %llu", t->major, t->minor, (unsigned long long)t->rate),
            arena_printf(c->arena, "%u:%u %s=%llu", t->major, t->minor, key2, (unsigned long long)t->rate),
            false};
        if (add_limit(c, &limit)) return -1;
    }
    return 0;
}

static int plan_block_io(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
#define THROTTLE(list, name, file, key)                                                                      \
    plan_throttles(c, r->list.items, r->list.count, "linux.resources.blockIO." name, "blkio.throttle." file, \
                   key)
    return THROTTLE(read_bps, "throttleReadBpsDevice", "read_bps_device", "rbps") ||
                   THROTTLE(write_bps, "throttleWriteBpsDevice", "write_bps_device", "wbps") ||
                   THROTTLE(read_iops, "throttleReadIOPSDevice", "read_iops_device", "riops") ||
                   THROTTLE(write_iops, "throttleWriteIOPSDevice", "write_iops_device", "wiops")
               ? -1
               : 0;
#undef THROTTLE
}

static int plan_huge_pages(const struct cgroup_plan *c) {
    const struct spec_resources *r = &c->spec->resources;
    for (size_t i = 0; i < r->huge_pages.count; i++) {
        const char *value = arena_printf(c->arena, "%llu", (unsigned long long)r->huge_pages.items[i].limit);
        const struct limit limit = {
            "linux.resources.hugepageLimits",
            CGROUP_HUGETLB,
            arena_printf(c->arena, "hugetlb.%s.limit_in_bytes", r->huge_pages.items[i].page_size),

            arena_printf(c->arena, "hugetlb.%s.max", r->huge_pages.items[i].page_size),
            value,
            value,
            false};
        if (add_limit(c, &limit)) return -1;
    }
    return 0;
}

static int plan_unified(const struct cgroup_plan *c, const char *v2) {
    for (size_t i = 0; i < c->spec->resources.unified.count; i++) {
        const struct spec_key_value *item = &c->spec->resources.unified.items[i];
        if (strchr(item->key, '/'))
            return err_set(c->err, ERR_INVALID, 0, "linux.resources.unified: \"%s\" is no file name",
                           item->key);
        if (!v2)
            return err_set(c->err, ERR_INVALID, 0, "linux.resources.unified: this host has no cgroup v2");
        add_write(c, arena_printf(c->arena, "%s/%s", v2, item->key), item->value, "linux.resources.unified",
                  false);
    }
    return 0;
}

static int plan_cpuset(const struct cgroup_plan *c) {
    const struct limit limits[] = {
        {"linux.resources.cpu.cpus", CGROUP_CPUSET, "cpuset.cpus", "cpuset.cpus",
         c->spec->resources.cpuset_cpus, c->spec->resources.cpuset_cpus, false},
        {"linux.resources.cpu.mems", CGROUP_CPUSET, "cpuset.mems", "cpuset.mems",
         c->spec->resources.cpuset_mems, c->spec->resources.cpuset_mems, false},
    };
    return add_limit(c, &limits[0]) || add_limit(c, &limits[1]) ? -1 : 0;
}

static void plan_devices_v1(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    const char *dir = folder(c, h),
               *why = spec_why(c->spec, "linux.resources.devices", "linux.resources.devices");
    for (size_t i = 0; i < c->spec->resources.devices.count; i++) {
        const struct spec_device_rule *rule = &c->spec->resources.devices.items[i];
        char major[24] = "*", minor[24] = "*";
        if (rule->major >= 0) snprintf(major, sizeof major, "%lld", (long long)rule->major);
        if (rule->minor >= 0) snprintf(minor, sizeof minor, "%lld", (long long)rule->minor);
        const char *value =
            rule->type == 'a' ? "a"
                              : arena_printf(c->arena, "%c %s:%s %s", rule->type, major, minor, rule->access);
        add_write(c, arena_printf(c->arena, "%s/devices.%s", dir, rule->allow ? "allow" : "deny"), value, why,
                  false);
    }
}

static void plan_devices_v2(const struct cgroup_plan *c, const char *path) {
    size_t count = c->spec->resources.devices.count;
    struct bpf_device_rule *rules = arena_array(c->arena, struct bpf_device_rule, count);
    struct bpf_insn *program = arena_array(c->arena, struct bpf_insn, BPF_DEVICE_INSTRUCTIONS(count));
    for (size_t i = 0; i < count; i++) {
        const struct spec_device_rule *rule = &c->spec->resources.devices.items[i];
        rules[i] = (struct bpf_device_rule){rule->allow, rule->type, rule->major, rule->minor, rule->access};
    }
    size_t n = bpf_device_compile(rules, count, false, program);
    plan_str group = plan_string(c->plan, path);
    struct plan_blob blob = plan_bytes(c->plan, program, n * sizeof *program);
    struct plan_op *op = plan_add(c->plan, PLAN_CGROUP_DEVICES,
                                  spec_why(c->spec, "linux.resources.devices", "linux.resources.devices"));
    op->bpf.path = group;
    op->bpf.program = blob;
}

static int plan_devices(const struct cgroup_plan *c, const char *v2) {
    const struct cgroup_hierarchy *h = find_hierarchy(c->layout, CGROUP_DEVICES);
    if (!c->spec->resources.devices.count) return 0;
    if (h) return plan_devices_v1(c, h), 0;
    if (!v2)
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.resources.devices: this host has no way to limit devices");
    plan_devices_v2(c, v2);
    return 0;
}

// In v2 a controller works in a cgroup when every cgroup above it hands it down.
static void plan_subtree_control(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    static const uint32_t wanted[] = {CGROUP_CPUSET, CGROUP_CPU,  CGROUP_IO,
                                      CGROUP_MEMORY, CGROUP_PIDS, CGROUP_HUGETLB};
    const char *path = folder(c, h), *p = path + strlen(h->mount);
    for (; strchr(p, '/'); p += 1 + strcspn(p + 1, "/")) {
        const char *file = arena_printf(c->arena, "%.*s/cgroup.subtree_control", (int)(p - path), path);
        _cleanup_(str_finish)
        struct str have = {0}, add = {0};
        (void)file_read_at(AT_FDCWD, file, 4096, &have); // missing: made by this very plan
        uint32_t enabled = cgroup_controllers_of(str_get(&have));
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
            if (h->controllers & wanted[i] & ~enabled)
                str_printf(&add, "%s+%s", add.len ? " " : "", cgroup_controller_name(wanted[i], true));
        if (add.len) add_write(c, file, str_get(&add), "default", false);
    }
}

static void plan_oom_file(const struct cgroup_plan *c) {
    const struct cgroup_hierarchy *h = find_hierarchy(c->layout, CGROUP_MEMORY);
    if (h)
        c->plan->head.oom_file =
            plan_printf(c->plan, "%s/%s", folder(c, h), h->v2 ? "memory.events" : "memory.oom_control");
}

int cgroup_plan_host(const struct cgroup_plan *c, const char **ret_v2) {
    const char *v2 = NULL;
    for (size_t i = 0; i < c->layout->count; i++) {
        const struct cgroup_hierarchy *h = &c->layout->items[i];
        plan_str path = plan_string(c->plan, folder(c, h));
        plan_add(c->plan, PLAN_CGROUP_CREATE, spec_why(c->spec, "linux.cgroupsPath", "default"))->path = path;
        if (h->v2) v2 = folder(c, h);
        if (h->v2 && is_v2(c->layout)) plan_subtree_control(c, h);
    }
    plan_oom_file(c);
    *ret_v2 = v2;
    return plan_cpuset(c) || plan_simple_limits(c) || plan_block_io(c) || plan_huge_pages(c) ||
                   plan_unified(c, v2) || plan_devices(c, v2)
               ? -1
               : 0;
}

static int find_layout(struct cgroup_layout *layout, struct err *err) {
    int r = cgroup_layout_read(layout);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot find the host's cgroups") : 0;
}

int runtime_cgroup_plan_host(const struct spec *spec, const char *path, struct arena *arena,
                             struct plan *plan, const char **ret_v2, struct err *err) {
    struct cgroup_layout layout;
    const struct cgroup_plan c = {spec, &layout, choose_path(spec, path), plan, arena, err};
    if (check_path(c.path, err) || find_layout(&layout, err)) return -1;
    if (spec->resources.rdma.count || spec->resources.blkio_weights.count ||
        spec->resources.blkio_leaf_weight.set)
        return err_set(err, ERR_INVALID, 0,
                       "linux.resources: rdma and blockIO weights of devices are not supported");
    return cgroup_plan_host(&c, ret_v2);
}

int runtime_cgroup_plan_child(const struct spec *spec, const char *path, struct plan *plan, struct err *err) {
    struct cgroup_layout layout;
    path = choose_path(spec, path);
    if (check_path(path, err) || find_layout(&layout, err)) return -1;
    for (size_t i = 0; i < layout.count; i++) {
        if (layout.items[i].v2) continue;
        plan_str tasks =
            plan_printf(plan, "%s%s%s/tasks", layout.items[i].mount, *path == '/' ? "" : "/", path);
        plan_add(plan, PLAN_CGROUP_JOIN, spec_why(spec, "linux.cgroupsPath", "default"))->path = tasks;
    }
    return 0;
}

int runtime_cgroup_path(const struct spec *spec, const char *path, struct arena *arena, const char **ret_v2,
                        struct err *err) {
    struct cgroup_layout layout;
    const struct cgroup_plan c = {spec, &layout, choose_path(spec, path), NULL, arena, err};
    if (check_path(c.path, err) || find_layout(&layout, err)) return -1;
    *ret_v2 = NULL;
    for (size_t i = 0; i < layout.count; i++)
        if (layout.items[i].v2) *ret_v2 = folder(&c, &layout.items[i]);
    return 0;
}

int runtime_cgroup_mounts(const struct spec *spec, const char *path, struct arena *arena,
                          struct runtime_cgroup_mounts *ret_mounts, struct err *err) {
    struct cgroup_layout layout;
    const struct cgroup_plan c = {spec, &layout, choose_path(spec, path), NULL, arena, err};
    struct runtime_cgroup_mounts mounts = {0};
    if (check_path(c.path, err) || find_layout(&layout, err)) return -1;
    mounts.unified = is_v2(&layout);
    for (size_t i = 0; i < layout.count; i++) {
        const char *name = strrchr(layout.items[i].mount, '/') + 1;
        mounts.items[mounts.count].name = arena_strdup(arena, name);
        mounts.items[mounts.count++].source = folder(&c, &layout.items[i]);
        for (const char *p = name; !layout.items[i].v2 && strchr(name, ',') && *p;
             p += strcspn(p, ","), p += *p == ',') {
            if (mounts.link_count == ARRAY_SIZE(mounts.links)) break;
            mounts.links[mounts.link_count].name = arena_strndup(arena, p, strcspn(p, ","));
            mounts.links[mounts.link_count++].target = arena_strdup(arena, name);
        }
    }
    *ret_mounts = mounts;
    return 0;
}
