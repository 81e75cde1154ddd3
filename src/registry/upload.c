// SPDX-License-Identifier: Apache-2.0
// An upload is a session that the registry gives an address for, and a new one with each answer. A session
// that is lost, or whose registry has other bytes than it said, is given up, and the blob sent once more from
// its beginning: in chunks then, so that what breaks often gets through all the same.
#include "registry/upload.h"

#include "base/id.h"
#include "oci/referrers.h"
#include "registry/client_parts.h"
#include "registry/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// As much as every registry takes in a chunk: one of the large ones refuses more.
#define CHUNK_SIZE     (4u << 20)
#define CHUNK_MAX      (128u << 20) // of those that want larger ones
#define PASSES_MAX     5
#define ANSWER_SECONDS 180 // a registry may move gigabytes before it answers the last request
#define OCTETS         "application/octet-stream"

static const int created[] = {201, 204, 0}, accepted[] = {202, 0};

struct upload {
    struct registry *registry;
    struct http *http;
    struct arena arena;
    const struct blob_source *source;
    const char *digest; // NULL: not known yet
    uint64_t size;      // with a digest
    const char *location;
    unsigned char *chunk;
    size_t chunk_size, filled;
    uint64_t start; // the chunk's place in the blob
    uint64_t sent;
};

static void upload_finish(struct upload *u) {
    free(u->chunk);
    arena_finish(&u->arena);
}

int registry_ping(struct registry *registry, struct http *http, struct err *err) {
    static const int fine[] = {404, 0};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct ask ask = {.path = ASK_BASE, .request.timeout_s = DOCUMENT_SECONDS, .fine = fine};
    struct http_response response;
    return ask_often(registry, http, &arena, &ask, &response, err);
}

int registry_has_blob(struct registry *registry, struct http *http, const char *digest, struct err *err) {
    static const int fine[] = {404, 0};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct ask ask = {.path = arena_printf(&arena, "blobs/%s", digest),
                      .request = {.method = "HEAD", .timeout_s = DOCUMENT_SECONDS},
                      .fine = fine};
    struct http_response response;
    if (ask_often(registry, http, &arena, &ask, &response, err)) return -1;
    return response.status == 200;
}

int registry_mount_blob(struct registry *registry, struct http *http, const char *digest, const char *from,
                        struct err *err) {
    static const int fine[] = {201, 202, 404, 405, 0};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct ask ask = {.path = arena_printf(&arena, "blobs/uploads/?mount=%s&from=%s",
                                           url_escape(&arena, digest), url_escape(&arena, from)),
                      .request = {.method = "POST", .timeout_s = DOCUMENT_SECONDS},
                      .fine = fine};
    struct http_response response, ignored;
    struct err unused;
    if (ask_often(registry, http, &arena, &ask, &response, err))
        return err->kind == ERR_UNAUTHORIZED ? 0 : -1; // may be the other repository is not ours to read
    if (response.status == 201) return 1;
    if (response.status != 202) return 0;
    // It began an upload instead: not wanted.
    struct ask cancel = {.request = {.url = url_resolve(&arena, ask.request.url, response.location),
                                     .method = "DELETE",
                                     .timeout_s = DOCUMENT_SECONDS}};
    if (cancel.request.url &&
        !redirect_check(http, &arena, ask.request.url, registry->host, cancel.request.url, &unused))
        ask_and_judge(registry, http, &arena, &cancel, TRIES_MAX, &ignored, &unused);
    return 0;
}

// What is sent out of memory

struct memory {
    const unsigned char *bytes;
    size_t size, taken;
};

static int memory_begin(void *data, struct err *err) {
    struct memory *m = data;
    (void)err;
    m->taken = 0;
    return 0;
}

static int memory_read(void *buffer, size_t size, size_t *ret_size, void *data, struct err *err) {
    struct memory *m = data;
    size_t left = m->size - m->taken, n = size < left ? size : left;
    (void)err;
    memcpy(buffer, m->bytes + m->taken, n);
    m->taken += n;
    *ret_size = n;
    return 0;
}

// Sessions

static int location_take(struct upload *u, const struct ask *ask, const struct http_response *response,
                         struct err *err) {
    const char *url = url_resolve(&u->arena, ask->request.url, response->location);
    if (!url)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s does not say where to upload to", u->registry->host);
    if (redirect_check(u->http, &u->arena, ask->request.url, u->registry->host, url, err))
        return err_wrap(err, "the address of an upload");
    u->location = url;
    return 0;
}

