// SPDX-License-Identifier: Apache-2.0
// What refers to an image at its registry: signatures, attestations, lists of what is inside.
#pragma once

#include "base/arena.h"
#include "registry/reference.h"

#include <stdint.h>

struct referrer {
    const char *artifact_type, *media_type, *digest; // a stranger's words; the digest is one
    uint64_t size;
};
struct referrers {
    const char *subject; // the digest of what the reference means
    struct referrer *items;
    size_t count;
};
int image_referrers(struct arena *arena, const struct reference *reference, struct referrers *ret_referrers,
                    struct err *err);
