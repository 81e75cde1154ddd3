// SPDX-License-Identifier: Apache-2.0
// Containers that are started again. At the end of a run the shim itself waits for the back-off's end, with
// the container's row in state 'restarting'; then it executes `hoy after-exit`, which starts the container as
// any other. The row is the arbiter: who stops the container makes it 'exited', and then nobody starts it.
// While somebody looks after a container that is restarting, its socket can be connected to: the shim hands
// it on to the program that it executes. When it can't be, that one was killed, and whoever finds out
// executes it anew.
#pragma once

#include "engine/engine.h"

bool container_is_restarting(const struct container *container);
// Whether a run of it may end in another one.
bool container_may_restart(const struct container *container);

// The words with which this program calls itself: its path, and where the store is.
void again_words(const struct engine *engine, struct arena *arena, struct strings *ret_words);
// Executes `hoy after-exit` in the background.
void again_resume(const struct engine *engine, const char *id);

// Somebody wants no further run: the container has ended, as after its last run. 1, 0 when it is not
// restarting any more, -1.
int again_cancel(struct engine *engine, const char *id, struct err *err);
// Returns when the back-off and the start after it are over. 0 or -1.
int again_wait(struct engine *engine, const char *id);
