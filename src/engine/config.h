// SPDX-License-Identifier: Apache-2.0
// A container's settings, as the flags of `hoy run` give them: what Docker's API calls Config and HostConfig.
// Kept as JSON in the container's row, with Docker's field names, so that inspect prints what is stored.
#pragma once

#include "base/json.h"
#include "network/network.h"
#include "network/port.h"
#include "oci/image_spec.h"
#include "oci/spec.h"

struct container_mount {
    enum container_mount_type {
        CONTAINER_MOUNT_BIND,
        CONTAINER_MOUNT_VOLUME,
        CONTAINER_MOUNT_TMPFS,
        CONTAINER_MOUNT_IMAGE, // source: the image's name
    } type;
    const char *source, *target;
    bool readonly, create_source; // create_source: -v makes a missing host directory, --mount does not
    const char *propagation;      // "rprivate" …, NULL
    bool non_recursive;           // bind-recursive=disabled
    bool writable_below;          // bind-recursive=writable: only the mount itself is read-only
    bool readonly_below;          // bind-recursive=readonly: or it fails
    const char *idmap;            // "match-user:USER", "match-user:UID:GID", "userns", NULL
    bool inherited;               // from --volumes-from
    bool volume_nocopy;
    bool anonymous;                                // a volume that got a made-up name, and goes with `rm -v`
    struct spec_key_values labels, driver_options; // of the volume, when it is made here
    const char *subpath;                           // of a volume or image: mounted in its place
    const char *tmpfs_options;                     // for --tmpfs: what stood after the colon
    const char *why;                               // the flag as it was given
};

// HostConfig.RestartPolicy
struct restart_policy {
    const char *name; // "on-failure", "always", "unless-stopped"; NULL: "no"
    int32_t max_retries;
};

// Config.Healthcheck. 0: the image's value, and without one Docker's.
struct health_config {
    struct strings test; // {"NONE"}, {"CMD", …}, {"CMD-SHELL", "…"}; empty: the image's
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns, retries;
};

struct device_rate {
    const char *path; // of a block device
    uint64_t rate;    // or a weight
};
struct device_rates {
    struct device_rate *items;
    size_t count;
};

struct container_device {
    const char *source,
        *target;             // paths on the host, and in the container; of a device or a directory of them
    const char *permissions; // of the letters r, w, m
};

// Devices that somebody else describes: a CDI specification.
struct device_request {
    const char *driver; // "cdi": ids are names as in vendor.com/class=name; else what --gpus says, or ""
    int64_t count;      // -1: all
    struct strings ids, capabilities;
};

// HostConfig.NetRate, which Docker does not have.
struct net_rate {
    struct spec_u64 in, out;  // bits a second; 0: no limit
    struct spec_u64 class_id; // of what it sends, by cgroup v1's net_cls
    struct {                  // and its priority on the host's interfaces, by net_prio
        struct spec_network_priority *items;
        size_t count;
    } priorities;
};

struct container_config {
    // Config
    const char *image; // as the user wrote it
    struct strings cmd, entrypoint;
    bool has_entrypoint; // --entrypoint "" is there and empty
    struct strings env;  // KEY=VALUE, from -e and --env-file; over the image's
    const char *user, *working_dir, *hostname, *domainname, *stop_signal;
    bool tty, open_stdin, attach_stdin, attach_stdout, attach_stderr;
    struct spec_i64 stop_timeout;
    struct spec_key_values labels;

    struct health_config *health;  // NULL: none of its own
    const char *health_on_failure; // "kill", "restart", "stop"; NULL: "none"

