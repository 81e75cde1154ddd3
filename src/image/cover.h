// SPDX-License-Identifier: Apache-2.0
// The `dir` driver: images/<chain id> is the cover of an image's layers (unpack/cover.h), where they need
// one.
#pragma once

#include "image/commit.h"

// Before the layers are moved into the store: 1, and the cover is staged as STAGED_COVER; 0: they need none.
#define STAGED_COVER "cover"
int cover_stage(const struct commit *commit, struct err *err);
