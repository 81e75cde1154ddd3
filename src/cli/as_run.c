// SPDX-License-Identifier: Apache-2.0
// The command is made from the settings as Docker's documents have them, so that it does not matter who made
// the container. What it has of its image is left out: that is the same for one that asked for nothing.
#include "cli/as.h"
#include "plan/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
    struct arena *arena;
    struct strings list;
    const char *flag;         // of the setting that is being written
    const struct json *plain; // the same setting, where nothing was asked for
    unsigned networks;        // so far
    bool several;             // networks
};

static void put(struct words *words, const char *value) {
    strings_add(words->arena, &words->list, words->flag);
    if (value) strings_add(words->arena, &words->list, value);
}

static bool is_plain(const struct words *words, const struct json *value) {
    if (json_is_null(value)) return true;
    return !json_is_null(words->plain) && str_eq(json_text(value), json_text(words->plain));
}

static bool plain_has(const struct words *words, const struct json *item) {
    for (size_t i = 0; i < json_length(words->plain); i++)
        if (str_eq(json_text(item), json_text(json_at(words->plain, i)))) return true;
    return false;
}

// How a setting becomes an option's values. Nothing is written of what is plain.
typedef void write_setting(struct words *words, const struct json *value);

static void write_flag(struct words *words, const struct json *value) {
    if (json_boolean(value)) put(words, NULL);
}

static void write_text(struct words *words, const struct json *value) {
    if (!str_empty(json_string(value))) put(words, json_string(value));
}

static void write_number(struct words *words, const struct json *value) {
    if (!str_eq(json_text(value), "0")) put(words, arena_strdup(words->arena, json_text(value)));
}

static int add_priority(const char *key, const struct json *value, void *data) {
    str_printf(data, ",priority=%s:%s", key, json_text(value));
    return 0;
}

static void write_net_rate(struct words *words, const struct json *value) {
    static const char *const keys[][2] = {{"In", "in"}, {"Out", "out"}, {"ClassID", "class"}};
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (!json_is_null(json_get(value, keys[i][0])))
            str_printf(&text, ",%s=%s%s", keys[i][1], json_text(json_get(value, keys[i][0])),
                       i < 2 ? "bit" : "");
    (void)json_each(json_get(value, "Priorities"), add_priority, &text);
    if (text.len) put(words, arena_strdup(words->arena, str_get(&text) + 1));
}

static void write_nano(struct words *words, const struct json *value) {
    int64_t nano = 0;
    if (json_i64(value, &nano) || !nano) return;
    char *text = arena_printf(words->arena, "%" PRId64 ".%09" PRId64, nano / 1000000000, nano % 1000000000);
    for (size_t n = strlen(text); n && (text[n - 1] == '0' || text[n - 1] == '.'); n--) {
        bool point = text[n - 1] == '.';
        text[n - 1] = '\0';
        if (point) break;
    }
    put(words, text);
}

static void write_duration(struct words *words, const struct json *value) {
    static const struct {
        int64_t ns;
        const char *unit;
    } units[] = {{1000000000, "s"}, {1000000, "ms"}, {1, "ns"}};
    int64_t ns = 0;
    if (json_i64(value, &ns) || !ns) return;
    size_t i = 0;
    while (ns % units[i].ns) i++;
    put(words, arena_printf(words->arena, "%" PRId64 "%s", ns / units[i].ns, units[i].unit));
}

static void write_list(struct words *words, const struct json *value) {
    for (size_t i = 0; i < json_length(value); i++)
        if (!plain_has(words, json_at(value, i)) && json_string(json_at(value, i)))
            put(words, json_string(json_at(value, i)));
}

// A variable without a value is one that was taken away: of the image's, or it says nothing.
static bool is_taken_away(const char *name, const struct json *images) {
    size_t length = strlen(name);
    for (size_t i = 0; i < json_length(images) && !strchr(name, '='); i++) {
        const char *text = json_string(json_at(images, i));
        if (text && !strncmp(text, name, length) && text[length] == '=') return true;
    }
    return false;
}

