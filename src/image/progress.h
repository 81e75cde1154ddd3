// SPDX-License-Identifier: Apache-2.0
// What a pull, a push or a load shows: at a terminal a line a layer that is redrawn in place, otherwise a
// plain line for each thing that happened. The words are docker's.
#pragma once

#include "oci/image_spec.h"

#include <stdbool.h>
#include <stdio.h>

struct progress {
    FILE *out; // NULL: nothing is shown
    bool redraw;
    unsigned columns;
    const char *moving; // the word for a layer whose bytes are on their way
    struct progress_layer {
        char id[SHORT_ID + 1];
        uint64_t current, size;
        const char *state;
    } * layers;
    size_t count;
};

// Shows a line for each layer. have[i]: the store has it. Memory comes from the arena.
void progress_begin(struct progress *progress, struct arena *arena, FILE *out,
                    const struct descriptors *layers, const bool *have);
// The same for a push. ids: digests of the layers.
void progress_begin_push(struct progress *progress, struct arena *arena, FILE *out,
                         const struct strings *ids);
// For a load, which finds its layers one by one: begins without any, and adds one. Returns its number. Too
// many are not shown: their number is out of range for all the others, which take no notice.
void progress_begin_load(struct progress *progress, struct arena *arena, FILE *out);
size_t progress_add(struct progress *progress, const char *id, uint64_t size);
void progress_extracting(struct progress *progress, size_t layer, uint64_t current, uint64_t size);
void progress_size(struct progress *progress, size_t layer, uint64_t size);
void progress_bytes(struct progress *progress, size_t layer, uint64_t current);
void progress_complete(struct progress *progress, size_t layer);
void progress_say(struct progress *progress, size_t layer, const char *state); // kept, not copied
