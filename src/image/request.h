// SPDX-License-Identifier: Apache-2.0
// What requests to the fetch worker have in common.
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "image/fetcher.h"
#include "registry/endpoint.h"
#include "registry/reference.h"

// From HOY_LAYER_LIMIT and HOY_STALL_TIMEOUT.
int request_put_limits(struct json_writer *w, struct err *err);
// "endpoints": the mirrors of the reference's registry and itself, as the settings in /etc have them, with
// the caller's credentials.
int request_put_endpoints(struct json_writer *w, struct arena *arena, const struct reference *reference,
                          struct err *err);
// The registry itself, with the caller's credentials, where no mirror will do.
int request_endpoint(struct arena *arena, const struct reference *reference, struct endpoint *ret_endpoint,
                     struct err *err);
// To a worker that was started: about this one tag or digest, with the two above.
int request_send_image(struct fetcher *fetcher, struct arena *arena, const struct reference *reference,
                       struct err *err);
// Frees the text, and leaves no credentials in memory; for _cleanup_.
void request_finish(struct json_writer *w);
