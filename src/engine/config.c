// SPDX-License-Identifier: Apache-2.0
// Docker's Config and HostConfig as two tables of fields, in the order in which inspect prints them. A row
// drives both directions. What hoy does not do (yet) stands in the tables too, with the value that Docker
// prints for something that nobody asked for.
#include "engine/config.h"

#include "base/json_strings.h"
#include "engine/config_devices.h"
#include "engine/config_mounts.h"
#include "engine/config_networks.h"
#include "engine/config_ports.h"
#include "engine/net_rate.h"
#include "engine/upkeep.h"
#include "oci/key_values.h"

#include <stdio.h>
#include <string.h>

enum kind {
    TEXT,          // const char *; "" when NULL
    TEXT_IF_SET,   // const char *; left out when NULL
    TEXT_OR,       // const char *; the row's text when NULL
    BOOL,          // bool
    BOOL_IF_SET,   // bool; null when false
    LIST,          // struct strings; null when empty
    LIST_BRACKETS, // struct strings; [] when empty
    ENTRYPOINT,    // struct strings; null unless has_entrypoint
    EXPOSED,       // struct strings, as the keys of an object, with what is published; left out when empty
    KEYS,          // struct strings, as the keys of an object, for the database; Docker has it as EXPOSED
    PORTS,         // struct port_bindings, a key for each port
    PUBLISHED,     // the same as -p gives them, for the database; Docker has them as PORTS
    MAP,           // an array of spec_key_value; {} when empty
    MAP_IF_SET,    // the same; left out when empty
    I64,           // struct spec_i64; 0 when it is not set
    I64_IF_SET,    // struct spec_i64; left out when it is not set
    I64_OR_NULL,   // struct spec_i64; null when it is not set
    U64,           // struct spec_u64; 0 when it is not set
    SHM_SIZE,      // uint64_t; 0 is the default
    RATES,         // an array of device_rate
    WEIGHTS,       // the same, with weights
    DEVICES,       // an array of container_device
    NET_RATE,      // struct net_rate; left out when nothing of it is set
    REQUESTS,      // an array of device_request
    ULIMITS,       // an array of spec_rlimit
    VOLUMES,       // the paths of anonymous volumes; only written
    BINDS,         // mounts as -v gives them
    TMPFS,         // mounts as --tmpfs gives them
    MOUNTS,        // all other mounts
    INHERITED,     // mounts of other containers; Docker has no field for them
    MASKED,        // container_masked_paths; only written
    READONLY,      // container_readonly_paths; only written
    HEALTHCHECK,   // struct health_config *; left out when NULL
    RESTART,       // struct restart_policy
    LOG_CONFIG,    // struct container_log
    FIXED,         // always this text
};

struct field {
    const char *key;
    enum kind kind;
    size_t at;
    const char *text;
};

struct ulimits {
    struct spec_rlimit *items;
    size_t count;
};

#define SHM_SIZE_DEFAULT (64u << 20)

#define ROW(key, kind, member) \
    { key, kind, offsetof(struct container_config, member), NULL }
#define ROW_OR(key, member, text) \
    { key, TEXT_OR, offsetof(struct container_config, member), text }
#define FIX(key, text) \
    { key, FIXED, 0, text }

static const struct field config_fields[] = {
    ROW("Hostname", TEXT, hostname),
    ROW("Domainname", TEXT, domainname),
    ROW("User", TEXT, user),
    ROW("AttachStdin", BOOL, attach_stdin),
    ROW("AttachStdout", BOOL, attach_stdout),
    ROW("AttachStderr", BOOL, attach_stderr),
    ROW("ExposedPorts", EXPOSED, exposed_ports),
    ROW("Exposed", KEYS, exposed_ports),
    ROW("Tty", BOOL, tty),
    ROW("OpenStdin", BOOL, open_stdin),
    FIX("StdinOnce", "false"),
    ROW("Env", LIST_BRACKETS, env),
    ROW("Cmd", LIST, cmd),
    ROW("Healthcheck", HEALTHCHECK, health),
    ROW("HealthcheckOnFailureAction", TEXT_IF_SET, health_on_failure),
    ROW("Image", TEXT, image),
    ROW("Volumes", VOLUMES, mounts),
    ROW("WorkingDir", TEXT, working_dir),
    ROW("Entrypoint", ENTRYPOINT, entrypoint),
    ROW("MacAddress", TEXT_IF_SET, mac_address),
    FIX("OnBuild", "null"),
    ROW("Labels", MAP, labels),
    ROW("StopSignal", TEXT_IF_SET, stop_signal),
    ROW("StopTimeout", I64_IF_SET, stop_timeout),
};

