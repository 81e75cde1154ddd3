// SPDX-License-Identifier: Apache-2.0
// The shell emitter: a plan as a POSIX shell script of unshare, mount, pivot_root, ip, echo, setpriv … that
// makes the same container by hand. What no tool can do is said in a comment where it would stand.
#pragma once

#include "plan/plan.h"

#include <stdio.h>

void plan_print_shell(struct plan_block *block, FILE *out);
