// SPDX-License-Identifier: Apache-2.0
// Blobs. What a download has already is kept: the next try asks for the rest, and new bytes make up for
// failures.
#include "registry/client_parts.h"

#include "registry/reference.h"

#include <errno.h>

#define PIECE_MIN (64u << 10)

struct download {
    struct registry *registry;
    const struct registry_sink *sink;
    uint64_t received, end, size; // so far; that are wanted; of the whole
    bool final;                   // the error is ours or can't be helped: no other try
};

static int download_add(const void *bytes, size_t size, void *data, struct err *err) {
    struct download *d = data;
    if (size > d->end - d->received) {
        d->final = true;
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "%s sends more than the %llu bytes that the manifest gives it", d->registry->host,
                       (unsigned long long)d->size);
    }
    d->received += size;
    d->final = d->sink->body(bytes, size, d->sink->data, err);
    return d->final ? -1 : 0;
}

static int blob_too_short(const struct download *d, const struct http_response *response, struct err *err) {
    if (response->html)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s answers with a web page (HTML)", d->registry->host);
    return err_set(err, ERR_UNAVAILABLE, 0, "%s sends only %llu of the %llu bytes that the manifest gives it",
                   d->registry->host, (unsigned long long)d->received, (unsigned long long)d->size);
}

// One request for the rest. 0: all is there; 1: not, and *ret_again: may another help?; -1: none will.
static int blob_once(struct download *d, struct http *http, struct arena *arena, struct ask *ask,
                     struct http_response *ret, bool *ret_again, struct err *err) {
    ask->request.offset = d->received;
    *ret = (struct http_response){0};
    *ret_again = false;
    int r = ask_once(d->registry, http, arena, ask, ret, ret_again, err);
    if (d->final) return -1;
    if (r) return 1;
    if (ret->status != 200 && ret->status != 206) {
        if (ask->request.offset && ret->status == 416) return blob_too_short(d, ret, err), 1;
        ask_refuse(arena, d->registry, ask, ret, err);
        *ret_again = status_may_pass(ret->status);
        return 1;
    }
    if (d->received == d->end) return 0;
    blob_too_short(d, ret, err);
    *ret_again = !ret->html;
    return 1;
}

// Where a Range is refused, or answered with something else, all of it may be had.
static bool range_may_be_why(const struct http_response *r, bool again) {
    return r->status ? r->status != 401 && r->status != 404 && r->status != 429 : !again;
}

// … and when it failed, the wait before the next. The last is without a Range.
static int blob_try(struct download *d, struct http *http, struct arena *arena, struct ask *ask, int *try,
                    struct err *err) {
    struct http_response response;
    uint64_t before = d->received;
    bool again;
    int r = blob_once(d, http, arena, ask, &response, &again, err);
    if (r <= 0) return r;
    if (d->received - before >= PIECE_MIN) *try = 1; // it goes on, only not in one piece
    r = ask_failed(d->registry, *try, again, response.retry_after_s, err);
    if (r > 0 || !before || ask->request.whole || !range_may_be_why(&response, again)) return r;
    ask->request.whole = true;
    return 1;
}

static int blob_all(struct registry *registry, struct http *http, struct arena *arena, struct ask *ask,
                    uint64_t size, const struct registry_sink *sink, struct err *err) {
    struct download d = {registry, sink, .received = sink->have, .end = size, .size = size};
    ask->request.body = download_add;
    ask->request.data = &d;
    ask->request.size = size;
    int r = d.received < size || !size;
    for (int try = 1; r > 0; try++) r = blob_try(&d, http, arena, ask, &try, err);
    ask->request.data = NULL;
    return r;
}

int registry_blob_part(struct registry *registry, struct http *http, const struct descriptor *blob,
                       uint64_t end, const struct registry_sink *sink, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct download d = {registry, sink, .received = sink->have, .end = end, .size = blob->size};
    struct ask ask = {.path = arena_printf(&arena, "blobs/%s", blob->digest),
                      .request = {.body = download_add, .data = &d, .size = blob->size, .end = end}};
    struct http_response response;
    bool again;
    for (;;) {
        uint64_t before = d.received;
        int r = blob_once(&d, http, &arena, &ask, &response, &again, err);
        if (r == 0) return 0;
        bool answered = response.status && !ask_is_fine(&ask, response.status);
        if ((answered || !again) && err->code != ECANCELED) atomic_store(&registry->whole_only, true);
        if (answered || !again || d.received - before < PIECE_MIN) return -1;
    }
}

int registry_blob(struct registry *registry, struct http *http, const char *digest, uint64_t size,
                  const struct registry_sink *sink, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct ask ask = {.path = arena_printf(&arena, "blobs/%s", digest)};
    return blob_all(registry, http, &arena, &ask, size, sink, err);
}

int registry_foreign_blob(struct registry *registry, struct http *http, const char *url, uint64_t size,
                          const struct registry_sink *sink, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct ask ask = {.request = {.url = url}, .foreign = true};
    const char *host = url_host(&arena, url);
    if (!host || (host_is_loopback(host) && !host_is_loopback(registry->host)))
        return err_set(err, ERR_NOT_FOUND, 0, "the manifest sends us to %.200s for it: refused", url);
    return blob_all(registry, http, &arena, &ask, size, sink, err);
}
