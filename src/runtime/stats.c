// SPDX-License-Identifier: Apache-2.0
// runc leaves out most numbers that are 0, and which is a part of its format: a reader may take "limit" for a
// limit only when it is there.
#include "runtime/stats.h"

#include <errno.h>
#include <stdio.h>

static void put_nonzero(struct json_writer *w, const char *key, uint64_t value) {
    if (value) json_put_u64(w, key, value);
}

static void put_numbers(struct json_writer *w, const char *key, const struct cgroup_numbers *list) {
    if (!list->count) return;
    json_begin_array(w, key);
    for (size_t i = 0; i < list->count; i++) json_put_u64(w, NULL, list->items[i]);
    json_end_array(w);
}

static void put_percent(struct json_writer *w, const char *key, double value) {
    char text[32];
    snprintf(text, sizeof text, "%.2f", value);
    json_put_raw(w, key, text);
}

static void put_stall(struct json_writer *w, const char *key, const struct cgroup_stall *stall) {
    json_begin_object(w, key);
    put_percent(w, "avg10", stall->avg10);
    put_percent(w, "avg60", stall->avg60);
    put_percent(w, "avg300", stall->avg300);
    json_put_u64(w, "total", stall->total_us);
    json_end_object(w);
}

static void put_pressure(struct json_writer *w, const struct cgroup_pressure *pressure) {
    if (!pressure->there) return;
    json_begin_object(w, "psi");
    put_stall(w, "some", &pressure->some);
    put_stall(w, "full", &pressure->full);
    json_end_object(w);
}

static void put_cpu(struct json_writer *w, const struct cgroup_cpu_stats *cpu) {
    json_begin_object(w, "cpu");
    json_begin_object(w, "usage");
    put_nonzero(w, "total", cpu->total_ns);
    put_numbers(w, "percpu", &cpu->percpu);
    put_numbers(w, "percpu_kernel", &cpu->percpu_kernel);
    put_numbers(w, "percpu_user", &cpu->percpu_user);
    json_put_u64(w, "kernel", cpu->kernel_ns);
    json_put_u64(w, "user", cpu->user_ns);
    json_end_object(w);
    json_begin_object(w, "throttling");
    put_nonzero(w, "periods", cpu->periods);
    put_nonzero(w, "throttledPeriods", cpu->throttled_periods);
    put_nonzero(w, "throttledTime", cpu->throttled_ns);
    json_end_object(w);
    put_pressure(w, &cpu->pressure);
    json_end_object(w);
}

static void put_cpuset(struct json_writer *w, const struct cgroup_cpuset_stats *set) {
    json_begin_object(w, "cpuset");
    put_numbers(w, "cpus", &set->cpus);
    json_put_u64(w, "cpu_exclusive", set->cpu_exclusive);
    put_numbers(w, "mems", &set->mems);
    json_put_u64(w, "mem_hardwall", set->mem_hardwall);
    json_put_u64(w, "mem_exclusive", set->mem_exclusive);
    json_put_u64(w, "memory_migrate", set->memory_migrate);
    json_put_u64(w, "memory_spread_page", set->memory_spread_page);
    json_put_u64(w, "memory_spread_slab", set->memory_spread_slab);
    json_put_u64(w, "memory_pressure", set->memory_pressure);
    json_put_u64(w, "sched_load_balance", set->sched_load_balance);
    json_put_i64(w, "sched_relax_domain_level", set->sched_relax_domain_level);
    json_end_object(w);
}

static void put_entry(struct json_writer *w, const char *key, const struct cgroup_memory_entry *entry) {
    json_begin_object(w, key);
    json_put_u64(w, "limit", entry->limit);
    put_nonzero(w, "usage", entry->usage);
    put_nonzero(w, "max", entry->max);
    json_put_u64(w, "failcnt", entry->failures);
    json_end_object(w);
}

