// SPDX-License-Identifier: Apache-2.0
// update, and the limits that it shares with run and create.
#include "cli/cli.h"
#include "cli/parse_modes.h"
#include "cli/parse_mount.h"
#include "cli/parse_network.h"
#include "cli/parse_value.h"

#include <stdio.h>
#include <string.h>

#define CONFIG(member) offsetof(struct container_config, member)

static const struct option limit_rows[] = {
    {"blkio-weight", 0, "uint16", "Block IO (relative weight), between 10 and 1000, or 0 to disable",
     store_u64, CONFIG(blkio_weight)},
    {"cpu-period", 0, "int", "Limit CPU CFS (Completely Fair Scheduler) period", store_i64,
     CONFIG(cpu_period)},
    {"cpu-quota", 0, "int", "Limit CPU CFS (Completely Fair Scheduler) quota", store_i64, CONFIG(cpu_quota)},
    {"cpu-rt-period", 0, "int", "Limit CPU real-time period in microseconds", store_i64,
     CONFIG(cpu_rt_period)},
    {"cpu-rt-runtime", 0, "int", "Limit CPU real-time runtime in microseconds", store_i64,
     CONFIG(cpu_rt_runtime)},
    {"cpu-shares", 'c', "int", "CPU shares (relative weight)", store_u64, CONFIG(cpu_shares)},
    {"cpus", 0, "decimal", "Number of CPUs", store_cpus, CONFIG(nano_cpus)},
    {"cpuset-cpus", 0, "string", "CPUs in which to allow execution (0-3, 0,1)", store_string,
     CONFIG(cpuset_cpus)},
    {"cpuset-mems", 0, "string", "MEMs in which to allow execution (0-3, 0,1)", store_string,
     CONFIG(cpuset_mems)},
    {"memory", 'm', "bytes", "Memory limit", store_memory, CONFIG(memory)},
    {"memory-reservation", 0, "bytes", "Memory soft limit", store_memory, CONFIG(memory_reservation)},
    {"memory-swap", 0, "bytes", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
     store_memory_swap, CONFIG(memory_swap)},
    {"net-rate", 0, "list",
     "Limit what the container receives and sends, as in=10mbit,out=512kbit (in=0: no limit)", store_net_rate,
     CONFIG(net_rate)},
    {"pids-limit", 0, "int", "Tune container pids limit (set -1 for unlimited)", store_i64,
     CONFIG(pids_limit)},
};
const struct option_table limits_options = OPTIONS(limit_rows, struct container_config);

struct update_flags {
    struct container_changes changes; // first, and its config: the limits' rows count from here
    struct strings warnings;
};

static int store_new_restart(struct parse *parse, const char *text, void *field, struct err *err) {
    struct container_changes *changes = field;
    changes->restart = true;
    return store_restart(parse, text, &changes->config.restart, err);
}

static int store_env_rm(struct parse *parse, const char *text, void *field, struct err *err) {
    if (!*text || strchr(text, '='))
        return err_set(err, ERR_INVALID, 0, "'%s' is no name of a variable", text);
    strings_add(parse->arena, field, text);
    return 0;
}

// KEY=VALUE, or KEY- to take it away.
static int store_new_env(struct parse *parse, const char *text, void *field, struct err *err) {
    size_t n = strlen(text);
    if (strchr(text, '=') || n < 1 || text[n - 1] != '-') return store_env(parse, text, field, err);
    return store_env_rm(parse, arena_strndup(parse->arena, text, n - 1), field, err);
}

static int store_unmount(struct parse *parse, const char *text, void *field, struct err *err) {
    if (*text != '/')
        return err_set(err, ERR_INVALID, 0, "the path in the container, '%s', must be absolute", text);
    strings_add(parse->arena, field, text);
    return 0;
}

static const struct option update_rows[] = {
    {"env", 'e', "list",
     "Set a variable, or take it away (KEY-), for later execs and starts; a process that runs keeps its own "
     "environment",
     store_new_env, CONFIG(env)},
    {"env-rm", 0, "list", "Take a variable away, as --env KEY-", store_env_rm, CONFIG(env)},
    {"firewall", 0, "string",
     "Whether its published ports pass the host's own firewall first (respect) or go past it (bypass), at "
     "once",
     store_firewall, CONFIG(firewall), "respect|bypass"},
    {"log-opt", 0, "list",
     "Log driver options: how large the log may grow (max-size, max-file, compress) and mode, at once; "
     "others of a container that is stopped",
     store_log_option, 0},
    {"mount-add", 0, "mount", "Attach a filesystem mount, at once when the container runs", store_mount, 0},
    {"mount-rm", 0, "list", "Detach the mount at this path, at once when the container runs", store_unmount,
     offsetof(struct update_flags, changes.unmount)},
    {"network-add", 0, "network",
     "Connect it to a network: NAME, or name=NAME,alias=,ip= and so on as for run; at once when it runs",
     store_network_settings, offsetof(struct update_flags, changes.networks.add)},
    {"network-rm", 0, "list", "Disconnect it from a network, at once when it runs", store_list,
     offsetof(struct update_flags, changes.networks.remove)},
    {"publish-add", 0, "list", "Publish a port, at once when the container runs", store_publish,
     CONFIG(ports)},
    {"publish-rm", 0, "list", "Take a published port away, by the container's port or as it was published",
     store_publish, offsetof(struct update_flags, changes.unpublish)},
    {"restart", 0, "string", "Restart policy to apply when a container exits", store_new_restart,
     offsetof(struct update_flags, changes), "no|on-failure|always|unless-stopped"},
};
const struct option_table update_options_table = OPTIONS(update_rows, struct update_flags);

static int update_one(struct invocation *invocation, struct engine *engine, const char *name,
                      struct err *err) {
    struct update_flags *flags = invocation->options;
    struct container container;
    if (container_find(engine, &invocation->arena, name, &container, err) < 0 ||
        container_update(engine, &invocation->arena, &container, &flags->changes, &flags->warnings, err) < 0)
        return -1;
    puts(name);
    return 0;
}

int run_update(struct invocation *invocation, struct err *err) {
    static const struct container_changes nothing;
    const struct update_flags *flags = invocation->options;
    // Whole zeros at first, padding and all.
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-flp37-c)
    if (!memcmp(&flags->changes, &nothing, sizeof nothing))
        return err_set(err, ERR_INVALID, 0, "you must provide one or more flags when using this command");
    if (flags->changes.config.pids_limit.value < -1)
        return err_set(err, ERR_INVALID, 0, "--pids-limit is a number of processes, or -1 for no limit");
    if (flags->changes.config.net_rate.class_id.set || flags->changes.config.net_rate.priorities.count)
        return err_set(
            err, ERR_INVALID, 0,
            "--net-rate: class= and priority= belong to a container's making; only in= and out= can "
            "be changed");
    int code = cli_for_each(invocation, update_one, err);
    for (size_t i = 0; i < flags->warnings.count; i++)
        fprintf(stderr, "WARNING: %s\n", flags->warnings.items[i]);
    return code;
}
