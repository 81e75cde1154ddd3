// SPDX-License-Identifier: Apache-2.0
// Control groups: where the hierarchies are mounted, and a group's beginning and end. Works with v1, v2 and
// both at once (hybrid). All return 0 or -errno; no memory is allocated.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Controllers, as bits. The v2 names of two differ from v1: io is blkio there.
enum cgroup_controller {
    CGROUP_CPU = 1 << 0,
    CGROUP_CPUACCT = 1 << 1,
    CGROUP_CPUSET = 1 << 2,
    CGROUP_MEMORY = 1 << 3,
    CGROUP_DEVICES = 1 << 4,
    CGROUP_FREEZER = 1 << 5,
    CGROUP_IO = 1 << 6,
    CGROUP_PIDS = 1 << 7,
    CGROUP_HUGETLB = 1 << 8,
    CGROUP_RDMA = 1 << 9,
    CGROUP_MISC = 1 << 10,
    CGROUP_NET_CLS = 1 << 11,
    CGROUP_NET_PRIO = 1 << 12,
    CGROUP_PERF_EVENT = 1 << 13,
    CGROUP_SYSTEMD = 1 << 14, // v1's hierarchy name=systemd, which has no controller
};

struct cgroup_hierarchy {
    char mount[96];       // "/sys/fs/cgroup/memory"
    uint32_t controllers; // enum cgroup_controller
    bool v2;
};

// Any number of v1 hierarchies, then v2's if it is mounted.
struct cgroup_layout {
    struct cgroup_hierarchy items[20];
    size_t count;
};

// The places where distributions mount them first; mountinfo is read only for what is not there.
int cgroup_layout_read(struct cgroup_layout *ret_layout);

// "memory", "cpu,cpuacct", "cpu io pids", "memory.max": the bits. Unknown words are passed over.
uint32_t cgroup_controllers_of(const char *words);
// The v1 or v2 name of one bit.
const char *cgroup_controller_name(uint32_t bit, bool v2);

// Makes the group, and the groups above it, where they are missing; one that is there is fine. In v1's cpuset
// hierarchy a new group gets its parent's CPUs and memory nodes: without any, no process can join.
int cgroup_create(const char *path);

// Removes a group and those below it. -EBUSY at once while processes are in it; what is dying is waited for.
// A group that is not there is removed already.
int cgroup_remove(const char *path);

// Kills every process in the group and below it, and returns when they are gone; -ETIMEDOUT after 10 s.
int cgroup_kill(const char *path);

// The number of processes that the kernel killed for want of memory: memory.events (v2), memory.oom_control
// (v1).
int cgroup_oom_count(const char *file, uint64_t *ret_count);