static void write_variables(struct words *words, const struct json *value) {
    for (size_t i = 0; i < json_length(value); i++) {
        const char *text = json_string(json_at(value, i));
        if (text && (is_taken_away(text, words->plain) ||
                     (strchr(text, '=') && !plain_has(words, json_at(value, i)))))
            put(words, text);
    }
}

// In words, that is one that the caller does not have.
static void write_unset(struct words *words, const struct json *variables, const struct json *images) {
    for (size_t i = 0; i < json_length(variables); i++) {
        const char *text = json_string(json_at(variables, i));
        if (!text || !is_taken_away(text, images)) continue;
        if (!words->list.count) strings_add(words->arena, &words->list, "env");
        strings_add(words->arena, &words->list, "-u");
        strings_add(words->arena, &words->list, text);
    }
}

static int write_key(const char *key, const struct json *value, void *data) {
    struct words *words = data;
    (void)value;
    if (json_is_null(json_get(words->plain, key))) put(words, arena_strdup(words->arena, key));
    return 0;
}

static void write_keys(struct words *words, const struct json *value) {
    (void)json_each(value, write_key, words);
}

static int write_pair_with(struct words *words, const char *key, const struct json *value, char between) {
    const char *text = json_string(value), *plain = json_get_string(words->plain, key);
    if (!text || str_eq(text, plain)) return 0;
    put(words,
        *text ? arena_printf(words->arena, "%s%c%s", key, between, text) : arena_strdup(words->arena, key));
    return 0;
}

static int write_pair(const char *key, const struct json *value, void *data) {
    return write_pair_with(data, key, value, '=');
}

static int write_path_pair(const char *key, const struct json *value, void *data) {
    return write_pair_with(data, key, value, ':');
}

static void write_map(struct words *words, const struct json *value) {
    (void)json_each(value, write_pair, words);
}

static void write_tmpfs(struct words *words, const struct json *value) {
    (void)json_each(value, write_path_pair, words);
}

static const char *number_of(struct arena *arena, const struct json *object, const char *key) {
    const struct json *value = json_get(object, key);
    return json_is_null(value) ? "0" : arena_strdup(arena, json_text(value));
}

static void write_ulimits(struct words *words, const struct json *value) {
    for (size_t i = 0; i < json_length(value); i++) {
        const struct json *item = json_at(value, i);
        put(words,
            arena_printf(words->arena, "%s=%s:%s", json_get_string(item, "Name"),
                         number_of(words->arena, item, "Soft"), number_of(words->arena, item, "Hard")));
    }
}

// {"Path":"/dev/sda","Rate":1}, or with a Weight.
static void write_rates(struct words *words, const struct json *value) {
    for (size_t i = 0; i < json_length(value); i++) {
        const struct json *item = json_at(value, i);
        bool weight = !json_is_null(json_get(item, "Weight"));
        put(words, arena_printf(words->arena, "%s:%s", json_get_string(item, "Path"),
                                number_of(words->arena, item, weight ? "Weight" : "Rate")));
    }
}

static void write_devices(struct words *words, const struct json *value) {
    for (size_t i = 0; i < json_length(value); i++) {
        const struct json *item = json_at(value, i);
        put(words, arena_printf(words->arena, "%s:%s:%s", json_get_string(item, "PathOnHost"),
                                json_get_string(item, "PathInContainer"),
                                json_get_string(item, "CgroupPermissions")));
    }
}

// Devices by name: CDI's, or GPUs.
static void write_device_requests(struct words *words, const struct json *value) {
    for (size_t i = 0; i < json_length(value); i++) {
        const struct json *item = json_at(value, i), *ids = json_get(item, "DeviceIDs");
        bool cdi = str_eq(json_get_string(item, "Driver"), "cdi");
        words->flag = cdi ? "--device" : "--gpus";
        for (size_t k = 0; k < json_length(ids); k++)
            put(words, cdi ? json_string(json_at(ids, k))
                           : arena_printf(words->arena, "device=%s", json_string(json_at(ids, k))));
        int64_t count = 0;
        if (!cdi && !json_length(ids) && !json_i64(json_get(item, "Count"), &count))
            put(words, count < 0 ? "all" : arena_printf(words->arena, "%" PRId64, count));
    }
}