static int session_begin(struct upload *u, struct err *err) {
    struct ask ask = {.path = "blobs/uploads/",
                      .request = {.method = "POST", .timeout_s = DOCUMENT_SECONDS},
                      .fine = accepted};
    struct http_response response;
    if (ask_often(u->registry, u->http, &u->arena, &ask, &response, err)) return -1;
    if (response.chunk_min > CHUNK_MAX)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s wants chunks of at least %llu bytes", u->registry->host,
                       (unsigned long long)response.chunk_min);
    u->chunk_size = response.chunk_min > CHUNK_SIZE ? response.chunk_min : CHUNK_SIZE;
    return location_take(u, &ask, &response, err);
}

static const char *with_digest(struct upload *u) {
    return arena_printf(&u->arena, "%s%cdigest=%s", u->location, strchr(u->location, '?') ? '&' : '?',
                        url_escape(&u->arena, u->digest));
}

static void tell_progress(struct upload *u) {
    u->source->progress(u->sent, u->source->data);
}

// In one piece

static int whole_begin(void *data, struct err *err) {
    struct upload *u = data;
    u->sent = 0;
    return u->source->begin(u->source->data, err);
}

static int whole_read(void *buffer, size_t size, size_t *ret_size, void *data, struct err *err) {
    struct upload *u = data;
    if (u->source->read(buffer, size, ret_size, u->source->data, err)) return -1;
    u->sent += *ret_size;
    tell_progress(u);
    return 0;
}

// 1: in another way it may work.
static int whole_put(struct upload *u, struct err *err) {
    static const int fine[] = {201, 204, 404, 413, 416, 0};
    const struct http_upload body = {OCTETS, NULL, u->size, whole_begin, whole_read, u};
    struct ask ask = {
        .request = {.url = with_digest(u), .method = "PUT", .upload = &body, .stall_s = ANSWER_SECONDS},
        .fine = fine};
    struct http_response response;
    int r = ask_and_judge(u->registry, u->http, &u->arena, &ask, 1, &response, err);
    if (r || response.status < 400) return r;
    err_set(err, ERR_UNAVAILABLE, 0, "%s does not take the blob in one piece (%d)", u->registry->host,
            response.status);
    return 1;
}

// In chunks

// How many bytes the registry has, into u->sent. 1: it has lost them, or others than can be.
static int session_ask(struct upload *u, struct err *err) {
    static const int fine[] = {204, 404, 416, 0};
    struct ask ask = {.request = {.url = u->location, .timeout_s = DOCUMENT_SECONDS}, .fine = fine};
    struct http_response response;
    uint64_t last;
    if (ask_often(u->registry, u->http, &u->arena, &ask, &response, err)) return -1;
    const char *end = response.range ? strchr(response.range, '-') : NULL;
    if (response.status == 404 || !end || parse_u64(end + 1, &last) || last >= u->start + u->filled) return 1;
    uint64_t have = last ? last + 1 : 0; // "0-0" is what many say for nothing
    if (have < u->start) return 1;
    u->sent = have;
    if (response.location) return location_take(u, &ask, &response, err);
    return 0;
}

static int lost(struct upload *u, struct err *err) {
    err_set(err, ERR_UNAVAILABLE, 0, "%s has lost a part of what was sent", u->registry->host);
    return 1;
}

// 1: the blob has to be sent from its beginning.
static int chunk_put(struct upload *u, struct err *err) {
    static const int fine[] = {202, 204, 404, 416, 0};
    for (int try = 1; u->sent < u->start + u->filled; try++) {
        uint64_t end = u->start + u->filled;
        // What the registry has is left out.
        struct memory left = {u->chunk + (u->sent - u->start), (size_t)(end - u->sent), 0};
        const struct http_upload body = {.content_type = OCTETS,
                                         .content_range =
                                             arena_printf(&u->arena, "%llu-%llu", (unsigned long long)u->sent,
                                                          (unsigned long long)end - 1),
                                         .size = left.size,
                                         .begin = memory_begin,
                                         .read = memory_read,
                                         .data = &left};
        struct ask ask = {.request = {.url = u->location, .method = "PATCH", .upload = &body}, .fine = fine};
        struct http_response response;
        int r = ask_and_judge(u->registry, u->http, &u->arena, &ask, try, &response, err);
        if (r < 0) return -1;
        if (r == 0 && response.status < 400) {
            u->sent = end;
            return location_take(u, &ask, &response, err);
        }
        if (try == TRIES_MAX || (r == 0 && response.status == 404)) return lost(u, err);
        r = session_ask(u, err);
        if (r) return r < 0 ? -1 : lost(u, err);
    }
    return 0;
}

