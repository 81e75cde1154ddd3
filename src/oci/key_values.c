// SPDX-License-Identifier: Apache-2.0
#include "oci/key_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct arena *arena;
    struct spec_key_values *list;
};

void key_values_write(struct json_writer *w, const char *key, const struct spec_key_values *list) {
    json_begin_object(w, key);
    for (size_t i = 0; i < list->count; i++) json_put_string(w, list->items[i].key, list->items[i].value);
    json_end_object(w);
}

static int member_read(const char *key, const struct json *value, void *data) {
    struct reader *r = data;
    if (!json_string(value)) return -EINVAL;
    *arena_push(r->arena, r->list) = (struct spec_key_value){
        .key = arena_strdup(r->arena, key), .value = arena_strdup(r->arena, json_string(value))};
    return 0;
}

int key_values_read(struct arena *arena, const struct json *json, struct spec_key_values *list) {
    struct reader reader = {arena, list};
    return json_is_object(json) ? json_each(json, member_read, &reader) : -EINVAL;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct spec_key_value *)a)->key, ((const struct spec_key_value *)b)->key);
}

void key_values_sort(struct spec_key_values *list) {
    if (list->count) qsort(list->items, list->count, sizeof *list->items, by_key);
}

const char *key_values_text(struct arena *arena, const struct spec_key_values *list) {
    const char *text = "";
    for (size_t i = 0; i < list->count; i++)
        text = arena_printf(arena, "%s%s%s=%s", text, i ? "," : "", list->items[i].key, list->items[i].value);
    return text;
}

bool key_values_have(const struct spec_key_values *list, const char *wanted) {
    size_t key = strcspn(wanted, "=");
    for (size_t i = 0; i < list->count; i++) {
        const struct spec_key_value *one = &list->items[i];
        if (strncmp(one->key, wanted, key) != 0 || one->key[key]) continue;
        if (!wanted[key] || str_eq(one->value, wanted + key + 1)) return true;
    }
    return false;
}

const char *key_values_find(const struct spec_key_values *list, const char *key) {
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i].key, key)) return list->items[i].value;
    return NULL;
}

const char *key_values_value(const struct spec_key_values *list, const char *key) {
    const char *value = key_values_find(list, key);
    return value ? value : "";
}

void key_values_set(struct arena *arena, struct spec_key_values *list, const char *key, const char *value) {
    size_t i = 0;
    while (i < list->count && !str_eq(list->items[i].key, key)) i++;
    if (i == list->count) arena_push(arena, list)->key = key;
    list->items[i].value = value;
}