static const struct field host_fields[] = {
    ROW("Binds", BINDS, mounts),
    FIX("ContainerIDFile", "\"\""),
    ROW("LogConfig", LOG_CONFIG, log),
    ROW("NetworkMode", TEXT, network_mode),
    ROW("PortBindings", PORTS, ports),
    ROW("Published", PUBLISHED, ports),
    ROW("RestartPolicy", RESTART, restart),
    ROW("AutoRemove", BOOL, auto_remove),
    FIX("VolumeDriver", "\"\""),
    ROW("VolumesFrom", LIST, volumes_from),
    ROW("VolumesFromMounts", INHERITED, mounts),
    ROW("Mounts", MOUNTS, mounts),
    FIX("ConsoleSize", "[0,0]"),
    ROW("Annotations", MAP_IF_SET, annotations),
    ROW("CapAdd", LIST, cap_add),
    ROW("CapDrop", LIST, cap_drop),
    ROW_OR("CgroupnsMode", cgroupns_mode, "private"),
    ROW("Dns", LIST_BRACKETS, dns),
    ROW("DnsOptions", LIST_BRACKETS, dns_options),
    ROW("DnsSearch", LIST_BRACKETS, dns_search),
    ROW("ExtraHosts", LIST, add_host),
    ROW("GroupAdd", LIST, group_add),
    ROW_OR("IpcMode", ipc_mode, "private"),
    FIX("Cgroup", "\"\""),
    ROW("Links", LIST, links),
    ROW("OomScoreAdj", I64, oom_score_adj),
    ROW("PidMode", TEXT, pid_mode),
    ROW("Privileged", BOOL, privileged),
    ROW("PublishAllPorts", BOOL, publish_all),
    ROW("Firewall", TEXT_IF_SET, firewall),
    ROW("ReadonlyRootfs", BOOL, readonly_rootfs),
    ROW("SecurityOpt", LIST, security_opt),
    ROW("StorageOpt", MAP_IF_SET, storage_opt),
    ROW("Tmpfs", TMPFS, mounts),
    ROW("UTSMode", TEXT, uts_mode),
    ROW("UsernsMode", TEXT, userns_mode),
    ROW("ShmSize", SHM_SIZE, shm_size),
    ROW("Sysctls", MAP, sysctls),
    ROW_OR("Runtime", runtime, "hoy"),
    ROW("Isolation", TEXT, isolation),
    ROW("CpuShares", U64, cpu_shares),
    ROW("Memory", I64, memory),
    ROW("NanoCpus", I64, nano_cpus),
    ROW("CgroupParent", TEXT, cgroup_parent),
    ROW("BlkioWeight", U64, blkio_weight),
    ROW("BlkioWeightDevice", WEIGHTS, blkio_weights),
    ROW("BlkioDeviceReadBps", RATES, read_bps),
    ROW("BlkioDeviceWriteBps", RATES, write_bps),
    ROW("BlkioDeviceReadIOps", RATES, read_iops),
    ROW("BlkioDeviceWriteIOps", RATES, write_iops),
    ROW("CpuPeriod", I64, cpu_period),
    ROW("CpuQuota", I64, cpu_quota),
    ROW("CpuRealtimePeriod", I64, cpu_rt_period),
    ROW("CpuRealtimeRuntime", I64, cpu_rt_runtime),
    ROW("CpusetCpus", TEXT, cpuset_cpus),
    ROW("CpusetMems", TEXT, cpuset_mems),
    ROW("Devices", DEVICES, devices),
    ROW("DeviceCgroupRules", LIST, device_rules),
    ROW("DeviceRequests", REQUESTS, device_requests),
    ROW("MemoryReservation", I64, memory_reservation),
    ROW("MemorySwap", I64, memory_swap),
    ROW("MemorySwappiness", I64_OR_NULL, memory_swappiness),
    ROW("OomKillDisable", BOOL_IF_SET, oom_kill_disable),
    ROW("Init", BOOL_IF_SET, init),
    ROW("NetRate", NET_RATE, net_rate),
    ROW("PidsLimit", I64_OR_NULL, pids_limit),
    ROW("Ulimits", ULIMITS, ulimits),
    FIX("CpuCount", "0"),
    FIX("CpuPercent", "0"),
    FIX("IOMaximumIOps", "0"),
    FIX("IOMaximumBandwidth", "0"),
    {"MaskedPaths", MASKED, 0, NULL},
    {"ReadonlyPaths", READONLY, 0, NULL},
};

