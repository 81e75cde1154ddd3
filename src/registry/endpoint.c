// SPDX-License-Identifier: Apache-2.0
#include "registry/endpoint.h"

// Texts, by their names in the message.
static const struct {
    const char *key;
    size_t at;
} texts[] = {
    {"host", offsetof(struct endpoint, host)},
    {"repository", offsetof(struct endpoint, repository)},
    {"username", offsetof(struct endpoint, credentials.username)},
    {"password", offsetof(struct endpoint, credentials.password)},
    {"identity_token", offsetof(struct endpoint, credentials.identity_token)},
};

void endpoint_put(struct json_writer *w, const char *key, const struct endpoint *endpoint) {
    json_begin_object(w, key);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const char *text = *(const char *const *)((const char *)endpoint + texts[i].at);
        if (text) json_put_string(w, texts[i].key, text);
    }
    json_end_object(w);
}

void endpoint_read(struct arena *arena, const struct json *json, struct endpoint *ret) {
    *ret = (struct endpoint){0};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        *(const char **)((char *)ret + texts[i].at) =
            arena_strdup(arena, json_get_string(json, texts[i].key));
}
