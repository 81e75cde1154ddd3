// SPDX-License-Identifier: Apache-2.0
// A container's names on its networks (network/names.h), over its life. Networks that give names are those
// that users made: the default network has none, as Docker has it.
#pragma once

#include "engine/engine.h"
#include "network/names.h"
#include "network/network.h"

// At a start, when it has its endpoints and its run directory: others find it from now on. *ret_fd: connected
// to the resolver of its first network, for its shim; *ret_text: what that is to be told, in the arena. -1
// and NULL when none of its networks gives names. later: a resolver to be run when the container is
// (network/names.h).
int names_begin(struct engine *engine, struct arena *arena, const struct container *container,
                const struct endpoints *endpoints, struct resolver_start *later, int *ret_fd,
                const char **ret_text, struct err *err);
// That as an operation of its plan.
void names_plan(struct engine *engine, const struct container *container, const struct endpoints *endpoints,
                const char *text, struct plan *plan);
// It runs, and was renamed, or its networks are these now, with the names of each. Also when it had no
// resolver before: *ret_new says so, its resolv.conf is to name it.
int names_change(struct engine *engine, struct arena *arena, const struct container *container,
                 const struct endpoints *endpoints, bool *ret_new, struct err *err);
// Its resolver went: another one serves it, for as long as the other end of the socket until is open.
// *ret_held: false when it has no names (any more).
int names_hold(struct engine *engine, const char *container_id, int until, bool *ret_held, struct err *err);
// Nobody finds it on these networks any more.
int names_end(struct engine *engine, const char *container_id, const struct endpoints *endpoints,
              struct err *err);
