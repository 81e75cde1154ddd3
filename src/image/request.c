// SPDX-License-Identifier: Apache-2.0
#include "image/request.h"

#include "base/str.h"
#include "registry/settings.h"

#include <stdlib.h>
#include <string.h>

#define LAYER_LIMIT (64ull << 30)

int request_put_limits(struct json_writer *w, struct err *err) {
    const char *limit_text = getenv("HOY_LAYER_LIMIT"), *stall_text = getenv("HOY_STALL_TIMEOUT");
    uint64_t limit = LAYER_LIMIT, stall = 0;
    if (limit_text && parse_size(limit_text, &limit))
        return err_set(err, ERR_INVALID, 0, "HOY_LAYER_LIMIT=%s is no size", limit_text);
    if (stall_text && (parse_u64(stall_text, &stall) || stall < 1 || stall > 3600))
        return err_set(err, ERR_INVALID, 0, "HOY_STALL_TIMEOUT=%s is no number of seconds", stall_text);
    json_put_u64(w, "layer_limit", limit);
    json_put_bool(w, "any_ratio", limit_text);
    if (stall) json_put_u64(w, "stall_s", stall);
    return 0;
}

int request_put_endpoints(struct json_writer *w, struct arena *arena, const struct reference *reference,
                          struct err *err) {
    struct endpoints endpoints;
    if (settings_endpoints(arena, "/etc", reference, &endpoints, err)) return -1;
    json_begin_array(w, "endpoints");
    for (size_t i = 0; i < endpoints.count; i++) {
        struct endpoint *e = &endpoints.items[i];
        if (credentials_load(arena, e->domain, &e->credentials, err)) return -1;
        endpoint_put(w, NULL, e);
    }
    json_end_array(w);
    return 0;
}

int request_endpoint(struct arena *arena, const struct reference *reference, struct endpoint *ret_endpoint,
                     struct err *err) {
    struct endpoints endpoints;
    if (settings_endpoints(arena, "/etc", reference, &endpoints, err)) return -1;
    *ret_endpoint = endpoints.items[endpoints.count - 1];
    return credentials_load(arena, ret_endpoint->domain, &ret_endpoint->credentials, err);
}

int request_send_image(struct fetcher *fetcher, struct arena *arena, const struct reference *reference,
                       struct err *err) {
    _cleanup_(request_finish) struct json_writer w = {0};
    struct endpoint endpoint;
    if (request_endpoint(arena, reference, &endpoint, err)) return -1;
    json_begin_object(&w, NULL);
    endpoint_put(&w, "endpoint", &endpoint);
    json_put_string(&w, "name", reference_familiar(arena, reference));
    json_put_string(&w, "wanted", reference->digest ? reference->digest : reference->tag);
    if (request_put_limits(&w, err)) return -1;
    json_end_object(&w);
    return fetcher_send(fetcher, &w, -1, err);
}

void request_finish(struct json_writer *w) {
    if (w->text.data) explicit_bzero(w->text.data, w->text.len);
    json_writer_finish(w);
}
