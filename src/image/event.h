// SPDX-License-Identifier: Apache-2.0
// Events of images (state/event.h).
#pragma once

#include "image/image.h"

// id and name as Docker has them for the action: of a pull and a push the name of the image and its
// repository, of a tag the image and its new name, else the image twice. config: its labels; or NULL.
void image_event(const struct store *store, const char *action, const char *id, const char *name,
                 const struct image_config *config);

// What lines of a removal tell of an image.
void image_events_removed(const struct store *store, const struct image *image, const char *const *lines,
                          size_t count);
