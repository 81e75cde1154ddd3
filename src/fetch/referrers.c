// SPDX-License-Identifier: Apache-2.0
// A registry that does not list referrers has an index of them under a tag (distribution specification,
// "Referrers Tag Schema").
#include "fetch/referrers.h"

#include "fetch/documents.h"
#include "oci/referrers.h"

#include <string.h>

#define PAGES_MAX     100
#define REFERRERS_MAX 10000
#define TYPE_MAX      255

struct search {
    struct worker *worker;
    struct arena arena;
    struct registry registry;
    struct http *http;
    const char *subject;
    struct strings found; // digests
};

static void tell_subject(const struct search *s) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "subject");
    json_put_string(&w, "digest", s->subject);
    json_end_object(&w);
    worker_send(s->worker, &w);
}

static const char *short_type(const char *type) {
    return type && strlen(type) <= TYPE_MAX ? type : "";
}

static void tell(const struct search *s, const struct descriptor *d) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "referrer");
    json_put_string(&w, "type", short_type(d->artifact_type));
    json_put_string(&w, "digest", d->digest);
    json_put_u64(&w, "size", d->size);
    json_put_string(&w, "media_type", short_type(d->media_type));
    json_end_object(&w);
    worker_send(s->worker, &w);
}

static bool is_new(const struct search *s, const char *digest) {
    for (size_t i = 0; i < s->found.count; i++)
        if (str_eq(s->found.items[i], digest)) return false;
    return true;
}

static int page_tell(struct search *s, const struct str *text, struct err *err) {
    struct manifest index;
    if (manifest_parse(&s->arena, str_get(text), text->len, NULL, &index, err) || !index.is_index)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s does not answer with an index of what refers to %s",
                       s->registry.host, s->subject);
    for (size_t i = 0; i < index.manifests.count; i++) {
        const struct descriptor *d = &index.manifests.items[i];
        if (!is_new(s, d->digest)) continue;
        if (s->found.count == REFERRERS_MAX)
            return err_set(err, ERR_UNAVAILABLE, 0, "more than %d refer to %s", REFERRERS_MAX, s->subject);
        strings_add(&s->arena, &s->found, d->digest);
        tell(s, d);
    }
    return 0;
}

static int by_tag(struct search *s, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    const char *type, *digest;
    if (registry_manifest(&s->registry, s->http, &s->arena, referrers_tag(&s->arena, s->subject), &text,
                          &type, &digest, err))
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    return page_tell(s, &text, err);
}

static int search_all(struct search *s, struct err *err) {
    const char *next = NULL;
    for (unsigned page = 0; page < PAGES_MAX; page++) {
        _cleanup_(str_finish) struct str text = {0};
        int r = registry_referrers(&s->registry, s->http, &s->arena, s->subject, &next, &text, err);
        if (r < 0) return -1;
        if (r == 0) return by_tag(s, err);
        if (page_tell(s, &text, err)) return -1;
        if (!next) return 0;
    }
    return err_set(err, ERR_UNAVAILABLE, 0, "%s has more than %d pages of what refers to %s",
                   s->registry.host, PAGES_MAX, s->subject);
}

// What the name means at the registry now: an index, or a manifest.
static int subject_find(struct search *s, const char *wanted, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    const char *type;
    s->subject = arena_strdup(&s->arena, wanted);
    return digest_valid(wanted)
               ? 0
               : registry_manifest(&s->registry, s->http, &s->arena, wanted, &text, &type, &s->subject, err);
}

static void search_finish(struct search *s) {
    http_freep(&s->http);
    arena_finish(&s->arena);
}

int referrers_run(struct worker *worker, const struct json *request, struct err *err) {
    _cleanup_(search_finish) struct search s = {.worker = worker, .arena = ARENA_INIT};
    struct endpoint endpoint;
    const struct endpoints known = {&endpoint, 1};
    const struct http_options options = {.stall_s = worker->stall_s, .known = &known};
    const char *wanted = json_get_string(request, "wanted");
    if (!wanted) return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    if (request_registry(&s.arena, request, &endpoint, &s.registry, err) || http_new(&options, &s.http, err))
        return -1;
    if (subject_find(&s, wanted, err)) return -1;
    tell_subject(&s);
    if (search_all(&s, err)) return -1;
    worker_event(worker, "done");
    return 0;
}
