// SPDX-License-Identifier: Apache-2.0
// config.json of the OCI runtime specification (config.md, config-linux.md) as C structures. Everything lives
// in the arena given to spec_parse, or in the one that the engine builds its own specs in. Pure: no I/O.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

// Capabilities as bits: bit n is capability n of linux/capability.h.
typedef uint64_t cap_mask;

struct spec_id_map {
    uint32_t container_id, host_id, size;
};

struct spec_mount {
    const char *destination, *type, *source;
    struct strings options; // as in mount(8), and the specification's own words
    struct {
        struct spec_id_map *items;
        size_t count;
    } uid_maps, gid_maps; // of an id-mapped mount (idmap or ridmap is among the options); none: those of the
                          // container's user namespace
    const char *why;      // the flag, image field or default behind it; NULL: the config.json itself
    // hoy's own, never in a document: the source is where this process has it, and a tmpfs; 0: on the host
    int32_t pid;
    uint64_t start_time;
    // The engine's own, in no document: a part of the source, and a volume that tmpcopyup fills once.
    const char *subpath;
    bool volume;
};

struct spec_device {
    const char *path;
    uint32_t type; // 'c', 'b', 'u' or 'p'
    uint32_t major, minor;
    uint32_t file_mode;
    uint32_t uid, gid;
    const char *why;
};

struct spec_device_rule {
    bool allow;
    char type;            // 'a', 'b' or 'c'
    int64_t major, minor; // -1: any
    const char *access;   // of the letters r, w, m
};

struct spec_rlimit {
    int resource; // RLIMIT_*
    uint64_t hard, soft;
};

struct spec_namespace {
    uint64_t flag; // CLONE_NEW*
    const char *path;
    // hoy's own, never in a document: path is of this process (as process_stat has it); 0: any.
    int32_t pid;
    uint64_t start_time;
};

struct spec_key_value {
    const char *key, *value;
};
struct spec_key_values {
    struct spec_key_value *items;
    size_t count;
};

struct spec_throttle {
    uint32_t major, minor;
    uint64_t rate;
};

struct spec_weight { // 0: not given
    uint32_t major, minor;
    uint32_t weight, leaf_weight;
};

struct spec_huge_page {
    const char *page_size; // "2MB"
    uint64_t limit;
};

struct spec_seccomp_arg {
    uint32_t index, op; // op: enum scmp_compare's number
    uint64_t value, value_two;
};

struct spec_syscall_rule {
    struct strings names;
    const char *action; // "SCMP_ACT_ALLOW" …
    int errno_ret;      // -1: the default
    struct {
        struct spec_seccomp_arg *items;
        size_t count;
    } args;
};

struct spec_seccomp {
    // A short name that stands for all the rest, so that a compiled filter is found without a look at the
    // rules. Only from code that made the rules itself, never from a document; NULL: the rules are hashed.
    const char *cache_key;
    const char *default_action;
    int default_errno_ret; // -1: EPERM
    struct strings architectures, flags;
    const char *listener_path, *listener_metadata; // for the agent behind SCMP_ACT_NOTIFY
    struct {
        struct spec_syscall_rule *items;
        size_t count;
    } syscalls;
};

// A number that may be absent.
struct spec_i64 {
    bool set;
    int64_t value;
};
struct spec_u64 {
    bool set;
    uint64_t value;
};

struct spec_rdma {
    const char *device;
    struct spec_u64 handles, objects;
};

struct spec_network_priority {
    const char *name; // of an interface
    uint32_t priority;
};

struct spec_resources {
    struct {
        struct spec_device_rule *items;
        size_t count;
    } devices;
    struct spec_i64 memory_limit, memory_reservation, memory_swap; // bytes, -1: unlimited
    struct spec_u64 memory_swappiness;
    struct spec_i64 memory_kernel, memory_kernel_tcp; // no kernel has them any more: read and passed over
    bool disable_oom_killer, use_hierarchy, check_before_update;
    struct spec_u64 cpu_shares, cpu_period;
    struct spec_i64 cpu_quota;
    struct spec_u64 cpu_burst;
    struct spec_i64 cpu_idle;
    struct spec_u64 cpu_rt_period;
    struct spec_i64 cpu_rt_runtime;
    const char *cpuset_cpus, *cpuset_mems;
    struct spec_i64 pids_limit; // 0 or -1: unlimited
    struct spec_u64 blkio_weight, blkio_leaf_weight;
    struct {
        struct spec_weight *items;
        size_t count;
    } blkio_weights;
    struct {
        struct spec_throttle *items;
        size_t count;
    } read_bps, write_bps, read_iops, write_iops;
    struct {
        struct spec_huge_page *items;
        size_t count;
    } huge_pages;
    struct spec_u64 network_class_id;
    struct {
        struct spec_network_priority *items;
        size_t count;
    } network_priorities;
    struct {
        struct spec_rdma *items;
        size_t count;
    } rdma;
    struct spec_key_values unified;
    struct strings warnings; // of spec_resources_parse; spec_parse has them in spec.warnings
};

