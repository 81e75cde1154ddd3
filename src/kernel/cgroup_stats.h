// SPDX-License-Identifier: Apache-2.0
// What the kernel counts for a container, from v1's and v2's groups alike: what a hierarchy lacks reads as 0
// or as an empty list. Times are nanoseconds. Lists and strings live in the arena.
#pragma once

#include "base/arena.h"
#include "kernel/cgroup.h"

#define CGROUP_NO_LIMIT UINT64_MAX // v2's "max"; v1 has a large number of its own

struct cgroup_numbers {
    uint64_t *items;
    size_t count;
};

// Pressure stall information: how much of the time somebody (or everybody) had to wait. v2 only.
struct cgroup_stall {
    double avg10, avg60, avg300; // percent
    uint64_t total_us;
};
struct cgroup_pressure {
    bool there;
    struct cgroup_stall some, full;
};

struct cgroup_cpu_stats {
    uint64_t total_ns, kernel_ns, user_ns;
    struct cgroup_numbers percpu, percpu_kernel, percpu_user; // v1 only
    uint64_t periods, throttled_periods, throttled_ns;
    uint64_t burst_periods, burst_ns;
    struct cgroup_pressure pressure;
};

struct cgroup_cpuset_stats {
    struct cgroup_numbers cpus, mems;
    uint64_t cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page;
    uint64_t memory_spread_slab, memory_pressure, sched_load_balance;
    int64_t sched_relax_domain_level;
};

struct cgroup_memory_entry {
    uint64_t limit, usage, max, failures;
};
struct cgroup_named_value {
    const char *name;
    uint64_t value;
};
struct cgroup_memory_stats {
    uint64_t cache;
    struct cgroup_memory_entry usage, swap; // swap: memory and swap together, also on v2
    struct cgroup_memory_entry kernel, kernel_tcp;
    struct {
        struct cgroup_named_value *items;
        size_t count;
    } raw; // memory.stat, in the kernel's order
    struct cgroup_pressure pressure;
};

struct cgroup_pids_stats {
    uint64_t current, limit; // limit 0: none
};

struct cgroup_io_entry {
    uint64_t major, minor;
    const char *op; // "Read"; "" in a list that does not distinguish them
    uint64_t value;
};
struct cgroup_io_list {
    struct cgroup_io_entry *items;
    size_t count;
};
struct cgroup_io_stats { // with the groups below
    struct cgroup_io_list service_bytes, serviced, queued, service_time, wait_time, merged, time, sectors;
    struct cgroup_pressure pressure;
};

struct cgroup_huge_page_stats {
    const char *size; // "2MB"
    uint64_t usage, max, failures;
};

struct cgroup_rdma_entry {
    const char *device;
    uint64_t handles, objects;
};
struct cgroup_rdma_list {
    struct cgroup_rdma_entry *items;
    size_t count;
};

struct cgroup_stats {
    struct cgroup_cpu_stats cpu;
    struct cgroup_cpuset_stats cpuset;
    struct cgroup_memory_stats memory;
    struct cgroup_pids_stats pids;
    struct cgroup_io_stats io;
    struct {
        struct cgroup_huge_page_stats *items;
        size_t count;
    } huge_pages;
    struct cgroup_rdma_list rdma_current, rdma_limit;
};

// -ENOENT when none of the groups is there (any more).
int cgroup_stats_read(const struct cgroup_groups *groups, struct arena *arena,
                      struct cgroup_stats *ret_stats);
