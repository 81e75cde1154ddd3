// SPDX-License-Identifier: Apache-2.0
// linux, but for resources and seccomp.
#include "oci/field_rows.h"
#include "oci/number_list.h"
#include "oci/spec_parts.h"
#include "oci/words.h"

#include <sched.h>
#include <string.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const struct field namespace_fields[] = {
    {"type", FIELD_WORD, AT(spec_namespace, flag), .required = true, .words = words_namespace_types},
    STRING(spec_namespace, "path", path),
    END,
};

const struct field spec_id_map_fields[] = {
    NUMBER(spec_id_map, "containerID", container_id, .required = true),
    NUMBER(spec_id_map, "hostID", host_id, .required = true),
    NUMBER(spec_id_map, "size", size, .required = true, .min = 1, .max = UINT32_MAX),
    END,
};

// A kernel's device number has 12 and 20 bits. What is more would be cut to the number of another device.
#define MAJOR_MAX 0xfff
#define MINOR_MAX 0xfffff
#define NO_NUMBER UINT32_MAX
static const struct spec_device default_device = {.file_mode = 0666, .major = NO_NUMBER, .minor = NO_NUMBER};
static const struct field device_fields[] = {
    STRING(spec_device, "path", path, .required = true),
    {"type", FIELD_WORD, AT(spec_device, type), .required = true, .words = words_node_types},
    NUMBER(spec_device, "major", major, .max = MAJOR_MAX),
    NUMBER(spec_device, "minor", minor, .max = MINOR_MAX),
    NUMBER(spec_device, "fileMode", file_mode, .max = 0177777), // Podman 4 has the file's type in it
    NUMBER(spec_device, "uid", uid),
    NUMBER(spec_device, "gid", gid),
    END,
};

static const struct field monotonic_fields[] = {
    NUMBER(spec, "secs", time_offsets.monotonic_s, .min = INT64_MIN),
    NUMBER(spec, "nanosecs", time_offsets.monotonic_ns, .max = 999999999),
    END,
};
static const struct field boottime_fields[] = {
    NUMBER(spec, "secs", time_offsets.boottime_s, .min = INT64_MIN),
    NUMBER(spec, "nanosecs", time_offsets.boottime_ns, .max = 999999999),
    END,
};
static const struct field time_offsets_fields[] = {
    OBJECT("monotonic", monotonic_fields),
    OBJECT("boottime", boottime_fields),
    END,
};

static const struct field intel_rdt_fields[] = {
    STRING(spec_intel_rdt, "closID", clos_id),
    STRINGS(spec_intel_rdt, "schemata", schemata),
    STRING(spec_intel_rdt, "l3CacheSchema", l3_cache_schema),
    STRING(spec_intel_rdt, "memBwSchema", mem_bw_schema),
    BOOL(spec_intel_rdt, "enableMonitoring", enable_monitoring),
    BOOL(spec_intel_rdt, "enableCMT", enable_cmt),
    BOOL(spec_intel_rdt, "enableMBM", enable_mbm),
    END,
};

static const struct field memory_policy_fields[] = {
    WORD(spec_memory_policy, "mode", mode, words_memory_modes, .required = true),
    STRING(spec_memory_policy, "nodes", nodes),
    MASK(spec_memory_policy, "flags", flags, words_memory_flags),
    END,
};

static const struct field personality_fields[] = {
    WORD(spec_personality, "domain", domain, words_personality_domains, .required = true),
    STRINGS(spec_personality, "flags", flags),
    END,
};

static const struct field net_device_fields[] = {
    STRING(spec_net_device, "name", name),
    END,
};

const struct field spec_linux_fields[] = {
    LIST(spec, "namespaces", namespaces, spec_namespace, namespace_fields),
    LIST(spec, "uidMappings", uid_maps, spec_id_map, spec_id_map_fields),
    LIST(spec, "gidMappings", gid_maps, spec_id_map, spec_id_map_fields),
    LIST(spec, "devices", devices, spec_device, device_fields, .defaults = &default_device),
    MAP(spec, "sysctl", sysctls),
    STRING(spec, "cgroupsPath", cgroups_path),
    PART(spec, "resources", resources, spec_resources_fields),
    POINTER(spec, "seccomp", seccomp, spec_seccomp, spec_seccomp_fields, .defaults = &spec_seccomp_default),
    STRING(spec, "rootfsPropagation", rootfs_propagation, .words = words_root_propagation),
    STRINGS(spec, "maskedPaths", masked_paths),
    STRINGS(spec, "readonlyPaths", readonly_paths),
    OBJECT("timeOffsets", time_offsets_fields),
    STRING(spec, "mountLabel", mount_label),
    POINTER(spec, "intelRdt", intel_rdt, spec_intel_rdt, intel_rdt_fields),
    POINTER(spec, "memoryPolicy", memory_policy, spec_memory_policy, memory_policy_fields),
    POINTER(spec, "personality", personality, spec_personality, personality_fields),
    KEYED(spec, "netDevices", net_devices, spec_net_device, net_device_fields),
    END,
};

