// SPDX-License-Identifier: Apache-2.0
// A layer's blob that is asked for while the image's config still comes. The way to the registry, and the
// time that it takes to begin, are past by then; the first bytes wait until it is known where they go.
#pragma once

#include "fetch/layer.h"

struct early {
    struct layer_source source;
    const struct descriptor *blob;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const struct registry_sink *sink; // where they go
    bool unwanted, over;
    struct registry_sink through;
    int result;
    struct err err;
};

// Borrows all of it, until early_end(). 0 or an errno: it has not begun.
int early_begin(struct early *early, const struct layer_source *source, const struct descriptor *blob);
// As source->read() of a sink that has nothing yet. Once; afterwards nobody uses the source.
int early_read(struct early *early, const struct registry_sink *sink, struct err *err);
// Also when nobody has read it; or when it has not begun.
void early_end(struct early *early);
