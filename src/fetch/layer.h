// SPDX-License-Identifier: Apache-2.0
// One layer on its way from the registry to a verified tar and its tree, streaming through four threads:
//
//   download, SHA-256 of the blob -> decompress -> write the tar, its SHA-256 (the diff id)
//                                                     `-> tree of the tar's headers, out of the growing file
#pragma once

#include "fetch/source.h"
#include "fetch/worker.h"
#include "oci/image_spec.h"
#include "unpack/tree.h"

struct layer {
    const struct descriptor *blob;
    const char *diff_id;
    size_t number; // in the image
    uint64_t size; // of the tar
    int have_fd;   // the tar, when the store has it; -1
    bool repeated; // an earlier layer of this image is the same one
    struct tree tree;
};

// "<hex>.tar"
#define LAYER_NAME_SIZE (ID_SIZE + 4)
const char *layer_name(const char *diff_id, char buffer[static LAYER_NAME_SIZE]);

int layer_fetch(struct worker *worker, const struct sources *sources, struct http *http, struct layer *layer,
                struct err *err);
// The tree of a tar that is complete; layer->size too.
int layer_read(struct layer *layer, int tar_fd, struct err *err);
