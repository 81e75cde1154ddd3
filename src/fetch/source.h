// SPDX-License-Identifier: Apache-2.0
// Where something of a repository may come from: the mirrors of its registry and then the registry, in the
// order in which they are asked.
#pragma once

#include "registry/client.h"
#include "registry/endpoint.h"

struct sources {
    struct registry *items;
    size_t count;
};

// "endpoints" of a request. name is what the user calls the image; everything is in the arena, and stays
// until the worker ends.
int sources_read(struct arena *arena, const struct json *request, const char *name,
                 struct endpoints *ret_endpoints, struct sources *ret_sources, struct err *err);
