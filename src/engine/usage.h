// SPDX-License-Identifier: Apache-2.0
// Who takes how much of the disk: every byte below <root> belongs to one row, and the rows together are what
// du counts.
#pragma once

#include "engine/engine.h"

struct image_usage {
    struct image image;
    uint64_t layers, shared; // its layers and index; of that what other images have, too
    size_t containers;
};
// A layer's blob, kept as it was served.
struct blob_usage {
    const char *digest;
    uint64_t bytes;
    size_t images;
};
struct container_usage {
    struct container container;
    uint64_t writable, log, other; // other: its folder, its exit record
};
struct volume_usage {
    const char *name;
    uint64_t bytes;
    size_t containers;
};
// What is the engine's own, and what belongs to nothing that is there.
struct other_usage {
    const char *name; // "database", or a path below <root>
    uint64_t bytes;
    bool orphan;
};

struct disk_usage {
    struct {
        struct image_usage *items;
        size_t count;
    } images;
    struct {
        struct blob_usage *items;
        size_t count;
    } blobs;
    struct {
        struct container_usage *items;
        size_t count;
    } containers;
    struct {
        struct volume_usage *items;
        size_t count;
    } volumes;
    struct {
        struct other_usage *items;
        size_t count;
    } others;
    uint64_t layers;                    // of all images, each layer and index once
    uint64_t kept;                      // of all blobs
    uint64_t reclaimable;               // of those and these, what `image prune -a` would free
    uint64_t containers_bytes, stopped; // of all containers; of those that don't run
    uint64_t volumes_bytes, unused;     // of all volumes; of those that no container names
    uint64_t total;
};
int engine_disk_usage(struct engine *engine, struct arena *arena, struct disk_usage *ret_usage,
                      struct err *err);

// What is wrong with the store, a sentence each: rows without files, files without rows, a damaged database.
// What a crash left is put right before. Bytes are not read: that is image_verify()'s.
int engine_check(struct engine *engine, struct arena *arena, struct strings *ret_problems, struct err *err);
