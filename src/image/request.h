// SPDX-License-Identifier: Apache-2.0
// What requests to the worker have in common.
#pragma once

#include "base/json.h"
#include "registry/reference.h"

// "endpoints": the mirrors of the reference's registry and itself, as the settings in /etc have them, with
// the caller's credentials.
int request_put_endpoints(struct json_writer *w, struct arena *arena, const struct reference *reference,
                          struct err *err);
void request_wipe(struct json_writer *w); // for _cleanup_: passwords don't stay in memory
