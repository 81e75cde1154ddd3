// SPDX-License-Identifier: Apache-2.0
// The processes of a container that runs, as ps shows them.
#pragma once

#include "engine/engine.h"

struct process_table {
    struct strings titles;
    struct {
        struct strings *items; // as many cells as titles
        size_t count;
    } rows;
};

// By the machine's ps, with these options of it ("-ef" without any); where there is no ps, and no options, by
// /proc.
int container_top(struct engine *engine, struct arena *arena, const struct container *container,
                  const struct strings *options, struct process_table *ret_table, struct err *err);