struct spec_scheduler {
    uint32_t policy; // SCHED_*
    int32_t nice, priority;
    uint64_t flags;                     // SCHED_FLAG_*
    uint64_t runtime, deadline, period; // nanoseconds
};

struct spec_io_priority {
    uint32_t io_class; // IOPRIO_CLASS_*
    uint32_t priority; // 0 to 7
};

struct spec_process {
    bool terminal;
    uint16_t rows, columns;
    const char *user_name;    // hoy's own: "user[:group]", looked up inside; NULL: the numbers hold
    struct strings group_add; // hoy's own: names or numbers, looked up inside
    uint32_t uid, gid;
    struct spec_u64 umask;
    struct {
        uint32_t *items;
        size_t count;
    } additional_gids;
    struct strings args, env;
    const char *cwd;
    bool make_cwd; // hoy's own: an image's WorkingDir is made when it is missing
    struct {
        cap_mask bounding, effective, inheritable, permitted, ambient;
    } caps;
    struct {
        struct spec_rlimit *items;
        size_t count;
    } rlimits;
    bool no_new_privileges;
    struct spec_i64 oom_score_adj;
    const char *apparmor_profile, *selinux_label;
    struct spec_scheduler *scheduler;                      // NULL: as the runtime's own
    struct spec_io_priority *io_priority;                  // NULL: as the runtime's own
    const char *cpu_affinity_initial, *cpu_affinity_final; // of exec: lists for number_list_parse; NULL
    struct strings warnings; // of spec_process_parse; spec_parse has them in spec.warnings
};

struct spec_hook {
    const char *path; // absolute
    struct strings args, env;
    int64_t timeout_s; // 0: none
};

struct spec_hook_list {
    struct spec_hook *items;
    size_t count;
};

struct spec_hooks {
    struct spec_hook_list prestart, create_runtime, create_container, start_container, poststart, poststop;
};

struct spec_intel_rdt {
    const char *clos_id; // NULL: the container's id
    struct strings schemata;
    const char *l3_cache_schema, *mem_bw_schema;
    bool enable_monitoring;
    bool enable_cmt, enable_mbm; // the two halves of monitoring before 1.3
};

struct spec_memory_policy {
    uint32_t mode;     // MPOL_*
    const char *nodes; // a list for number_list_parse; NULL
    uint64_t flags;    // MPOL_F_*, to be added to the mode
};

struct spec_personality {
    uint32_t domain;      // PER_LINUX, PER_LINUX32
    struct strings flags; // none is known: passed over with a warning
};

struct spec_net_device {
    const char *host_name;
    const char *name; // in the container; NULL: the same
};

// Why a field has its value: key is a path as in "process.cwd". Looked up by spec_why().
struct spec_reason {
    const char *field, *why;
};

struct spec {
    const char *oci_version, *hostname, *domainname;
    const char *root_path; // NULL: there is no root
    bool root_readonly;
    struct spec_process process; // cwd NULL: there is no process
    struct spec_hooks hooks;
    struct {
        struct spec_mount *items;
        size_t count;
    } mounts;
    struct {
        struct spec_namespace *items;
        size_t count;
    } namespaces;
    struct {
        struct spec_id_map *items;
        size_t count;
    } uid_maps, gid_maps;
    struct {
        struct spec_device *items;
        size_t count;
    } devices;
    struct spec_key_values sysctls, annotations;
    struct {
        int64_t monotonic_s, boottime_s;
        uint32_t monotonic_ns, boottime_ns;
        bool set;
    } time_offsets;
    const char *cgroups_path;
    struct spec_resources resources;
    struct spec_seccomp *seccomp; // NULL: unconfined
    const char *rootfs_propagation, *mount_label;
    struct spec_intel_rdt *intel_rdt;         // NULL: no resctrl
    struct spec_memory_policy *memory_policy; // NULL: as the runtime's own
    struct spec_personality *personality;     // NULL: as the runtime's own
    struct {
        struct spec_net_device *items;
        size_t count;
    } net_devices;
    struct strings masked_paths, readonly_paths;
    struct {
        struct spec_reason *items;
        size_t count;
    } reasons;
    struct strings warnings; // sentences about what was passed over, as runc does it; for the caller to print
};

