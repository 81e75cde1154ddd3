// SPDX-License-Identifier: Apache-2.0
#include "fetch/login.h"

#include "registry/client.h"
#include "registry/endpoint.h"

static void registryp(struct registry *registry) {
    registry_finish(registry);
}

static void tell_done(struct worker *worker, const char *identity_token) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "done");
    if (identity_token) json_put_string(&w, "identity_token", identity_token);
    json_end_object(&w);
    worker_send(worker, &w);
}

int login_run(struct worker *worker, const struct json *request, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(http_freep) struct http *http = NULL;
    const struct http_options options = {.stall_s = worker->stall_s};
    struct endpoint endpoint;
    const char *token = NULL;
    endpoint_read(&arena, json_get(request, "endpoint"), &endpoint);
    if (!endpoint.host) return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    _cleanup_(registryp) struct registry registry;
    registry_init(&registry, endpoint.host, NULL, endpoint.host, &endpoint.credentials);
    if (http_new(&options, &http, err) || registry_login(&registry, http, &arena, &token, err)) return -1;
    tell_done(worker, token);
    return 0;
}
