// SPDX-License-Identifier: Apache-2.0
// What refers to an image (a signature, an attestation) by its manifest's "subject". The OCI distribution
// specification, "Referrers Tag Schema".
#pragma once

#include "oci/image_spec.h"

// The digest of what the manifest refers to, or NULL.
const char *manifest_subject(struct arena *arena, const char *text, size_t size);

// Where a registry that knows nothing of referrers has an index of them: "sha256-44136fa3…".
const char *referrers_tag(struct arena *arena, const char *subject);

// Adds a manifest that has a subject to such an index (NULL: there is none yet). *ret_text: the new index, or
// NULL when it is in there already. ERR_INVALID when there is something else in the index' place.
int referrers_add(struct arena *arena, const char *index_text, const char *manifest_text,
                  const char *media_type, const char **ret_text, struct err *err);
