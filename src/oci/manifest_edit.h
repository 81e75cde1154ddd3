// SPDX-License-Identifier: Apache-2.0
// A manifest with other blobs for its layers, everything else as it was.
#pragma once

#include "oci/image_spec.h"

// The media type of a layer that is compressed so, in the family of the manifest's type: OCI's, or Docker's,
// which has no zstd: then it is OCI's too.
const char *layer_media_type(const char *manifest_type, enum layer_compression compression);

// layers: as many as the manifest has; digest, size and media_type of each. When one of these types is OCI's
// and the manifest Docker's, it becomes OCI's, with all types in it. ret_type: of the new manifest.
int manifest_with_layers(struct arena *arena, const char *text, const struct descriptors *layers,
                         const char **ret_text, const char **ret_type, struct err *err);
