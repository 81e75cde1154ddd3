// SPDX-License-Identifier: Apache-2.0
// Repositories of a registry by words; the registry says what that means.
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct found_repository {
    const char *name, *description;
    int64_t stars;
    bool official;
};
struct found_repositories {
    struct found_repository *items;
    size_t count;
};
// "nginx" on Docker Hub, "example.com/nginx" on that registry. At most `limit`, in the registry's order.
int image_search(struct arena *arena, const char *term, unsigned limit, struct found_repositories *ret_found,
                 struct err *err);
