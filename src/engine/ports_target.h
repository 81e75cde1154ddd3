// SPDX-License-Identifier: Apache-2.0
// Where a container's published ports lead.
#pragma once

#include "engine/engine.h"
#include "network/network.h"
#include "network/port.h"

// The first of its networks that is a bridge with a way out. False when it has none, and no port can be
// published.
bool ports_target_of(const struct endpoints *endpoints, struct port_target *ret_target);
// Of one that runs. ERR_INVALID when it has none.
int ports_target_find(struct engine *engine, struct arena *arena, const struct container *container,
                      struct port_target *ret_target, struct err *err);
