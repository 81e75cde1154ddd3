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
    {"ca", offsetof(struct endpoint, ca)},
    {"http_proxy", offsetof(struct endpoint, proxies.http)},
    {"https_proxy", offsetof(struct endpoint, proxies.https)},
    {"no_proxy", offsetof(struct endpoint, proxies.none)},
};

void endpoint_put(struct json_writer *w, const char *key, const struct endpoint *endpoint) {
    json_begin_object(w, key);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const char *text = *(const char *const *)((const char *)endpoint + texts[i].at);
        if (text) json_put_string(w, texts[i].key, text);
    }
    json_begin_array(w, "pairs");
    for (size_t i = 0; i < endpoint->pairs.count; i++) {
        json_begin_object(w, NULL);
        json_put_string(w, "cert", endpoint->pairs.items[i].cert);
        json_put_string(w, "key", endpoint->pairs.items[i].key);
        json_end_object(w);
    }
    json_end_array(w);
    json_put_bool(w, "mirror", endpoint->mirror);
    json_put_bool(w, "insecure", endpoint->insecure);
    json_end_object(w);
}

void endpoint_read(struct arena *arena, const struct json *json, struct endpoint *ret) {
    *ret = (struct endpoint){.mirror = json_boolean(json_get(json, "mirror")),
                             .insecure = json_boolean(json_get(json, "insecure"))};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        *(const char **)((char *)ret + texts[i].at) =
            arena_strdup(arena, json_get_string(json, texts[i].key));
    const struct json *pairs = json_get(json, "pairs");
    for (size_t i = 0; i < json_length(pairs); i++) {
        const char *cert = json_get_string(json_at(pairs, i), "cert");
        const char *key = json_get_string(json_at(pairs, i), "key");
        if (cert && key)
            *arena_push(arena, &ret->pairs) =
                (struct client_pair){arena_strdup(arena, cert), arena_strdup(arena, key)};
    }
}
