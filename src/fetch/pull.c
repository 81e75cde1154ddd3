// SPDX-License-Identifier: Apache-2.0
// A pull from the first request to the merged index: the manifest (through an index, by platform), the
// config, then the layers that the store does not have, several at a time, then the index over all of them.
#include "base/fd.h"
#include "base/str.h"
#include "fetch/documents.h"
#include "fetch/image.h"
#include "fetch/signature.h"
#include "fetch/worker.h"
#include "registry/client.h"
#include "registry/endpoint.h"

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
    bool signatures;    // hoy wants to see them
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
    pull->signatures = json_boolean(json_get(request, "signatures"));
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

// Layers

struct connection {
    struct registry *registry;
    struct http *http;
};

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

static int read_blob(void *data, const struct descriptor *blob, const struct registry_sink *sink,
                     struct err *err) {
    struct connection *connection = data;
    return registry_blob(connection->registry, connection->http, blob->digest, blob->size, sink, err);
}

static void *fetch_main(void *data) {
    struct pull *pull = data;
    _cleanup_(http_freep) struct http *http = NULL;
    const struct http_options options = {.stall_s = pull->worker->stall_s};
    struct err err = {0};
    if (http_new(&options, &http, &err)) worker_fail(pull->worker, &err);
    struct connection connection = {&pull->registry, http};
    const struct layer_source source = {read_blob, &connection, pull->registry.host};
    for (struct layer *layer; (layer = layer_next(pull));) {
        if (layer_fetch(pull->worker, &source, layer, &err)) worker_fail(pull->worker, &err);
        layer_tell_complete(pull->worker, layer);
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
    if (pull.signatures && signatures_fetch(worker, &pull.registry, pull.http, pull.manifest_digest, err))
        return -1;
    const struct image_claim claim = {
        .digest = pull.digest, .manifest_digest = pull.manifest_digest, .id = pull.manifest.config.digest};
    if (image_tell_resolved(worker, &claim)) {
        if (config_get(&pull, err)) return -1;
        layers_list(&pull.arena, &pull.manifest, &pull.config, &pull.layers);
        const char *index = layers_ask(worker, &pull.arena, &pull.layers);
        if (layers_fetch(&pull, err)) return -1;
        if (index && layers_index(worker, &pull.layers, index, err)) return -1;
    }
    worker_event(worker, "image");
    worker_event(worker, "done");
    return 0;
}
