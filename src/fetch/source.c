// SPDX-License-Identifier: Apache-2.0
#include "fetch/source.h"

int sources_read(struct arena *arena, const struct json *request, const char *name,
                 struct endpoints *ret_endpoints, struct sources *ret_sources, struct err *err) {
    const struct json *list = json_get(request, "endpoints");
    size_t count = json_length(list);
    struct sources sources = {.items = arena_array(arena, struct registry, count + 1)};
    struct endpoints endpoints = {.items = arena_array(arena, struct endpoint, count + 1)};
    for (size_t i = 0; i < count; i++) {
        struct endpoint *e = &endpoints.items[endpoints.count++];
        endpoint_read(arena, json_at(list, i), e);
        if (!e->host || !e->repository) return err_set(err, ERR_INVALID, 0, "the request is incomplete");
        registry_init_endpoint(&sources.items[sources.count++], e, name);
    }
    *ret_endpoints = endpoints;
    *ret_sources = sources;
    return count ? 0 : err_set(err, ERR_INVALID, 0, "the request is incomplete");
}
