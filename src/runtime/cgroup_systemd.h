// SPDX-License-Identifier: Apache-2.0
// --systemd-cgroup: the container's cgroup is a scope of systemd's, named by linux.cgroupsPath as
// "slice:prefix:name".
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"
#include "plan/plan.h"

struct runtime_scope {
    const char *unit;  // "prefix-name.scope"
    const char *slice; // "system.slice"
    const char *path;  // below each hierarchy's root: "/system.slice/prefix-name.scope"
    const char *bus;   // of the user's own manager; NULL: the system's
};

// What linux.cgroupsPath says; without one the id in the default slice. rootless: the user's manager.
int runtime_scope_find(const struct spec *spec, const char *id, bool rootless, struct arena *arena,
                       struct runtime_scope *ret_scope, struct err *err);

// Before runtime_compile, into the same plan: a SCOPE_START with the spec's limits and the properties of its
// annotations (org.systemd.property.*). The spec's cgroupsPath becomes the scope's path, so that what follows
// finds the group where systemd makes it. The scope is stopped when the plan is undone.
int runtime_scope_plan(const struct runtime_scope *scope, struct spec *spec, struct arena *arena,
                       struct plan *plan, struct err *err);

// New limits for the unit, so that systemd does not put back the old ones; runtime_update comes after it.
int runtime_scope_update(const struct runtime_scope *scope, const struct spec_resources *resources,
                         struct err *err);
