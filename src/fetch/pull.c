// SPDX-License-Identifier: Apache-2.0
// A pull from the first request to the merged index: the manifest (through an index, by platform) from the
// first of the registry's mirrors that has it, or from itself; the config, and meanwhile the first bytes of
// the layers; then the layers that the store does not have, several at a time, then the index over all of
// them.
#include "base/fd.h"
#include "base/str.h"
#include "fetch/documents.h"
#include "fetch/early.h"
#include "fetch/image.h"
#include "fetch/ranges.h"
#include "fetch/signature.h"
#include "fetch/source.h"
#include "fetch/worker.h"
#include "registry/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAYERS_AT_ONCE 3
#define DOCUMENTS_MAX  16 // manifests on the way from an index to the image

// What one thread asks with.
struct lane {
    struct pull *pull;
    struct http *http;
};

// To one of the image's sources.
struct connection {
    struct lane *lane;
    struct registry *registry;
};

// A layer that is asked for before the config is there.
struct early_lane {
    struct lane lane;
    struct connection connection;
    struct early early;
};

struct pull {
    struct worker *worker;
    struct arena arena;
    struct endpoints endpoints;
    struct sources sources; // the first of them has the manifest
    struct http *http;
    struct platform platform;
    bool platform_asked; // by the user; else it is the host's
    const char *name;    // as the user knows it
    const char *wanted;  // a tag or a digest
    bool signatures;     // hoy wants to see them
    const char *digest, *manifest_digest;
    struct strings indexes;  // that the first one led through
    unsigned documents_left; // how many manifests may still be looked at
    struct manifest manifest;
    struct image_config config;
    struct layers layers;
    struct ranges_pool ranges;
    struct early_lane early[LAYERS_AT_ONCE];
    size_t early_count;
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
    pull->platform_asked = json_boolean(json_get(request, "platform_asked"));
    pull->name = arena_strdup(arena, json_get_string(request, "name"));
    if (!pull->name || !pull->wanted) return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    return sources_read(arena, request, pull->name, &pull->endpoints, &pull->sources, err);
}

static const char *platform_text(struct pull *pull) {
    const struct platform *p = &pull->platform;
    return arena_printf(&pull->arena, "%s/%s%s%s", p->os, p->architecture, p->variant ? "/" : "",
                        p->variant ? p->variant : "");
}

static int no_platform(struct pull *pull, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, 0, "no matching manifest for %s in the manifest list entries of %s",
                   platform_text(pull), pull->name);
}

// Documents

// It is what the index calls it: who looks at the index alone (a scanner, a policy) sees the same.
static int entry_check(const struct registry *registry, const struct descriptor *entry,
                       const struct manifest *manifest, size_t size, struct err *err) {
    if (entry->size != size)
        return err_set(err, ERR_UNAVAILABLE, 0, "%s sent a manifest of %zu bytes, the index says %llu",
                       registry->host, size, (unsigned long long)entry->size);
    if (!str_eq(manifest->media_type, entry->media_type))
        return err_set(err, ERR_INVALID, 0,
                       "manifest %.19s is invalid: it is of type %s, the index says %.100s", entry->digest,
                       manifest->media_type, entry->media_type);
    return 0;
}

// Into pull->manifest, and into the staging directory. entry: of the index that leads to it, or NULL.
static int manifest_get(struct pull *pull, const char *wanted, const struct descriptor *entry,
                        const char **ret_digest, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    const char *type, *file = STAGED_MANIFEST;
    struct registry *registry = pull->sources.items;
    bool first = !pull->digest;
    if (registry_manifest(registry, pull->http, &pull->arena, wanted, &text, &type, ret_digest, err))
        return -1;
    if (manifest_parse(&pull->arena, text.data, text.len, type, &pull->manifest, err) ||
        (entry && entry_check(registry, entry, &pull->manifest, text.len, err)))
        return -1;
    if (pull->manifest.is_index)
        file = first ? STAGED_INDEX_DOCUMENT
                     : arena_printf(&pull->arena, STAGED_INDEX_FORMAT, pull->indexes.count + 1);
    return worker_write(pull->worker, file, text.data, text.len, err);
}

static int index_resolve(struct pull *pull, struct err *err);