static bool is_empty_map(const struct spec_key_values *map) {
    return !map->count;
}

// Writing

static void list_write(const struct field *field, const struct strings *list, struct json_writer *w,
                       bool null) {
    if (null) return json_put_null(w, field->key);
    json_put_strings(w, field->key, list);
}

static const char *rate_word(enum kind kind) {
    return kind == WEIGHTS ? "Weight" : "Rate";
}

static void log_write(const struct container_log *log, const char *key, struct json_writer *w) {
    json_begin_object(w, key);
    json_put_string(w, "Type", log->driver ? log->driver : "json-file");
    key_values_write(w, "Config", &log->options);
    json_end_object(w);
}

const char *container_log_option(const struct container_log *log, const char *key) {
    for (size_t i = log->options.count; i; i--)
        if (str_eq(log->options.items[i - 1].key, key)) return log->options.items[i - 1].value;
    return NULL;
}

static void rates_write(const struct field *field, const struct device_rates *rates, struct json_writer *w) {
    json_begin_array(w, field->key);
    for (size_t i = 0; i < rates->count; i++) {
        json_begin_object(w, NULL);
        json_put_string(w, "Path", rates->items[i].path);
        json_put_u64(w, rate_word(field->kind), rates->items[i].rate);
        json_end_object(w);
    }
    json_end_array(w);
}

