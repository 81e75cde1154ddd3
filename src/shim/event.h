// SPDX-License-Identifier: Apache-2.0
// Events of the container's process, written when they happen, whoever listens: what of them is known before
// is in the plan.
#pragma once

#include "plan/plan.h"

// state: the container's directory in <root>, for an exec'd process <root> itself, or -1. key and value (no
// more than a number): an attribute of this one; a second pair may follow. NULL: none.
struct shim_attribute {
    const char *key;
    int value;
};
void shim_event(const struct plan_block *plan, int state, const char *action,
                const struct shim_attribute attributes[2]);
