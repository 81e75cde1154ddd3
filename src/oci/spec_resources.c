// SPDX-License-Identifier: Apache-2.0
// linux.resources.
#include "oci/field_rows.h"
#include "oci/spec_parts.h"
#include "oci/words.h"

#include <string.h>

static const struct spec_device_rule any_device = {.type = 'a', .major = -1, .minor = -1, .access = "rwm"};
static const struct field device_rule_fields[] = {
    {"allow", FIELD_BOOL, AT(spec_device_rule, allow), .always = true}, // the schema requires it
    {"type", FIELD_WORD, AT(spec_device_rule, type), .words = words_device_types},
    NUMBER(spec_device_rule, "major", major, .min = -1, .max = UINT32_MAX),
    NUMBER(spec_device_rule, "minor", minor, .min = -1, .max = UINT32_MAX),
    // Written always: runc does not take a rule without it.
    {"access", FIELD_STRING, AT(spec_device_rule, access), .always = true},
    END,
};

static const struct field memory_fields[] = {
    MAYBE_I64(spec_resources, "limit", memory_limit),
    MAYBE_I64(spec_resources, "reservation", memory_reservation),
    MAYBE_I64(spec_resources, "swap", memory_swap),
    {"swappiness", FIELD_MAYBE, AT(spec_resources, memory_swappiness), .max = 100},
    MAYBE_I64(spec_resources, "kernel", memory_kernel),
    MAYBE_I64(spec_resources, "kernelTCP", memory_kernel_tcp),
    BOOL(spec_resources, "disableOOMKiller", disable_oom_killer),
    BOOL(spec_resources, "useHierarchy", use_hierarchy),
    BOOL(spec_resources, "checkBeforeUpdate", check_before_update),
    END,
};

static const struct field cpu_fields[] = {
    MAYBE_U64(spec_resources, "shares", cpu_shares),
    MAYBE_I64(spec_resources, "quota", cpu_quota),
    MAYBE_U64(spec_resources, "burst", cpu_burst),
    MAYBE_U64(spec_resources, "period", cpu_period),
    MAYBE_I64(spec_resources, "realtimeRuntime", cpu_rt_runtime),
    MAYBE_U64(spec_resources, "realtimePeriod", cpu_rt_period),
    STRING(spec_resources, "cpus", cpuset_cpus),
    STRING(spec_resources, "mems", cpuset_mems),
    {"idle", FIELD_MAYBE, AT(spec_resources, cpu_idle), .min = -1, .max = 1},
    END,
};

static const struct field pids_fields[] = {
    {"limit", FIELD_MAYBE, AT(spec_resources, pids_limit), .min = INT64_MIN, .required = true},
    END,
};

static const struct field weight_fields[] = {
    NUMBER(spec_weight, "major", major, .required = true),
    NUMBER(spec_weight, "minor", minor, .required = true),
    NUMBER(spec_weight, "weight", weight, .max = 1000),
    NUMBER(spec_weight, "leafWeight", leaf_weight, .max = 1000),
    END,
};

static const struct field throttle_fields[] = {
    NUMBER(spec_throttle, "major", major, .required = true),
    NUMBER(spec_throttle, "minor", minor, .required = true),
    NUMBER(spec_throttle, "rate", rate, .required = true),
    END,
};

static const struct field block_io_fields[] = {
    {"weight", FIELD_MAYBE, AT(spec_resources, blkio_weight), .max = 1000},
    {"leafWeight", FIELD_MAYBE, AT(spec_resources, blkio_leaf_weight), .max = 1000},
    LIST(spec_resources, "weightDevice", blkio_weights, spec_weight, weight_fields),
    LIST(spec_resources, "throttleReadBpsDevice", read_bps, spec_throttle, throttle_fields),
    LIST(spec_resources, "throttleWriteBpsDevice", write_bps, spec_throttle, throttle_fields),
    LIST(spec_resources, "throttleReadIOPSDevice", read_iops, spec_throttle, throttle_fields),
    LIST(spec_resources, "throttleWriteIOPSDevice", write_iops, spec_throttle, throttle_fields),
    END,
};

static const struct field huge_page_fields[] = {
    STRING(spec_huge_page, "pageSize", page_size, .required = true),
    NUMBER(spec_huge_page, "limit", limit, .required = true),
    END,
};

static const struct field rdma_fields[] = {
    {"hcaHandles", FIELD_MAYBE, AT(spec_rdma, handles), .max = UINT32_MAX},
    {"hcaObjects", FIELD_MAYBE, AT(spec_rdma, objects), .max = UINT32_MAX},
    END,
};

static const struct field priority_fields[] = {
    STRING(spec_network_priority, "name", name, .required = true),
    NUMBER(spec_network_priority, "priority", priority, .required = true),
    END,
};

static const struct field network_fields[] = {
    MAYBE_U64(spec_resources, "classID", network_class_id, .max = UINT32_MAX),
    LIST(spec_resources, "priorities", network_priorities, spec_network_priority, priority_fields),
    END,
};

