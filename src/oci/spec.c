// SPDX-License-Identifier: Apache-2.0
// config.json as tables: what is in a row is read, checked and written; what is refused has a row that says
// so; what belongs to another platform has none. Below the tables are the few rules that no table can say.
//
// hoy's own fields travel as annotations that start with "hoy.": they are of no concern to another runtime.
#include "oci/spec.h"

#include "oci/fields.h"
#include "oci/words.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END \
    { NULL, 0 }
#define AT(of, member) .offset = offsetof(struct of, member), .size = sizeof(((struct of *)0)->member)
#define ITEM(type_)    .size = sizeof(struct type_)

#define STRING(of, name_, member, ...) \
    { name_, FIELD_STRING, AT(of, member), ##__VA_ARGS__ }
#define BOOL(of, name_, member) \
    { name_, FIELD_BOOL, AT(of, member) }
#define NUMBER(of, name_, member, ...) \
    { name_, FIELD_NUMBER, AT(of, member), ##__VA_ARGS__ }
#define MAYBE_U64(of, name_, member) \
    { name_, FIELD_MAYBE, AT(of, member) }
#define MAYBE_I64(of, name_, member) \
    { name_, FIELD_MAYBE, AT(of, member), .min = INT64_MIN }
#define STRINGS(of, name_, member, ...) \
    { name_, FIELD_STRINGS, AT(of, member), ##__VA_ARGS__ }
#define MAP(of, name_, member) \
    { name_, FIELD_MAP, AT(of, member) }
#define OBJECT(name_, table) \
    { name_, FIELD_OBJECT, .fields = table }
#define REFUSED(name_) \
    { name_, FIELD_REFUSED }
#define LIST(of, name_, member, item, table, ...) \
    { name_, FIELD_LIST, .offset = offsetof(struct of, member), ITEM(item), .fields = table, ##__VA_ARGS__ }

// process

static const struct field console_fields[] = {
    NUMBER(spec, "height", process.rows, .required = true),
    NUMBER(spec, "width", process.columns, .required = true),
    END,
};

static const struct field user_fields[] = {
    NUMBER(spec, "uid", process.uid, .required = true),
    NUMBER(spec, "gid", process.gid, .required = true),
    {"umask", FIELD_MAYBE, AT(spec, process.umask), .max = 0777},
    {"additionalGids", FIELD_NUMBERS, AT(spec, process.additional_gids)},
    END,
};

#define CAPS(name_, member) \
    { name_, FIELD_MASK, AT(spec, process.caps.member), .words = words_capabilities }
static const struct field capability_fields[] = {
    CAPS("bounding", bounding),   CAPS("effective", effective), CAPS("inheritable", inheritable),
    CAPS("permitted", permitted), CAPS("ambient", ambient),     END,
};

static const struct field rlimit_fields[] = {
    {"type", FIELD_WORD, AT(spec_rlimit, resource), .required = true, .words = words_rlimits},
    NUMBER(spec_rlimit, "hard", hard, .required = true),
    NUMBER(spec_rlimit, "soft", soft, .required = true),
    END,
};

static const struct field process_fields[] = {
    BOOL(spec, "terminal", process.terminal),
    OBJECT("consoleSize", console_fields),
    OBJECT("user", user_fields),
    STRINGS(spec, "args", process.args),
    STRINGS(spec, "env", process.env),
    STRING(spec, "cwd", process.cwd, .required = true),
    OBJECT("capabilities", capability_fields),
    LIST(spec, "rlimits", process.rlimits, spec_rlimit, rlimit_fields),
    BOOL(spec, "noNewPrivileges", process.no_new_privileges),
    {"oomScoreAdj", FIELD_MAYBE, AT(spec, process.oom_score_adj), .min = -1000, .max = 1000},
    REFUSED("apparmorProfile"),
    REFUSED("selinuxLabel"),
    REFUSED("scheduler"),
    REFUSED("ioPriority"),
    REFUSED("execCPUAffinity"),
    END,
};

// Roots and mounts

static const struct field root_fields[] = {
    STRING(spec, "path", root_path, .required = true),
    BOOL(spec, "readonly", root_readonly),
    END,
};

static const struct field mount_fields[] = {
    STRING(spec_mount, "destination", destination, .required = true),
    STRING(spec_mount, "type", type),
    STRING(spec_mount, "source", source),
    STRINGS(spec_mount, "options", options),
    REFUSED("uidMappings"),
    REFUSED("gidMappings"),
    END,
};

// linux.resources

static const struct spec_device_rule any_device = {.type = 'a', .major = -1, .minor = -1, .access = "rwm"};
static const struct field device_rule_fields[] = {
    BOOL(spec_device_rule, "allow", allow),
    {"type", FIELD_WORD, AT(spec_device_rule, type), .words = words_device_types},
    NUMBER(spec_device_rule, "major", major, .min = -1, .max = UINT32_MAX),
    NUMBER(spec_device_rule, "minor", minor, .min = -1, .max = UINT32_MAX),
    STRING(spec_device_rule, "access", access),
    END,
};

static const struct field memory_fields[] = {
    MAYBE_I64(spec, "limit", resources.memory_limit),
    MAYBE_I64(spec, "reservation", resources.memory_reservation),
    MAYBE_I64(spec, "swap", resources.memory_swap),
    {"swappiness", FIELD_MAYBE, AT(spec, resources.memory_swappiness), .max = 100},
    BOOL(spec, "disableOOMKiller", resources.disable_oom_killer),
    REFUSED("kernel"),
    REFUSED("kernelTCP"),
    END,
};

static const struct field cpu_fields[] = {
    MAYBE_U64(spec, "shares", resources.cpu_shares),
    MAYBE_I64(spec, "quota", resources.cpu_quota),
    MAYBE_U64(spec, "burst", resources.cpu_burst),
    MAYBE_U64(spec, "period", resources.cpu_period),
    MAYBE_I64(spec, "realtimeRuntime", resources.cpu_rt_runtime),
    MAYBE_U64(spec, "realtimePeriod", resources.cpu_rt_period),
    STRING(spec, "cpus", resources.cpuset_cpus),
    STRING(spec, "mems", resources.cpuset_mems),
    {"idle", FIELD_MAYBE, AT(spec, resources.cpu_idle), .min = -1, .max = 1},
    END,
};

static const struct field pids_fields[] = {
    {"limit", FIELD_MAYBE, AT(spec, resources.pids_limit), .min = INT64_MIN, .required = true},
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
    {"weight", FIELD_MAYBE, AT(spec, resources.blkio_weight), .max = 1000},
    {"leafWeight", FIELD_MAYBE, AT(spec, resources.blkio_leaf_weight), .max = 1000},
    LIST(spec, "weightDevice", resources.blkio_weights, spec_weight, weight_fields),
    LIST(spec, "throttleReadBpsDevice", resources.read_bps, spec_throttle, throttle_fields),
    LIST(spec, "throttleWriteBpsDevice", resources.write_bps, spec_throttle, throttle_fields),
    LIST(spec, "throttleReadIOPSDevice", resources.read_iops, spec_throttle, throttle_fields),
    LIST(spec, "throttleWriteIOPSDevice", resources.write_iops, spec_throttle, throttle_fields),
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

static const struct field resources_fields[] = {
    LIST(spec, "devices", resources.devices, spec_device_rule, device_rule_fields, .defaults = &any_device),
    OBJECT("memory", memory_fields),
    OBJECT("cpu", cpu_fields),
    OBJECT("pids", pids_fields),
    OBJECT("blockIO", block_io_fields),
    LIST(spec, "hugepageLimits", resources.huge_pages, spec_huge_page, huge_page_fields),
    {"rdma", FIELD_KEYED, .offset = offsetof(struct spec, resources.rdma), ITEM(spec_rdma),
     .fields = rdma_fields},
    MAP(spec, "unified", resources.unified),
    REFUSED("network"),
    END,
};

// linux.seccomp

static const struct field seccomp_arg_fields[] = {
    NUMBER(spec_seccomp_arg, "index", index, .required = true, .max = 5),
    NUMBER(spec_seccomp_arg, "value", value, .required = true),
    NUMBER(spec_seccomp_arg, "valueTwo", value_two),
    {"op", FIELD_WORD, AT(spec_seccomp_arg, op), .required = true, .words = words_seccomp_operators},
    END,
};

#define ERRNO_MAX 4095
static const struct spec_syscall_rule default_errno = {.errno_ret = -1};
static const struct field seccomp_rule_fields[] = {
    STRINGS(spec_syscall_rule, "names", names, .required = true),
    STRING(spec_syscall_rule, "action", action, .required = true, .words = words_seccomp_actions),
    NUMBER(spec_syscall_rule, "errnoRet", errno_ret, .min = -1, .max = ERRNO_MAX),
    LIST(spec_syscall_rule, "args", args, spec_seccomp_arg, seccomp_arg_fields),
    END,
};

static const struct spec_seccomp default_seccomp = {.default_errno_ret = -1};
static const struct field seccomp_fields[] = {
    STRING(spec_seccomp, "defaultAction", default_action, .required = true, .words = words_seccomp_actions),
    NUMBER(spec_seccomp, "defaultErrnoRet", default_errno_ret, .min = -1, .max = ERRNO_MAX),
    STRINGS(spec_seccomp, "architectures", architectures, .words = words_seccomp_architectures),
    STRINGS(spec_seccomp, "flags", flags, .words = words_seccomp_flags),
    LIST(spec_seccomp, "syscalls", syscalls, spec_syscall_rule, seccomp_rule_fields,
         .defaults = &default_errno),
    REFUSED("listenerPath"),
    REFUSED("listenerMetadata"),
    END,
};

// linux

static const struct field namespace_fields[] = {
    {"type", FIELD_WORD, AT(spec_namespace, flag), .required = true, .words = words_namespace_types},
    STRING(spec_namespace, "path", path),
    END,
};

static const struct field id_map_fields[] = {
    NUMBER(spec_id_map, "containerID", container_id, .required = true),
    NUMBER(spec_id_map, "hostID", host_id, .required = true),
    NUMBER(spec_id_map, "size", size, .required = true, .min = 1, .max = UINT32_MAX),
    END,
};

static const struct spec_device default_device = {.file_mode = 0666};
static const struct field device_fields[] = {
    STRING(spec_device, "path", path, .required = true),
    {"type", FIELD_WORD, AT(spec_device, type), .required = true, .words = words_node_types},
    NUMBER(spec_device, "major", major),
    NUMBER(spec_device, "minor", minor),
    NUMBER(spec_device, "fileMode", file_mode, .max = 07777),
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

static const struct field linux_fields[] = {
    LIST(spec, "namespaces", namespaces, spec_namespace, namespace_fields),
    LIST(spec, "uidMappings", uid_maps, spec_id_map, id_map_fields),
    LIST(spec, "gidMappings", gid_maps, spec_id_map, id_map_fields),
    LIST(spec, "devices", devices, spec_device, device_fields, .defaults = &default_device),
    MAP(spec, "sysctl", sysctls),
    STRING(spec, "cgroupsPath", cgroups_path),
    OBJECT("resources", resources_fields),
    {"seccomp", FIELD_POINTER, .offset = offsetof(struct spec, seccomp), ITEM(spec_seccomp),
     .fields = seccomp_fields, .defaults = &default_seccomp},
    STRING(spec, "rootfsPropagation", rootfs_propagation, .words = words_root_propagation),
    STRINGS(spec, "maskedPaths", masked_paths),
    STRINGS(spec, "readonlyPaths", readonly_paths),
    OBJECT("timeOffsets", time_offsets_fields),
    REFUSED("mountLabel"),
    REFUSED("intelRdt"),
    REFUSED("memoryPolicy"),
    REFUSED("personality"),
    REFUSED("netDevices"),
    END,
};

static const struct field spec_fields[] = {
    STRING(spec, "ociVersion", oci_version, .required = true),
    OBJECT("root", root_fields),
    OBJECT("process", process_fields),
    STRING(spec, "hostname", hostname),
    STRING(spec, "domainname", domainname),
    LIST(spec, "mounts", mounts, spec_mount, mount_fields),
    MAP(spec, "annotations", annotations),
    OBJECT("linux", linux_fields),
    REFUSED("hooks"),
    END,
};

// What the tables can't say

#define invalid(err, ...) err_set(err, ERR_INVALID, 0, __VA_ARGS__)

static bool is_absolute(const char *path) {
    return path && *path == '/';
}

static int check_mounts(struct arena *arena, struct spec *spec, struct err *err) {
    for (size_t i = 0; i < spec->mounts.count; i++) {
        struct spec_mount *mount = &spec->mounts.items[i];
        if (!*mount->destination) return invalid(err, "mounts[%zu].destination is empty", i);
        if (!is_absolute(mount->destination)) // old tools wrote them so; config.md wants them below "/"
            mount->destination = arena_printf(arena, "/%s", mount->destination);
        for (size_t j = 0; j < mount->options.count; j++) {
            const char *word = mount->options.items[j];
            if (str_eq(word, "idmap") || str_eq(word, "ridmap"))
                return invalid(err, "mounts[%zu].options: \"%s\" is not supported", i, word);
        }
    }
    return 0;
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

static int check_paths(const struct strings *paths, const char *field, struct err *err) {
    for (size_t i = 0; i < paths->count; i++) {
        if (!is_absolute(paths->items[i])) return invalid(err, "%s[%zu] must be an absolute path", field, i);
    }
    return 0;
}

static int check_devices(const struct spec *spec, struct err *err) {
    for (size_t i = 0; i < spec->devices.count; i++) {
        if (!is_absolute(spec->devices.items[i].path))
            return invalid(err, "linux.devices[%zu].path must be absolute", i);
    }
    for (size_t i = 0; i < spec->resources.devices.count; i++) {
        const char *access = spec->resources.devices.items[i].access;
        if (!*access)
            spec->resources.devices.items[i].access = "rwm";
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

static int check_weight(uint64_t weight, const char *field, struct err *err) {
    if (weight == 0 || weight >= 10) return 0; // 0: not given
    return invalid(err, "linux.resources.blockIO.%s must be from 10 to 1000", field);
}

static int check_resources(const struct spec_resources *r, struct err *err) {
    for (size_t i = 0; i < r->huge_pages.count; i++) {
        if (!page_size_valid(r->huge_pages.items[i].page_size))
            return invalid(
                err, "linux.resources.hugepageLimits[%zu].pageSize must be a number and KB, MB or GB", i);
    }
    for (size_t i = 0; i < r->unified.count; i++) {
        const char *key = r->unified.items[i].key;
        if (strchr(key, '/') || *key == '.')
            return invalid(err, "linux.resources.unified: \"%.100s\" is no file of a cgroup", key);
    }
    for (size_t i = 0; i < r->blkio_weights.count; i++) {
        if (check_weight(r->blkio_weights.items[i].weight, "weightDevice[].weight", err) < 0) return -1;
    }
    return check_weight(r->blkio_weight.value, "weight", err);
}

static int check_seccomp(const struct spec_seccomp *seccomp, struct err *err) {
    for (size_t i = 0; seccomp && i < seccomp->syscalls.count; i++) {
        if (!seccomp->syscalls.items[i].names.count)
            return invalid(err, "linux.seccomp.syscalls[%zu].names is empty", i);
    }
    return 0;
}

static int check_version(const char *version, struct err *err) {
    if (isdigit((unsigned char)*version) && strchr(version, '.') && strtoul(version, NULL, 10) <= 1) return 0;
    return invalid(err, "ociVersion \"%.50s\" is none that is known here", version);
}

static int check(struct arena *arena, struct spec *spec, struct err *err) {
    const struct spec_process *process = &spec->process;
    if (check_version(spec->oci_version, err) < 0 || check_mounts(arena, spec, err) < 0 ||
        check_namespaces(spec, err) < 0 || check_devices(spec, err) < 0 ||
        check_paths(&spec->masked_paths, "linux.maskedPaths", err) < 0 ||
        check_paths(&spec->readonly_paths, "linux.readonlyPaths", err) < 0 ||
        check_resources(&spec->resources, err) < 0 || check_seccomp(spec->seccomp, err) < 0)
        return -1;
    if (process->cwd && !is_absolute(process->cwd))
        return invalid(err, "process.cwd must be an absolute path");
    if (spec->root_path && !*spec->root_path) return invalid(err, "root.path is empty");
    return 0;
}

// hoy's own fields

#define OWN "hoy."

static int own_strings(struct arena *arena, const char *text, struct strings *list) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(text, strlen(text), &json) < 0) return -EINVAL;
    for (size_t i = 0; i < json_length(json); i++) {
        const char *s = json_string(json_at(json, i));
        if (!s) return -EINVAL;
        strings_add(arena, list, arena_strdup(arena, s));
    }
    return 0;
}

// "mounts[12]": the item's why, or NULL when the field is no item of that list.
static const char **why_slot(struct spec *spec, const char *field) {
    size_t i;
    int end = 0;
    if (sscanf(field, "mounts[%zu]%n", &i, &end) == 1 && end && !field[end] && i < spec->mounts.count)
        return &spec->mounts.items[i].why;
    end = 0;
    if (sscanf(field, "linux.devices[%zu]%n", &i, &end) == 1 && end && !field[end] && i < spec->devices.count)
        return &spec->devices.items[i].why;
    return NULL;
}

// Whether the annotation was one of hoy's own.
static bool own_take(struct arena *arena, struct spec *spec, const struct spec_key_value *pair) {
    const char *name = str_after(pair->key, OWN), *field;
    if (!name) return false;
    if (str_eq(name, "user")) {
        spec->process.user_name = pair->value;
    } else if (str_eq(name, "make-cwd")) {
        spec->process.make_cwd = true;
    } else if (str_eq(name, "group-add")) {
        return own_strings(arena, pair->value, &spec->process.group_add) == 0;
    } else if ((field = str_after(name, "why."))) {
        const char **slot = why_slot(spec, field);
        if (slot)
            *slot = pair->value;
        else
            spec_set_why(arena, spec, field, pair->value);
    } else {
        return false;
    }
    return true;
}

static void own_read(struct arena *arena, struct spec *spec) {
    size_t kept = 0;
    for (size_t i = 0; i < spec->annotations.count; i++) {
        struct spec_key_value pair = spec->annotations.items[i];
        if (!own_take(arena, spec, &pair)) spec->annotations.items[kept++] = pair;
    }
    spec->annotations.count = kept;
}

static void annotate(struct arena *arena, struct spec *spec, const char *key, const char *value) {
    *arena_push(arena, &spec->annotations) = (struct spec_key_value){key, value};
}

static void own_annotate(struct arena *arena, struct spec *spec) {
    const struct spec_process *process = &spec->process;
    if (process->user_name) annotate(arena, spec, OWN "user", process->user_name);
    if (process->make_cwd) annotate(arena, spec, OWN "make-cwd", "true");
    if (process->group_add.count) {
        _cleanup_(json_writer_finish) struct json_writer list = {0};
        json_begin_array(&list, NULL);
        for (size_t i = 0; i < process->group_add.count; i++)
            json_put_string(&list, NULL, process->group_add.items[i]);
        json_end_array(&list);
        annotate(arena, spec, OWN "group-add", arena_strdup(arena, str_get(&list.text)));
    }
    for (size_t i = 0; i < spec->mounts.count; i++) {
        const char *why = spec->mounts.items[i].why;
        if (why) annotate(arena, spec, arena_printf(arena, OWN "why.mounts[%zu]", i), why);
    }
    for (size_t i = 0; i < spec->devices.count; i++) {
        const char *why = spec->devices.items[i].why;
        if (why) annotate(arena, spec, arena_printf(arena, OWN "why.linux.devices[%zu]", i), why);
    }
    for (size_t i = 0; i < spec->reasons.count; i++) {
        const struct spec_reason *reason = &spec->reasons.items[i];
        annotate(arena, spec, arena_printf(arena, OWN "why.%s", reason->field), reason->why);
    }
}

int spec_parse(struct arena *arena, const struct json *json, struct spec *ret_spec, struct err *err) {
    struct spec spec = {0};
    if (fields_read(arena, spec_fields, json, &spec, err) < 0 || check(arena, &spec, err) < 0) return -1;
    spec.time_offsets.set = spec.time_offsets.monotonic_s || spec.time_offsets.monotonic_ns ||
                            spec.time_offsets.boottime_s || spec.time_offsets.boottime_ns;
    own_read(arena, &spec);
    *ret_spec = spec;
    return 0;
}

void spec_write(const struct spec *spec, struct json_writer *writer) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct spec copy = *spec; // with annotations of its own
    copy.annotations.items = NULL;
    copy.annotations.count = 0;
    for (size_t i = 0; i < spec->annotations.count; i++)
        annotate(&arena, &copy, spec->annotations.items[i].key, spec->annotations.items[i].value);
    own_annotate(&arena, &copy);
    json_begin_object(writer, NULL);
    fields_write(spec_fields, &copy, NULL, writer);
    json_end_object(writer);
}

int spec_seccomp_parse(struct arena *arena, const struct json *json, struct spec_seccomp **ret_seccomp,
                       struct err *err) {
    struct spec_seccomp *seccomp = arena_memdup(arena, &default_seccomp, sizeof *seccomp);
    if (fields_read(arena, seccomp_fields, json, seccomp, err) < 0 || check_seccomp(seccomp, err) < 0)
        return -1;
    *ret_seccomp = seccomp;
    return 0;
}

void spec_seccomp_write(const struct spec_seccomp *seccomp, struct json_writer *writer) {
    fields_write(seccomp_fields, seccomp, &default_seccomp, writer);
}

// Reasons

const char *spec_why(const struct spec *spec, const char *field, const char *fallback) {
    for (size_t i = 0; i < spec->reasons.count; i++) {
        if (str_eq(spec->reasons.items[i].field, field)) return spec->reasons.items[i].why;
    }
    return fallback;
}

void spec_set_why(struct arena *arena, struct spec *spec, const char *field, const char *why) {
    for (size_t i = 0; i < spec->reasons.count; i++) {
        if (str_eq(spec->reasons.items[i].field, field)) {
            spec->reasons.items[i].why = why;
            return;
        }
    }
    *arena_push(arena, &spec->reasons) = (struct spec_reason){arena_strdup(arena, field), why};
}
