// SPDX-License-Identifier: Apache-2.0
#include "image/tags.h"

#include "image/fetcher.h"
#include "image/request.h"

static int request_send(struct fetcher *fetcher, struct arena *arena, const struct reference *reference,
                        struct err *err) {
    _cleanup_(request_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "name", reference_familiar_repository(arena, reference));
    if (request_put_endpoints(&w, arena, reference, err)) return -1;
    json_end_object(&w);
    if (fetcher_start(fetcher, "tags", -1, -1, err)) return -1;
    return fetcher_send(fetcher, &w, -1, err);
}

static int tags_add(struct arena *arena, const struct reference *reference, const struct json *list,
                    struct strings *tags, struct err *err) {
    const char *repository = reference_repository(arena, reference);
    for (size_t i = 0; i < json_length(list); i++) {
        struct reference one;
        const char *tag = json_string(json_at(list, i));
        if (!tag || reference_parse(arena, arena_printf(arena, "%s:%s", repository, tag), &one, err))
            return err_set(err, ERR_UNAVAILABLE, 0, "the registry lists \"%.128s\", which is no tag",
                           tag ? tag : "");
        strings_add(arena, tags, one.tag);
    }
    return 0;
}

static int converse(struct arena *arena, const struct reference *reference, struct strings *tags,
                    struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    if (request_send(&fetcher, arena, reference, err)) return -1;
    for (;;) {
        _cleanup_(json_freep) struct json *event = NULL;
        if (fetcher_receive(&fetcher, &event, err)) return -1;
        if (str_eq(json_get_string(event, "event"), "done")) return fetcher_wait(&fetcher, err);
        if (tags_add(arena, reference, json_get(event, "tags"), tags, err)) return -1;
    }
}

int image_tags(struct arena *arena, const struct reference *reference, struct strings *ret_tags,
               struct err *err) {
    struct strings tags = {0};
    if (converse(arena, reference, &tags, err))
        return err_wrap(err, "pull %s", reference_familiar_repository(arena, reference));
    *ret_tags = tags;
    return 0;
}
