// SPDX-License-Identifier: Apache-2.0
// A push: hoy says which parts the image has (its layers and its config), and for each how it may come to the
// registry. Of these ways the first that works is taken: it is there already; the registry takes it from
// another of its repositories; hoy makes the blob of the layer's tar; it passes through here from a registry
// that has it. Then, when all parts are there, come the manifests.
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "fetch/documents.h"
#include "fetch/feed.h"
#include "fetch/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTS_AT_ONCE 4
#define SOURCES_MAX   64
#define PROGRESS_NS   100000000

struct part {
    size_t number;
    const char *digest; // of the blob as it should be; NULL: whatever the file becomes
    uint64_t size;
    int fd; // of the file; -1
    enum layer_compression compression;
    int level;
    const char *made_digest; // what the file becomes, if that is known
    uint64_t made_size;
    bool is_blob;          // the file is: with other bytes it is of no use
    struct strings mounts; // repositories of the same registry
    struct {
        size_t *items;
        size_t count;
    } sources; // indexes: registries that may have it
};

struct push {
    struct worker *worker;
    struct arena arena;
    struct registry registry;
    struct http *http;
    struct registry *sources;
    size_t source_count;
    struct endpoints endpoints; // of the registry, and of the sources after it
    struct {
        struct part *items;
        size_t count;
    } parts;
    pthread_mutex_t lock;
    size_t next;
};

// A thread that pushes parts, and its connections.
struct pusher {
    struct push *push;
    struct http *http, *source_http;
    const struct part *part; // now
    uint64_t told_ns;
};

// What became of a part.
struct outcome {
    const char *state, *from; // "pushed", "exists", "mounted" from a repository
    char digest[DIGEST_SIZE];
    uint64_t size;
    bool made;     // compressed here
    char why[512]; // that was necessary
};

// The request

static int request_read(struct push *push, const struct json *request, struct err *err) {
    const struct json *sources = json_get(request, "sources");
    size_t count = json_length(sources);
    if (count > SOURCES_MAX) return err_set(err, ERR_INVALID, 0, "the request has too many sources");
    push->sources = arena_array(&push->arena, struct registry, count + 1);
    struct endpoint *endpoints = arena_array(&push->arena, struct endpoint, count + 1);
    push->endpoints = (struct endpoints){endpoints, count + 1};
    if (request_registry(&push->arena, request, &endpoints[0], &push->registry, err)) return -1;
    for (; push->source_count < count; push->source_count++)
        if (request_registry(&push->arena, json_at(sources, push->source_count),
                             &endpoints[push->source_count + 1], &push->sources[push->source_count], err))
            return -1;
    return 0;
}

static void part_read(struct push *push, const struct json *json, int fd) {
    struct part *part = arena_push(&push->arena, &push->parts);
    uint64_t number = 0, compression = 0, level = 0, index;
    json_u64(json_get(json, "part"), &number);
    json_u64(json_get(json, "compression"), &compression);
    json_u64(json_get(json, "level"), &level);
    *part = (struct part){.number = number,
                          .digest = arena_strdup(&push->arena, json_get_string(json, "digest")),
                          .fd = fd,
                          .compression = (enum layer_compression)compression,
                          .level = (int)level,
                          .made_digest = arena_strdup(&push->arena, json_get_string(json, "made_digest"))};
    json_u64(json_get(json, "size"), &part->size);
    json_u64(json_get(json, "made_size"), &part->made_size);
    part->is_blob = json_boolean(json_get(json, "is_blob"));
    const struct json *mounts = json_get(json, "mounts"), *sources = json_get(json, "sources");
    for (size_t i = 0; i < json_length(mounts); i++)
        strings_add(&push->arena, &part->mounts, arena_strdup(&push->arena, json_string(json_at(mounts, i))));
    for (size_t i = 0; i < json_length(sources); i++)
        if (json_u64(json_at(sources, i), &index) == 0 && index < push->source_count)
            *arena_push(&push->arena, &part->sources) = index;
}

static void parts_read(struct push *push) {
    for (;;) {
        int fd = -1;
        _cleanup_(json_freep) struct json *message = worker_receive(push->worker, &fd);
        if (!json_get(message, "part")) {
            fd_closep(&fd);
            return;
        }
        part_read(push, message, fd);
    }
}

// What hoy hears

