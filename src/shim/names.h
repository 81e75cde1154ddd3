// SPDX-License-Identifier: Apache-2.0
// The container's names, held: the resolver of its network serves it for as long as a socket of the shim's is
// open, and the shim hears from the other end's closing that the resolver is gone (killed, whoever did it).
// Then it executes hoy with one end of a new socket pair as its standard input, which starts a resolver where
// there is none, and leaves that end with it (engine/resolver.h, names_hold). A byte that comes instead says
// that the container has no names any more.
//
// A container that comes to a network while it runs may get its first resolver there, and names that its plan
// does not know of: who connects it says so (SHIM_NAMES), and at the container's end hoy is executed to take
// them away.
#pragma once

#include "plan/plan.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct names_held {
    const struct plan_block *plan;
    int end;           // or -1
    bool live;         // it came to a network while it ran
    uint64_t again_ns; // monotonic: when hoy is executed; UINT64_MAX: not
    uint64_t began_ns, rest_ns;
};

// Takes the connection, by which the plan registered the container, or -1.
void names_held_begin(struct names_held *names, const struct plan_block *plan, int connection);
// It has come to a network: there is a resolver to hold, unless one is held.
void names_held_want(struct names_held *names);
void names_held_end(struct names_held *names);
struct pollfd names_held_poll(const struct names_held *names);
uint64_t names_held_deadline(const struct names_held *names);
// Something has come, or it is time.
void names_held_serve(struct names_held *names, short events);