// The options of --mount, and where Docker's documents have them.
static const struct {
    const char *option, *object, *key;
} mount_options[] = {
    {"bind-propagation", "BindOptions", "Propagation"},
    {"bind-create-src", "BindOptions", "CreateMountpoint"},
    {"bind-idmap", "BindOptions", "IDMap"},
    {"volume-nocopy", "VolumeOptions", "NoCopy"},
    {"volume-subpath", "VolumeOptions", "Subpath"},
    {"image-subpath", "ImageOptions", "Subpath"},
    {"tmpfs-size", "TmpfsOptions", "SizeBytes"},
};

// ",option=value", as a field of CSV where a comma or a quote would be taken for its end.
static void add_field(struct str *text, const char *option, const char *value) {
    if (!value[strcspn(value, ",\"\n")]) {
        str_printf(text, ",%s=%s", option, value);
        return;
    }
    str_printf(text, ",\"%s=", option);
    for (const char *c = value; *c; c++) {
        if (*c == '"') str_add_char(text, '"');
        str_add_char(text, *c);
    }
    str_add_char(text, '"');
}

static void add_mount_option(struct str *text, const char *option, const struct json *value) {
    if (json_is_null(value)) return;
    const char *word = json_string(value);
    if (word ? *word != 0 : !str_eq(json_text(value), "false"))
        add_field(text, option, word ? word : json_text(value));
}

static void add_pair(struct str *text, const char *option, const char *key, const struct json *value) {
    _cleanup_(str_finish) struct str pair = {0};
    str_printf(&pair, "%s=%s", key, json_string(value) ? json_string(value) : "");
    add_field(text, option, str_get(&pair));
}

static int add_volume_label(const char *key, const struct json *value, void *data) {
    if (!str_has_prefix(key, "com.docker.volume.")) add_pair(data, "volume-label", key, value);
    return 0;
}

static int add_volume_opt(const char *key, const struct json *value, void *data) {
    add_pair(data, "volume-opt", key, value);
    return 0;
}

static void add_bind_recursive(struct str *text, const struct json *bind) {
    if (json_boolean(json_get(bind, "NonRecursive"))) str_add(text, ",bind-recursive=disabled");
    if (json_boolean(json_get(bind, "ReadOnlyNonRecursive"))) str_add(text, ",bind-recursive=writable");
    if (json_boolean(json_get(bind, "ReadOnlyForceRecursive"))) str_add(text, ",bind-recursive=readonly");
}

// Docker's older documents have all of a tmpfs's options in a list of pairs, and so have ours.
static void add_tmpfs_pairs(struct str *text, const struct json *pairs) {
    for (size_t i = 0; i < json_length(pairs); i++) {
        const char *key = json_string(json_at(json_at(pairs, i), 0));
        if (str_eq(key, "size") || str_eq(key, "mode"))
            str_printf(text, ",tmpfs-%s=%s", key, json_string(json_at(json_at(pairs, i), 1)));
    }
}

static void write_mount(struct words *words, const struct json *mount) {
    _cleanup_(str_finish) struct str text = {0};
    const struct json *volume = json_get(mount, "VolumeOptions");
    const char *source = json_get_string(mount, "Source");
    int64_t mode = 0;
    str_printf(&text, "type=%s", json_get_string(mount, "Type"));
    // A volume without a name of its own gets another one.
    bool anonymous = !json_is_null(json_get(json_get(volume, "Labels"), "com.docker.volume.anonymous"));
    if (!str_empty(source) && !anonymous) add_field(&text, "source", source);
    add_field(&text, "target", json_get_string(mount, "Target"));
    if (json_boolean(json_get(mount, "ReadOnly"))) str_add(&text, ",readonly");
    for (size_t i = 0; i < ARRAY_SIZE(mount_options); i++)
        add_mount_option(&text, mount_options[i].option,
                         json_get(json_get(mount, mount_options[i].object), mount_options[i].key));
    add_bind_recursive(&text, json_get(mount, "BindOptions"));
    (void)json_each(json_get(volume, "Labels"), add_volume_label, &text);
    add_mount_option(&text, "volume-driver", json_get(json_get(volume, "DriverConfig"), "Name"));
    (void)json_each(json_get(json_get(volume, "DriverConfig"), "Options"), add_volume_opt, &text);
    add_tmpfs_pairs(&text, json_get(json_get(mount, "TmpfsOptions"), "Options"));
    if (!json_i64(json_get(json_get(mount, "TmpfsOptions"), "Mode"), &mode) && mode)
        str_printf(&text, ",tmpfs-mode=%o", (unsigned)mode);
    put(words, arena_strdup(words->arena, str_get(&text)));
}

