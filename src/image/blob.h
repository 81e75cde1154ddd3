// SPDX-License-Identifier: Apache-2.0
// <root>/blobs/sha256/<hex>: the blobs of an image's layers as they were served, where a pull is told to keep
// them, and with the driver `dir` always those that came from no registry: nobody else may have them. A row
// of kept_blob is an image's share in one; without any the file goes.
#pragma once

#include "image/image.h"

#define BLOB_FOLDER "blobs/sha256"

const char *blob_path(struct arena *arena, const char *digest); // below <root>
// One that is kept, by any image: 1, with a descriptor of it; 0.
int blob_open(struct store *store, const char *digest, int *ret_fd, struct err *err);
