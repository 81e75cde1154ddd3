// SPDX-License-Identifier: Apache-2.0
// The layers of one image, and the EROFS index over all of them.
#pragma once

#include "fetch/layer.h"

struct layers {
    struct layer *items;
    size_t count;
};

// Whether all of them can be fetched, before anybody asks which are here already.
int layers_check(const struct worker *worker, const struct manifest *manifest, struct err *err);

// The layers of an image whose documents agree.
void layers_list(struct arena *arena, const struct manifest *manifest, const struct image_config *config,
                 struct layers *ret_layers);

// The conversation about an image (registry/channel.h). digest is of what its name leads to; indexes are
// those between that and the manifest; both lists may be NULL. false: hoy has the image already. missing: of
// the image's layers in their order, whether hoy is sure already that it has nothing of it; or NULL.
struct image_claim {
    const char *digest, *manifest_digest, *id;
    const struct strings *names, *indexes;
};
bool image_tell_resolved(struct worker *worker, const struct image_claim *claim, size_t count, bool *missing);
// Which of the layers hoy has. The name that the merged index is to be staged by, or NULL when none is
// wanted.
const char *layers_ask(struct worker *worker, struct arena *arena, struct layers *layers);
void layer_tell_complete(struct worker *worker, const struct layer *layer);

// Writes an index into the staging directory: the layers' trees laid over each other. Reads the trees of
// those that were not fetched now.
int layers_index(struct worker *worker, struct layers *layers, const char *name, struct err *err);
