// SPDX-License-Identifier: Apache-2.0
#include "engine/stats.h"

#include "engine/parts.h"
#include "kernel/cgroup_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define FILE_LIMIT (1 << 20)

// "cpu  user nice system idle iowait irq softirq …": Docker takes these seven.
static uint64_t machine_ns(void) {
    _cleanup_(str_finish) struct str text = {0};
    unsigned long long part[7], ticks = 0;
    if (file_read_at(AT_FDCWD, "/proc/stat", FILE_LIMIT, &text) ||
        sscanf(str_get(&text), "cpu %llu %llu %llu %llu %llu %llu %llu", &part[0], &part[1], &part[2],
               &part[3], &part[4], &part[5], &part[6]) != 7)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(part); i++) ticks += part[i];
    return ticks * (1000000000u / (unsigned long long)sysconf(_SC_CLK_TCK));
}

static uint64_t machine_memory(void) {
    struct sysinfo info;
    return sysinfo(&info) ? 0 : (uint64_t)info.totalram * info.mem_unit;
}

static uint64_t cache(const struct cgroup_memory_stats *memory) {
    uint64_t v2 = 0;
    for (size_t i = 0; i < memory->raw.count; i++) {
        if (str_eq(memory->raw.items[i].name, "total_inactive_file")) return memory->raw.items[i].value;
        if (str_eq(memory->raw.items[i].name, "inactive_file")) v2 = memory->raw.items[i].value;
    }
    return v2;
}

static void take_memory(const struct cgroup_memory_stats *memory, struct container_sample *sample) {
    uint64_t machine = machine_memory(), used = memory->usage.usage, free = cache(memory);
    sample->memory = free < used ? used - free : used;
    sample->memory_limit =
        memory->usage.limit && memory->usage.limit < machine ? memory->usage.limit : machine;
}

static void take_io(const struct cgroup_io_stats *io, struct container_sample *sample) {
    for (size_t i = 0; i < io->service_bytes.count; i++) {
        const struct cgroup_io_entry *entry = &io->service_bytes.items[i];
        if (entry->op && !strcasecmp(entry->op, "read")) sample->read += entry->value;
        if (entry->op && !strcasecmp(entry->op, "write")) sample->written += entry->value;
    }
}

// Of its network namespace, but for the loopback; the host's is nobody's own.
static void take_network(const struct container *container, struct container_sample *sample) {
    char path[32];
    _cleanup_(str_finish) struct str text = {0};
    snprintf(path, sizeof path, "/proc/%d/net/dev", container->pid);
    if (str_eq(container->config.network_mode, "host") || file_read_at(AT_FDCWD, path, FILE_LIMIT, &text) ||
        !text.len)
        return;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));) {
        unsigned long long received, sent;
        char *colon = strchr(line, ':');
        if (!colon || !strncmp(line + strspn(line, " "), "lo:", 3) ||
            sscanf(colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &received, &sent) != 2)
            continue;
        sample->received += received;
        sample->sent += sent;
    }
}

static int read_groups(struct engine *engine, const struct container *container, struct arena *arena,
                       bool *ret_uncounted, struct cgroup_stats *ret_stats) {
    struct cgroup_groups groups;
    struct err err;
    if (container_groups(engine, arena, container, &groups, &err))
        return *ret_uncounted = err.kind == ERR_INVALID, -1;
    return cgroup_stats_read(&groups, arena, ret_stats);
}

void container_sample(struct engine *engine, const struct container *container,
                      struct container_sample *ret_sample) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container_sample sample = {.machine_ns = machine_ns()};
    struct cgroup_stats stats = {0};
    bool runs = str_eq(container->state, "running");
    if (runs) take_network(container, &sample);
    if (runs && !read_groups(engine, container, &arena, &sample.uncounted, &stats)) {
        sample.there = true;
        sample.cpu_ns = stats.cpu.total_ns;
        sample.cpus = stats.cpu.percpu.count ? (unsigned)stats.cpu.percpu.count : (unsigned)get_nprocs();
        sample.pids = stats.pids.current;
        take_memory(&stats.memory, &sample);
        take_io(&stats.io, &sample);
    }
    *ret_sample = sample;
}

double container_cpu_percent(const struct container_sample *before, const struct container_sample *now) {
    if (!before->there || !now->there || now->cpu_ns <= before->cpu_ns ||
        now->machine_ns <= before->machine_ns)
        return 0;
    return (double)(now->cpu_ns - before->cpu_ns) / (double)(now->machine_ns - before->machine_ns) *
           now->cpus * 100;
}
