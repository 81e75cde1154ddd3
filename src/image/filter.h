// SPDX-License-Identifier: Apache-2.0
// Which images a listing is about: Docker's --filter.
#pragma once

#include "args/filter.h"
#include "image/image.h"

// dangling, before, since, until, reference, label. Takes from the images those that don't match, and from
// those that do the names that a filter by name does not ask for.
int images_filter(struct store *store, struct arena *arena, const struct strings *texts,
                  struct images *images, struct err *err);
