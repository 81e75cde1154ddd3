// SPDX-License-Identifier: Apache-2.0
#include "image/referrers.h"

#include "base/id.h"
#include "image/fetcher.h"
#include "image/request.h"

#define REFERRERS_MAX 10000

static int add(struct arena *arena, const struct json *event, struct referrers *list, struct err *err) {
    const char *digest = json_get_string(event, "digest");
    if (!digest_valid(digest) || list->count == REFERRERS_MAX)
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
    if (!list->subject) return list->subject = arena_strdup(arena, digest), 0;
    struct referrer *one = arena_push(arena, list);
    *one = (struct referrer){.artifact_type = arena_strdup(arena, json_get_string(event, "type")),
                             .media_type = arena_strdup(arena, json_get_string(event, "media_type")),
                             .digest = arena_strdup(arena, digest)};
    json_u64(json_get(event, "size"), &one->size);
    return 0;
}

int image_referrers(struct arena *arena, const struct reference *reference, struct referrers *ret_referrers,
                    struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    struct referrers list = {0};
    if (fetcher_start(&fetcher, "referrers", -1, -1, err) ||
        request_send_image(&fetcher, arena, reference, err))
        return -1;
    for (;;) {
        _cleanup_(json_freep) struct json *event = NULL;
        if (fetcher_receive(&fetcher, &event, err)) return -1;
        if (str_eq(json_get_string(event, "event"), "done")) break;
        if (add(arena, event, &list, err)) return -1;
    }
    *ret_referrers = list;
    return fetcher_wait(&fetcher, err);
}
