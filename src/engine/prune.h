// SPDX-License-Identifier: Apache-2.0
// Containers that don't run are removed.
#pragma once

#include "engine/engine.h"

struct container_pruned {
    struct strings ids;
    uint64_t bytes; // of their writable layers
};

// filters: "until=24h", "label=x", "label!=x".
int container_prune(struct engine *engine, struct arena *arena, const struct strings *filters,
                    struct container_pruned *ret_pruned, struct err *err);

// What a container has written, in bytes, as ps -s and prune count it.
uint64_t container_size(struct engine *engine, const struct container *container);
