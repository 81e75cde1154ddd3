// SPDX-License-Identifier: Apache-2.0
// Reading is tolerant: every kernel has some of the files and not others, and a container may end while they
// are read. A file that can't be read has no numbers.
#include "kernel/cgroup_stats.h"

#include "base/fd.h"
#include "base/str.h"
#include "kernel/cgroup_walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_NS  (1000000000 / 100) // USER_HZ, in which cpuacct.stat counts
#define FILE_MAX (256 << 10)

struct reader {
    struct arena *arena;
    struct cgroup_stats *stats;
    int group; // the one that is read
};

// Files

static char *read_text(const struct reader *r, const char *name) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(r->group, name, FILE_MAX, &text) < 0) return NULL;
    return arena_strdup(r->arena, str_get(&text));
}

// "max" is the largest number.
static uint64_t number_of(const char *text) {
    return strncmp(text, "max", 3) == 0 ? CGROUP_NO_LIMIT : strtoull(text, NULL, 10);
}

static bool read_number(const struct reader *r, const char *name, uint64_t *ret_value) {
    char text[64];
    if (cgroup_read(r->group, name, text, sizeof text) <= 0) return false;
    *ret_value = number_of(text);
    return true;
}

// The next line of *at, without its end; NULL after the last. The text is cut up.
static char *next_line(char **at) {
    char *line = *at && **at ? *at : NULL;
    if (!line) return NULL;
    char *end = strchr(line, '\n');
    *at = end ? end + 1 : NULL;
    if (end) *end = '\0';
    return line;
}

// Files whose lines are "key number". fields tell where the numbers go.
struct field {
    const char *key;
    uint64_t *value;
    uint64_t unit;
};

static void read_fields(const struct reader *r, const char *name, const struct field *fields, size_t count) {
    char *text = read_text(r, name);
    for (char *line; (line = next_line(&text));) {
        char *number = strchr(line, ' ');
        if (!number) continue;
        *number++ = '\0';
        for (size_t i = 0; i < count; i++) {
            if (strcmp(fields[i].key, line) == 0) *fields[i].value = number_of(number) * fields[i].unit;
        }
    }
}

static void add_number(struct arena *arena, struct cgroup_numbers *list, uint64_t number) {
    *arena_push(arena, list) = number;
}

// Pressure: "some avg10=0.00 avg60=0.00 avg300=0.00 total=2843".

static void read_pressure(const struct reader *r, const char *name, struct cgroup_pressure *ret_pressure) {
    char *text = read_text(r, name);
    struct cgroup_pressure pressure = {.there = false};
    for (char *line; (line = next_line(&text));) {
        struct cgroup_stall stall;
        unsigned long long total;
        char kind[8];
        if (sscanf(line, "%7s avg10=%lf avg60=%lf avg300=%lf total=%llu", kind, &stall.avg10, &stall.avg60,
                   &stall.avg300, &total) != 5)
            continue;
        stall.total_us = total;
        pressure.there = true;
        *(strcmp(kind, "full") == 0 ? &pressure.full : &pressure.some) = stall;
    }
    if (pressure.there) *ret_pressure = pressure;
}

// CPU

static void read_percpu(const struct reader *r, struct cgroup_cpu_stats *cpu) {
    const char *text = read_text(r, "cpuacct.usage_percpu");
    for (char *end; text; text = end) {
        uint64_t number = strtoull(text, &end, 10);
        if (end == text) break;
        add_number(r->arena, &cpu->percpu, number);
    }
    // "cpu user system", then a line for each.
    char *table = read_text(r, "cpuacct.usage_all");
    for (char *line; (line = next_line(&table));) {
        unsigned long long user, kernel;
        if (sscanf(line, "%*u %llu %llu", &user, &kernel) != 2) continue;
        add_number(r->arena, &cpu->percpu_user, user);
        add_number(r->arena, &cpu->percpu_kernel, kernel);
    }
}

static void read_cpuacct(const struct reader *r) {
    struct cgroup_cpu_stats *cpu = &r->stats->cpu;
    const struct field fields[] = {{"user", &cpu->user_ns, TICK_NS}, {"system", &cpu->kernel_ns, TICK_NS}};
    read_number(r, "cpuacct.usage", &cpu->total_ns);
    read_fields(r, "cpuacct.stat", fields, ARRAY_SIZE(fields));
    read_percpu(r, cpu);
}

static void read_throttling(const struct reader *r) {
    struct cgroup_cpu_stats *cpu = &r->stats->cpu;
    const struct field fields[] = {
        {"nr_periods", &cpu->periods, 1},          {"nr_throttled", &cpu->throttled_periods, 1},
        {"throttled_time", &cpu->throttled_ns, 1}, {"throttled_usec", &cpu->throttled_ns, 1000},
        {"nr_bursts", &cpu->burst_periods, 1},     {"burst_time", &cpu->burst_ns, 1},
        {"burst_usec", &cpu->burst_ns, 1000}};
    read_fields(r, "cpu.stat", fields, ARRAY_SIZE(fields));
}

