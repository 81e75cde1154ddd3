// SPDX-License-Identifier: Apache-2.0
// Limits: cgroup values, ulimits and kernel parameters, checked as Docker checks them.
//
// One default differs from Docker's, which has none: a container may have PIDS_DEFAULT processes, so that a
// fork bomb in it is nobody else's trouble. --pids-limit -1 takes the limit away.
#include "base/fd.h"
#include "engine/spec_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CPU_PERIOD_US  100000
#define MEMORY_MINIMUM (6 << 20)
#define PIDS_DEFAULT   4096
#define CPU_MAX        8192 // numbers of CPUs beyond this are no CPUs (CVE-2018-20699)

static void set(struct spec_i64 *field, int64_t value) {
    *field = (struct spec_i64){.set = true, .value = value};
}

// CPU

static int build_cpus(struct spec_builder *b) {
    int64_t nano = b->config->nano_cpus.set ? b->config->nano_cpus.value : 0;
    if (!nano) return 0;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (nano < 10000000 || nano > online * 1000000000ll)
        return err_set(b->err, ERR_INVALID, 0,
                       "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available", online,
                       online);
    b->spec->resources.cpu_period = (struct spec_u64){.set = true, .value = CPU_PERIOD_US};
    set(&b->spec->resources.cpu_quota, nano / (1000000000 / CPU_PERIOD_US));
    const char *why = arena_printf(b->arena, "--cpus %.9g", (double)nano / 1e9);
    spec_because(b, "linux.resources.cpu.quota", why);
    spec_because(b, "linux.resources.cpu.period", why);
    return 0;
}

static void build_shares(struct spec_builder *b) {
    if (!b->config->cpu_shares.set || !b->config->cpu_shares.value) return;
    b->spec->resources.cpu_shares = b->config->cpu_shares;
    spec_because(
        b, "linux.resources.cpu.shares",
        arena_printf(b->arena, "--cpu-shares %llu", (unsigned long long)b->config->cpu_shares.value));
}

// "0-3,5" into bits; -EINVAL when it is no such list.
static int cpuset_parse(const char *text, uint8_t bits[static CPU_MAX / 8]) {
    while (*text) {
        char *end;
        if (*text < '0' || *text > '9') return -EINVAL;
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (*end == '-') {
            if (end[1] < '0' || end[1] > '9') return -EINVAL;
            last = strtoul(end + 1, &end, 10);
        }
        if (first > last || last >= CPU_MAX) return -EINVAL;
        for (unsigned long cpu = first; cpu <= last; cpu++) bits[cpu / 8] |= (uint8_t)(1u << cpu % 8);
        if (*end && (*end != ',' || !end[1])) return -EINVAL;
        text = *end ? end + 1 : end;
    }
    return 0;
}

static int build_cpuset(struct spec_builder *b) {
    const char *cpus = b->config->cpuset_cpus;
    if (str_empty(cpus)) return 0;
    uint8_t wanted[CPU_MAX / 8] = {0}, there[CPU_MAX / 8] = {0};
    if (cpuset_parse(cpus, wanted))
        return err_set(b->err, ERR_INVALID, 0, "invalid value %s for cpuset cpus", cpus);
    _cleanup_(str_finish) struct str online = {0};
    if (!file_read_at(AT_FDCWD, "/sys/devices/system/cpu/online", 4096, &online)) {
        online.data[strcspn(online.data, "\n")] = 0;
        bool known = !cpuset_parse(online.data, there);
        for (size_t i = 0; known && i < sizeof wanted; i++)
            if (wanted[i] & ~there[i])
                return err_set(b->err, ERR_INVALID, 0,
                               "Requested CPUs are not available - requested %s, available: %s", cpus,
                               online.data);
    }
    b->spec->resources.cpuset_cpus = cpus;
    spec_because(b, "linux.resources.cpu.cpus", arena_printf(b->arena, "--cpuset-cpus %s", cpus));
    return 0;
}

// Memory

static int check_memory(struct spec_builder *b, int64_t memory, int64_t swap) {
    if (memory < 0 || (memory && memory < MEMORY_MINIMUM))
        return err_set(b->err, ERR_INVALID, 0, "Minimum memory limit allowed is 6MB");
    if (swap > 0 && !memory)
        return err_set(b->err, ERR_INVALID, 0,
                       "You should always set the Memory limit when using Memoryswap limit, see usage");
    if (swap > 0 && swap < memory)
        return err_set(b->err, ERR_INVALID, 0,
                       "Minimum memoryswap limit should be larger than memory limit, see usage");
    return 0;
}

static int build_memory(struct spec_builder *b) {
    int64_t memory = b->config->memory.set ? b->config->memory.value : 0;
    int64_t swap = b->config->memory_swap.set ? b->config->memory_swap.value : 0;
    if (check_memory(b, memory, swap)) return -1;
    const char *why = arena_printf(b->arena, "--memory %s", spec_size_text(b->arena, memory));
    if (memory) {
        set(&b->spec->resources.memory_limit, memory);
        spec_because(b, "linux.resources.memory.limit", why);
    }
    if (swap) {
        set(&b->spec->resources.memory_swap, swap);
        why = arena_printf(b->arena, "--memory-swap %s", swap < 0 ? "-1" : spec_size_text(b->arena, swap));
    } else if (memory) {
        set(&b->spec->resources.memory_swap, memory > INT64_MAX / 2 ? -1 : memory * 2);
    }
    if (swap || memory) spec_because(b, "linux.resources.memory.swap", why);
    return 0;
}