const struct field spec_resources_fields[] = {
    LIST(spec_resources, "devices", devices, spec_device_rule, device_rule_fields, .defaults = &any_device),
    OBJECT("memory", memory_fields),
    OBJECT("cpu", cpu_fields),
    OBJECT("pids", pids_fields),
    OBJECT("blockIO", block_io_fields),
    LIST(spec_resources, "hugepageLimits", huge_pages, spec_huge_page, huge_page_fields),
    KEYED(spec_resources, "rdma", rdma, spec_rdma, rdma_fields),
    MAP(spec_resources, "unified", unified),
    OBJECT("network", network_fields),
    END,
};

static int check_devices(struct spec_resources *r, struct err *err) {
    for (size_t i = 0; i < r->devices.count; i++) {
        const char *access = r->devices.items[i].access;
        if (!*access)
            r->devices.items[i].access = "rwm";
        else if (access[strspn(access, "rwm")])
            return invalid(err, "linux.resources.devices[%zu].access may have the letters r, w and m only",
                           i);
    }
    return 0;
}

// ^[1-9][0-9]*[KMG]B$
static bool page_size_valid(const char *s) {
    if (*s == '0') return false;
    size_t digits = strspn(s, "0123456789");
    return digits && strlen(s) == digits + 2 && strchr("KMG", s[digits]) && s[digits + 1] == 'B';
}

static int check_huge_pages(const struct spec_resources *r, struct err *err) {
    for (size_t i = 0; i < r->huge_pages.count; i++) {
        if (!page_size_valid(r->huge_pages.items[i].page_size))
            return invalid(
                err, "linux.resources.hugepageLimits[%zu].pageSize must be a number and KB, MB or GB", i);
    }
    return 0;
}

static bool weight_valid(uint64_t weight) {
    return weight == 0 || weight >= 10; // 0: not given
}

static int check_weights(const struct spec_resources *r, struct err *err) {
    if (!weight_valid(r->blkio_weight.value))
        return invalid(err, "linux.resources.blockIO.weight must be from 10 to 1000");
    if (!weight_valid(r->blkio_leaf_weight.value))
        return invalid(err, "linux.resources.blockIO.leafWeight must be from 10 to 1000");
    for (size_t i = 0; i < r->blkio_weights.count; i++) {
        const struct spec_weight *w = &r->blkio_weights.items[i];
        if (!weight_valid(w->weight) || !weight_valid(w->leaf_weight))
            return invalid(err, "linux.resources.blockIO.weightDevice[%zu].%s must be from 10 to 1000", i,
                           weight_valid(w->weight) ? "leafWeight" : "weight");
    }
    return 0;
}

// What is written to these is done to the processes, the one that writes among them.
static bool is_control(const char *key) {
    static const char *const names[] = {"cgroup.freeze", "cgroup.kill", "cgroup.procs", "cgroup.threads",
                                        "cgroup.type"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(key, names[i])) return true;
    return false;
}

static int check_names(const struct spec_resources *r, struct err *err) {
    for (size_t i = 0; i < r->unified.count; i++) {
        const char *key = r->unified.items[i].key;
        if (strchr(key, '/') || *key == '.')
            return invalid(err, "linux.resources.unified: \"%.100s\" is no file of a cgroup", key);
        if (is_control(key))
            return invalid(
                err, "linux.resources.unified: \"%s\" is no limit: it controls the container's own processes",
                key);
    }
    for (size_t i = 0; i < r->network_priorities.count; i++) {
        const char *name = r->network_priorities.items[i].name;
        if (!*name || name[strcspn(name, "/ \t\n")])
            return invalid(err, "linux.resources.network.priorities[%zu].name is no name of an interface", i);
    }
    return 0;
}

static void warn_kernel_memory(struct arena *arena, const struct spec_resources *r,
                               struct strings *warnings) {
    static const char no_limit[] = "no kernel has this limit any more, and it is passed over";
    if (r->memory_kernel.set)
        strings_add(arena, warnings, arena_printf(arena, "linux.resources.memory.kernel: %s", no_limit));
    if (r->memory_kernel_tcp.set)
        strings_add(arena, warnings, arena_printf(arena, "linux.resources.memory.kernelTCP: %s", no_limit));
}

int spec_resources_check(struct arena *arena, struct spec_resources *resources, struct strings *warnings,
                         struct err *err) {
    if (check_devices(resources, err) < 0 || check_huge_pages(resources, err) < 0 ||
        check_weights(resources, err) < 0 || check_names(resources, err) < 0)
        return -1;
    warn_kernel_memory(arena, resources, warnings);
    return 0;
}

int spec_resources_parse(struct arena *arena, const struct json *json, struct spec_resources *ret_resources,
                         struct err *err) {
    struct spec_resources resources = {0};
    const struct fields_part part = {json, "linux.resources", &resources.warnings};
    if (fields_read_part(arena, spec_resources_fields, &part, &resources, err) < 0 ||
        spec_resources_check(arena, &resources, &resources.warnings, err) < 0)
        return -1;
    *ret_resources = resources;
    return 0;
}
