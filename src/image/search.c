// SPDX-License-Identifier: Apache-2.0
#include "image/search.h"

#include "base/str.h"
#include "image/fetcher.h"

#include <string.h>

#define HUB "index.docker.io"

// The part before the first slash is a host when it can be nothing else, as in a reference.
static const char *split(struct arena *arena, const char *term, const char **ret_host) {
    const char *slash = strchr(term, '/');
    const char *first = slash ? arena_strndup(arena, term, (size_t)(slash - term)) : "";
    bool host = strpbrk(first, ".:") || str_eq(first, "localhost");
    *ret_host = host && !str_eq(first, "docker.io") ? first : HUB;
    return host ? slash + 1 : term;
}

static int ask(struct arena *arena, const char *term, unsigned limit, struct found_repositories *found,
               struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    const char *host;
    term = split(arena, term, &host);
    json_begin_object(&w, NULL);
    json_put_string(&w, "host", host);
    json_put_string(&w, "term", term);
    json_put_u64(&w, "limit", limit);
    json_end_object(&w);
    if (fetcher_start(&fetcher, "search", -1, -1, err) || fetcher_send(&fetcher, &w, -1, err)) return -1;
    for (;;) {
        _cleanup_(json_freep) struct json *event = NULL;
        if (fetcher_receive(&fetcher, &event, err)) return -1;
        if (str_eq(json_get_string(event, "event"), "done")) return fetcher_wait(&fetcher, err);
        if (found->count == limit) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
        struct found_repository *one = arena_push(arena, found);
        one->name = arena_strdup(arena, json_get_string(event, "name"));
        one->description = arena_strdup(arena, json_get_string(event, "description"));
        one->official = json_boolean(json_get(event, "official"));
        json_i64(json_get(event, "stars"), &one->stars);
    }
}

int image_search(struct arena *arena, const char *term, unsigned limit, struct found_repositories *ret_found,
                 struct err *err) {
    struct found_repositories found = {0};
    if (ask(arena, term, limit, &found, err)) return -1;
    *ret_found = found;
    return 0;
}
