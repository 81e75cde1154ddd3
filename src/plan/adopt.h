// SPDX-License-Identifier: Apache-2.0
// A plan whose process somebody else makes: CRIU, which restores one from a checkpoint. Of the plan only the
// host's side is done, and the rest is what the process then has.
#pragma once

#include "plan/plan.h"

// Cgroups and limits. On failure they are taken back, and *err says why.
int plan_adopt_begin(struct plan_block *block, struct err *err);
// Moves the calling process into the container's cgroups: children are born there.
int plan_adopt_join(struct plan_block *block, struct err *err);
// The namespaces of the process are there, and nothing runs in them yet: the container's links come up, and
// the hooks of the host's side are run.
int plan_adopt_namespaces(struct plan_block *block, pid_t pid, struct err *err);
// The process is there: it is the plan's from now on.
void plan_adopt(struct plan_block *block, pid_t pid);
// It runs, or never will.
void plan_adopt_end(void);
