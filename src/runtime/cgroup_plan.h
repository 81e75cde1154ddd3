// SPDX-License-Identifier: Apache-2.0
// The inside of runtime/cgroup.h, with the layout given: the parts share it, and tests bring one of their
// own.
#pragma once

#include "runtime/cgroup.h"

struct cgroup_plan {
    const struct spec *spec;
    const struct cgroup_layout *layout;
    const char *path; // below each hierarchy's root
    struct plan *plan;
    struct arena *arena;
    struct err *err;
};

int cgroup_plan_host(const struct cgroup_plan *c, const char **ret_v2);
int cgroup_plan_child(const struct cgroup_plan *c);
int cgroup_plan_mounts(const struct cgroup_plan *c, struct runtime_cgroup_mounts *ret_mounts);

// Whether the container gets a group in this hierarchy.
bool cgroup_is_used(const struct cgroup_plan *c, const struct cgroup_hierarchy *hierarchy);
// The controllers without which a limit of the spec could not be kept.
uint32_t cgroup_controllers_needed(const struct spec *spec);
// The hierarchy with this controller, or NULL.
const struct cgroup_hierarchy *cgroup_with(const struct cgroup_layout *layout, uint32_t controller);
// The container's group in it, in the arena.
const char *cgroup_folder(const struct cgroup_plan *c, const struct cgroup_hierarchy *hierarchy);
// A CGROUP_WRITE of file in the folder.
void cgroup_plan_write(const struct cgroup_plan *c, const char *folder, const char *file, const char *value,
                       const char *why, bool optional);

// cgroup_limits.c, cgroup_devices.c
int cgroup_plan_limits(const struct cgroup_plan *c);
int cgroup_plan_devices(const struct cgroup_plan *c);
