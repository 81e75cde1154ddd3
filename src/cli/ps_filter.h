// SPDX-License-Identifier: Apache-2.0
// Docker's --filter of ps.
#pragma once

#include "args/filter.h"
#include "engine/engine.h"

int ps_filters_read(struct engine *engine, struct arena *arena, const struct strings *texts,
                    struct filters *ret_filters, struct err *err);
bool ps_filters_match(const struct filters *filters, struct arena *arena, const struct container *container);
// Containers that don't run are meant, too.
bool ps_filters_mean_all(const struct filters *filters);
