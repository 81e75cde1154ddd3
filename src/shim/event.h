// SPDX-License-Identifier: Apache-2.0
// Events of the container's process, written when they happen, whoever listens: what of them is known before
// is in the plan.
#pragma once

#include "plan/plan.h"

// What only this event has: two at most, the second may be zeros.
struct shim_attribute {
    const char *key;
    int value;
};
// state: the container's directory in <root>, for an exec'd process <root> itself, or -1. attributes: or
// NULL.
void shim_event(const struct plan_block *plan, int state, const char *action,
                const struct shim_attribute attributes[2]);
// Its end, with the cause (shim/cause.h; "": none), which the reader says in words.
void shim_event_end(const struct plan_block *plan, int state, const char *action, int status,
                    const char *cause);
