// SPDX-License-Identifier: Apache-2.0
// A container that stands still for a while. It goes on whatever becomes of this process: also when it is
// killed.
#pragma once

#include "engine/engine.h"

#define FREEZE_TIMEOUT_NS 10000000000u // processes may hang in the kernel

// The group whose freezer stops the container, in the arena; NULL where there is none, or when it has just
// ended.
int freeze_group(struct engine *engine, struct arena *arena, const struct container *container,
                 const char **ret_path, struct err *err);

struct freeze {
    int guard; // a pipe to who thaws it; -1: nothing to thaw
    pid_t pid;
};
#define FREEZE_INIT \
    { .guard = -1 }

// Returns when all its processes stand still. One that does not run, or stands still already, stays as it is.
int freeze_begin(struct engine *engine, const struct container *container, struct freeze *ret_freeze,
                 struct err *err);
void freeze_end(struct freeze *freeze); // for _cleanup_

// A process on its way into another container's pid namespace has the host's files open still, and whoever
// may trace all others there could take them: such containers stand still meanwhile (owners.c).
struct freezes {
    struct freeze *items;
    size_t count;
};
int owners_hold(struct engine *engine, struct arena *arena, const struct container *container,
                struct freezes *ret_freezes, struct err *err);
void owners_let_go(struct freezes *freezes);