// Reads config.json. Unknown fields are passed over, as the specification asks; a wrong type, a number out of
// range, an unknown enumerator, fields that contradict each other are errors that name the field.
// Capabilities that are unknown and limits that no kernel has are passed over with a warning. Every Linux
// field is read: what the runtime does not do (yet) is the compiler's to refuse. The spec refers to the arena
// only, not to json.
int spec_parse(struct arena *arena, const struct json *json, struct spec *ret_spec, struct err *err);

// The object process alone, and linux.resources alone. Sentences name the fields by their place in
// config.json.
int spec_process_parse(struct arena *arena, const struct json *json, struct spec_process *ret_process,
                       struct err *err);
int spec_resources_parse(struct arena *arena, const struct json *json, struct spec_resources *ret_resources,
                         struct err *err);

// The object linux.seccomp alone, as a profile file may have it.
int spec_seccomp_parse(struct arena *arena, const struct json *json, struct spec_seccomp **ret_seccomp,
                       struct err *err);

// What the parsers look at beyond types and words, for rules that come from elsewhere.
int spec_seccomp_check(const struct spec_seccomp *seccomp, struct err *err);

// Its members, into an object that is begun.
void spec_seccomp_write(const struct spec_seccomp *seccomp, struct json_writer *writer);

// Writes it as config.json again: spec_parse of the output gives the same spec, hoy's own fields and reasons
// under the annotations "hoy.*".
void spec_write(const struct spec *spec, struct json_writer *writer);

// The value of an annotation, or NULL.
const char *spec_annotation(const struct spec *spec, const char *key);

// The reason for a field, or fallback.
const char *spec_why(const struct spec *spec, const char *field, const char *fallback);
void spec_set_why(struct arena *arena, struct spec *spec, const char *field, const char *why);

// NAME=VALUE in the place of what NAME had; NAME alone takes it out. entry is borrowed.
void spec_env_set(struct arena *arena, struct strings *env, const char *entry);
// Whether there is one of that name, with a value or without; and the entry in its place, or as a new one.
bool spec_env_has(const struct strings *env, const char *entry);
void spec_env_put(struct arena *arena, struct strings *env, const char *entry);

// Mount options to numbers. A word that is none of the specification's is data for the file system and goes
// to data, comma separated.
struct mount_options {
    uint64_t flags;                // MS_*, without propagation
    uint64_t unset;                // MS_* that a word took away, and no later one gave back
    uint64_t propagation;          // MS_PRIVATE …, with MS_REC; 0
    uint32_t plan_options;         // MOUNT_OPTION_*
    uint64_t attr_set, attr_clear; // MOUNT_ATTR_* for this mount and all below it: rro, rnosuid …
    const char *data;              // NULL: none
};
// The same values as PLAN_MOUNT_* of plan/plan.h.
enum {
    MOUNT_OPTION_RECURSIVE_READONLY = 0x1,
    MOUNT_OPTION_COPY_UP = 0x4,
    MOUNT_OPTION_SOURCE_NOFOLLOW = 0x10,  // src-nofollow: a link as the source is mounted itself
    MOUNT_OPTION_TARGET_NOFOLLOW = 0x20,  // dest-nofollow
    MOUNT_OPTION_COPY_SYMLINK = 0x40,     // copy-symlink: a link as the source is made anew at the target
    MOUNT_OPTION_IDMAP = 0x80,            // idmap
    MOUNT_OPTION_IDMAP_RECURSIVE = 0x100, // ridmap; IDMAP is set as well
};
void mount_options_parse(struct arena *arena, const struct strings *words, struct mount_options *ret_options);

// "CAP_CHOWN" or "chown" to its number; -EINVAL. And back ("CAP_CHOWN", NULL past the last).
int cap_number(const char *name);
const char *cap_name(unsigned number);
#define CAP_COUNT 41

// "RLIMIT_NOFILE" or "nofile" to RLIMIT_NOFILE; -EINVAL.
int rlimit_number(const char *name);
const char *rlimit_name(int number); // "RLIMIT_NOFILE"
