// SPDX-License-Identifier: Apache-2.0
// --link on the default network.
#pragma once

#include "engine/parts.h"

// At create: whom a container is linked to has to be there.
int links_check(struct engine *engine, struct arena *arena, const struct container_config *config,
                struct err *err);

struct links {
    struct strings hosts; // lines without their ends
    struct strings env;
};
// At a start. ERR_CONFLICT when one of them does not run.
int links_find(struct engine *engine, struct arena *arena, const struct container *container,
               struct links *ret_links, struct err *err);
