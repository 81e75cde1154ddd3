// SPDX-License-Identifier: Apache-2.0
// A pull from the first request to the merged index: the manifest (through an index, by platform), the
// config, then the layers that the store does not have, several at a time, then the index over all of them.
#include "base/fd.h"
#include "base/str.h"
#include "fetch/documents.h"
#include "fetch/image.h"
#include "fetch/worker.h"
#include "registry/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAYERS_AT_ONCE 3

struct pull {
    struct worker *worker;
    struct arena arena;
    struct registry registry;
    struct http *http;
    struct platform platform;
    const char *wanted; // a tag or a digest
    const char *digest, *manifest_digest;
    struct manifest manifest;
    struct image_config config;
    struct layers layers;
    pthread_mutex_t lock;
    size_t next; // layer to fetch
};

// The request

static int request_read(struct pull *pull, const struct json *request, struct err *err) {
    const struct json *p = json_get(request, "platform");
    struct arena *arena = &pull->arena;
    pull->wanted = arena_strdup(arena, json_get_string(request, "wanted"));
    pull->platform =
        (struct platform){.os = arena_strdup(arena, json_get_string(p, "os")),
                          .architecture = arena_strdup(arena, json_get_string(p, "architecture")),
                          .variant = arena_strdup(arena, json_get_string(p, "variant"))};
    if (!pull->wanted) return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    return request_registry(arena, request, &pull->registry, err);
}

static const char *platform_text(struct pull *pull) {
    const struct platform *p = &pull->platform;
    return arena_printf(&pull->arena, "%s/%s%s%s", p->os, p->architecture, p->variant ? "/" : "",
                        p->variant ? p->variant : "");
}

static int no_platform(struct pull *pull, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, 0, "no matching manifest for %s in the manifest list entries of %s",
                   platform_text(pull), pull->registry.name);
}

// Documents

static int manifest_get(struct pull *pull, const char *wanted, uint64_t size, const char *file,
                        const char **ret_digest, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    const char *type;
    if (registry_manifest(&pull->registry, pull->http, &pull->arena, wanted, &text, &type, ret_digest, err))
        return -1;
    if (size && size != text.len)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s sent a manifest of %zu bytes, the index says %llu",
                       pull->registry.host, text.len, (unsigned long long)size);
    if (manifest_parse(&pull->arena, text.data, text.len, type, &pull->manifest, err)) return -1;
    if (!file) file = pull->manifest.is_index ? STAGED_INDEX_DOCUMENT : STAGED_MANIFEST;
    return worker_write(pull->worker, file, text.data, text.len, err);
}

static int manifest_resolve(struct pull *pull, struct err *err) {
    if (manifest_get(pull, pull->wanted, 0, NULL, &pull->digest, err)) return -1;
    pull->manifest_digest = pull->digest;
    if (!pull->manifest.is_index) return 0;
    const struct descriptor *chosen = index_choose(&pull->manifest, &pull->platform);
    if (!chosen) return no_platform(pull, err);
    if (manifest_get(pull, chosen->digest, chosen->size, STAGED_MANIFEST, &pull->manifest_digest, err))
        return -1;
    if (pull->manifest.is_index)
        return err_set(err, ERR_INVALID, 0, "the index leads to another index, which hoy does not follow");
    return 0;
}

static bool platform_fits(const struct pull *pull) {
    const struct image_config *c = &pull->config;
    return !c->os || !c->architecture ||
           (str_eq(c->os, pull->platform.os) && str_eq(c->architecture, pull->platform.architecture));
}

static int config_get(struct pull *pull, struct err *err) {
    if (config_fetch(pull->worker, &pull->registry, pull->http, &pull->arena, &pull->manifest.config,
                     &pull->config, err))
        return -1;
    if (pull->config.diff_ids.count != pull->manifest.layers.count)
        return err_set(err, ERR_INVALID, 0, "the image's manifest has %zu layers, its config %zu",
                       pull->manifest.layers.count, pull->config.diff_ids.count);
    if (!platform_fits(pull))
        return err_set(
            err, ERR_NOT_FOUND, 0,
            "image with reference %s was found but does not match the specified platform: wanted %s, "
            "actual: %s/%s",
            pull->registry.name, platform_text(pull), pull->config.os, pull->config.architecture);
    return 0;
}

// What hoy says