    // HostConfig
    struct restart_policy restart;
    bool auto_remove, privileged, readonly_rootfs, init;
    const char *firewall;     // NULL: as the host's administrator has it
    const char *network_mode; // a network's name, "none", "host", "container:<id>"
    struct {
        struct endpoint_settings *items;
        size_t count;
    } networks;                  // that it is in, with the mode's; none with host, none and container:<id>
    struct strings links;        // "NAME:ALIAS", on the default network
    struct strings volumes_from; // CONTAINER[:ro|:rw]; their mounts are among the mounts, as inherited
    struct strings cap_add, cap_drop, group_add, security_opt;
    struct strings add_host, dns, dns_search, dns_options;
    struct {
        struct container_mount *items;
        size_t count;
    } mounts;
    struct spec_key_values sysctls;
    struct {
        struct spec_rlimit *items;
        size_t count;
    } ulimits;
    uint64_t shm_size; // 0: 64 MiB
    struct spec_i64 nano_cpus, memory, memory_swap, pids_limit;
    struct spec_u64 cpu_shares;
    const char *cpuset_cpus;
    struct device_rates read_bps, write_bps;
    struct container_log {  // HostConfig.LogConfig
        const char *driver; // NULL: what daemon.json says, or json-file
        struct spec_key_values options;
    } log;
    const char *platform;
    struct strings exposed_ports; // "80/tcp"; without those that are published
    struct port_bindings ports;
    bool publish_all; // what is exposed and has no binding gets a port that is free
    struct net_rate net_rate;
    const char *mac_address;
    struct spec_i64 cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime; // microseconds
    struct spec_i64 memory_reservation, memory_swappiness, oom_score_adj;
    struct spec_u64 blkio_weight;
    bool oom_kill_disable;
    const char *cpuset_mems, *cgroup_parent;
    struct device_rates read_iops, write_iops, blkio_weights;
    struct {
        struct container_device *items;
        size_t count;
    } devices;
    struct strings device_rules; // "c 13:* rwm"
    struct {
        struct device_request *items;
        size_t count;
    } device_requests;
    // Namespaces, where not the container's own: "host" or "container:<id>", and for ipc "none", "private" or
    // "shareable".
    const char *pid_mode, *ipc_mode, *uts_mode, *userns_mode, *cgroupns_mode;
    const char *runtime, *isolation;
    struct spec_key_values annotations, storage_opt;
};

// What a container does not see of the kernel's files, and what it only reads. Each ends with NULL.
extern const char *const container_masked_paths[], *const container_readonly_paths[];
// Whether it is so.
bool container_hides_paths(const struct container_config *config);

// Kernel parameters of the IPC namespace that a container may set: Docker's list.
bool container_sysctl_of_ipc(const char *key);

// Docker's Config and HostConfig objects (both keys are written into the writer's current object). Reading
// gives the same settings again, but for platform, which is the pull's; what neither Docker's documents nor
// ours know is passed over.
void container_config_write(const struct container_config *config, struct json_writer *writer);
// The same without what nobody asked for: for the database.
void container_config_store(const struct container_config *config, struct json_writer *writer);
char *container_config_text(const struct container_config *config); // that as a document; the caller frees it
int container_config_read(struct arena *arena, const struct json *json, struct container_config *ret_config,
                          struct err *err);

// Whether a mode is no network of hoy's: host, none, pasta, container:X or cni:NAME.
bool network_mode_special(const char *mode);
// Whether its mode is a network's name; which (bridge for "" and "default").
bool container_has_networks(const struct container_config *config);
const char *container_network_name(const struct container_config *config);
// How it is in the network of that name, or NULL; and the same, made where it is not there. Pointers are good
// until the next one is made.
struct endpoint_settings *container_network_find(const struct container_config *config, const char *name);
struct endpoint_settings *container_network_add(struct arena *arena, struct container_config *config,
                                                const char *name);

// The log's option of that name, or NULL.
const char *container_log_option(const struct container_log *log, const char *key);

// A volume without a name gets one.
void container_mount_name(struct arena *arena, struct container_mount *mount);

// What the image says where the settings say nothing, as Docker merges them at create: command, entrypoint,
// environment, user, working directory, labels, stop signal, volumes; and a host name from the id. Doing it
// twice changes nothing.
void container_config_merge(struct arena *arena, const struct image_config *image, const char *id,
                            struct container_config *config);

// The processes whose namespaces are joined (container:X). A pid alone could be somebody else's by now.
struct namespace_owner {
    int32_t pid;
    uint64_t start_time;
};
struct namespace_owners {
    struct namespace_owner pid, ipc, network;
};

// Settings that were merged with their image's config, as an OCI spec (root_path empty: the engine's plan
// makes the root), with a reason for everything. What Docker refuses is refused with its sentence.
struct container_spec_input {
    const struct container_config *config;
    const struct namespace_owners *owners; // NULL: as long as nothing is started
    const struct image_config *image;      // to say what came from it
    const char *id;
    const char *run_dir; // of the files that become /etc/hosts, /etc/hostname and /etc/resolv.conf
    const char *volumes; // <root>/volumes
    const struct image_sources *images; // NULL: only to check
};

// Where the images are that are mounted: a directory of the host's, or the layers for an overlay.
struct image_sources {
    struct image_source {
        const struct container_mount *mount;
        const char *path, *layers; // layers: "lowerdir=…", or NULL
    } * items;
    size_t count;
};
const struct image_source *image_source_find(const struct image_sources *sources,
                                             const struct container_mount *mount);
int container_spec(struct arena *arena, const struct container_spec_input *input, struct spec *ret_spec,
                   struct err *err);
