// SPDX-License-Identifier: Apache-2.0
// The layers of one image, and the EROFS index over all of them.
#pragma once

#include "fetch/layer.h"

struct layers {
    struct layer *items;
    size_t count;
};

// Writes index.erofs into the staging directory: the layers' trees laid over each other. Reads the trees of
// those that were not fetched now.
int layers_index(struct worker *worker, struct layers *layers, struct err *err);
