// SPDX-License-Identifier: Apache-2.0
// Health checks, a part of the shim's loop: when the next one is due, one that is under way, and what its
// result means. One at a time; the clock is the monotonic one.
#pragma once

#include "plan/plan.h"
#include "shim/health_record.h"
#include "shim/probe.h"

#include <poll.h>
#include <stdbool.h>

#define HEALTH_NEVER UINT64_MAX

struct health {
    const struct plan_block *plan;
    const struct plan_health *settings;
    struct health_record *record; // mapped; NULL: there are no checks
    uint64_t started_ns, due_ns;  // monotonic; HEALTH_NEVER
    int64_t probe_started_ns;     // wall clock
    struct probe probe;
    char freezer[256]; // the file that says whether the container is paused; "" before it was looked for
};

// Takes the descriptor of the record's file; -1, or a plan without checks: there will be none. 0 or -errno.
int health_map(struct health *health, const struct plan_block *plan, int fd);
// The container has started.
void health_begin(struct health *health, const struct plan_block *plan);
// No more checks: the container is ending. One that is under way is given up.
void health_end(struct health *health);

// When health_serve() has to be called at the latest; HEALTH_NEVER.
uint64_t health_deadline(const struct health *health);
// What to wait for; fd -1: nothing.
struct pollfd health_poll(const struct health *health);
// True when the container has just been found unhealthy.
bool health_serve(struct health *health, short events);
// A child of the shim's has ended: false when it was none of ours.
bool health_reaped(struct health *health, pid_t pid);
