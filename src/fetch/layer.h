// SPDX-License-Identifier: Apache-2.0
// One layer on its way from a registry or an archive to a verified tar and its tree, streaming through four
// threads:
//
//   read, SHA-256 of the blob -> decompress -> write the tar, its SHA-256 (the diff id)
//                                                     `-> tree of the tar's headers, out of the growing file
//
// With the `dir` driver there is no tree: another process extracts the growing file (fetch/extract.c).
#pragma once

#include "fetch/source.h"
#include "fetch/worker.h"
#include "oci/image_spec.h"
#include "unpack/tree.h"

struct layer {
    const struct descriptor *blob; // where nothing is known before: no type, no digest, size 0
    const char *diff_id;           // NULL, too: staged as STAGED_TAR; layer_fetch() finds it out
    size_t number;                 // in the image
    uint64_t size;                 // of the tar
    char found[DIGEST_SIZE];       // what layer_fetch() found its diff id to be
    int have_fd;                   // the tar, when the store has it; -1
    bool repeated;                 // an earlier layer of this image is the same one
    bool staged;                   // its tar is there, and may be read: layer_fetch() checks and keeps a blob
    struct tree tree;
};

// "<hex>.tar", or STAGED_TAR for NULL
#define LAYER_NAME_SIZE (ID_SIZE + 4)
const char *layer_name(const char *diff_id, char buffer[static LAYER_NAME_SIZE]);

// Where a layer's blob comes from: read() gives the sink exactly blob->size bytes, in order, or fails; 1 when
// they came in parts, of which one may be wrong. Of a blob of which nothing is known it gives all bytes that
// there are.
struct layer_source {
    int (*read)(void *data, const struct descriptor *blob, const struct registry_sink *sink, struct err *err);
    void *data;
    const char *name; // who it is, for messages
};
// Whether it is one that can be fetched, by what the manifest says of it: its type and its size.
int layer_check(const struct worker *worker, const struct descriptor *blob, struct err *err);
// From the first source that has it.
int layer_fetch(struct worker *worker, const struct layer_source *sources, size_t count, struct layer *layer,
                struct err *err);
// For the `dir` driver: a tar is there, or grows from now on (unpack/extract.h has what grown is).
void layer_tell_staged(struct worker *worker, const struct layer *layer, int grown);
// The tree of a tar that is complete; layer->size too.
int layer_read(struct layer *layer, int tar_fd, struct err *err);