bool spec_has_namespace(const struct spec *spec, uint64_t flag) {
    for (size_t i = 0; i < spec->namespaces.count; i++) {
        if (spec->namespaces.items[i].flag == flag) return true;
    }
    return false;
}

static int check_namespaces(const struct spec *spec, struct err *err) {
    uint64_t seen = 0;
    for (size_t i = 0; i < spec->namespaces.count; i++) {
        const struct spec_namespace *namespace = &spec->namespaces.items[i];
        if (seen & namespace->flag) return invalid(err, "linux.namespaces[%zu] is there twice", i);
        if (!str_empty(namespace->path) && !is_absolute(namespace->path))
            return invalid(err, "linux.namespaces[%zu].path must be absolute", i);
        seen |= namespace->flag;
    }
    return 0;
}

// user_namespaces(7): so many lines, which have to fit in a page.
#define ID_MAPS_MAX 340

int spec_id_maps_check(const struct spec_id_map *maps, size_t count, const char *path, struct err *err) {
    if (count > ID_MAPS_MAX)
        return invalid(err, "%s has %zu items, and the kernel takes %d", path, count, ID_MAPS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint64_t first = maps[i].container_id > maps[i].host_id ? maps[i].container_id : maps[i].host_id;
        // The last id, 2^32 - 1, is nobody: the kernel takes no map that has it.
        if (first + maps[i].size > UINT32_MAX)
            return invalid(err, "%s[%zu].size goes past the last id", path, i);
    }
    return 0;
}

static int check_paths(const struct strings *paths, const char *field, struct err *err) {
    for (size_t i = 0; i < paths->count; i++) {
        if (!is_absolute(paths->items[i])) return invalid(err, "%s[%zu] must be an absolute path", field, i);
    }
    return 0;
}

static int check_devices(const struct spec *spec, struct err *err) {
    for (size_t i = 0; i < spec->devices.count; i++) {
        struct spec_device *device = &spec->devices.items[i];
        bool numbered = device->type != 'p';
        if (!is_absolute(device->path)) return invalid(err, "linux.devices[%zu].path must be absolute", i);
        if (numbered && (device->major == NO_NUMBER || device->minor == NO_NUMBER))
            return invalid(err, "linux.devices[%zu].%s is missing", i,
                           device->major == NO_NUMBER ? "major" : "minor");
        if (device->major == NO_NUMBER) device->major = 0;
        if (device->minor == NO_NUMBER) device->minor = 0;
    }
    return 0;
}

static int check_time_offsets(struct spec *spec, struct err *err) {
    spec->time_offsets.set = spec->time_offsets.monotonic_s || spec->time_offsets.monotonic_ns ||
                             spec->time_offsets.boottime_s || spec->time_offsets.boottime_ns;
    if (spec->time_offsets.set && !spec_has_namespace(spec, CLONE_NEWTIME))
        return invalid(err, "linux.timeOffsets needs a time namespace in linux.namespaces");
    return 0;
}

// A directory of resctrl, and lines for its file.
static int check_intel_rdt(const struct spec_intel_rdt *rdt, struct err *err) {
    if (!rdt) return 0;
    const char *id = rdt->clos_id;
    if (id && (strchr(id, '/') || str_eq(id, ".") || str_eq(id, "..")))
        return invalid(err, "linux.intelRdt.closID must be a name without a slash, not \"%.100s\"", id);
    if (rdt->mem_bw_schema &&
        (!str_has_prefix(rdt->mem_bw_schema, "MB:") || strchr(rdt->mem_bw_schema, '\n')))
        return invalid(err, "linux.intelRdt.memBwSchema must be one line that starts with \"MB:\"");
    for (size_t i = 0; i < rdt->schemata.count; i++) {
        if (strchr(rdt->schemata.items[i], '\n'))
            return invalid(err, "linux.intelRdt.schemata[%zu] must be one line", i);
    }
    return 0;
}

// Of linux/mempolicy.h, which may be older than the last of them.
enum { MODE_DEFAULT = 0, MODE_PREFERRED = 1, MODE_BIND = 2, MODE_LOCAL = 4, MODE_PREFERRED_MANY = 5 };
#define BALANCING UINT64_C(0x2000)
#define RELATIVE  UINT64_C(0x4000)
#define STATIC    UINT64_C(0x8000)