// Volumes that the image asks for have other names in each container.
static bool plain_has_target(const struct words *words, const char *target) {
    for (size_t i = 0; i < json_length(words->plain); i++)
        if (str_eq(json_get_string(json_at(words->plain, i), "Target"), target)) return true;
    return false;
}

static void write_mounts(struct words *words, const struct json *value) {
    for (size_t i = 0; i < json_length(value); i++)
        if (!plain_has_target(words, json_get_string(json_at(value, i), "Target")))
            write_mount(words, json_at(value, i));
}

static void write_restart(struct words *words, const struct json *value) {
    const char *name = json_get_string(value, "Name");
    int64_t count = 0;
    if (str_empty(name) || str_eq(name, "no")) return;
    if (json_i64(json_get(value, "MaximumRetryCount"), &count)) count = 0;
    put(words, count ? arena_printf(words->arena, "%s:%" PRId64, name, count) : name);
}

static void write_log(struct words *words, const struct json *value) {
    const struct json *plain = words->plain;
    if (!str_eq(json_get_string(value, "Type"), json_get_string(plain, "Type")))
        write_text(words, json_get(value, "Type"));
    words->flag = "--log-opt";
    words->plain = json_get(plain, "Config");
    write_map(words, json_get(value, "Config"));
}

// ["NONE"], ["CMD-SHELL", "true"], ["CMD", "true", …]: the last can only be said as a shell has it.
static void write_health_test(struct words *words, const struct json *value) {
    _cleanup_(str_finish) struct str text = {0};
    const char *kind = json_string(json_at(value, 0));
    if (str_eq(kind, "NONE")) {
        words->flag = "--no-healthcheck";
        put(words, NULL);
        return;
    }
    for (size_t i = 1; i < json_length(value); i++) {
        if (text.len) str_add_char(&text, ' ');
        if (str_eq(kind, "CMD-SHELL"))
            str_add(&text, json_string(json_at(value, i)));
        else
            words_add_quoted(&text, json_string(json_at(value, i)));
    }
    if (text.len) put(words, arena_strdup(words->arena, str_get(&text)));
}

static int write_bindings(const char *key, const struct json *value, void *data) {
    struct words *words = data;
    for (size_t i = 0; i < json_length(value); i++) {
        const struct json *item = json_at(value, i);
        const char *ip = json_get_string(item, "HostIp"), *port = json_get_string(item, "HostPort");
        bool v6 = ip && strchr(ip, ':');
        put(words, arena_printf(words->arena, "%s%s%s%s%s:%s", v6 ? "[" : "", ip ? ip : "", v6 ? "]" : "",
                                str_empty(ip) ? "" : ":", port ? port : "", key));
    }
    return 0;
}

static void write_ports(struct words *words, const struct json *value) {
    (void)json_each(value, write_bindings, words);
}

// A mode that everybody has without asking is not said.
static void write_mode(struct words *words, const struct json *value) {
    static const char *const defaults[] = {"", "default", "bridge", "private"};
    const char *mode = json_string(value);
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        if (!mode || str_eq(mode, defaults[i])) return;
    put(words, mode);
}

static void add_each(struct str *text, const char *key, const struct json *list) {
    for (size_t i = 0; i < json_length(list); i++) add_field(text, key, json_string(json_at(list, i)));
}

