// SPDX-License-Identifier: Apache-2.0
#include "image/signature.h"

#include "image/fetcher.h"

static int ask(struct fetcher *fetcher, const struct json_writer *request, struct err *err) {
    _cleanup_(json_freep) struct json *event = NULL;
    if (fetcher_start(fetcher, "verify", -1, -1, err) || fetcher_send(fetcher, request, -1, err)) return -1;
    if (fetcher_receive(fetcher, &event, err)) return -1;
    if (!str_eq(json_get_string(event, "event"), "done"))
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
    return fetcher_wait(fetcher, err);
}

int signature_verify(const char *key, const char *payload, const char *signature, struct err *err) {
    struct fetcher fetcher = FETCHER_INIT;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "key", key);
    json_put_string(&w, "payload", payload);
    json_put_string(&w, "signature", signature);
    json_end_object(&w);
    int r = ask(&fetcher, &w, err);
    fetcher_finish(&fetcher);
    return r;
}
