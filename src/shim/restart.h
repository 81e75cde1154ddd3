// SPDX-License-Identifier: Apache-2.0
// Restart policies: whether a container that has ended is started again, and after how long. Docker's rules.
#pragma once

#include "plan/plan.h"

#define RESTART_DELAY_MIN_MS 100
#define RESTART_DELAY_MAX_MS 60000
#define RESTART_STEADY_NS    10000000000u // who ran that long begins with the shortest delay again

// What is known of a run that has ended.
struct restart_run {
    int status;      // its exit code
    uint64_t ran_ns; // how long it ran
    bool stopped;    // somebody asked it to end
    bool demanded;   // a health check asked for another run, whatever the policy is
};

// True: it is to be started again after restart->delay_ms; the count and the delay are the next run's then.
bool restart_next(struct plan_restart *restart, const struct restart_run *run);
