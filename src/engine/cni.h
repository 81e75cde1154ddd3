// SPDX-License-Identifier: Apache-2.0
// Containers on networks of CNI plugins (--network cni:NAME; network/cni.h has the plugins).
#pragma once

#include "engine/engine.h"
#include "network/port.h"
#include "plan/plan.h"

// The network's name, or NULL when the container is on another one.
const char *container_cni_network(const struct container_config *config);
// Finds the network and its plugins before anything is made. dir: the run directory.
int container_cni_prepare(struct engine *engine, const struct container *container, int dir, struct err *err);
// Adds the operation that has the interface made.
void container_cni_plan(const struct engine *engine, const struct container *container, struct arena *arena,
                        struct plan *plan);
// The plugins are asked whether all is as they made it: 1, 0 (they can't be asked), or -1 with what one says.
int container_cni_check(const struct engine *engine, const struct container *container, struct err *err);
// The ports of one that runs, as its plugins have been told.
int container_cni_ports(const struct engine *engine, struct arena *arena, const struct container *container,
                        struct port_runs *ret_runs, struct err *err);
// When the container has ended: what the plan's undo could not take away.
int container_cni_release(const struct engine *engine, const struct container *container, struct err *err);
