// SPDX-License-Identifier: Apache-2.0
// What requests to the fetch worker have in common.
#pragma once

#include "base/err.h"
#include "base/json.h"

// From HOY_LAYER_LIMIT and HOY_STALL_TIMEOUT.
int request_put_limits(struct json_writer *w, struct err *err);
// Frees the text, and leaves no credentials in memory; for _cleanup_.
void request_finish(struct json_writer *w);