// Every v2 group has cpu.stat, with or without the controller.
static void read_cpu_usage_v2(const struct reader *r) {
    struct cgroup_cpu_stats *cpu = &r->stats->cpu;
    const struct field fields[] = {{"usage_usec", &cpu->total_ns, 1000},
                                   {"user_usec", &cpu->user_ns, 1000},
                                   {"system_usec", &cpu->kernel_ns, 1000}};
    read_fields(r, "cpu.stat", fields, ARRAY_SIZE(fields));
}

// cpusets: "0-3,7"

#define CPUS_MAX 65536

static void read_ranges(const struct reader *r, const char *name, struct cgroup_numbers *list) {
    const char *at = read_text(r, name);
    for (char *end; at && *at >= '0' && *at <= '9'; at = *end == ',' ? end + 1 : "") {
        uint64_t first = strtoull(at, &end, 10), last = first;
        if (*end == '-') last = strtoull(end + 1, &end, 10);
        for (; first <= last && list->count < CPUS_MAX; first++) add_number(r->arena, list, first);
    }
}

static void read_cpuset_v1(const struct reader *r) {
    struct cgroup_cpuset_stats *set = &r->stats->cpuset;
    const struct {
        const char *name;
        uint64_t *value;
    } flags[] = {
        {"cpuset.cpu_exclusive", &set->cpu_exclusive},
        {"cpuset.mem_hardwall", &set->mem_hardwall},
        {"cpuset.mem_exclusive", &set->mem_exclusive},
        {"cpuset.memory_migrate", &set->memory_migrate},
        {"cpuset.memory_spread_page", &set->memory_spread_page},
        {"cpuset.memory_spread_slab", &set->memory_spread_slab},
        {"cpuset.memory_pressure", &set->memory_pressure},
        {"cpuset.sched_load_balance", &set->sched_load_balance},
        {"cpuset.sched_relax_domain_level",
         (uint64_t *)&set->sched_relax_domain_level}, // -1 wraps as it must
    };
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) read_number(r, flags[i].name, flags[i].value);
    read_ranges(r, "cpuset.cpus", &set->cpus);
    read_ranges(r, "cpuset.mems", &set->mems);
}

static void read_cpuset_v2(const struct reader *r) {
    read_ranges(r, "cpuset.cpus.effective", &r->stats->cpuset.cpus);
    read_ranges(r, "cpuset.mems.effective", &r->stats->cpuset.mems);
}

// Memory

static void read_raw(const struct reader *r) {
    struct cgroup_memory_stats *memory = &r->stats->memory;
    char *text = read_text(r, "memory.stat");
    for (char *line; (line = next_line(&text));) {
        char *number = strchr(line, ' ');
        if (!number) continue;
        *number++ = '\0';
        *arena_push(r->arena, &memory->raw) = (struct cgroup_named_value){line, number_of(number)};
    }
}

static uint64_t raw_value(const struct cgroup_memory_stats *memory, const char *name) {
    for (size_t i = 0; i < memory->raw.count; i++) {
        if (strcmp(memory->raw.items[i].name, name) == 0) return memory->raw.items[i].value;
    }
    return 0;
}

static void read_memory_v1(const struct reader *r) {
    struct cgroup_memory_stats *memory = &r->stats->memory;
    const struct {
        const char *prefix;
        struct cgroup_memory_entry *entry;
    } kinds[] = {{"memory", &memory->usage},
                 {"memory.memsw", &memory->swap},
                 {"memory.kmem", &memory->kernel},
                 {"memory.kmem.tcp", &memory->kernel_tcp}};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct cgroup_memory_entry *entry = kinds[i].entry;
        const struct {
            const char *name;
            uint64_t *value;
        } files[] = {{"limit_in_bytes", &entry->limit},
                     {"usage_in_bytes", &entry->usage},
                     {"max_usage_in_bytes", &entry->max},
                     {"failcnt", &entry->failures}};
        for (size_t j = 0; j < ARRAY_SIZE(files); j++) {
            char name[64];
            snprintf(name, sizeof name, "%s.%s", kinds[i].prefix, files[j].name);
            read_number(r, name, files[j].value);
        }
    }
    read_raw(r);
    memory->cache = raw_value(memory, "cache");
}

static uint64_t sum(uint64_t a, uint64_t b) {
    return a == CGROUP_NO_LIMIT || b == CGROUP_NO_LIMIT ? CGROUP_NO_LIMIT : a + b;
}

