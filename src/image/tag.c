// SPDX-License-Identifier: Apache-2.0
#include "image/commit.h"
#include "image/event.h"
#include "registry/reference.h"

int image_tag(struct store *store, const char *name, const char *target, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct reference reference;
    struct image image;
    if (reference_parse(&arena, target, &reference, err)) return -1;
    if (reference.digest)
        return err_set(err, ERR_INVALID, 0, "refusing to create a tag with a digest reference: \"%s\"",
                       target);
    if (image_find(store, &arena, name, &image, err)) return -1;
    const struct manifest manifest = {.media_type = image.media_type};
    const struct commit names = {.store = store,
                                 .id = image.id,
                                 .manifest_digest = image.manifest_digest,
                                 .manifest_text = image.manifest,
                                 .manifest = &manifest,
                                 .name = reference_full(&arena, &reference)};
    if (commit_names(&names, err)) return -1;
    image_event(store, "tag", image.id, reference_familiar(&arena, &reference), &image.config);
    return 0;
}
