// SPDX-License-Identifier: Apache-2.0
// Reading what state/event.h writes.
#pragma once

#include "args/filter.h"
#include "engine/engine.h"

struct event_query {
    int64_t since_ns, until_ns; // 0: not given
    struct filters filters;
};

// One event, as Docker's message has it: the document's own names (status, id, from, Type, …). What tell
// returns other than 0 ends the reading.
typedef int event_tell(const struct json *event, void *data, struct err *err);

int event_filters_read(struct arena *arena, const struct strings *texts, struct filters *ret_filters,
                       struct err *err);

// The events between the two times, then, unless the second is over, those that happen until then. Without
// either only those that happen. before_wait (may be NULL) is called whenever there is no more to tell now.
int engine_events(struct engine *engine, const struct event_query *query, event_tell *tell,
                  void (*before_wait)(void *data), void *data, struct err *err);
