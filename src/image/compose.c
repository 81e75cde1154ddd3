// SPDX-License-Identifier: Apache-2.0
#include "image/compose.h"

#include "base/fd.h"
#include "image/blob.h"
#include "image/event.h"
#include "image/fetcher.h"
#include "image/pull.h"
#include "oci/image_write.h"
#include "oci/manifest_edit.h"
#include "registry/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int compose_start(struct compose *compose, struct err *err) {
    return image_clean_staging(compose->store, err) || staging_make(compose->store, &compose->staging, err)
               ? -1
               : 0;
}

void compose_finish(struct compose *compose) {
    staging_remove(&compose->staging);
    arena_finish(&compose->arena);
}

static const char *tar_name(struct compose *compose, const char *diff_id) {
    return arena_printf(&compose->arena, "%s.tar", digest_hex(diff_id));
}

int compose_take_layer(struct compose *compose, const char *diff_id, uint64_t size, struct err *err) {
    if (!digest_valid(diff_id)) return err_set(err, ERR_SYSTEM, 0, "hoy-fetch did not say what it wrote");
    int staging = compose->staging.fd;
    compose->diff_id = arena_strdup(&compose->arena, diff_id);
    compose->size = size;
    return renameat(staging, STAGED_TAR, staging, tar_name(compose, diff_id))
               ? err_set(err, ERR_SYSTEM, errno, "can't name the staged layer")
               : 0;
}

int compose_set_config(struct compose *compose, const char *text, struct err *err) {
    compose->config_text = text;
    digest_of(text, strlen(text), compose->id);
    return image_config_parse(&compose->arena, text, strlen(text), &compose->config, err);
}

// The manifest

// Docker's types of layers by their OCI names: a manifest has those of one family.
static const char *layer_type(const char *type) {
    enum layer_compression compression;
    if (!str_has_prefix(type, "application/vnd.docker.") || layer_compression_of(type, &compression))
        return type;
    return layer_media_type(OCI_MANIFEST_TYPE, compression);
}

static int list_layers(struct compose *compose, struct descriptors *layers, struct err *err) {
    struct arena *arena = &compose->arena;
    const struct image *parent = compose->parent;
    struct manifest manifest = {0};
    if (parent &&
        manifest_parse(arena, parent->manifest, strlen(parent->manifest), parent->media_type, &manifest, err))
        return err_wrap(err, "image %.19s", parent->id);
    for (size_t i = 0; i < manifest.layers.count; i++) {
        const struct descriptor *layer = &manifest.layers.items[i];
        *arena_push(arena, layers) = (struct descriptor){
            .media_type = layer_type(layer->media_type), .digest = layer->digest, .size = layer->size};
    }
    if (compose->diff_id)
        *arena_push(arena, layers) = (struct descriptor){
            .media_type = OCI_LAYER_TYPE, .digest = compose->diff_id, .size = compose->size};
    if (layers->count != compose->config.diff_ids.count)
        return err_set(err, ERR_INVALID, 0, "the image has %zu layers, its config %zu", layers->count,
                       compose->config.diff_ids.count);
    if (layers->count <= IMAGE_LAYERS_MAX) return 0;
    return err_set(err, ERR_INVALID, 0, "the image would have more than %d layers", IMAGE_LAYERS_MAX);
}

static int make_manifest(struct compose *compose, struct commit *c, struct manifest *manifest,
                         struct err *err) {
    struct descriptors layers = {0};
    const struct descriptor config = {
        .media_type = OCI_CONFIG_TYPE, .digest = compose->id, .size = strlen(compose->config_text)};
    char *digest = arena_alloc(&compose->arena, DIGEST_SIZE);
    if (list_layers(compose, &layers, err)) return -1;
    c->manifest_text = manifest_write(&compose->arena, &config, &layers);
    size_t size = strlen(c->manifest_text);
    digest_of(c->manifest_text, size, digest);
    c->manifest_digest = digest;
    c->manifest = manifest;
    return manifest_parse(&compose->arena, c->manifest_text, size, OCI_MANIFEST_TYPE, manifest, err);
}

// The index

