// SPDX-License-Identifier: Apache-2.0
// The undo: takes back what a plan's host-side operations did, last first, whatever state a crash left them
// in. Every step may be repeated; what is gone already is fine.
#pragma once

#include "plan/plan.h"

// Kills what is left in the plan's cgroups, removes them, its published ports and helpers, and its use of
// mounts. Its interfaces go with the network namespace. Returns 0, or -errno of the first step that could not
// be undone (the others are still tried).
int plan_undo(struct plan_block *block);
// The ends of veth pairs that are still on the host, when nobody waits any more: the container's network
// namespace, which takes them along, is held by somebody else. Waits up to a second for each of them.
void plan_undo_links(struct plan_block *block);