static int index_enter(struct pull *pull, const struct descriptor *chosen, struct err *err) {
    const char *digest;
    if (!pull->documents_left-- || pull->indexes.count == INDEX_DEPTH_MAX)
        return err_set(err, ERR_INVALID, 0, "the index leads to too many other indexes");
    if (manifest_get(pull, chosen->digest, chosen, &digest, err)) return -1;
    if (!pull->manifest.is_index) return pull->manifest_digest = digest, 0;
    strings_add(&pull->arena, &pull->indexes, digest);
    if (index_resolve(pull, err) == 0) return 0;
    pull->indexes.count--;
    return -1;
}

// The manifest for the platform, or the first index with one.
static int index_resolve(struct pull *pull, struct err *err) {
    const struct manifest index = pull->manifest;
    const struct descriptor *chosen = index_choose(&index, &pull->platform);
    if (chosen) return index_enter(pull, chosen, err);
    for (size_t i = 0; i < index.manifests.count; i++) {
        if (!descriptor_is_any_index(&index.manifests.items[i])) continue;
        int r = index_enter(pull, &index.manifests.items[i], err);
        if (r == 0 || err->kind != ERR_NOT_FOUND) return r;
    }
    return no_platform(pull, err);
}

static int manifest_resolve(struct pull *pull, struct err *err) {
    pull->digest = NULL;
    pull->indexes.count = 0;
    pull->documents_left = DOCUMENTS_MAX;
    if (manifest_get(pull, pull->wanted, NULL, &pull->digest, err)) return -1;
    pull->manifest_digest = pull->digest;
    return pull->manifest.is_index ? index_resolve(pull, err) : 0;
}

// From a mirror on to the next, whatever it lacks; what is said in the end is the registry's own word.
static int source_choose(struct pull *pull, struct err *err) {
    for (;;) {
        int r = manifest_resolve(pull, err);
        if (r == 0 || pull->sources.count == 1) return r;
        pull->sources.items++, pull->sources.count--;
    }
}

// Where no platform is asked for, what is in no index is taken as it is, as Docker does.
static bool platform_fits(const struct pull *pull) {
    const struct image_config *c = &pull->config;
    if (!pull->platform_asked && str_eq(pull->digest, pull->manifest_digest)) return true;
    return !c->os || !c->architecture ||
           (str_eq(c->os, pull->platform.os) && str_eq(c->architecture, pull->platform.architecture));
}