static int check_memory_nodes(const struct spec_memory_policy *policy, struct err *err) {
    int count = policy->nodes ? number_list_parse(policy->nodes, NUMBER_LIST_NODES, NULL) : 0;
    bool none = policy->mode == MODE_DEFAULT || policy->mode == MODE_LOCAL;
    if (count < 0)
        return invalid(err, "linux.memoryPolicy.nodes must be a list of memory nodes like \"0-3,8\"");
    if (count && none)
        return invalid(err, "linux.memoryPolicy.nodes: MPOL_DEFAULT and MPOL_LOCAL take no nodes");
    if (!count && !none && policy->mode != MODE_PREFERRED)
        return invalid(err, "linux.memoryPolicy.nodes is missing: this mode needs them");
    if (!count && policy->mode != MODE_DEFAULT && policy->flags & (RELATIVE | STATIC))
        return invalid(err, "linux.memoryPolicy.flags say how to read nodes, and there are none");
    return 0;
}

static int check_memory_policy(const struct spec_memory_policy *policy, struct err *err) {
    if (!policy) return 0;
    if ((policy->flags & RELATIVE) && (policy->flags & STATIC))
        return invalid(err, "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude "
                            "each other");
    if (policy->flags & BALANCING && policy->mode != MODE_BIND && policy->mode != MODE_PREFERRED_MANY)
        return invalid(err, "linux.memoryPolicy.flags: MPOL_F_NUMA_BALANCING goes with MPOL_BIND and "
                            "MPOL_PREFERRED_MANY only");
    return check_memory_nodes(policy, err);
}

// As the kernel has it, dev_valid_name(); but with a % it would number the name (dev_alloc_name()).
static bool interface_name_valid(const char *name) {
    return *name && strlen(name) < 16 && !str_eq(name, ".") && !str_eq(name, "..") &&
           !name[strcspn(name, "/:% \t\n\v\f\r")];
}

static const char *net_device_name(const struct spec_net_device *device) {
    return str_empty(device->name) ? device->host_name : device->name;
}

static int check_net_devices(const struct spec *spec, struct err *err) {
    const struct spec_net_device *items = spec->net_devices.items;
    for (size_t i = 0; i < spec->net_devices.count; i++) {
        if (!interface_name_valid(items[i].host_name))
            return invalid(err, "linux.netDevices: \"%.100s\" is no name of an interface",
                           items[i].host_name);
        if (!interface_name_valid(net_device_name(&items[i])))
            return invalid(err, "linux.netDevices.%s.name: \"%.100s\" is no name of an interface",
                           items[i].host_name, items[i].name);
        for (size_t j = 0; j < i; j++) {
            if (str_eq(net_device_name(&items[i]), net_device_name(&items[j])))
                return invalid(err, "linux.netDevices.%s.name: %s has the same name in the container",
                               items[i].host_name, items[j].host_name);
        }
    }
    return 0;
}

static void warn_personality(struct arena *arena, struct spec *spec) {
    if (spec->personality && spec->personality->flags.count)
        strings_add(arena, &spec->warnings,
                    "linux.personality.flags: no flag is known, and they are passed over");
}

int spec_linux_check(struct arena *arena, struct spec *spec, struct err *err) {
    if (check_namespaces(spec, err) < 0 ||
        spec_id_maps_check(spec->uid_maps.items, spec->uid_maps.count, "linux.uidMappings", err) < 0 ||
        spec_id_maps_check(spec->gid_maps.items, spec->gid_maps.count, "linux.gidMappings", err) < 0 ||
        check_devices(spec, err) < 0 || check_time_offsets(spec, err) < 0 ||
        check_paths(&spec->masked_paths, "linux.maskedPaths", err) < 0 ||
        check_paths(&spec->readonly_paths, "linux.readonlyPaths", err) < 0 ||
        check_intel_rdt(spec->intel_rdt, err) < 0 || check_memory_policy(spec->memory_policy, err) < 0 ||
        check_net_devices(spec, err) < 0 ||
        spec_resources_check(arena, &spec->resources, &spec->warnings, err) < 0)
        return -1;
    if (spec->seccomp && str_empty(spec->seccomp->listener_path)) // where crun's callers say it
        spec->seccomp->listener_path = spec_annotation(spec, "run.oci.seccomp.receiver");
    if (spec->seccomp && spec_seccomp_check(spec->seccomp, err) < 0) return -1;
    warn_personality(arena, spec);
    return 0;
}
