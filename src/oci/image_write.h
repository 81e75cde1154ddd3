// SPDX-License-Identifier: Apache-2.0
// Documents of the OCI image specification that hoy makes itself.
#pragma once

#include "oci/image_spec.h"

#define OCI_CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar" // with "+gzip", "+zstd"
#define OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX_TYPE    "application/vnd.oci.image.index.v1+json"

// Media type, digest, size, and the two annotations where they are set.
void descriptor_write(struct json_writer *w, const char *key, const struct descriptor *descriptor);

// An image's manifest, compact. The text is in the arena.
const char *manifest_write(struct arena *arena, const struct descriptor *config,
                           const struct descriptors *layers);

// The object "config" of an image's config; what says nothing is left out.
void image_config_write(const struct image_config *config, struct json_writer *writer);