static int find_have(struct compose *compose, bool *have, struct err *err) {
    const struct strings *ids = &compose->config.diff_ids;
    for (size_t i = 0; i < ids->count; i++) {
        _cleanup_(fd_closep) int fd = -1;
        int r = store_layer_open(compose->store, ids->items[i], &fd, err);
        if (r < 0) return -1;
        bool is_new = str_eq(ids->items[i], compose->diff_id);
        have[i] = r > 0 && !(is_new && compose->again);
        if (have[i] || is_new) continue;
        return err_set(err, ERR_SYSTEM, 0, "layer %.19s is not in %s: remove its images and pull them again",
                       ids->items[i], compose->store->root);
    }
    return 0;
}

// The `dir` driver: the new layer's tar can't be made again; of the parent's blobs those that are kept.
static int find_blobs(struct compose *compose, const struct manifest *manifest, enum commit_blob *blobs,
                      struct err *err) {
    for (size_t i = 0; i < manifest->layers.count; i++) {
        const char *digest = manifest->layers.items[i].digest;
        _cleanup_(fd_closep) int fd = -1;
        int r = blob_open(compose->store, digest, &fd, err);
        if (r < 0) return -1;
        blobs[i] = r ? BLOB_IN_STORE : str_eq(digest, compose->diff_id) ? BLOB_STAGED : BLOB_NOT_KEPT;
    }
    return 0;
}

static int send_layers(struct compose *compose, struct fetcher *fetcher, const bool *have, struct err *err) {
    const struct strings *ids = &compose->config.diff_ids;
    for (size_t i = 0; i < ids->count; i++) {
        _cleanup_(fd_closep) int fd = -1;
        if (!have[i])
            fd = fd_open_at(compose->staging.fd, tar_name(compose, ids->items[i]), O_RDONLY | O_NOFOLLOW, 0);
        else if (store_layer_open(compose->store, ids->items[i], &fd, err) < 0)
            return -1;
        if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "can't open layer %.19s", ids->items[i]);
        if (fetcher_say(fetcher, "diff_id", ids->items[i], fd, err)) return -1;
    }
    return 0;
}

static int converse(struct compose *compose, struct fetcher *fetcher, const bool *have, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "driver", compose->store->driver);
    json_put_u64(&w, "layers", compose->config.diff_ids.count);
    json_end_object(&w);
    return fetcher_send(fetcher, &w, -1, err) || send_layers(compose, fetcher, have, err) ||
                   fetcher_last(fetcher, NULL, err)
               ? -1
               : 0;
}

static int make_index(struct compose *compose, const bool *have, struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    return staging_fetch(&compose->staging, &fetcher, "import", err) || converse(compose, &fetcher, have, err)
               ? -1
               : 0;
}

static bool store_has_index(struct compose *compose) {
    const struct strings *ids = &compose->config.diff_ids;
    char chain[DIGEST_SIZE];
    chain_id(ids, ids->count, chain);
    const char *path = arena_printf(&compose->arena, "images/%s", digest_hex(chain));
    return !faccessat(compose->store->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

int compose_commit(struct compose *compose, struct err *err) {
    struct manifest manifest;
    bool have[IMAGE_LAYERS_MAX] = {false}, erofs = str_eq(compose->store->driver, "erofs");
    enum commit_blob blobs[IMAGE_LAYERS_MAX] = {0};
    struct commit c = {.store = compose->store,
                       .staging = &compose->staging,
                       .id = compose->id,
                       .config_text = compose->config_text,
                       .config = &compose->config,
                       .have = have,
                       .blobs = erofs ? NULL : blobs,
                       .name = compose->name};
    if (make_manifest(compose, &c, &manifest, err) || find_have(compose, have, err)) return -1;
    if (!erofs && find_blobs(compose, &manifest, blobs, err)) return -1;
    if (erofs && (compose->again || !store_has_index(compose))) {
        if (!compose->indexed && make_index(compose, have, err)) return -1;
        c.index = STAGED_EROFS;
    }
    if (commit_image(&c, err)) return -1;
    if (compose->name)
        image_event(compose->store, "tag", compose->id, image_familiar(&compose->arena, compose->name),
                    &compose->config);
    return 0;
}
