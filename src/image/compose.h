// SPDX-License-Identifier: Apache-2.0
// An image that is put together here: another image's layers, one that is new, and documents of our own.
#pragma once

#include "image/commit.h"

struct compose {
    struct store *store;
    struct arena arena;
    struct staging staging;
    const struct image *parent; // whose layers come first; or NULL
    const char *diff_id;        // of the new layer, staged as "<hex>.tar"; NULL: there is none
    uint64_t size;              // of its tar
    bool indexed;               // the index is staged too
    bool again;                 // the store has it, damaged: the new layer and the index take their places
    const char *name;           // full, or NULL
    const char *config_text;
    struct image_config config;
    char id[DIGEST_SIZE];
};
#define COMPOSE_INIT(store_)                                 \
    {                                                        \
        .store = (store_), .staging = {.tmp = -1, .fd = -1 } \
    }

// Makes the staging directory, and removes what killed ones left.
int compose_start(struct compose *compose, struct err *err);
// Names what is staged as STAGED_TAR by the diff id, which the compose keeps.
int compose_take_layer(struct compose *compose, const char *diff_id, uint64_t size, struct err *err);
// The complete config. The id is known after. text is borrowed.
int compose_set_config(struct compose *compose, const char *text, struct err *err);
// Makes the manifest, and the index in the worker, and takes all of it into the store.
int compose_commit(struct compose *compose, struct err *err);
void compose_finish(struct compose *compose); // for _cleanup_; removes the staging directory