static void build_pids(struct spec_builder *b) {
    int64_t limit = b->config->pids_limit.set ? b->config->pids_limit.value : PIDS_DEFAULT;
    set(&b->spec->resources.pids_limit, limit > 0 ? limit : -1);
    spec_because(b, "linux.resources.pids.limit",
                 b->config->pids_limit.set ? arena_printf(b->arena, "--pids-limit %lld", (long long)limit)
                                           : "default");
}

// Block devices

static int rate_resolve(struct spec_builder *b, const struct device_rate *rate,
                        struct spec_throttle *ret_throttle) {
    struct stat st;
    if (stat(rate->path, &st))
        return err_set(b->err, ERR_INVALID, errno, "%s: %s", rate->path, strerror(errno));
    if (!S_ISBLK(st.st_mode)) return err_set(b->err, ERR_INVALID, 0, "%s is not a block device", rate->path);
    *ret_throttle =
        (struct spec_throttle){.major = major(st.st_rdev), .minor = minor(st.st_rdev), .rate = rate->rate};
    return 0;
}

static const char *rate_why(struct spec_builder *b, const char *flag, const struct device_rate *rate) {
    return arena_printf(b->arena, "%s %s:%s", flag, rate->path,
                        spec_size_text(b->arena, (int64_t)rate->rate));
}

static int build_rates(struct spec_builder *b) {
    const struct container_config *config = b->config;
    for (size_t i = 0; i < config->read_bps.count; i++) {
        const struct device_rate *rate = &config->read_bps.items[i];
        if (rate_resolve(b, rate, arena_push(b->arena, &b->spec->resources.read_bps))) return -1;
        spec_because(b, "linux.resources.blockIO.throttleReadBpsDevice",
                     rate_why(b, "--device-read-bps", rate));
    }
    for (size_t i = 0; i < config->write_bps.count; i++) {
        const struct device_rate *rate = &config->write_bps.items[i];
        if (rate_resolve(b, rate, arena_push(b->arena, &b->spec->resources.write_bps))) return -1;
        spec_because(b, "linux.resources.blockIO.throttleWriteBpsDevice",
                     rate_why(b, "--device-write-bps", rate));
    }
    return 0;
}

// The process's own limits

static int build_ulimits(struct spec_builder *b) {
    for (size_t i = 0; i < b->config->ulimits.count; i++) {
        const struct spec_rlimit *limit = &b->config->ulimits.items[i];
        if (limit->soft > limit->hard)
            return err_set(b->err, ERR_INVALID, 0,
                           "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
                           (long long)limit->soft, (long long)limit->hard);
        *arena_push(b->arena, &b->spec->process.rlimits) = *limit;
    }
    if (b->config->ulimits.count) spec_because(b, "process.rlimits", "--ulimit");
    return 0;
}

// Kernel parameters

static bool sysctl_of_ipc(const char *key) {
    static const char *const keys[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                       "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                       "kernel.shmmni", "kernel.shm_rmid_forced"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (str_eq(key, keys[i])) return true;
    return str_has_prefix(key, "fs.mqueue.");
}

// Letters, digits and _-. with no empty part; a slash stands for a dot inside a part, as in sysctl(8).
static bool sysctl_key_valid(const char *key) {
    if (*key == '.' || *key == '/' || strstr(key, "..") || strstr(key, "./") || strstr(key, "/."))
        return false;
    return !key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./")];
}

static bool sysctl_has(const struct spec_builder *b, const char *key) {
    for (size_t i = 0; i < b->config->sysctls.count; i++)
        if (str_eq(b->config->sysctls.items[i].key, key)) return true;
    return false;
}

static void sysctl_add(struct spec_builder *b, const char *key, const char *value, const char *why) {
    *arena_push(b->arena, &b->spec->sysctls) = (struct spec_key_value){.key = key, .value = value};
    spec_because(b, arena_printf(b->arena, "linux.sysctl.%s", key), why);
}

// What a container may do with its own network without asking for it, as in Docker; and no IPv6 on a network
// that has none: an address that nobody gave would be one that nobody watches.
static void build_default_sysctls(struct spec_builder *b) {
    static const struct {
        const char *key, *value, *file;
        bool bridge_only;
    } rows[] = {
        {"net.ipv4.ip_unprivileged_port_start", "0", NULL, false},
        {"net.ipv4.ping_group_range", "0 2147483647", NULL, false},
        {"net.ipv6.conf.eth0.disable_ipv6", "1", "/proc/sys/net/ipv6/conf/default/disable_ipv6", true},
    };
    bool bridge = str_eq(b->config->network_mode, "bridge");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (sysctl_has(b, rows[i].key) || (rows[i].bridge_only && !bridge)) continue;
        if (rows[i].file && access(rows[i].file, F_OK)) continue;
        sysctl_add(b, rows[i].key, rows[i].value, "default");
    }
}

static int build_sysctls(struct spec_builder *b) {
    for (size_t i = 0; i < b->config->sysctls.count; i++) {
        const char *key = b->config->sysctls.items[i].key, *value = b->config->sysctls.items[i].value;
        bool net = str_has_prefix(key, "net.");
        if (!sysctl_key_valid(key) || (!net && !sysctl_of_ipc(key)))
            return err_set(b->err, ERR_INVALID, 0, "sysctl '%s' is not allowed", key);
        if (net && spec_host_network(b))
            return err_set(b->err, ERR_INVALID, 0, "sysctl '%s' not allowed in host network namespace", key);
        sysctl_add(b, key, value, arena_printf(b->arena, "--sysctl %s=%s", key, value));
    }
    if (!spec_host_network(b)) build_default_sysctls(b);
    return 0;
}

int spec_build_resources(struct spec_builder *b) {
    build_shares(b);
    build_pids(b);
    return build_cpus(b) || build_cpuset(b) || build_memory(b) || build_rates(b) || build_ulimits(b) ||
                   build_sysctls(b)
               ? -1
               : 0;
}
