// SPDX-License-Identifier: Apache-2.0
// New limits for a container that runs.
#pragma once

#include "base/err.h"
#include "kernel/cgroup.h"
#include "oci/spec.h"

// places: of the container (runtime_cgroup_places). What resources does not give stays as it is;
// swap without memory goes with the memory limit that holds. Where a limit needs a hierarchy in which the
// container has no group yet, one is made, and its processes move there; of one without places a limit is an
// error.
//
// All or nothing: when a value is refused, those before it are put back, and the sentence names the file. The
// rules for devices come last; on v2 they change in one step, on v1 line by line.
int runtime_update(const struct cgroup_groups *places, const struct spec_resources *resources,
                   struct err *err);
