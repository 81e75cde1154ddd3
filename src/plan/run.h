// SPDX-License-Identifier: Apache-2.0
// The inside of the executor: what its operations share. Private to src/plan.
#pragma once

#include "plan/execute.h"

// One run of a plan. After the clone parent and child each have a copy; the block is shared memory.
struct plan_run {
    struct plan_block *block;
    struct plan_streams *streams;
    int start;  // what START reads from (child)
    int socket; // parent and child each have an end; its end of file tells that the command is executed
    int root;   // the root file system's mount (child; in the parent until GO hands it over)
    int procfs; // a procfs of our own, made when first needed (child)
    int32_t target_pid;
    int target;   // a pidfd of the process whose namespaces are joined, when the plan names one
    int self;     // the program that runs this, for INIT
    int empty;    // an empty read-only directory that covers masked ones (child)
    int init;     // INIT was seen
    int home_set; // a USER operation found a home directory:
    char home[4096];
    struct err err; // an operation that has better words than its errno puts them here
};

// An operation's function: 0, or -errno; run->err.kind is set when it has a sentence of its own.
typedef int (*plan_function)(struct plan_run *run, struct plan_op *op);

// host.c has the host's side, child.c and overlay.c the mounts, process.c the process itself.
#define X(NAME, name, side, member) int plan_do_##name(struct plan_run *run, struct plan_op *op);
PLAN_OPS(X)
#undef X

// scope.c. Whether a scope is held open for the container to be born in, and letting go of it: when the
// container runs, or is given up.
bool plan_scope_is_held(void);
void plan_scope_release(void);
int plan_undo_scope_start(struct plan_block *block, struct plan_op *op);

// Does the operations of one side from *index on, in the array's order. Stops at the first that fails.
int plan_run_side(struct plan_run *run, enum plan_side first, enum plan_side last);

// What the bytes between parent and child say.
#define PLAN_BYTE_GO       'g'
#define PLAN_BYTE_READY    'r'
#define PLAN_BYTE_TERMINAL 't'
#define PLAN_BYTE_CREATED  'c'

// Sends one byte, and a descriptor unless it is -1. 0 or -errno.
int plan_send(struct plan_run *run, char byte, int fd);

// Attaches run->root at a directory of the host's, in the container's own mount namespace.
int plan_attach_root(struct plan_run *run, const char *where);

// Host side things that the undo takes back.
int plan_undo_image_mount(struct plan_block *block, struct plan_op *op);

// Copies the content of a directory (where the image has one) into an empty one. 0 when there is none to
// copy.
int plan_copy_up(int from, int to);

// The sentence for a failed operation.
void plan_failure(const struct plan_block *block, const struct plan_op *op, int error, struct err *ret_err);

#define TEXT(s) plan_text(run->block, s)
