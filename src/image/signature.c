// SPDX-License-Identifier: Apache-2.0
#include "image/signature.h"

#include "image/fetcher.h"

int signature_verify(const char *key, const char *payload, const char *signature, struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    _cleanup_(json_freep) struct json *done = NULL;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "key", key);
    json_put_string(&w, "payload", payload);
    json_put_string(&w, "signature", signature);
    json_end_object(&w);
    if (fetcher_start(&fetcher, "verify", -1, -1, err) || fetcher_send(&fetcher, &w, -1, err) ||
        fetcher_receive(&fetcher, &done, err))
        return -1;
    if (!str_eq(json_get_string(done, "event"), "done"))
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
    return fetcher_wait(&fetcher, err);
}
