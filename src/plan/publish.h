// SPDX-License-Identifier: Apache-2.0
// Ports of a container that runs. The plan has free places for them, so that its undo takes them along
// whoever does it. One at a time a container: the caller has its run directory's lock.
#pragma once

#include "base/str.h"
#include "plan/plan.h"

#define PLAN_PORTS_SPARE 32

// Puts ports on the host at once. -ENOSPC: no place is free; -ESRCH: the container has just ended, and
// nothing was left; or what the kernel said, and nothing was left.
int plan_publish_add(struct plan_block *block, const struct plan_port *ports);
// Takes them away: those of a run that was added as it is. -ENOENT when there is none.
int plan_publish_remove(struct plan_block *block, const struct plan_port *ports);
// Those of a run respect the host's firewall, or no longer do, as ports says. -ENOENT when there is no such
// run.
int plan_publish_set_respect(struct plan_block *block, const struct plan_port *ports);
// "0.0.0.0:8000-8002 to 10.0.0.2:80-82/tcp"
void plan_port_words(const struct plan_port *ports, struct str *text);
