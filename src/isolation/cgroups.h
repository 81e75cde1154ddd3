// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isolation/parts.h"
#include "kernel/cgroup.h"

// The groups that the process is in, as paths on the host; those that the caller cannot see are left out.
void subject_groups(struct subject *subject, struct cgroup_groups *ret_groups);
// The group above, or NULL at a hierarchy's root.
const char *group_parent(struct arena *arena, const char *path);
