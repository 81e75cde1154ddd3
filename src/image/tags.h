// SPDX-License-Identifier: Apache-2.0
// The tags that a registry has of a repository.
#pragma once

#include "base/arena.h"
#include "registry/reference.h"

// The reference's tag counts for nothing. Each is a valid tag.
int image_tags(struct arena *arena, const struct reference *reference, struct strings *ret_tags,
               struct err *err);
