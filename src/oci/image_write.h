// SPDX-License-Identifier: Apache-2.0
// Documents of the OCI image specification that hoy makes itself.
#pragma once

#include "oci/image_spec.h"

// Media type, digest, size, and the two annotations where they are set.
void descriptor_write(struct json_writer *w, const char *key, const struct descriptor *descriptor);

// An image's manifest, compact. The text is in the arena.
const char *manifest_write(struct arena *arena, const struct descriptor *config,
                           const struct descriptors *layers);

// The object "config" of an image's config; what says nothing is left out.
void image_config_write(const struct image_config *config, struct json_writer *writer);

// A whole config: the platform, author and diff ids of config, and what became of the image so far. The text
// is in the arena.
struct image_document {
    const struct image_config *config;
    const struct json *parent; // the config of the image that it was made from, or NULL
    const char *created;       // RFC 3339
    const char *created_by, *comment;
    bool empty_layer; // this step has none
};
const char *image_document_write(struct arena *arena, const struct image_document *document);