static void read_memory_v2(const struct reader *r) {
    struct cgroup_memory_stats *memory = &r->stats->memory;
    struct cgroup_memory_entry *usage = &memory->usage, *swap = &memory->swap;
    const struct field failures[] = {{"max", &usage->failures, 1}};
    read_number(r, "memory.current", &usage->usage);
    read_number(r, "memory.max", &usage->limit);
    read_number(r, "memory.peak", &usage->max);
    read_fields(r, "memory.events", failures, 1);
    if (read_number(r, "memory.swap.current", &swap->usage)) {
        const struct field swap_failures[] = {{"max", &swap->failures, 1}};
        read_number(r, "memory.swap.max", &swap->limit);
        read_fields(r, "memory.swap.events", swap_failures, 1);
        swap->usage += usage->usage;
        swap->limit = sum(swap->limit, usage->limit);
    }
    read_raw(r);
    memory->cache = raw_value(memory, "file");
    memory->kernel.usage = raw_value(memory, "kernel");
}

// Processes

static void read_pids(const struct reader *r) {
    struct cgroup_pids_stats *pids = &r->stats->pids;
    read_number(r, "pids.current", &pids->current);
    read_number(r, "pids.max", &pids->limit);
    if (pids->limit == CGROUP_NO_LIMIT) pids->limit = 0;
}

// Block devices

// "8:0 Read 1282048", "8:0 6792"; a line "Total" sums up.
static void read_io_list(const struct reader *r, const char *name, struct cgroup_io_list *list) {
    char *text = read_text(r, name);
    for (char *line; (line = next_line(&text));) {
        unsigned long long value;
        unsigned major, minor;
        char op[16] = "";
        if (sscanf(line, "%u:%u %llu", &major, &minor, &value) != 3 &&
            sscanf(line, "%u:%u %15s %llu", &major, &minor, op, &value) != 4)
            continue;
        *arena_push(r->arena, list) =
            (struct cgroup_io_entry){major, minor, arena_strdup(r->arena, op), value};
    }
}

// Whichever scheduler has something to tell; the throttle counts where none does.
static void read_io_v1(const struct reader *r) {
    static const char *const prefixes[] = {"blkio.bfq", "blkio", "blkio.throttle"};
    struct cgroup_io_stats *io = &r->stats->io;
    const struct {
        const char *name;
        struct cgroup_io_list *list;
    } kinds[] = {{"io_service_bytes", &io->service_bytes},
                 {"io_serviced", &io->serviced},
                 {"io_queued", &io->queued},
                 {"io_service_time", &io->service_time},
                 {"io_wait_time", &io->wait_time},
                 {"io_merged", &io->merged},
                 {"time", &io->time},
                 {"sectors", &io->sectors}};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(prefixes) && !kinds[i].list->count; j++) {
            char name[64];
            snprintf(name, sizeof name, "%s.%s_recursive", prefixes[j], kinds[i].name);
            read_io_list(r, name, kinds[i].list);
        }
    }
}

// "8:0 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0"
static void read_io_v2(const struct reader *r) {
    struct cgroup_io_stats *io = &r->stats->io;
    const struct {
        const char *key, *op;
        struct cgroup_io_list *list;
    } kinds[] = {{"rbytes=", "Read", &io->service_bytes},    {"wbytes=", "Write", &io->service_bytes},
                 {"dbytes=", "Discard", &io->service_bytes}, {"rios=", "Read", &io->serviced},
                 {"wios=", "Write", &io->serviced},          {"dios=", "Discard", &io->serviced}};
    char *text = read_text(r, "io.stat");
    for (char *line; (line = next_line(&text));) {
        unsigned major, minor;
        if (sscanf(line, "%u:%u ", &major, &minor) != 2) continue;
        for (char *word = strchr(line, ' '); word; word = strchr(word, ' ')) {
            word++;
            for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                const char *value = str_after(word, kinds[i].key);
                if (!value) continue;
                *arena_push(r->arena, kinds[i].list) =
                    (struct cgroup_io_entry){major, minor, kinds[i].op, strtoull(value, NULL, 10)};
            }
        }
    }
}

// Huge pages: a set of files for each size, "hugetlb.2MB.current". Where the kernel also counts what is only
// reserved, that is the number: it is what a limit acts on before a page is touched.

static uint64_t read_huge_page(const struct reader *r, const char *size, const char *file) {
    char name[96];
    uint64_t value = 0;
    snprintf(name, sizeof name, "hugetlb.%s.rsvd.%s", size, file);
    if (read_number(r, name, &value)) return value;
    snprintf(name, sizeof name, "hugetlb.%s.%s", size, file);
    read_number(r, name, &value);
    return value;
}