static int chunks_close(struct upload *u, struct err *err) {
    static const int fine[] = {201, 204, 404, 0};
    const char *digest = u->source->digest(u->source->data);
    if (u->digest && !str_eq(u->digest, digest))
        return err_set(err, ERR_SYSTEM, 0, "the blob's digest is %s, not %s", digest, u->digest);
    const char *known = u->digest;
    u->digest = digest;
    struct ask ask = {.request = {.url = with_digest(u), .method = "PUT", .stall_s = ANSWER_SECONDS},
                      .fine = fine};
    u->digest = known;
    struct http_response response;
    if (ask_often(u->registry, u->http, &u->arena, &ask, &response, err)) return -1;
    if (response.status != 404) return 0;
    // The answer to an earlier try may have been lost.
    int has = registry_has_blob(u->registry, u->http, digest, err);
    return has < 0 ? -1 : has ? 0 : lost(u, err);
}

static int chunk_fill(struct upload *u, struct err *err) {
    size_t n = 0;
    u->start += u->filled;
    u->filled = 0;
    if (u->source->read(u->chunk, u->chunk_size, &n, u->source->data, err)) return -1;
    u->filled = n;
    return 0;
}

static int chunks_put(struct upload *u, struct err *err) {
    u->chunk = xrealloc(u->chunk, u->chunk_size);
    u->start = u->filled = u->sent = 0;
    if (u->source->begin(u->source->data, err)) return -1;
    do {
        if (chunk_fill(u, err)) return -1;
        int r = chunk_put(u, err);
        if (r) return r;
        tell_progress(u);
    } while (u->filled == u->chunk_size);
    return chunks_close(u, err);
}

static int upload_run(struct upload *u, struct err *err) {
    for (int pass = 1;; pass++) {
        // What seemed to fail may have been done, and only the answer was lost.
        int has = pass > 1 && u->digest ? registry_has_blob(u->registry, u->http, u->digest, err) : 0;
        if (has) return has < 0 ? -1 : 0;
        if (session_begin(u, err)) return -1;
        int r = pass == 1 && u->digest ? whole_put(u, err) : chunks_put(u, err);
        if (r <= 0) return r;
        if (pass == PASSES_MAX) return -1;
    }
}

int registry_put_blob(struct registry *registry, struct http *http, const char *digest, uint64_t size,
                      const struct blob_source *source, struct err *err) {
    _cleanup_(upload_finish) struct upload u = {
        .registry = registry, .http = http, .source = source, .digest = digest, .size = size};
    return upload_run(&u, err);
}

int registry_put_unknown_blob(struct registry *registry, struct http *http, const struct blob_source *source,
                              struct err *err) {
    _cleanup_(upload_finish) struct upload u = {.registry = registry, .http = http, .source = source};
    return upload_run(&u, err);
}

// Manifests

static int manifest_put(struct registry *registry, struct http *http, const char *tag_or_digest,
                        const char *media_type, const char *text, size_t size, bool *ret_knows_subject,
                        struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct memory body = {(const unsigned char *)text, size, 0};
    const struct http_upload upload = {media_type, NULL, size, memory_begin, memory_read, &body};
    struct ask ask = {.path = arena_printf(&arena, "manifests/%s", tag_or_digest),
                      .request = {.method = "PUT", .upload = &upload, .stall_s = ANSWER_SECONDS},
                      .fine = created};
    struct http_response response;
    char digest[DIGEST_SIZE];
    if (ask_often(registry, http, &arena, &ask, &response, err)) return err_wrap(err, "the manifest");
    digest_of(text, size, digest);
    if (digest_valid(response.digest) && !str_eq(response.digest, digest))
        return err_set(err, ERR_UNAVAILABLE, 0, "%s has made %s of the manifest %s", registry->host,
                       response.digest, digest);
    *ret_knows_subject = response.subject;
    return 0;
}

// The registry does not list by itself what refers to the subject: then there is a tag for it.
static int referrer_list(struct registry *registry, struct http *http, struct arena *arena,
                         const char *subject, const char *media_type, const char *text, struct err *err) {
    _cleanup_(str_finish) struct str there = {0};
    const char *tag = referrers_tag(arena, subject), *type, *digest, *index;
    bool unused, has = registry_manifest(registry, http, arena, tag, &there, &type, &digest, err) == 0;
    if (!has && err->kind != ERR_NOT_FOUND) return -1;
    if (referrers_add(arena, has ? str_get(&there) : NULL, text, media_type, &index, err)) return -1;
    return index ? manifest_put(registry, http, tag, OCI_INDEX_TYPE, index, strlen(index), &unused, err) : 0;
}

int registry_put_manifest(struct registry *registry, struct http *http, const char *tag_or_digest,
                          const char *media_type, const char *text, size_t size, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *subject = manifest_subject(&arena, text, size);
    bool listed;
    if (manifest_put(registry, http, tag_or_digest, media_type, text, size, &listed, err)) return -1;
    if (!subject || listed) return 0;
    if (referrer_list(registry, http, &arena, subject, media_type, text, err))
        return err_wrap(err, "the list of what refers to %s", subject);
    return 0;
}