// false: the store has this image already.
static bool tell_resolved(struct pull *pull) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "resolved");
    json_put_string(&w, "digest", pull->digest);
    json_put_string(&w, "manifest", pull->manifest_digest);
    json_put_string(&w, "image", pull->manifest.config.digest);
    json_end_object(&w);
    worker_send(pull->worker, &w);
    int fd = -1;
    _cleanup_(json_freep) struct json *answer = worker_receive(pull->worker, &fd);
    fd_closep(&fd);
    return str_eq(json_get_string(answer, "answer"), "go");
}

static void layers_prepare(struct pull *pull) {
    struct layers *layers = &pull->layers;
    for (size_t i = 0; i < pull->manifest.layers.count; i++) {
        struct layer *layer = arena_push(&pull->arena, layers);
        *layer = (struct layer){.blob = &pull->manifest.layers.items[i],
                                .diff_id = pull->config.diff_ids.items[i],
                                .number = i,
                                .have_fd = -1};
        for (size_t j = 0; j < i && !layer->repeated; j++)
            layer->repeated = str_eq(layers->items[j].diff_id, layer->diff_id);
    }
}

static void set_have(struct layers *layers, const char *diff_id, int fd) {
    for (size_t i = 0; i < layers->count; i++)
        if (str_eq(layers->items[i].diff_id, diff_id) && layers->items[i].have_fd < 0)
            layers->items[i].have_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

// Which layers the store has. Returns whether the merged index is wanted.
static bool ask_layers(struct pull *pull) {
    worker_event(pull->worker, "layers");
    for (;;) {
        _cleanup_(fd_closep) int fd = -1;
        _cleanup_(json_freep) struct json *answer = worker_receive(pull->worker, &fd);
        const char *diff_id = json_get_string(answer, "diff_id");
        if (!diff_id) return json_boolean(json_get(answer, "index"));
        set_have(&pull->layers, diff_id, fd);
    }
}

// Layers

static struct layer *layer_next(struct pull *pull) {
    pthread_mutex_lock(&pull->lock);
    struct layer *layer = NULL;
    while (!layer && pull->next < pull->layers.count) {
        layer = &pull->layers.items[pull->next++];
        if (layer->have_fd >= 0 || layer->repeated) layer = NULL;
    }
    pthread_mutex_unlock(&pull->lock);
    return layer;
}

static void tell_complete(struct worker *worker, const struct layer *layer) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "complete");
    json_put_u64(&w, "layer", layer->number);
    json_end_object(&w);
    worker_send(worker, &w);
}

static void *fetch_main(void *data) {
    struct pull *pull = data;
    _cleanup_(http_freep) struct http *http = NULL;
    const struct http_options options = {.stall_s = pull->worker->stall_s};
    struct err err = {0};
    if (http_new(&options, &http, &err)) worker_fail(pull->worker, &err);
    for (struct layer *layer; (layer = layer_next(pull));) {
        if (layer_fetch(pull->worker, &pull->registry, http, layer, &err)) worker_fail(pull->worker, &err);
        tell_complete(pull->worker, layer);
    }
    return NULL;
}

static int layers_fetch(struct pull *pull, struct err *err) {
    pthread_t threads[LAYERS_AT_ONCE];
    size_t missing = 0, count = 0;
    for (size_t i = 0; i < pull->layers.count; i++)
        missing += pull->layers.items[i].have_fd < 0 && !pull->layers.items[i].repeated;
    for (; count < LAYERS_AT_ONCE && count < missing; count++) {
        int r = pthread_create(&threads[count], NULL, fetch_main, pull);
        if (r) return err_set(err, ERR_SYSTEM, r, "can't start a thread");
    }
    for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
    return 0;
}

int pull_run(struct worker *worker, const struct json *request, struct err *err) {
    struct pull pull = {.worker = worker, .lock = PTHREAD_MUTEX_INITIALIZER};
    const struct http_options options = {.stall_s = worker->stall_s};
    if (request_read(&pull, request, err) || http_new(&options, &pull.http, err)) return -1;
    if (manifest_resolve(&pull, err)) return -1;
    if (tell_resolved(&pull)) {
        if (config_get(&pull, err)) return -1;
        layers_prepare(&pull);
        bool index = ask_layers(&pull);
        if (layers_fetch(&pull, err)) return -1;
        if (index && layers_index(worker, &pull.layers, err)) return -1;
    }
    worker_event(worker, "done");
    return 0;
}
