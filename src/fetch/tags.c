// SPDX-License-Identifier: Apache-2.0
#include "fetch/tags.h"

#include "fetch/source.h"

#define TAGS_MAX  10000
#define PAGES_MAX 100
#define AT_ONCE   500 // of them fit into a message

static void tell_tags(struct worker *worker, const struct strings *tags, size_t from) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "tags");
    json_begin_array(&w, "tags");
    for (size_t i = from; i < tags->count && i < from + AT_ONCE; i++)
        json_put_string(&w, NULL, tags->items[i]);
    json_end_array(&w);
    json_end_object(&w);
    worker_send(worker, &w);
}

static int tags_fetch(struct registry *registry, struct http *http, struct arena *arena, struct strings *tags,
                      struct err *err) {
    const char *next = NULL;
    unsigned pages = 0;
    do {
        if (registry_tags(registry, http, arena, &next, tags, err)) return -1;
        if (tags->count > TAGS_MAX || ++pages > PAGES_MAX)
            return err_set(err, ERR_UNAVAILABLE, 0, "%s has more than %d tags: pull them one by one",
                           registry->name, TAGS_MAX);
    } while (next);
    return tags->count ? 0 : err_set(err, ERR_NOT_FOUND, 0, "%s has no tags", registry->name);
}

int tags_run(struct worker *worker, const struct json *request, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(http_freep) struct http *http = NULL;
    struct endpoints endpoints;
    struct sources sources;
    const struct http_options options = {.stall_s = worker->stall_s, .known = &endpoints};
    struct strings tags = {0};
    const char *name = arena_strdup(&arena, json_get_string(request, "name"));
    if (sources_read(&arena, request, name, &endpoints, &sources, err) || http_new(&options, &http, err))
        return -1;
    int r = -1;
    for (size_t i = 0; r && i < sources.count; i++) {
        tags.count = 0;
        r = tags_fetch(&sources.items[i], http, &arena, &tags, err);
    }
    if (r) return -1;
    for (size_t i = 0; i < tags.count; i += AT_ONCE) tell_tags(worker, &tags, i);
    worker_event(worker, "done");
    return 0;
}
