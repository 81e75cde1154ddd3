// SPDX-License-Identifier: Apache-2.0
// Health checks on the command line: their options, and what inspect and ps say of them.
#pragma once

#include "args/options.h"
#include "engine/engine.h"

// config of a struct settings
option_store store_health_cmd, store_health_interval, store_health_timeout, store_health_start_period,
    store_health_start_interval, store_health_retries, store_no_healthcheck;
option_store store_health_on_failure; // const char *: NULL is "none"

// State.Health, when the container has checks.
void health_write(struct engine *engine, const struct container *container, struct json_writer *w);
// " (healthy)", " (health: starting)"; "" without checks.
const char *health_words(const struct container *container);
