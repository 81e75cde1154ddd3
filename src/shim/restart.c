// SPDX-License-Identifier: Apache-2.0
#include "shim/restart.h"

static bool policy_wants(const struct plan_restart *restart, int status) {
    switch ((enum plan_restart_policy)restart->policy) {
    case PLAN_RESTART_ALWAYS: return true;
    case PLAN_RESTART_ON_FAILURE:
        return status != 0 && (!restart->max_retries || restart->count < restart->max_retries);
    case PLAN_RESTART_NO: break;
    }
    return false;
}

static uint32_t next_delay(uint32_t last_ms, uint64_t ran_ns) {
    if (!last_ms || ran_ns >= RESTART_STEADY_NS) return RESTART_DELAY_MIN_MS;
    return last_ms < RESTART_DELAY_MAX_MS / 2 ? last_ms * 2 : RESTART_DELAY_MAX_MS;
}

bool restart_next(struct plan_restart *restart, const struct restart_run *run) {
    if (run->stopped || (!run->demanded && !policy_wants(restart, run->status))) return false;
    restart->delay_ms = next_delay(restart->delay_ms, run->ran_ns);
    restart->count++;
    return true;
}