static void add_text(struct str *text, const char *key, const struct json *value) {
    if (json_string(value)) add_field(text, key, json_string(value));
}

static int add_driver_option(const char *key, const struct json *value, void *data) {
    add_pair(data, "driver-opt", key, value);
    return 0;
}

// The first one's MAC address is a flag of its own, and so are links.
static int write_network(const char *name, const struct json *value, void *data) {
    struct words *words = data;
    _cleanup_(str_finish) struct str text = {0};
    const struct json *ipam = json_get(value, "IPAMConfig"), *links = json_get(value, "Links");
    int64_t priority = 0;
    bool first = !words->networks++;
    add_each(&text, "alias", json_get(value, "Aliases"));
    add_text(&text, "ip", json_get(ipam, "IPv4Address"));
    add_text(&text, "ip6", json_get(ipam, "IPv6Address"));
    add_each(&text, "link-local-ip", json_get(ipam, "LinkLocalIPs"));
    if (!first) add_text(&text, "mac-address", json_get(value, "MacAddress"));
    json_each(json_get(value, "DriverOpts"), add_driver_option, &text);
    if (!json_i64(json_get(value, "GwPriority"), &priority) && priority)
        str_printf(&text, ",gw-priority=%lld", (long long)priority);
    if (text.len)
        put(words, arena_printf(words->arena, "name=%s%s", name, str_get(&text)));
    else if (!str_eq(name, "bridge") || words->several)
        put(words, name);
    for (size_t i = 0; i < json_length(links); i++) {
        strings_add(words->arena, &words->list, "--link");
        strings_add(words->arena, &words->list, arena_strdup(words->arena, json_string(json_at(links, i))));
    }
    return 0;
}

static int count_network(const char *name, const struct json *value, void *data) {
    (void)name, (void)value;
    ++*(size_t *)data;
    return 0;
}

static void write_networks(struct words *words, const struct json *value) {
    size_t count = 0;
    json_each(value, count_network, &count);
    words->several = count > 1;
    json_each(value, write_network, words);
}

// That of a network is among the networks.
static void write_network_mode(struct words *words, const struct json *value) {
    const char *mode = json_string(value);
    if (!mode) return;
    if (str_eq(mode, "host") || str_eq(mode, "none") || str_has_prefix(mode, "container:") ||
        str_has_prefix(mode, "cni:"))
        put(words, mode);
}

