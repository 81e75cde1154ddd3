// SPDX-License-Identifier: Apache-2.0
// The inside of runtime/cgroup.h, with the layout given: the parts share it, and tests bring one of their
// own.
#pragma once

#include "runtime/cgroup.h"

struct cgroup_plan {
    const struct spec *spec;
    const struct cgroup_layout *layout;
    const char *path; // below each hierarchy's root; relative: below the caller's own group
    struct plan *plan;
    struct arena *arena;
    struct err *err;
    const struct cgroup_groups
        *groups;                       // of a container that is there, whose limits change; then without path
    const struct cgroup_layout *whole; // the host's, when layout is only what may be used of it; else NULL
};

int cgroup_plan_host(const struct cgroup_plan *c, const char **ret_v2);
int cgroup_plan_child(const struct cgroup_plan *c);
int cgroup_plan_delegate(const struct cgroup_plan *c);
int cgroup_plan_mounts(const struct cgroup_plan *c, struct runtime_cgroup_mounts *ret_mounts);

// The controllers without which a limit of the spec could not be kept.
uint32_t cgroup_controllers_needed(const struct spec *spec);
// Whether the layout is the part of the host's that this user may make groups in.
bool cgroup_is_restricted(void);
// The hierarchy with this controller, or NULL.
const struct cgroup_hierarchy *cgroup_with(const struct cgroup_layout *layout, uint32_t controller);
// The container's group in it, in the arena.
const char *cgroup_folder(const struct cgroup_plan *c, const struct cgroup_hierarchy *hierarchy);
// v2: the controllers that are needed, handed down to the group by those above it.
int cgroup_plan_controllers(const struct cgroup_plan *c, const struct cgroup_hierarchy *v2);
// A CGROUP_WRITE of file in the folder.
struct plan_op *cgroup_plan_write(const struct cgroup_plan *c, const char *folder, const char *file,
                                  const char *value, const char *why, bool optional);

// cgroup_limits.c, cgroup_devices.c
int cgroup_plan_limits(const struct cgroup_plan *c);
// An error where a limit needs a controller that the layout does not have.
int cgroup_plan_check(const struct cgroup_plan *c);
int cgroup_plan_devices(const struct cgroup_plan *c);

// runtime_cgroup_places with the layout given.
int cgroup_places_of(const struct plan_block *block, const struct cgroup_layout *layout, struct arena *arena,
                     struct cgroup_groups *ret_groups);
// runtime_update with the layout given.
int update_apply(const struct cgroup_layout *layout, const struct cgroup_groups *places,
                 const struct spec_resources *resources, struct err *err);

// cgroup_systemd.c: the words "--property", name and value for hoy-systemd, of the limits and of the
// annotations.
void scope_properties(struct arena *arena, const struct spec_resources *r, bool v2, struct strings *words);
int scope_annotations(struct arena *arena, const struct spec *spec, struct strings *words, struct err *err);
