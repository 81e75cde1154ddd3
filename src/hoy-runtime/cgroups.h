// SPDX-License-Identifier: Apache-2.0
// A container's cgroups: all of its processes at once.
#pragma once

#include "hoy-runtime/container.h"
#include "kernel/cgroup.h"

#include <sys/types.h>

// Those that are there. ERR_CONFLICT where the container has none, as one without cgroups or an ended one.
int container_groups(const struct container *container, struct arena *arena, struct cgroup_groups *ret_groups,
                     struct err *err);

// Whether it was made with any.
bool container_has_groups(const struct container *container);

// Without a pid namespace of its own the end of its first process is not that of the others.
bool container_shares_pids(const struct container *container);

int container_pids(const struct container *container, pid_t **ret_pids, size_t *ret_count, struct err *err);
int container_signal_all(const struct container *container, int number, struct err *err);

// A killed process ends when it is not frozen (v1).
void container_thaw(const struct container *container);

bool container_is_paused(const struct container *container);
