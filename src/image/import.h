// SPDX-License-Identifier: Apache-2.0
// A tar of a root file system becomes an image of one layer.
#pragma once

#include "image/image.h"

struct import_options {
    const char *url;                // or NULL:
    int tar;                        // read from where it is to its end
    const char *source;             // what the tar is called, for messages
    const char *platform, *message; // or NULL
    const char *name;               // full, or NULL
    struct strings changes;         // oci/change.h
};
// The tar may be plain, or compressed by gzip, zstd, xz or bzip2. Interruptible as a pull is.
int image_import(struct store *store, const struct import_options *options, char ret_id[static DIGEST_SIZE],
                 struct err *err);
