// SPDX-License-Identifier: Apache-2.0
// update: new limits for a container that runs.
#include "runtime/update.h"

#include "base/fd.h"
#include "hoy-runtime/cgroups.h"
#include "plan/execute.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_systemd.h"

#include <errno.h>
#include <unistd.h>

#define RESOURCES_MAX (4u << 20)

struct update_options {
    const char *resources, *cpuset_cpus, *cpuset_mems, *l3, *bandwidth;
    struct spec_i64 memory, reservation, swap, pids, cpu_quota, cpu_idle, rt_runtime;
    struct spec_u64 blkio_weight, cpu_period, cpu_burst, cpu_shares, rt_period;
    struct spec_i64 kernel, kernel_tcp;
};

#define AT(member) offsetof(struct update_options, member)

// A number of bytes, with a unit or without; -1 for no limit.
static int store_bytes(struct parse *parse, const char *text, void *field, struct err *err) {
    uint64_t bytes = 0;
    if (str_eq(text, "-1")) return *(struct spec_i64 *)field = (struct spec_i64){true, -1}, 0;
    if (store_size(parse, text, &bytes, err)) return -1;
    if (bytes > INT64_MAX) return err_set(err, ERR_INVALID, 0, "the size is out of range");
    *(struct spec_i64 *)field = (struct spec_i64){true, (int64_t)bytes};
    return 0;
}

static const struct option update_rows[] = {
    {"blkio-weight", 0, "number", "Weight of its I/O, 10 to 1000", store_u64, AT(blkio_weight)},
    {"cpu-burst", 0, "us", "How much of its unused quota it may save", store_u64, AT(cpu_burst)},
    {"cpu-idle", 0, "number", "1: only when nobody else wants a CPU", store_i64, AT(cpu_idle)},
    {"cpu-period", 0, "us", "The period of its quota", store_u64, AT(cpu_period)},
    {"cpu-quota", 0, "us", "CPU time in each period", store_i64, AT(cpu_quota)},
    {"cpu-rt-period", 0, "us", "The period of its realtime runtime", store_u64, AT(rt_period)},
    {"cpu-rt-runtime", 0, "us", "Realtime CPU time in each period", store_i64, AT(rt_runtime)},
    {"cpu-share", 0, "number", "Weight of its CPU time", store_u64, AT(cpu_shares)},
    {"cpuset-cpus", 0, "list", "CPUs that it may use", store_string, AT(cpuset_cpus)},
    {"cpuset-mems", 0, "list", "Memory nodes that it may use", store_string, AT(cpuset_mems)},
    {"kernel-memory", 0, "bytes", "Not in any kernel any more", store_bytes, AT(kernel)},
    {"kernel-memory-tcp", 0, "bytes", "Not in any kernel any more", store_bytes, AT(kernel_tcp)},
    {"l3-cache-schema", 0, "schema", "Intel RDT: its part of the L3 cache", store_string, AT(l3)},
    {"mem-bw-schema", 0, "schema", "Intel RDT: its part of the memory's bandwidth", store_string,
     AT(bandwidth)},
    {"memory", 0, "bytes", "Memory", store_bytes, AT(memory)},
    {"memory-reservation", 0, "bytes", "Memory that it keeps when there is little", store_bytes,
     AT(reservation)},
    {"memory-swap", 0, "bytes", "Memory and swap together", store_bytes, AT(swap)},
    {"pids-limit", 0, "number", "Processes", store_i64, AT(pids)},
    {"resources", 'r', "file", "Limits as JSON; - is standard input", store_string, AT(resources)},
};
const struct option_table update_options_table = OPTIONS(update_rows, struct update_options);

static int read_input(struct str *text) {
    char bytes[4096];
    for (;;) {
        ssize_t n = fd_read_full(STDIN_FILENO, bytes, sizeof bytes);
        if (n <= 0) return (int)n;
        str_add_n(text, bytes, (size_t)n);
        if (text->len > RESOURCES_MAX) return -EFBIG;
    }
}

static int read_resources(struct invocation *invocation, const char *path, struct spec_resources *resources,
                          struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    int r = str_eq(path, "-") ? read_input(&text) : file_read_at(AT_FDCWD, path, RESOURCES_MAX, &text);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read the resources %s", path);
    if (json_parse(str_get(&text), text.len, &json))
        return err_set(err, ERR_INVALID, 0, "%s is no JSON", path);
    if (spec_resources_parse(&invocation->arena, json, resources, err)) return -1;
    say_warnings(invocation, &resources->warnings);
    return 0;
}

static void take_flags(struct invocation *invocation, const struct update_options *o,
                       struct spec_resources *r) {
    if (o->memory.set) r->memory_limit = o->memory;
    if (o->reservation.set) r->memory_reservation = o->reservation;
    if (o->swap.set) r->memory_swap = o->swap;
    if (o->pids.set) r->pids_limit = o->pids;
    if (o->cpu_quota.set) r->cpu_quota = o->cpu_quota;
    if (o->cpu_period.set) r->cpu_period = o->cpu_period;
    if (o->cpu_burst.set) r->cpu_burst = o->cpu_burst;
    if (o->cpu_idle.set) r->cpu_idle = o->cpu_idle;
    if (o->cpu_shares.set) r->cpu_shares = o->cpu_shares;
    if (o->rt_period.set) r->cpu_rt_period = o->rt_period;
    if (o->rt_runtime.set) r->cpu_rt_runtime = o->rt_runtime;
    if (o->blkio_weight.set) r->blkio_weight = o->blkio_weight;
    if (!str_empty(o->cpuset_cpus)) r->cpuset_cpus = o->cpuset_cpus;
    if (!str_empty(o->cpuset_mems)) r->cpuset_mems = o->cpuset_mems;
    if (o->kernel.set || o->kernel_tcp.set)
        say_warning(invocation, "Kernel memory settings are ignored and will be removed");
}

// systemd would put back what it knows of.
static int update_scope(struct invocation *invocation, const struct container *container,
                        const struct spec_resources *resources, struct err *err) {
    struct spec spec;
    struct runtime_scope scope;
    if (!plan_find(container->plan, PLAN_SCOPE_START)) return 0;
    return container_spec(container, &invocation->arena, &spec, err) ||
                   runtime_scope_find(&spec, container->id, geteuid(), &invocation->arena, &scope, err) ||
                   runtime_scope_update(&scope, resources, err)
               ? -1
               : 0;
}

int run_update(struct invocation *invocation, struct err *err) {
    const struct update_options *options = invocation->options;
    _cleanup_(container_close) struct container container = {.dir = -1};
    struct cgroup_groups places;
    struct spec_resources resources = {0};
    if (container_open(invocation, invocation->arguments.items[0], true, &container, err)) return -1;
    if (container_status(&container) == CONTAINER_STOPPED)
        return err_set(err, ERR_CONFLICT, 0, "container not running");
    if (!str_empty(options->resources) && read_resources(invocation, options->resources, &resources, err))
        return -1;
    take_flags(invocation, options, &resources);
    if (update_scope(invocation, &container, &resources, err)) return -1;
    if (runtime_cgroup_places(container.plan, &invocation->arena, &places, err)) return -1;
    if (runtime_update(&places, &resources, err)) return -1;
    return str_empty(options->l3) && str_empty(options->bandwidth)
               ? 0
               : plan_update_resctrl(container.plan, options->l3, options->bandwidth, err);
}