static void put_memory(struct json_writer *w, const struct cgroup_memory_stats *memory) {
    json_begin_object(w, "memory");
    put_nonzero(w, "cache", memory->cache);
    put_entry(w, "usage", &memory->usage);
    put_entry(w, "swap", &memory->swap);
    put_entry(w, "kernel", &memory->kernel);
    put_entry(w, "kernelTCP", &memory->kernel_tcp);
    if (memory->raw.count) {
        json_begin_object(w, "raw");
        for (size_t i = 0; i < memory->raw.count; i++)
            json_put_u64(w, memory->raw.items[i].name, memory->raw.items[i].value);
        json_end_object(w);
    }
    put_pressure(w, &memory->pressure);
    json_end_object(w);
}

static void put_io_list(struct json_writer *w, const char *key, const struct cgroup_io_list *list) {
    if (!list->count) return;
    json_begin_array(w, key);
    for (size_t i = 0; i < list->count; i++) {
        const struct cgroup_io_entry *entry = &list->items[i];
        json_begin_object(w, NULL);
        put_nonzero(w, "major", entry->major);
        put_nonzero(w, "minor", entry->minor);
        if (!str_empty(entry->op)) json_put_string(w, "op", entry->op);
        put_nonzero(w, "value", entry->value);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_io(struct json_writer *w, const struct cgroup_io_stats *io) {
    json_begin_object(w, "blkio");
    put_io_list(w, "ioServiceBytesRecursive", &io->service_bytes);
    put_io_list(w, "ioServicedRecursive", &io->serviced);
    put_io_list(w, "ioQueueRecursive", &io->queued);
    put_io_list(w, "ioServiceTimeRecursive", &io->service_time);
    put_io_list(w, "ioWaitTimeRecursive", &io->wait_time);
    put_io_list(w, "ioMergedRecursive", &io->merged);
    put_io_list(w, "ioTimeRecursive", &io->time);
    put_io_list(w, "sectorsRecursive", &io->sectors);
    put_pressure(w, &io->pressure);
    json_end_object(w);
}

static void put_huge_pages(struct json_writer *w, const struct cgroup_stats *stats) {
    json_begin_object(w, "hugetlb");
    for (size_t i = 0; i < stats->huge_pages.count; i++) {
        const struct cgroup_huge_page_stats *page = &stats->huge_pages.items[i];
        json_begin_object(w, page->size);
        put_nonzero(w, "usage", page->usage);
        put_nonzero(w, "max", page->max);
        json_put_u64(w, "failcnt", page->failures);
        json_end_object(w);
    }
    json_end_object(w);
}

void stats_write(const char *id, const struct cgroup_stats *stats, struct json_writer *w) {
    json_begin_object(w, NULL);
    json_put_string(w, "type", "stats");
    json_put_string(w, "id", id);
    json_begin_object(w, "data");
    put_cpu(w, &stats->cpu);
    put_cpuset(w, &stats->cpuset);
    put_memory(w, &stats->memory);
    json_begin_object(w, "pids");
    put_nonzero(w, "current", stats->pids.current);
    put_nonzero(w, "limit", stats->pids.limit);
    json_end_object(w);
    put_io(w, &stats->io);
    put_huge_pages(w, stats);
    json_begin_object(w, "intel_rdt");
    json_end_object(w);
    json_put_null(w, "network_interfaces");
    json_end_object(w);
    json_end_object(w);
}

int stats_print(const char *id, const struct cgroup_groups *groups, struct str *text, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    struct cgroup_stats stats;
    int r = cgroup_stats_read(groups, &arena, &stats);
    if (r == -ENOENT) return err_set(err, ERR_NOT_FOUND, 0, "the cgroups of %s are gone: it has ended", id);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "cannot read the statistics of %s", id);
    stats_write(id, &stats, &writer);
    str_add(text, str_get(&writer.text));
    str_add_char(text, '\n');
    return 0;
}
