// SPDX-License-Identifier: Apache-2.0
// The image that a container is to be made of, fetched when it is not here.
#pragma once

#include "cli/settings.h"
#include "engine/engine.h"

// By --pull, with the progress on stderr.
int image_ensure(struct engine *engine, struct arena *arena, const struct settings *settings,
                 struct image *ret_image, struct err *err);
