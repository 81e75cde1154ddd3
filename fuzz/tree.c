// SPDX-License-Identifier: Apache-2.0
// A layer's tar into a tree, two of them over each other, and the index of that: all names are names, sorted,
// and each file's bytes are within the tar.
#include "base/fd.h"
#include "fuzz/tar.h"
#include "unpack/erofs.h"
#include "unpack/mount_points.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int tar_of(const uint8_t *bytes, size_t size) {
    int fd = memfd_create("tar", MFD_CLOEXEC);
    must(fd >= 0 && !fd_write_all(fd, bytes, size));
    return fd;
}

static void check(const struct tree_node *node, const uint64_t *sizes, unsigned depth) {
    const struct tree_entries *c = &node->children;
    must(depth <= 4096 && !node->whiteout && !node->below && node->links && node->layer < 2);
    if (S_ISREG(node->mode) && node->size && !node->runs)
        must(node->offset + node->size <= sizes[node->layer]);
    if (node->runs && node->size) {
        uint64_t from = node->offset, at = 0;
        for (size_t i = 0; i < node->runs->count; i++) {
            const struct tree_run *run = &node->runs->items[i];
            must(run->at >= at && run->size <= node->size && run->at <= node->size - run->size);
            at = run->at + run->size, from += run->size;
        }
        must(!node->runs->count || from <= sizes[node->layer]);
    }
    for (size_t i = 0; i < c->count; i++) {
        const char *name = c->items[i].name;
        must(*name && strlen(name) <= 255 && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, ".."));
        must(!i || strcmp(c->items[i - 1].name, name) < 0);
        must(S_ISDIR(node->mode));
        check(c->items[i].node, sizes, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    size_t first = size > TAR_BLOCK ? size / 2 / TAR_BLOCK * TAR_BLOCK : size;
    uint64_t sizes[] = {first, size - first}, blocks[] = {(sizes[0] + 511) / 512, (sizes[1] + 511) / 512};
    _cleanup_(fd_closep) int low = tar_of(bytes, first), high = tar_of(bytes + first, size - first);
    _cleanup_(fd_closep) int index = memfd_create("index", MFD_CLOEXEC);
    struct tree layers[2] = {0}, tree = {0};
    struct err err = {0};
    if (tree_from_tar(&(struct tree_source){.fd = low}, &layers[0], &err) ||
        tree_from_tar(&(struct tree_source){.fd = high}, &layers[1], &err) ||
        tree_merge(layers, 2, &tree, &err)) {
        must(err.kind == ERR_INVALID && *err.text);
    } else {
        tree_add_mount_points(&tree);
        check(tree.root, sizes, 0);
        must(!erofs_write(&tree, blocks, 2, index, &err));
    }
    tree_free(&layers[0]), tree_free(&layers[1]), tree_free(&tree);
    return 0;
}
