// SPDX-License-Identifier: Apache-2.0
// What the layers of an image are in the store: the lower side of an overlay.
#pragma once

#include "image/image.h"

struct image_lower {
    const char *index;          // over the tars; NULL: directories
    struct strings tars;        // lowest first
    struct strings directories; // uppermost first, one at least
};
// Absolute paths in the arena. Layers that are missing, or of two storage drivers, are an error.
int image_lower_find(struct store *store, const struct image *image, struct arena *arena,
                     struct image_lower *ret_lower, struct err *err);

// Where the index of an image is mounted while somebody uses it; and the operation that mounts it.
const char *image_index_path(struct store *store, const struct image *image, struct arena *arena);
const char *image_plan_index(struct store *store, const struct image *image, const struct image_lower *lower,
                             const char *why, struct plan *plan, struct arena *arena);
