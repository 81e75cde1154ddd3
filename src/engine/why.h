// SPDX-License-Identifier: Apache-2.0
// Why a container ended, or never began, in sentences: what the shim wrote down when it happened
// (shim/cause.h), what the row says, and what the container's last lines of output are known to mean.
#pragma once

#include "engine/engine.h"

#define WHY_START_FAILED "Its command never ran. The start failed: %s."
#define WHY_LOST         "Nobody saw its end: %s."

struct why {
    // running, created (never started), start-failed, stopped (as it was asked to), exit, signal, crash,
    // seccomp, oom, unhealthy, lost (its shim was killed, or the machine went down)
    const char *cause;
    struct strings sentences; // what happened, the most important first
    struct strings advice;    // what to try
    struct strings output;    // its last lines, without what a terminal would obey; for those that failed
};

// What the event of a container's end says of it, without advice and output. False: nothing.
bool why_of_event(struct arena *arena, const struct json *event, struct why *ret_why);
void container_why(struct engine *engine, struct arena *arena, const struct container *container,
                   struct why *ret_why);
