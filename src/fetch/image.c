// SPDX-License-Identifier: Apache-2.0
#include "fetch/image.h"

#include "base/fd.h"
#include "unpack/erofs.h"
#include "unpack/mount_points.h"

#include <errno.h>

#define DEVICE_BLOCK 512

static int layer_complete(struct worker *worker, struct layer *layer, struct err *err) {
    if (layer->tree.root) return 0;
    char name[LAYER_NAME_SIZE];
    _cleanup_(fd_closep) int own = -1;
    if (layer->have_fd < 0)
        own = fd_open_at(worker->staging, layer_name(layer->diff_id, name), O_RDONLY | O_NOFOLLOW, 0);
    if (layer->have_fd < 0 && own < 0) return err_set(err, ERR_SYSTEM, -own, "can't read %s", name);
    return layer_read(layer, own >= 0 ? own : layer->have_fd, err);
}

int layers_index(struct worker *worker, struct layers *layers, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct tree *trees = arena_array(&arena, struct tree, layers->count + 1), merged = {0};
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
        fd_open_at(worker->staging, STAGED_EROFS, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "can't make the image's index");
    return erofs_write(&merged, blocks, layers->count, fd, err); // the tree ends with the process
}
