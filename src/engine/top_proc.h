// SPDX-License-Identifier: Apache-2.0
// What ps -ef would say, for machines without it.
#pragma once

#include "engine/top.h"

#include <sys/types.h>

void top_read_proc(struct arena *arena, const pid_t *pids, size_t count, struct process_table *table);
