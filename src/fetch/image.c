// SPDX-License-Identifier: Apache-2.0
#include "fetch/image.h"

#include "base/fd.h"
#include "unpack/erofs.h"
#include "unpack/mount_points.h"

#include <errno.h>
#include <string.h>

#define DEVICE_BLOCK 512

int layers_check(const struct worker *worker, const struct manifest *manifest, struct err *err) {
    for (size_t i = 0; i < manifest->layers.count; i++)
        if (layer_check(worker, &manifest->layers.items[i], err))
            return err_wrap(err, "layer %.19s", manifest->layers.items[i].digest);
    return 0;
}

void layers_list(struct arena *arena, const struct manifest *manifest, const struct image_config *config,
                 struct layers *ret_layers) {
    struct layers layers = {0};
    for (size_t i = 0; i < manifest->layers.count; i++) {
        struct layer *layer = arena_push(arena, &layers);
        *layer = (struct layer){.blob = &manifest->layers.items[i],
                                .diff_id = config->diff_ids.items[i],
                                .number = i,
                                .have_fd = -1};
        for (size_t j = 0; j < i && !layer->repeated; j++)
            layer->repeated = str_eq(layers.items[j].diff_id, layer->diff_id);
    }
    *ret_layers = layers;
}

// What hoy says

static void put_list(struct json_writer *w, const char *key, const struct strings *list) {
    json_begin_array(w, key);
    for (size_t i = 0; list && i < list->count; i++) json_put_string(w, NULL, list->items[i]);
    json_end_array(w);
}

bool image_tell_resolved(struct worker *worker, const struct image_claim *claim, size_t count,
                         bool *missing) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "resolved");
    json_put_string(&w, "digest", claim->digest);
    json_put_string(&w, "manifest", claim->manifest_digest);
    json_put_string(&w, "image", claim->id);
    put_list(&w, "names", claim->names);
    put_list(&w, "indexes", claim->indexes);
    json_end_object(&w);
    worker_send(worker, &w);
    _cleanup_(fd_closep) int fd = -1;
    _cleanup_(json_freep) struct json *answer = worker_receive(worker, &fd);
    for (size_t i = 0; missing && i < count; i++)
        missing[i] = json_boolean(json_at(json_get(answer, "missing"), i));
    return str_eq(json_get_string(answer, "answer"), "go");
}

static void set_have(struct layers *layers, const char *diff_id, int fd) {
    for (size_t i = 0; i < layers->count; i++)
        if (str_eq(layers->items[i].diff_id, diff_id) && layers->items[i].have_fd < 0)
            layers->items[i].have_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

const char *layers_ask(struct worker *worker, struct arena *arena, struct layers *layers) {
    worker_event(worker, "layers");
    for (;;) {
        _cleanup_(fd_closep) int fd = -1;
        _cleanup_(json_freep) struct json *answer = worker_receive(worker, &fd);
        const char *diff_id = json_get_string(answer, "diff_id");
        if (!diff_id) return arena_strdup(arena, json_get_string(answer, "index"));
        set_have(layers, diff_id, fd);
    }
}

void layer_tell_complete(struct worker *worker, const struct layer *layer) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "complete");
    json_put_u64(&w, "layer", layer->number);
    json_end_object(&w);
    worker_send(worker, &w);
}

// The index

static int layer_complete(struct worker *worker, struct layer *layer, struct err *err) {
    if (layer->tree.root) return 0;
    char name[LAYER_NAME_SIZE];
    _cleanup_(fd_closep) int own = -1;
    if (layer->have_fd < 0)
        own = fd_open_at(worker->staging, layer_name(layer->diff_id, name), O_RDONLY | O_NOFOLLOW, 0);
    if (layer->have_fd < 0 && own < 0) return err_set(err, ERR_SYSTEM, -own, "can't read %s", name);
    return layer_read(layer, own >= 0 ? own : layer->have_fd, err);
}

int layers_index(struct worker *worker, struct layers *layers, const char *name, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(tree_free) struct tree merged = {0};
    struct tree *trees = arena_array(&arena, struct tree, layers->count + 1);
    uint64_t *blocks = arena_array(&arena, uint64_t, layers->count + 1);
    for (size_t i = 0; i < layers->count; i++) {
        struct layer *layer = &layers->items[i];
        if (layer_complete(worker, layer, err)) return err_wrap(err, "layer %.19s", layer->diff_id);
        trees[i] = layer->tree;
        layer->tree = (struct tree){0};
        blocks[i] = (layer->size + DEVICE_BLOCK - 1) / DEVICE_BLOCK;
    }
    if (tree_merge(trees, layers->count, &merged, err)) return -1;
    tree_add_mount_points(&merged);
    _cleanup_(fd_closep) int fd =
        fd_open_at(worker->staging, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "can't make the image's index");
    if (erofs_write(&merged, blocks, layers->count, fd, err)) return -1;
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); // the disk may begin: hoy waits for it
    return 0;
}
