// SPDX-License-Identifier: Apache-2.0
// The executor: does a plan.
#pragma once

#include "plan/plan.h"

// What the parent gives the child for standard streams, and what it gets back.
struct plan_streams {
    int child[3]; // for the child's 0, 1, 2; -1: leave as they are. Not closed here.
    int terminal; // out: the pty's master, when the plan has a CONSOLE operation
    int start;    // what the START operation reads one byte from; closed in the parent by the caller
    int resolver; // connected to the resolver of the container's network, for RESOLVER; 0: none
    int record;   // the plan's file: closed in the child, so that a lock on it is the parent's alone; 0: none
};

// Runs the whole plan: HOST operations, the clone, PARENT operations while the child does its own, until the
// child has executed the container's command, or stands at its START operation. Returns the child's pid. On
// failure everything that was done is undone, block->error holds the sentence (also copied to *err), the
// child is reaped, and -1 returned. Single-threaded callers only. SIGCHLD may come at any time.
pid_t plan_execute(struct plan_block *block, struct plan_streams *streams, struct err *err);

// The operations of one of the sides STARTED and STOPPED. With STOPPED the ones that follow one that fails
// are done, too; the first failure's sentence is told.
int plan_run_hooks(struct plan_block *block, enum plan_side side, struct err *err);

// Writes new schemata into the container's group of resctrl; either may be NULL. ERR_INVALID where it has
// none.
int plan_update_resctrl(const struct plan_block *block, const char *l3, const char *bandwidth,
                        struct err *err);

// Whether the child, having passed START, executes the command now: 0, or -1 with the child's own sentence.
int plan_check_executed(struct plan_block *block, struct err *err);
