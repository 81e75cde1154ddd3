// SPDX-License-Identifier: Apache-2.0
// Where a container's published ports lead.
#pragma once

#include "engine/engine.h"
#include "network/network.h"
#include "network/port.h"

// Whether its network has ports that can be published.
bool ports_possible(const struct container_config *config);
void ports_target_of(const struct endpoint *endpoint, struct port_target *ret_target);
// Of one that runs.
int ports_target_find(struct engine *engine, const struct container *container,
                      struct port_target *ret_target, struct err *err);