static const struct setting {
    const char *object, *key, *flag;
    write_setting *write;
} settings[] = {
    {"Config", "Tty", "--tty", write_flag},
    {"Config", "OpenStdin", "--interactive", write_flag},
    {"Config", "Hostname", "--hostname", write_text},
    {"Config", "Domainname", "--domainname", write_text},
    {"Config", "User", "--user", write_text},
    {"Config", "WorkingDir", "--workdir", write_text},
    {"Config", "Env", "--env", write_variables},
    {"Config", "Labels", "--label", write_map},
    {"Config", "ExposedPorts", "--expose", write_keys},
    {"Config", "StopSignal", "--stop-signal", write_text},
    {"Config", "StopTimeout", "--stop-timeout", write_number},
    {"Config.Healthcheck", "Test", "--health-cmd", write_health_test},
    {"Config.Healthcheck", "Interval", "--health-interval", write_duration},
    {"Config.Healthcheck", "Timeout", "--health-timeout", write_duration},
    {"Config.Healthcheck", "StartPeriod", "--health-start-period", write_duration},
    {"Config.Healthcheck", "StartInterval", "--health-start-interval", write_duration},
    {"Config.Healthcheck", "Retries", "--health-retries", write_number},
    {"Config", "HealthcheckOnFailureAction", "--health-on-failure", write_text},
    {"HostConfig", "AutoRemove", "--rm", write_flag},
    {"HostConfig", "RestartPolicy", "--restart", write_restart},
    {"HostConfig", "Init", "--init", write_flag},
    {"HostConfig", "NetworkMode", "--network", write_network_mode},
    {"NetworkingConfig", "EndpointsConfig", "--network", write_networks},
    {"Config", "MacAddress", "--mac-address", write_text},
    {"HostConfig", "PortBindings", "--publish", write_ports},
    {"HostConfig", "PublishAllPorts", "--publish-all", write_flag},
    {"HostConfig", "Firewall", "--firewall", write_text},
    {"HostConfig", "Links", "--link", write_list},
    {"HostConfig", "ExtraHosts", "--add-host", write_list},
    {"HostConfig", "Dns", "--dns", write_list},
    {"HostConfig", "DnsSearch", "--dns-search", write_list},
    {"HostConfig", "DnsOptions", "--dns-option", write_list},
    {"HostConfig", "PidMode", "--pid", write_mode},
    {"HostConfig", "IpcMode", "--ipc", write_mode},
    {"HostConfig", "UTSMode", "--uts", write_mode},
    {"HostConfig", "UsernsMode", "--userns", write_mode},
    {"HostConfig", "CgroupnsMode", "--cgroupns", write_mode},
    {"HostConfig", "Privileged", "--privileged", write_flag},
    {"HostConfig", "CapAdd", "--cap-add", write_list},
    {"HostConfig", "CapDrop", "--cap-drop", write_list},
    {"HostConfig", "SecurityOpt", "--security-opt", write_list},
    {"HostConfig", "GroupAdd", "--group-add", write_list},
    {"HostConfig", "ReadonlyRootfs", "--read-only", write_flag},
    {"HostConfig", "Binds", "--volume", write_list},
    {"HostConfig", "Mounts", "--mount", write_mounts},
    {"HostConfig", "Tmpfs", "--tmpfs", write_tmpfs},
    {"HostConfig", "VolumesFrom", "--volumes-from", write_list},
    {"HostConfig", "VolumeDriver", "--volume-driver", write_text},
    {"HostConfig", "StorageOpt", "--storage-opt", write_map},
    {"HostConfig", "ShmSize", "--shm-size", write_number},
    {"HostConfig", "Devices", "--device", write_devices},
    {"HostConfig", "DeviceRequests", "--gpus", write_device_requests},
    {"HostConfig", "DeviceCgroupRules", "--device-cgroup-rule", write_list},
    {"HostConfig", "Memory", "--memory", write_number},
    {"HostConfig", "MemorySwap", "--memory-swap", write_number},
    {"HostConfig", "MemoryReservation", "--memory-reservation", write_number},
    {"HostConfig", "MemorySwappiness", "--memory-swappiness", write_number},
    {"HostConfig", "OomKillDisable", "--oom-kill-disable", write_flag},
    {"HostConfig", "OomScoreAdj", "--oom-score-adj", write_number},
    {"HostConfig", "PidsLimit", "--pids-limit", write_number},
    {"HostConfig", "NetRate", "--net-rate", write_net_rate},
    {"HostConfig", "NanoCpus", "--cpus", write_nano},
    {"HostConfig", "CpuShares", "--cpu-shares", write_number},
    {"HostConfig", "CpuPeriod", "--cpu-period", write_number},
    {"HostConfig", "CpuQuota", "--cpu-quota", write_number},
    {"HostConfig", "CpuRealtimePeriod", "--cpu-rt-period", write_number},
    {"HostConfig", "CpuRealtimeRuntime", "--cpu-rt-runtime", write_number},
    {"HostConfig", "CpusetCpus", "--cpuset-cpus", write_text},
    {"HostConfig", "CpusetMems", "--cpuset-mems", write_text},
    {"HostConfig", "BlkioWeight", "--blkio-weight", write_number},
    {"HostConfig", "BlkioWeightDevice", "--blkio-weight-device", write_rates},
    {"HostConfig", "BlkioDeviceReadBps", "--device-read-bps", write_rates},
    {"HostConfig", "BlkioDeviceWriteBps", "--device-write-bps", write_rates},
    {"HostConfig", "BlkioDeviceReadIOps", "--device-read-iops", write_rates},
    {"HostConfig", "BlkioDeviceWriteIOps", "--device-write-iops", write_rates},
    {"HostConfig", "Ulimits", "--ulimit", write_ulimits},
    {"HostConfig", "Sysctls", "--sysctl", write_map},
    {"HostConfig", "CgroupParent", "--cgroup-parent", write_text},
    {"HostConfig", "LogConfig", "--log-driver", write_log},
    {"HostConfig", "Runtime", "--runtime", write_text},
    {"HostConfig", "Annotations", "--annotation", write_map},
};

