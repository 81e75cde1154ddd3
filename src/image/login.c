// SPDX-License-Identifier: Apache-2.0
#include "image/login.h"

#include "image/fetcher.h"
#include "image/request.h"
#include "registry/settings.h"

#include <string.h>

static int ask(const struct endpoint *endpoint, struct json **ret_done, struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    _cleanup_(request_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    endpoint_put(&w, "endpoint", endpoint);
    json_end_object(&w);
    return fetcher_start(&fetcher, "login", -1, -1, err) || fetcher_send(&fetcher, &w, -1, err) ||
                   fetcher_last(&fetcher, ret_done, err)
               ? -1
               : 0;
}

int image_login(struct arena *arena, const char *domain, const struct credentials *credentials,
                struct credentials *ret_kept, struct err *err) {
    _cleanup_(json_freep) struct json *done = NULL;
    const struct reference reference = {.domain = domain};
    struct endpoints endpoints;
    if (settings_endpoints(arena, "/etc", &reference, &endpoints, err)) return -1;
    struct endpoint *endpoint = &endpoints.items[endpoints.count - 1]; // itself, no mirror
    endpoint->credentials = *credentials;
    if (ask(endpoint, &done, err)) return err_wrap(err, "login to %s", domain);
    struct credentials kept = *credentials;
    const char *token = json_get_string(done, "identity_token");
    if (!str_empty(token)) kept.identity_token = arena_strdup(arena, token), kept.password = NULL;
    *ret_kept = kept;
    return 0;
}