// "nofile" of RLIMIT_NOFILE.
static const char *ulimit_name(int resource, char buffer[static 32]) {
    const char *name = rlimit_name(resource), *rest = name ? str_after(name, "RLIMIT_") : NULL;
    snprintf(buffer, 32, "%s", rest ? rest : "");
    for (char *c = buffer; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    return buffer;
}

// Docker's numbers are signed: -1 is unlimited.
static void ulimits_write(const char *key, const struct ulimits *ulimits, struct json_writer *w) {
    json_begin_array(w, key);
    for (size_t i = 0; i < ulimits->count; i++) {
        char name[32];
        json_begin_object(w, NULL);
        json_put_string(w, "Name", ulimit_name(ulimits->items[i].resource, name));
        json_put_i64(w, "Hard", (int64_t)ulimits->items[i].hard);
        json_put_i64(w, "Soft", (int64_t)ulimits->items[i].soft);
        json_end_object(w);
    }
    json_end_array(w);
}

static void paths_write(const struct container_config *config, const char *key, const char *const *paths,
                        struct json_writer *w) {
    if (config->privileged) return json_put_null(w, key);
    json_begin_array(w, key);
    for (; container_hides_paths(config) && *paths; paths++) json_put_string(w, NULL, *paths);
    json_end_array(w);
}

static void field_write(const struct container_config *config, const struct field *field,
                        struct json_writer *w) {
    const void *at = (const char *)config + field->at;
    const char *const *text = at, *key = field->key;
    const struct strings *list = at;
    const struct spec_i64 *i64 = at;
    const struct spec_u64 *u64 = at;
    const uint64_t *size = at;
    switch (field->kind) {
    case TEXT: return json_put_string(w, key, *text ? *text : "");
    case TEXT_IF_SET: return *text ? json_put_string(w, key, *text) : (void)0;
    case TEXT_OR: return json_put_string(w, key, *text ? *text : field->text);
    case BOOL: return json_put_bool(w, key, *(const bool *)at);
    case BOOL_IF_SET: return *(const bool *)at ? json_put_bool(w, key, true) : json_put_null(w, key);
    case LIST: return list_write(field, list, w, list->count == 0);
    case LIST_BRACKETS: return list_write(field, list, w, false);
    case ENTRYPOINT: return list_write(field, list, w, !config->has_entrypoint);
    case EXPOSED: return config_exposed_write(config, key, w);
    case KEYS: return json_put_keys(w, key, list);
    case PORTS: return config_bindings_write(&config->ports, key, w);
    case PUBLISHED: return config_published_write(&config->ports, key, w);
    case MAP: return key_values_write(w, key, at);
    case MAP_IF_SET: return is_empty_map(at) ? (void)0 : key_values_write(w, key, at);
    case I64: return json_put_i64(w, key, i64->set ? i64->value : 0);
    case I64_IF_SET: return i64->set ? json_put_i64(w, key, i64->value) : (void)0;
    case I64_OR_NULL: return i64->set ? json_put_i64(w, key, i64->value) : json_put_null(w, key);
    case U64: return json_put_u64(w, key, u64->set ? u64->value : 0);
    case SHM_SIZE: return json_put_u64(w, key, *size ? *size : SHM_SIZE_DEFAULT);
    case RATES:
    case WEIGHTS: return rates_write(field, at, w);
    case DEVICES: return config_devices_write(config, key, w);
    case REQUESTS: return config_requests_write(config, key, w);
    case NET_RATE: return config_net_rate_write(at, key, w);
    case ULIMITS: return ulimits_write(key, at, w);
    case VOLUMES: return config_volumes_write(config, key, w);
    case BINDS: return config_binds_write(config, key, w);
    case TMPFS: return config_tmpfs_write(config, key, w);
    case MOUNTS: return config_mounts_write(config, CONFIG_FORM_MOUNT, key, w);
    case INHERITED: return config_mounts_write(config, CONFIG_FORM_INHERITED, key, w);
    case MASKED: return paths_write(config, key, container_masked_paths, w);
    case READONLY: return paths_write(config, key, container_readonly_paths, w);
    case HEALTHCHECK: return health_config_write(config->health, key, w);
    case RESTART: return restart_policy_write(&config->restart, key, w);
    case LOG_CONFIG: return log_write(at, key, w);
    case FIXED: return json_put_raw(w, key, field->text);
    }
}

// Would reading the field's absence give the same?
static bool field_is_empty(const struct container_config *config, const struct field *field) {
    const void *at = (const char *)config + field->at;
    switch (field->kind) {
    case TEXT:
    case TEXT_OR:
    case TEXT_IF_SET: return str_empty(*(const char *const *)at);
    case BOOL:
    case BOOL_IF_SET: return !*(const bool *)at;
    case KEYS:
    case LIST:
    case LIST_BRACKETS: return !((const struct strings *)at)->count;
    case ENTRYPOINT: return !config->has_entrypoint;
    case MAP_IF_SET:
    case MAP: return is_empty_map(at);
    case I64:
    case I64_IF_SET:
    case I64_OR_NULL: return !((const struct spec_i64 *)at)->set;
    case U64: return !((const struct spec_u64 *)at)->set;
    case SHM_SIZE: return !*(const uint64_t *)at;
    case DEVICES: return !config->devices.count;
    case REQUESTS: return !config->device_requests.count;
    case NET_RATE: return net_rate_is_empty(at);
    case WEIGHTS:
    case RATES: return !((const struct device_rates *)at)->count;
    case ULIMITS: return !((const struct ulimits *)at)->count;
    case BINDS: return !config_mounts_have(config, CONFIG_FORM_BIND);
    case TMPFS: return !config_mounts_have(config, CONFIG_FORM_TMPFS);
    case MOUNTS: return !config_mounts_have(config, CONFIG_FORM_MOUNT);
    case INHERITED: return !config_mounts_have(config, CONFIG_FORM_INHERITED);
    case HEALTHCHECK: return !config->health;
    case RESTART: return !config->restart.name;
    case LOG_CONFIG: return !((const struct container_log *)at)->driver;
    case PUBLISHED: return !((const struct port_bindings *)at)->count;
    case EXPOSED:
    case PORTS:
    case MASKED:
    case READONLY:
    case VOLUMES:
    case FIXED: return true;
    }
    return false;
}

// What the database has and Docker's documents do not.
static bool is_ours_alone(enum kind kind) {
    return kind == INHERITED || kind == PUBLISHED || kind == KEYS;
}

static void fields_write(const struct container_config *config, const char *key, const struct field *fields,
                         size_t count, bool all, struct json_writer *w) {
    json_begin_object(w, key);
    for (size_t i = 0; i < count; i++)
        if (all ? !is_ours_alone(fields[i].kind) : !field_is_empty(config, &fields[i]))
            field_write(config, &fields[i], w);
    json_end_object(w);
}

static void config_write(const struct container_config *config, bool all, struct json_writer *w) {
    fields_write(config, "Config", config_fields, ARRAY_SIZE(config_fields), all, w);
    fields_write(config, "HostConfig", host_fields, ARRAY_SIZE(host_fields), all, w);
}

void container_config_write(const struct container_config *config, struct json_writer *w) {
    config_write(config, true, w);
}

void container_config_store(const struct container_config *config, struct json_writer *w) {
    config_write(config, false, w);
    config_networks_store(config, w);
}

char *container_config_text(const struct container_config *config) {
    struct json_writer w = {0};
    json_begin_object(&w, NULL);
    container_config_store(config, &w);
    json_end_object(&w);
    return str_take(&w.text);
}

// Reading. Each returns 0, or -1 when the value is of another shape.

struct reader {
    struct arena *arena;
    struct container_config *config;
};

struct keys_reader {
    struct arena *arena;
    struct strings *keys;
};

static int key_read(const char *key, const struct json *value, void *data) {
    struct keys_reader *r = data;
    (void)value;
    strings_add(r->arena, r->keys, arena_strdup(r->arena, key));
    return 0;
}

static int keys_read(struct reader *r, const struct json *json, struct strings *keys) {
    struct keys_reader reader = {r->arena, keys};
    return json_is_object(json) ? json_each(json, key_read, &reader) : -1;
}

static int log_read(struct reader *r, const struct json *json, struct container_log *log) {
    const struct json *options = json_get(json, "Config");
    const char *driver = json_get_string(json, "Type");
    if (!json_is_object(json)) return -1;
    log->driver = str_empty(driver) ? NULL : arena_strdup(r->arena, driver);
    return json_is_null(options) ? 0 : key_values_read(r->arena, options, &log->options);
}

static int rates_read(struct reader *r, const struct field *field, const struct json *json,
                      struct device_rates *rates) {
    for (size_t i = 0; i < json_length(json); i++) {
        const struct json *item = json_at(json, i);
        struct device_rate *rate = arena_push(r->arena, rates);
        rate->path = arena_strdup(r->arena, json_get_string(item, "Path"));
        if (!rate->path || json_u64(json_get(item, rate_word(field->kind)), &rate->rate)) return -1;
    }
    return json_is_array(json) ? 0 : -1;
}

static int ulimits_read(struct reader *r, const struct json *json, struct ulimits *ulimits) {
    for (size_t i = 0; i < json_length(json); i++) {
        const struct json *item = json_at(json, i);
        const char *name = json_get_string(item, "Name");
        int64_t hard = 0, soft = 0;
        int resource = name ? rlimit_number(name) : -1;
        if (resource < 0 || json_i64(json_get(item, "Hard"), &hard) ||
            json_i64(json_get(item, "Soft"), &soft))
            return -1;
        *arena_push(r->arena, ulimits) =
            (struct spec_rlimit){.resource = resource, .hard = (uint64_t)hard, .soft = (uint64_t)soft};
    }
    return json_is_array(json) ? 0 : -1;
}

static int text_read(struct reader *r, const struct json *json, const char **text) {
    const char *value = json_string(json);
    if (value && *value) *text = arena_strdup(r->arena, value);
    return value ? 0 : -1;
}

static int i64_read(const struct json *json, bool zero_counts, struct spec_i64 *ret_value) {
    if (json_i64(json, &ret_value->value)) return -1;
    ret_value->set = zero_counts || ret_value->value != 0;
    return 0;
}

static int u64_read(const struct json *json, struct spec_u64 *ret_value) {
    if (json_u64(json, &ret_value->value)) return -1;
    ret_value->set = ret_value->value != 0;
    return 0;
}

static int field_read(struct reader *r, const struct field *field, const struct json *json) {
    void *at = (char *)r->config + field->at;
    switch (field->kind) {
    case TEXT:
    case TEXT_OR:
    case TEXT_IF_SET: return text_read(r, json, at);
    case BOOL:
    case BOOL_IF_SET: *(bool *)at = json_boolean(json); return 0;
    case ENTRYPOINT: r->config->has_entrypoint = true; return json_strings(r->arena, json, at);
    case LIST:
    case LIST_BRACKETS: return json_strings(r->arena, json, at);
    case EXPOSED:
    case KEYS: return keys_read(r, json, at);
    case PUBLISHED: return config_published_read(r->arena, json, at);
    case MAP:
    case MAP_IF_SET: return key_values_read(r->arena, json, at);
    case I64: return i64_read(json, false, at);
    case I64_IF_SET:
    case I64_OR_NULL: return i64_read(json, true, at);
    case U64: return u64_read(json, at);
    case SHM_SIZE: return json_u64(json, at);
    case RATES:
    case WEIGHTS: return rates_read(r, field, json, at);
    case DEVICES: return config_devices_read(r->arena, json, r->config);
    case REQUESTS: return config_requests_read(r->arena, json, r->config);
    case NET_RATE: return config_net_rate_read(r->arena, json, at);
    case ULIMITS: return ulimits_read(r, json, at);
    case BINDS: return config_binds_read(r->arena, json, r->config);
    case TMPFS: return config_tmpfs_read(r->arena, json, r->config);
    case MOUNTS: return config_mounts_read(r->arena, json, r->config);
    case INHERITED: return config_inherited_read(r->arena, json, r->config);
    case HEALTHCHECK: return health_config_read(r->arena, json, at);
    case RESTART: return restart_policy_read(r->arena, json, at);
    case LOG_CONFIG: return log_read(r, json, at);
    case PORTS:
    case MASKED:
    case READONLY:
    case VOLUMES:
    case FIXED: return 0;
    }
    return 0;
}

struct fields_reader {
    struct reader *reader;
    const struct field *fields;
    size_t count, next; // next: what is behind the field that was read last
    const char *name;
    struct err *err;
};

// What was stored has the table's order: the field is nearly always one of the next.
static const struct field *field_find(struct fields_reader *f, const char *key) {
    for (size_t n = 0; n < f->count; n++) {
        size_t i = (f->next + n) % f->count;
        if (!str_eq(f->fields[i].key, key)) continue;
        f->next = i + 1;
        return &f->fields[i];
    }
    return NULL;
}

static int member_read(const char *key, const struct json *value, void *data) {
    struct fields_reader *f = data;
    const struct field *field = json_is_null(value) ? NULL : field_find(f, key);
    if (!field || !field_read(f->reader, field, value)) return 0;
    return err_set(f->err, ERR_INVALID, 0, "%s.%s: %.100s is not what belongs there", f->name, key,
                   json_text(value));
}

static int fields_read(struct reader *r, const struct field *fields, size_t count, const struct json *object,
                       const char *name, struct err *err) {
    struct fields_reader f = {.reader = r, .fields = fields, .count = count, .name = name, .err = err};
    return json_each(object, member_read, &f);
}

int container_config_read(struct arena *arena, const struct json *json, struct container_config *ret_config,
                          struct err *err) {
    struct container_config config = {0};
    struct reader r = {.arena = arena, .config = &config};
    if (fields_read(&r, config_fields, ARRAY_SIZE(config_fields), json_get(json, "Config"), "Config", err) ||
        fields_read(&r, host_fields, ARRAY_SIZE(host_fields), json_get(json, "HostConfig"), "HostConfig",
                    err))
        return -1;
    if (config_networks_read(arena, json_get(json, "NetworkingConfig"), &config))
        return err_set(err, ERR_INVALID, 0, "NetworkingConfig is not what belongs there");
    *ret_config = config;
    return 0;
}
