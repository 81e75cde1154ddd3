// SPDX-License-Identifier: Apache-2.0
// hoy's side of the conversation with a worker that brings images (registry/channel.h). The worker does
// everything with bytes from outside; here its claims are checked as far as they can be without doing so: the
// manifest and the config are read once more from what it staged, and their digests have to lead from the
// reference to the layers without a gap.
#pragma once

#include "image/commit.h"
#include "image/extraction.h"
#include "image/fetcher.h"
#include "image/progress.h"
#include "image/staging.h"

struct intake_image;

struct intake {
    struct store *store;
    struct arena *arena;
    FILE *out; // where progress is shown, or NULL
    struct staging staging;
    struct fetcher fetcher;
    struct extraction extraction; // with the `dir` driver
    struct progress progress;
    bool loading;                  // layers are shown as they come out of an archive
    struct strings members;        // of the archive, that are shown: their digests, by their lines
    size_t shown;                  // the line of the one that comes, or out of range
    int received;                  // the descriptor that came with the last event, or -1
    size_t images, document_bytes; // so far
    // For an image that the store has already: it comes again, all of it but the layers that are not broken.
    bool again;
    const struct strings *broken, *broken_blobs; // diff ids; digests
    bool keep_blobs;                             // the layers' blobs, too
    // Asked when an image's manifest is known, and nothing more of it; NULL: everything is let in.
    int (*allow)(struct intake_image *image, void *data, struct err *err);
    void *data;
};
#define INTAKE_INIT(store_, arena_, out_)                                                      \
    {                                                                                          \
        .store = (store_), .arena = (arena_), .out = (out_), .staging = {.tmp = -1, .fd = -1}, \
        .fetcher = FETCHER_INIT, .extraction = EXTRACTION_INIT, .received = -1                 \
    }

// One that the registry has for an image: what was signed, and the signature in base64.
struct intake_signature {
    const char *payload, *signature;
};

// An image that came. The caller adds to commit what it is called.
struct intake_image {
    struct commit commit;
    struct manifest manifest;
    struct image_config config;
    const char *digest;   // of what the reference names: an index or a manifest
    struct strings names; // that the worker claims for it; unchecked
    struct {
        struct intake_signature *items;
        size_t count;
    } signatures;              // unchecked
    bool *have;                // struct commit
    enum commit_blob *blobs;   // struct commit
    bool resolved, configured; // not configured: the store has the image
};

// Makes the staging directory and starts the worker.
int intake_start(struct intake *intake, const char *mode, struct err *err);
// Parts of the request: the driver and limits; the platform by that key.
int intake_put_settings(const struct intake *intake, struct json_writer *w, struct err *err);
void intake_put_platform(struct json_writer *w, const struct platform *platform);
// The next image, all of it staged and checked, in the arena: 1; 0 when there are no more, and the worker has
// gone.
int intake_next(struct intake *intake, struct intake_image **ret_image, struct err *err);
// Only after intake_next() returned 0.
int intake_commit(const struct intake_image *image, struct err *err);
// Before the commit of an image that is not the intake's first: those before it may have brought a layer into
// the store that this one was staged with too.
int intake_look_again(struct intake *intake, struct intake_image *image, struct err *err);
// Ends the worker and removes what is staged. When a signal interrupted the intake it gets its way now.
void intake_finish(struct intake *intake);