static void add_huge_page(const struct reader *r, const char *size, bool v2) {
    struct cgroup_huge_page_stats page = {.size = arena_strdup(r->arena, size)};
    page.usage = read_huge_page(r, size, v2 ? "current" : "usage_in_bytes");
    if (v2) {
        char name[96];
        const struct field failures[] = {{"max", &page.failures, 1}};
        snprintf(name, sizeof name, "hugetlb.%s.events", size);
        read_fields(r, name, failures, 1);
    } else {
        page.max = read_huge_page(r, size, "max_usage_in_bytes");
        page.failures = read_huge_page(r, size, "failcnt");
    }
    *arena_push(r->arena, &r->stats->huge_pages) = page;
}

static int compare_pages(const void *a, const void *b) {
    const struct cgroup_huge_page_stats *x = a, *y = b;
    return strcmp(x->size, y->size);
}

static void read_huge_pages(const struct reader *r, bool v2) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    (void)dir_open_at(r->group, ".", &dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *size = str_after(entry->d_name, "hugetlb."), *end = size ? strchr(size, '.') : NULL;
        if (!end || strcmp(end, v2 ? ".current" : ".usage_in_bytes") != 0) continue;
        add_huge_page(r, arena_strndup(r->arena, size, (size_t)(end - size)), v2);
    }
    if (r->stats->huge_pages.count)
        qsort(r->stats->huge_pages.items, r->stats->huge_pages.count, sizeof *r->stats->huge_pages.items,
              compare_pages);
}

// RDMA: "mlx4_0 hca_handle=2 hca_object=max"

static void read_rdma_list(const struct reader *r, const char *name, struct cgroup_rdma_list *list) {
    char *text = read_text(r, name);
    for (char *line; (line = next_line(&text));) {
        char *words = strchr(line, ' ');
        if (!words) continue;
        const char *handles = strstr(words, "hca_handle="), *objects = strstr(words, "hca_object=");
        *words = '\0';
        *arena_push(r->arena, list) =
            (struct cgroup_rdma_entry){line, handles ? number_of(handles + strlen("hca_handle=")) : 0,
                                       objects ? number_of(objects + strlen("hca_object=")) : 0};
    }
}

static void read_rdma(const struct reader *r) {
    read_rdma_list(r, "rdma.current", &r->stats->rdma_current);
    read_rdma_list(r, "rdma.max", &r->stats->rdma_limit);
}

// A group's files are those of its controllers.
static void read_v1(const struct reader *r, uint32_t controllers) {
    if (controllers & CGROUP_CPUACCT) read_cpuacct(r);
    if (controllers & CGROUP_CPU) read_throttling(r);
    if (controllers & CGROUP_CPUSET) read_cpuset_v1(r);
    if (controllers & CGROUP_MEMORY) read_memory_v1(r);
    if (controllers & CGROUP_PIDS) read_pids(r);
    if (controllers & CGROUP_IO) read_io_v1(r);
    if (controllers & CGROUP_HUGETLB) read_huge_pages(r, false);
    if (controllers & CGROUP_RDMA) read_rdma(r);
}

// covered: the controllers whose numbers come from v1. Waiting is only counted here, whoever has the
// controller.
static void read_v2(const struct reader *r, uint32_t controllers, uint32_t covered) {
    uint32_t own = controllers & ~covered;
    if (!(covered & CGROUP_CPUACCT)) read_cpu_usage_v2(r);
    if (own & CGROUP_CPU) read_throttling(r);
    if (own & CGROUP_CPUSET) read_cpuset_v2(r);
    if (own & CGROUP_MEMORY) read_memory_v2(r);
    if (own & CGROUP_PIDS) read_pids(r);
    if (own & CGROUP_IO) read_io_v2(r);
    if (own & CGROUP_HUGETLB) read_huge_pages(r, true);
    if (own & CGROUP_RDMA) read_rdma(r);
    read_pressure(r, "cpu.pressure", &r->stats->cpu.pressure);
    read_pressure(r, "memory.pressure", &r->stats->memory.pressure);
    read_pressure(r, "io.pressure", &r->stats->io.pressure);
}

int cgroup_stats_read(const struct cgroup_groups *groups, struct arena *arena,
                      struct cgroup_stats *ret_stats) {
    struct cgroup_stats stats = {0};
    struct cgroup_groups present;
    uint32_t covered = 0;
    size_t found = 0;
    cgroup_groups_present(groups, &present);
    for (size_t i = 0; i < present.count; i++) {
        if (!present.items[i].v2) covered |= present.items[i].controllers;
    }
    for (size_t i = 0; i < present.count; i++) {
        const struct cgroup_group *item = &present.items[i];
        _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, item->path, O_PATH | O_DIRECTORY, 0);
        const struct reader r = {arena, &stats, group};
        if (group == -ENOENT || group == -ENODEV) continue;
        if (group < 0) return group;
        found++;
        if (item->v2)
            read_v2(&r, item->controllers, covered);
        else
            read_v1(&r, item->controllers);
    }
    if (!found) return -ENOENT;
    *ret_stats = stats;
    return 0;
}
