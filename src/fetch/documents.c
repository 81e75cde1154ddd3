// SPDX-License-Identifier: Apache-2.0
#include "fetch/documents.h"

#include "base/str.h"
#include "registry/endpoint.h"

int request_registry(struct arena *arena, const struct json *json, struct endpoint *ret_endpoint,
                     struct registry *ret, struct err *err) {
    struct endpoint endpoint;
    const char *name = arena_strdup(arena, json_get_string(json, "name"));
    endpoint_read(arena, json_get(json, "endpoint"), &endpoint);
    if (!endpoint.host || !endpoint.repository || !name)
        return err_set(err, ERR_INVALID, 0, "the request is incomplete");
    registry_init_endpoint(ret, &endpoint, name);
    ret->push_scope = arena_strdup(arena, json_get_string(json, "push_scope"));
    *ret_endpoint = endpoint;
    return 0;
}

static int add_to_text(const void *bytes, size_t size, void *data, struct err *err) {
    (void)err; // the blob's size is limited before
    str_add_n(data, bytes, size);
    return 0;
}

int config_fetch(struct registry *registry, struct http *http, const struct descriptor *d,
                 struct str *ret_text, struct err *err) {
    const struct registry_sink sink = {.body = add_to_text, .data = ret_text};
    char digest[DIGEST_SIZE];
    ret_text->len = 0;
    if (d->size > IMAGE_DOCUMENT_MAX)
        return err_set(err, ERR_INVALID, 0, "the image's config is larger than 4 MiB");
    if (registry_blob(registry, http, d->digest, d->size, &sink, err))
        return err_wrap(err, "the image's config");
    digest_of(str_get(ret_text), ret_text->len, digest);
    if (str_eq(digest, d->digest)) return 0;
    return err_set(err, ERR_UNAVAILABLE, 0, "%s sent the wrong config for %s: its digest is %s, not %s",
                   registry->host, registry->name, digest, d->digest);
}
