// SPDX-License-Identifier: Apache-2.0
// From a staging directory into the store: everything is on the disk before the first name of it is, and
// every name before the rows that make it an image. ESTALE: what was there already has been removed
// meanwhile.
#pragma once

#include "image/staging.h"

// Of a layer's blob. A staged one is "<hex>.part", or where it is the layer's tar the "<hex>.tar" of that.
enum commit_blob { BLOB_NOT_KEPT, BLOB_STAGED, BLOB_IN_STORE };

// What a worker has staged, and what the image is called.
struct commit {
    struct store *store;
    struct staging *staging;
    const char *id, *manifest_digest, *manifest_text, *config_text; // checked
    const struct manifest *manifest;
    const struct image_config *config;
    const bool *have;              // layer by layer: it was in the store, and is not staged
    const enum commit_blob *blobs; // layer by layer, of those to be kept; NULL: none is
    const char *index;             // the staged merged index, or NULL
    const char *name;              // "docker.io/library/debian:12", or NULL
    struct strings more_names;
    const char *repository, *digest; // what it was pulled by, or NULL
};
int commit_image(const struct commit *commit, struct err *err);

// Only the names and the manifest that they lead to, of an image that the store has: id, the manifest with
// its type, names, repository and digest count.
int commit_names(const struct commit *commit, struct err *err);

// One more manifest of an image that the store has, or one that it knows.
int store_add_manifest(struct store *store, const char *id, const char *digest, const char *media_type,
                       const char *text, struct err *err);
// 1: the store has the image, 0: it has not.
int store_has_image(struct store *store, const char *id, struct err *err);
// A layer that the store has: its row, by the same driver, and its file. 1, with a descriptor of it; 0.
int store_layer_open(struct store *store, const char *diff_id, int *ret_fd, struct err *err);

// Removes layers and indexes that no row tells of.
int store_sweep(struct store *store, struct err *err);
