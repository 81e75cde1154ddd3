// SPDX-License-Identifier: Apache-2.0
// Containers on networks of CNI plugins (--network cni:NAME; network/cni.h has the plugins).
#pragma once

#include "engine/engine.h"
#include "plan/plan.h"

// The network's name, or NULL when the container is on another one.
const char *container_cni_network(const struct container_config *config);
// Finds the network and its plugins before anything is made. dir: the run directory.
int container_cni_prepare(struct engine *engine, const struct container *container, int dir, struct err *err);
// Adds the operation that has the interface made.
void container_cni_plan(const struct engine *engine, const struct container *container, struct arena *arena,
                        struct plan *plan);
// When the container has ended: what the plan's undo could not take away.
int container_cni_release(const struct engine *engine, const struct container *container, struct err *err);
