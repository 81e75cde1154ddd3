// SPDX-License-Identifier: Apache-2.0
// What happened, for `hoy events`: Docker's event messages. Writing one costs a few microseconds and is never
// the failure of what it tells of. The shim writes those of its container's process (shim/event.h).
#pragma once

#include "base/json.h"

// The whole of one: attributes are pairs of key and value, and a NULL at their end. root is <root>.
//   event_write(root, "volume", "create", name, "driver", "local", NULL);
void event_write(int root, const char *type, const char *action, const char *id, ...)
    __attribute__((sentinel));

// The same in steps, for attributes that come in lists.
struct event {
    struct json_writer w;
};
void event_begin(struct event *event, const char *type, const char *id);
void event_attribute(struct event *event, const char *key, const char *value);
void event_end(struct event *event, int root, const char *action);