static void tell_progress(struct feed *feed, void *data) {
    struct pusher *p = data;
    uint64_t now = clock_monotonic_ns();
    if (now - p->told_ns < PROGRESS_NS) return;
    p->told_ns = now;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "progress");
    json_put_u64(&w, "part", p->part->number);
    json_put_u64(&w, "current", feed->consumed);
    json_put_bool(&w, "file", !feed->registry);
    json_end_object(&w);
    worker_send(p->push->worker, &w);
}

static void tell_outcome(struct pusher *p, const struct outcome *outcome) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", outcome->state);
    json_put_u64(&w, "part", p->part->number);
    json_put_string(&w, "digest", outcome->digest);
    json_put_u64(&w, "size", outcome->size);
    json_put_bool(&w, "made", outcome->made);
    if (outcome->from) json_put_string(&w, "from", outcome->from);
    if (*outcome->why) json_put_string(&w, "why", outcome->why);
    json_end_object(&w);
    worker_send(p->push->worker, &w);
}

// One part. Each way: 1 when it worked, 0 when another is to be tried, -1.

static int try_there(struct pusher *p, const char *digest, uint64_t size, struct outcome *outcome,
                     struct err *err) {
    const struct part *part = p->part;
    struct registry *registry = &p->push->registry;
    int r = registry_has_blob(registry, p->http, digest, err);
    outcome->state = "exists";
    strcpy(outcome->digest, digest);
    outcome->size = size;
    for (size_t i = 0; r == 0 && i < part->mounts.count; i++) {
        r = registry_mount_blob(registry, p->http, digest, part->mounts.items[i], err);
        outcome->state = "mounted";
        outcome->from = part->mounts.items[i];
    }
    if (r == 1) return 1;
    outcome->from = NULL;
    return r;
}

// digest NULL: whatever it becomes.
static int send_file(struct pusher *p, const char *digest, struct outcome *outcome, struct err *err) {
    const struct part *part = p->part;
    _cleanup_(feed_finish) struct feed feed = {.fd = part->fd,
                                               .compression = part->compression,
                                               .level = part->level,
                                               .digest = digest,
                                               .size = part->made_size,
                                               .progress = tell_progress,
                                               .data = p};
    const struct blob_source source = feed_source(&feed);
    struct registry *registry = &p->push->registry;
    int r = digest ? registry_put_blob(registry, p->http, digest, part->made_size, &source, err)
                   : registry_put_unknown_blob(registry, p->http, &source, err);
    if (r) return digest && feed.failed ? 0 : -1; // another version of the compressor made it
    outcome->state = "pushed";
    outcome->made = true;
    outcome->size = digest ? part->made_size : feed.produced;
    strcpy(outcome->digest, digest ? digest : feed.made);
    return 1;
}

static int send_through(struct pusher *p, struct registry *from, struct outcome *outcome, struct err *err) {
    const struct part *part = p->part;
    struct err why;
    int has = registry_has_blob(from, p->source_http, part->digest, &why);
    if (has <= 0) {
        if (has == 0) err_set(&why, ERR_NOT_FOUND, 0, "%s does not have it any more", from->host);
        snprintf(outcome->why, sizeof outcome->why, "%s", why.text);
        return 0;
    }
    _cleanup_(feed_finish) struct feed feed = {.fd = -1,
                                               .registry = from,
                                               .http = p->source_http,
                                               .digest = part->digest,
                                               .size = part->size,
                                               .progress = tell_progress,
                                               .data = p};
    const struct blob_source source = feed_source(&feed);
    outcome->state = "pushed";
    strcpy(outcome->digest, part->digest);
    outcome->size = part->size;
    if (!registry_put_blob(&p->push->registry, p->http, part->digest, part->size, &source, err)) return 1;
    if (!feed.failed) return -1;
    snprintf(outcome->why, sizeof outcome->why, "%s", err->text);
    return 0;
}

// What hoy's compressor makes of the file.
static int try_file(struct pusher *p, struct outcome *outcome, struct err *err) {
    const struct part *part = p->part;
    int r = 0;
    if (part->made_digest) {
        r = try_there(p, part->made_digest, part->made_size, outcome, err);
        if (!r) r = send_file(p, part->made_digest, outcome, err);
    }
    return r ? r : send_file(p, NULL, outcome, err);
}