static const struct json *find(const struct json *document, const char *object, const char *key) {
    const char *point = strchr(object, '.');
    if (point) {
        const struct json *outer = json_get(document, "Config");
        return json_get(json_get(outer, point + 1), key);
    }
    return json_get(json_get(document, object), key);
}

// The command

// -d, unless output or input is attached; and which, when they are not the usual ones.
static void write_streams(struct words *words, const struct json *config) {
    static const char *const names[] = {"AttachStdin", "AttachStdout", "AttachStderr"};
    bool attached[3], any = false;
    for (int i = 0; i < 3; i++) {
        attached[i] = json_boolean(json_get(config, names[i]));
        any = any || attached[i];
    }
    words->flag = "--detach";
    if (!any) put(words, NULL);
    bool usual = attached[1] && attached[2] && attached[0] == json_boolean(json_get(config, "OpenStdin"));
    words->flag = "--attach";
    for (int i = 0; any && !usual && i < 3; i++)
        if (attached[i]) put(words, i == 0 ? "stdin" : i == 1 ? "stdout" : "stderr");
}

static void add_from(struct words *words, const struct json *list, size_t from) {
    for (size_t i = from; i < json_length(list); i++)
        strings_add(words->arena, &words->list, json_string(json_at(list, i)));
}

// An entrypoint of several words is its first, and the rest stands before the arguments.
static void write_command(struct words *words, const struct as_settings *as) {
    const struct json *own = json_get(as->own, "Config"), *plain = json_get(as->plain, "Config");
    const struct json *entrypoint = json_get(own, "Entrypoint"), *command = json_get(own, "Cmd");
    words->plain = json_get(plain, "Entrypoint");
    bool same = is_plain(words, entrypoint) && json_is_null(entrypoint) == json_is_null(words->plain);
    words->flag = "--entrypoint";
    if (!same) put(words, json_length(entrypoint) ? json_string(json_at(entrypoint, 0)) : "");
    strings_add(words->arena, &words->list, as->image);
    if (!same) add_from(words, entrypoint, 1);
    words->plain = json_get(plain, "Cmd");
    if (!same || !is_plain(words, command)) add_from(words, command, 0);
}

// One that came neither of the id nor of whose names it shares.
static bool has_own_hostname(const struct as_settings *as, const char *hostname) {
    const struct json *host = json_get(as->own, "HostConfig");
    const char *network = json_get_string(host, "NetworkMode");
    return hostname && !str_has_prefix(as->id, hostname) &&
           !str_eq(json_get_string(host, "UTSMode"), "host") &&
           !(network && (str_eq(network, "host") || str_has_prefix(network, "container:")));
}

void as_run_words(struct arena *arena, const struct as_settings *as, struct strings *ret_words) {
    struct words words = {.arena = arena};
    write_unset(&words, find(as->own, "Config", "Env"), find(as->plain, "Config", "Env"));
    strings_add(arena, &words.list, "hoy");
    strings_add(arena, &words.list, "run");
    write_streams(&words, json_get(as->own, "Config"));
    words.flag = "--name";
    put(&words, as->name);
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        const struct json *value = find(as->own, settings[i].object, settings[i].key);
        words.plain = find(as->plain, settings[i].object, settings[i].key);
        words.flag = settings[i].flag;
        bool given = !str_eq(words.flag, "--hostname") || has_own_hostname(as, json_string(value));
        if (given && !is_plain(&words, value)) settings[i].write(&words, value);
    }
    write_command(&words, as);
    *ret_words = words.list;
}

bool as_knows_option(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
        if (str_eq(name, settings[i].flag + 2)) return true;
    return false;
}
