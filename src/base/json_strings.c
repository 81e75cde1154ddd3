// SPDX-License-Identifier: Apache-2.0
#include "base/json_strings.h"

#include <errno.h>

void json_put_strings(struct json_writer *w, const char *key, const struct strings *list) {
    json_begin_array(w, key);
    for (size_t i = 0; i < list->count; i++) json_put_string(w, NULL, list->items[i]);
    json_end_array(w);
}

void json_put_keys(struct json_writer *w, const char *key, const struct strings *keys) {
    json_begin_object(w, key);
    for (size_t i = 0; i < keys->count; i++) json_put_raw(w, keys->items[i], "{}");
    json_end_object(w);
}

int json_strings(struct arena *arena, const struct json *json, struct strings *list) {
    if (json_is_null(json)) return 0;
    if (!json_is_array(json)) return -EINVAL;
    for (size_t i = 0; i < json_length(json); i++) {
        const char *item = json_string(json_at(json, i));
        if (!item) return -EINVAL;
        strings_add(arena, list, arena_strdup(arena, item));
    }
    return 0;
}