static int try_ways(struct pusher *p, struct outcome *outcome, struct err *err) {
    const struct part *part = p->part;
    bool exact = str_eq(part->digest, part->made_digest) && part->fd >= 0;
    int r = part->digest ? try_there(p, part->digest, part->size, outcome, err) : 0;
    if (!r && exact) r = send_file(p, part->digest, outcome, err);
    for (size_t i = 0; !r && part->digest && i < part->sources.count; i++)
        r = send_through(p, &p->push->sources[part->sources.items[i]], outcome, err);
    if (r) return r;
    if (part->is_blob)
        return err_set(err, ERR_SYSTEM, 0,
                       "the blob that was kept is damaged: hoy image verify --repair fetches it again");
    if (part->fd >= 0) return exact ? send_file(p, NULL, outcome, err) : try_file(p, outcome, err);
    return err_set(err, ERR_UNAVAILABLE, 0, "it is not kept as a file here, and no registry gives it%s%s",
                   *outcome->why ? ": " : "", outcome->why);
}

static int part_push(struct pusher *p, struct err *err) {
    struct outcome outcome = {0};
    if (try_ways(p, &outcome, err) < 0) {
        if (err->kind == ERR_UNAUTHORIZED || !p->part->digest) return -1;
        return err_wrap(err, "%.19s", p->part->digest);
    }
    tell_outcome(p, &outcome);
    return 0;
}

// All of it

static const struct part *part_next(struct push *push) {
    pthread_mutex_lock(&push->lock);
    const struct part *part = push->next < push->parts.count ? &push->parts.items[push->next++] : NULL;
    pthread_mutex_unlock(&push->lock);
    return part;
}

static void *push_main(void *data) {
    struct pusher p = {.push = data};
    struct worker *worker = p.push->worker;
    const struct http_options options = {.stall_s = worker->stall_s, .known = &p.push->endpoints};
    struct err err = {0};
    if (http_new(&options, &p.http, &err) || http_new(&options, &p.source_http, &err))
        worker_fail(worker, &err);
    while ((p.part = part_next(p.push)))
        if (part_push(&p, &err)) worker_fail(worker, &err);
    http_freep(&p.http);
    http_freep(&p.source_http);
    return NULL;
}

static int parts_push(struct push *push, struct err *err) {
    pthread_t threads[PARTS_AT_ONCE];
    size_t count = 0;
    for (; count < PARTS_AT_ONCE && count < push->parts.count; count++) {
        int r = pthread_create(&threads[count], NULL, push_main, push);
        if (r) return err_set(err, ERR_SYSTEM, r, "can't start a thread");
    }
    for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
    return 0;
}

// As many as hoy sends: under tags, or under their digests.
static int manifests_push(struct push *push, struct err *err) {
    for (;;) {
        _cleanup_(fd_closep) int fd = -1;
        _cleanup_(json_freep) struct json *message = worker_receive(push->worker, &fd);
        _cleanup_(freep) char *text = NULL;
        const char *under = json_get_string(message, "manifest"), *type = json_get_string(message, "type");
        if (!under || !type || fd < 0) return 0;
        off_t size = lseek(fd, 0, SEEK_END);
        if (size < 0 || size > IMAGE_DOCUMENT_MAX)
            return err_set(err, ERR_INVALID, 0, "the manifest is larger than 4 MiB");
        text = xmalloc((size_t)size + 1);
        text[size] = 0;
        if (pread(fd, text, (size_t)size, 0) != size)
            return err_set(err, ERR_SYSTEM, errno, "can't read the manifest");
        if (registry_put_manifest(&push->registry, push->http, under, type, text, (size_t)size, err))
            return -1;
    }
}

int push_run(struct worker *worker, const struct json *request, struct err *err) {
    struct push push = {.worker = worker, .lock = PTHREAD_MUTEX_INITIALIZER};
    const struct http_options options = {.stall_s = worker->stall_s, .known = &push.endpoints};
    if (request_read(&push, request, err) || http_new(&options, &push.http, err)) return -1;
    parts_read(&push);
    if (registry_ping(&push.registry, push.http, err) || parts_push(&push, err)) return -1;
    worker_event(worker, "parts");
    if (manifests_push(&push, err)) return -1;
    worker_event(worker, "done");
    return 0;
}