static int config_get(struct pull *pull, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    int r = -1;
    for (size_t i = 0; r && i < pull->sources.count; i++)
        r = config_fetch(&pull->sources.items[i], pull->http, &pull->manifest.config, &text, err);
    if (r) return -1;
    if (image_config_parse(&pull->arena, str_get(&text), text.len, &pull->config, err)) return -1;
    if (pull->config.diff_ids.count != pull->manifest.layers.count)
        return err_set(err, ERR_INVALID, 0, "the image's manifest has %zu layers, its config %zu",
                       pull->manifest.layers.count, pull->config.diff_ids.count);
    if (!platform_fits(pull))
        return err_set(
            err, ERR_NOT_FOUND, 0,
            "image with reference %s was found but does not match the specified platform: wanted %s, "
            "actual: %s/%s",
            pull->name, platform_text(pull), pull->config.os, pull->config.architecture);
    return worker_write(pull->worker, STAGED_CONFIG, text.data, text.len, err);
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

// Bytes on their way through, and whether there were any.
struct passing {
    const struct registry_sink *sink;
    bool any;
};

static int pass(const void *bytes, size_t size, void *data, struct err *err) {
    struct passing *passing = data;
    passing->any = true;
    return passing->sink->body(bytes, size, passing->sink->data, err);
}

// A foreign layer: the registry may have it all the same; if not, the manifest says who has.
static int ask_blob(void *data, const struct descriptor *blob, const struct registry_sink *sink,
                    struct err *err) {
    struct connection *c = data;
    struct http *http = c->lane->http;
    struct passing passing = {.sink = sink};
    struct registry_sink through = *sink;
    through.body = pass;
    through.data = &passing;
    int r = ranges_read(&c->lane->pull->ranges, c->registry, http, blob, &through, err);
    bool elsewhere = r < 0 && err->kind == ERR_NOT_FOUND;
    for (size_t i = 0; elsewhere && r && !passing.any && i < blob->urls.count; i++)
        r = registry_foreign_blob(c->registry, http, blob->urls.items[i], blob->size, &through, err);
    return r;
}

static struct early_lane *early_lane_of(struct pull *pull, const struct registry *registry,
                                        const struct descriptor *blob) {
    for (size_t i = 0; i < pull->early_count; i++) {
        struct early_lane *e = &pull->early[i];
        if (e->early.blob == blob && e->connection.registry == registry) return e;
    }
    return NULL;
}

static int read_blob(void *data, const struct descriptor *blob, const struct registry_sink *sink,
                     struct err *err) {
    struct connection *c = data;
    struct early_lane *e = early_lane_of(c->lane->pull, c->registry, blob);
    if (!e || e->early.over || sink->have || sink->in_one) return ask_blob(c, blob, sink, err);
    int r = early_read(&e->early, sink, err);
    // Its connection is there, for the next layer.
    struct http *unused = c->lane->http;
    c->lane->http = e->lane.http;
    e->lane.http = unused;
    return r;
}

static int lane_init(struct lane *lane, struct pull *pull, struct err *err) {
    *lane = (struct lane){.pull = pull};
    return http_new(&pull->ranges.options, &lane->http, err);
}

static void *fetch_main(void *data) {
    struct pull *pull = data;
    struct lane lane;
    struct err err = {0};
    if (lane_init(&lane, pull, &err)) worker_fail(pull->worker, &err);
    size_t count = pull->sources.count;
    _cleanup_(freep) struct connection *connections = xmalloc(count * sizeof *connections);
    _cleanup_(freep) struct layer_source *sources = xmalloc(count * sizeof *sources);
    for (size_t i = 0; i < count; i++) {
        connections[i] = (struct connection){&lane, &pull->sources.items[i]};
        sources[i] = (struct layer_source){read_blob, &connections[i], pull->sources.items[i].host};
    }
    for (struct layer *layer; (layer = layer_next(pull));) {
        if (layer_fetch(pull->worker, sources, count, layer, &err)) worker_fail(pull->worker, &err);
        layer_tell_complete(pull->worker, layer);
    }
    http_freep(&lane.http);
    return NULL;
}

// Of the layers that hoy lacks the first ones. What can't begin now begins later.
static void early_lanes_begin(struct pull *pull, const bool *missing) {
    const struct descriptors *layers = &pull->manifest.layers;
    struct err ignored;
    for (size_t i = 0; i < layers->count && pull->early_count < LAYERS_AT_ONCE; i++) {
        struct early_lane *e = &pull->early[pull->early_count];
        if (!missing[i] || lane_init(&e->lane, pull, &ignored)) continue;
        e->connection = (struct connection){&e->lane, pull->sources.items};
        const struct layer_source source = {ask_blob, &e->connection, pull->sources.items->host};
        if (early_begin(&e->early, &source, &layers->items[i]))
            http_freep(&e->lane.http);
        else
            pull->early_count++;
    }
}

static void early_lanes_end(struct pull *pull) {
    for (size_t i = 0; i < pull->early_count; i++) {
        early_end(&pull->early[i].early);
        http_freep(&pull->early[i].lane.http);
    }
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
    early_lanes_end(pull);
    return 0;
}

int pull_run(struct worker *worker, const struct json *request, struct err *err) {
    struct pull pull = {.worker = worker, .lock = PTHREAD_MUTEX_INITIALIZER};
    const struct http_options options = {.stall_s = worker->stall_s, .known = &pull.endpoints};
    if (request_read(&pull, request, err) || http_new(&options, &pull.http, err)) return -1;
    if (source_choose(&pull, err) || layers_check(worker, &pull.manifest, err)) return -1;
    if (pull.signatures && signatures_fetch(worker, pull.sources.items, pull.http, pull.manifest_digest, err))
        return -1;
    const struct image_claim claim = {.digest = pull.digest,
                                      .manifest_digest = pull.manifest_digest,
                                      .id = pull.manifest.config.digest,
                                      .indexes = &pull.indexes};
    bool *missing = arena_array(&pull.arena, bool, pull.manifest.layers.count + 1);
    pull.ranges.options = options;
    atomic_init(&pull.ranges.spare, RANGES_SPARE);
    if (image_tell_resolved(worker, &claim, pull.manifest.layers.count, missing)) {
        early_lanes_begin(&pull, missing);
        if (config_get(&pull, err)) worker_fail(worker, err); // at once: threads use all of this
        layers_list(&pull.arena, &pull.manifest, &pull.config, &pull.layers);
        const char *index = layers_ask(worker, &pull.arena, &pull.layers);
        if (layers_fetch(&pull, err)) worker_fail(worker, err);
        if (index && layers_index(worker, &pull.layers, index, err)) return -1;
    }
    worker_event(worker, "image");
    worker_event(worker, "done");
    return 0;
}
