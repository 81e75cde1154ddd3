// SPDX-License-Identifier: Apache-2.0
// Images as files: one tar that is an OCI image layout, and what docker save writes as well.
#pragma once

#include "image/image.h"

// Writes images to a descriptor. Layers are written as the store has them, plain, so each image gets a
// manifest of that form; its config, and with that its id, stays what it is. The same images give the same
// bytes. A name without a tag means all tags of that repository. An image that is named by an id or a digest
// gets no name in the archive. What is missing is an error before the first byte is written.
struct save_options {
    struct strings names;
    const char *platform; // what each image has to be for, or NULL
    int out;
};
int image_save(struct store *store, struct arena *arena, const struct save_options *options, struct err *err);

// Reads an archive (an OCI layout or docker save's form, in a tar that may be compressed) and puts its images
// into the store, each in a transaction of its own; none of them when one is not what it has to be.
// Interruptible as a pull is.
struct load_options {
    int archive;          // read from where it is to its end
    const char *platform; // or NULL: this machine's where there is a choice
    FILE *out;            // gets a line for each name
    FILE *progress;       // gets the layers as they come; or NULL
};
int image_load(struct store *store, struct arena *arena, const struct load_options *options, struct err *err);
