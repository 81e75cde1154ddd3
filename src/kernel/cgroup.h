// SPDX-License-Identifier: Apache-2.0
// Control groups: where the hierarchies are mounted, and a group's beginning and end. Works with v1, v2 and
// both at once (hybrid). All return 0 or -errno; no memory is allocated but for a list of processes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

// The groups of one container, at most one a hierarchy, in the layout's order.
struct cgroup_group {
    const char *path; // "/sys/fs/cgroup/memory/hoy/1"
    uint32_t controllers;
    bool v2;
};
struct cgroup_groups {
    struct cgroup_group items[20];
    size_t count;
};

// The places where distributions mount them first; mountinfo is read only for what is not there.
int cgroup_layout_read(struct cgroup_layout *ret_layout);

// "memory", "cpu,cpuacct", "cpu io pids", "memory.max": the bits. Unknown words are passed over.
uint32_t cgroup_controllers_of(const char *words);
// The caller's own group in the hierarchy, from its root: "/", "/user.slice/user-0.slice". What a cgroup
// namespace hides reads as "/". -ENOENT where the hierarchy is not listed, -ENAMETOOLONG.
int cgroup_own(const struct cgroup_hierarchy *hierarchy, char *ret_path, size_t size);

// Those that are there.
void cgroup_groups_present(const struct cgroup_groups *groups, struct cgroup_groups *ret_present);
// The group with this controller, v1's first: on a hybrid host v2 has only what v1 left. NULL.
const struct cgroup_group *cgroup_groups_with(const struct cgroup_groups *groups, uint32_t controller);
// The one of v2. NULL.
const struct cgroup_group *cgroup_groups_v2(const struct cgroup_groups *groups);
// The one that can be frozen: v1's where the container has one, else v2's. NULL.
const struct cgroup_group *cgroup_groups_freezer(const struct cgroup_groups *groups);
// One that has all the container's processes in it: v2's, which kills at once, or any of v1's. NULL.
const struct cgroup_group *cgroup_groups_processes(const struct cgroup_groups *groups);

// The v1 or v2 name of one bit.
const char *cgroup_controller_name(uint32_t bit, bool v2);

// Makes the group, and the groups above it, where they are missing; one that is there is fine. In v1's cpuset
// hierarchy a new group gets its parent's CPUs and memory nodes: without any, no process can join.
int cgroup_create(const char *path);
// The same for a container's own group: -EBUSY when it is there and has processes in it, or below it (v2).
// One that was left frozen is thawed.
int cgroup_create_unused(const char *path);
// For whoever is in another pid namespace and would not see the processes: -EBUSY whenever it is there.
int cgroup_create_new(const char *path);

// Gives a v2 group to a user: the folder and the files that the kernel says make a delegation
// (/sys/kernel/cgroup/delegate), not those with its limits.
int cgroup_give(const char *path, uid_t uid);

// Removes a group and those below it. -EBUSY at once while processes are in it; what is dying is waited for.
// A group that is not there is removed already.
int cgroup_remove(const char *path);

// Kills every process in the group and below it, and returns when they are gone; -ETIMEDOUT after 10 s. A
// group of v1's freezer is thawed for it: what is frozen does not die.
int cgroup_kill(const char *path);

// Every process in the group and below it, in no order, as the caller's pid namespace numbers them (without
// those that it can't see). The caller frees *ret_pids. A group that is not there has none.
int cgroup_pids(const char *path, pid_t **ret_pids, size_t *ret_count);
// Sends the signal to all of them; who calls freezes the group before, if none may be missed. ret_count (may
// be NULL): to how many. What ended meanwhile is no failure.
int cgroup_signal(const char *path, int signal, size_t *ret_count);

// A group that is stopped and goes on later as if nothing had been: v2, or one of v1's freezer hierarchy.
enum cgroup_freezer { CGROUP_THAWED, CGROUP_FREEZING, CGROUP_FROZEN };

// Whether it was stopped itself; that one above it is does not count. -ENOENT: not there, or can't be frozen.
int cgroup_freezer_state(const char *path, enum cgroup_freezer *ret_state);
// Returns when all its processes stand still. -ETIMEDOUT: they did not in time, and go on.
int cgroup_freeze(const char *path, uint64_t timeout_ns);
// Returns when they go on, unless a group above is frozen.
int cgroup_thaw(const char *path);

// Writes a setting. That its file is missing is excused where the setting is optional, or where there is the
// file that the kernel has instead (NULL or "": none).
int cgroup_write(const char *file, const char *value, bool optional, const char *instead);

// A line "key number" of a file: how often something happened, such as "oom_kill" in memory.events (v2) or
// memory.oom_control (v1), "max" in pids.events. -ENODATA: no such line.
int cgroup_count(const char *file, const char *key, uint64_t *ret_count);
// A descriptor for poll(2), with these events of it, that says when there may be more of them; and whether
// there are: seen is the caller's, at first 0. Or -errno.
int cgroup_oom_watch(const char *file, short *ret_events);
bool cgroup_oom_happened(int watch, short events, const char *file, uint64_t *seen);
