// SPDX-License-Identifier: Apache-2.0
// The executor: does a plan.
#pragma once

#include "plan/plan.h"

// What the parent gives the child for standard streams, and what it gets back.
struct plan_streams {
    int child[3]; // for the child's 0, 1, 2; -1: leave as they are. Not closed here.
    int terminal; // out: the pty's master, when the plan has a CONSOLE operation
};

// Runs the whole plan: HOST operations, the clone, PARENT operations while the child does its own, until the
// child has executed the container's command. Returns the child's pid. On failure everything that was done
// is undone, block->error holds the sentence (also copied to *err), the child is reaped, and -1 returned.
// Single-threaded callers only. SIGCHLD may come at any time.
pid_t plan_execute(struct plan_block *block, struct plan_streams *streams, struct err *err);
