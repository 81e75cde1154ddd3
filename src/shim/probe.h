// SPDX-License-Identifier: Apache-2.0
// One health check. A command is a program that the shim executes, and that does it by way of `exec`; TCP and
// HTTP are done by the shim itself, with a socket that was made in the container's network namespace: they
// cost a connection, and no process.
#pragma once

#include "plan/plan.h"
#include "shim/health_record.h"

#include <stdbool.h>

enum probe_stage { PROBE_IDLE, PROBE_CONNECTING, PROBE_READING, PROBE_COMMAND_RUNS, PROBE_DONE };

struct probe {
    enum probe_stage stage;
    const struct plan_block *plan;
    int fd;    // the socket, or the pipe from the command
    pid_t pid; // of the command, 0: it was reaped
    uint64_t deadline_ns;
    struct probe_answer answer;
    size_t answered; // bytes of the answer that have come
    size_t used;     // of output
    bool truncated;
    char output[HEALTH_OUTPUT_MAX];
};

// Begins one; the container's process is the plan's.
void probe_start(struct probe *probe, const struct plan_block *plan);
// Goes on with it, when its descriptor is ready or its time is over. In stage PROBE_DONE the answer and the
// output are there.
void probe_serve(struct probe *probe, short events);
void probe_cancel(struct probe *probe);
