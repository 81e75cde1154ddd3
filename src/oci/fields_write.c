// SPDX-License-Identifier: Apache-2.0
// The writer of documents by table: the reader's mirror.
#include "oci/fields.h"

#include "base/json_strings.h"
#include "oci/spec.h"

#include <string.h>

struct list {
    const void *items;
    size_t count;
};

static uint64_t get_number(const struct field *field, const void *at) {
    uint64_t number = 0;
    memcpy(&number, at, field->size);
    if (field->min < 0 && field->size < 8 && number >> (8 * field->size - 1))
        number |= UINT64_MAX << (8 * field->size);
    return number;
}

static bool any_written(const struct field *fields, const void *object, const void *defaults);

// Whether the field has another value than by default, so that it must be written.
static bool is_set(const struct field *field, const void *object, const void *defaults) {
    const char *at = (const char *)object + field->offset;
    const char *by_default = defaults ? (const char *)defaults + field->offset : NULL;
    switch (field->type) {
    case FIELD_STRING: {
        const char *text = *(const char *const *)at;
        return text && !(by_default && str_eq(text, *(const char *const *)by_default));
    }
    case FIELD_POINTER: return *(void *const *)at;
    case FIELD_BOOL: return *(const bool *)at != (by_default && *(const bool *)by_default);
    case FIELD_NUMBER:
    case FIELD_WORD: return get_number(field, at) != (by_default ? get_number(field, by_default) : 0);
    case FIELD_MAYBE: return ((const struct spec_u64 *)at)->set;
    case FIELD_MASK: return *(const uint64_t *)at;
    case FIELD_OBJECT: return any_written(field->fields, at, by_default);
    case FIELD_STRINGS:
    case FIELD_NUMBERS:
    case FIELD_MAP:
    case FIELD_LIST:
    case FIELD_KEYED: return ((const struct list *)at)->count;
    }
    return false;
}

static bool any_written(const struct field *fields, const void *object, const void *defaults) {
    for (const struct field *field = fields; field->name; field++) {
        if (is_set(field, object, defaults)) return true;
    }
    return false;
}

static void write_number(const struct field *field, const char *key, uint64_t number, struct json_writer *w) {
    if (field->min < 0)
        json_put_i64(w, key, (int64_t)number);
    else
        json_put_u64(w, key, number);
}

static const char *word_of(const struct field *field, uint64_t number) {
    const struct field_word *w = field->words;
    while (w->word && w->number != number) w++;
    return w->word;
}

static void write_mask(const struct field *field, uint64_t mask, struct json_writer *w) {
    json_begin_array(w, field->name);
    for (unsigned bit = 0; bit < 64; bit++) {
        if (mask >> bit & 1 && word_of(field, bit)) json_put_string(w, NULL, word_of(field, bit));
    }
    json_end_array(w);
}

static void write_object(const struct field *field, const char *key, const void *object, const void *defaults,
                         struct json_writer *w) {
    json_begin_object(w, key);
    fields_write(field->fields, object, defaults, w);
    json_end_object(w);
}

static void write_list(const struct field *field, const struct list *list, struct json_writer *w) {
    bool keyed = field->type == FIELD_KEYED;
    if (keyed)
        json_begin_object(w, field->name);
    else
        json_begin_array(w, field->name);
    for (size_t i = 0; i < list->count; i++) {
        const void *item = (const char *)list->items + i * field->size;
        write_object(field, keyed ? *(const char *const *)item : NULL, item, field->defaults, w);
    }
    if (keyed)
        json_end_object(w);
    else
        json_end_array(w);
}

static void write_numbers(const struct field *field, const struct list *list, struct json_writer *w) {
    json_begin_array(w, field->name);
    for (size_t i = 0; i < list->count; i++) write_number(field, NULL, ((const uint32_t *)list->items)[i], w);
    json_end_array(w);
}

static void write_map(const char *name, const struct list *list, struct json_writer *w) {
    const struct spec_key_value *pairs = list->items;
    json_begin_object(w, name);
    for (size_t i = 0; i < list->count; i++) json_put_string(w, pairs[i].key, pairs[i].value);
    json_end_object(w);
}

static void write_field(const struct field *field, const void *object, const void *defaults,
                        struct json_writer *w) {
    const void *at = (const char *)object + field->offset;
    const char *name = field->name, *text;
    switch (field->type) {
    case FIELD_STRING:
        text = *(const char *const *)at;
        json_put_string(w, name, text ? text : "");
        return;
    case FIELD_BOOL: json_put_bool(w, name, *(const bool *)at); return;
    case FIELD_NUMBER: write_number(field, name, get_number(field, at), w); return;
    case FIELD_MAYBE: write_number(field, name, ((const struct spec_u64 *)at)->value, w); return;
    case FIELD_WORD: json_put_string(w, name, word_of(field, get_number(field, at))); return;
    case FIELD_MASK: write_mask(field, *(const uint64_t *)at, w); return;
    case FIELD_STRINGS: json_put_strings(w, name, at); return;
    case FIELD_NUMBERS: write_numbers(field, at, w); return;
    case FIELD_MAP: write_map(name, at, w); return;
    case FIELD_OBJECT:
        write_object(field, name, at, defaults ? (const char *)defaults + field->offset : NULL, w);
        return;
    case FIELD_POINTER: write_object(field, name, *(void *const *)at, field->defaults, w); return;
    case FIELD_LIST:
    case FIELD_KEYED: write_list(field, at, w); return;
    }
}

void fields_write(const struct field *fields, const void *object, const void *defaults,
                  struct json_writer *writer) {
    for (const struct field *field = fields; field->name; field++) {
        if (field->required || field->always || is_set(field, object, defaults))
            write_field(field, object, defaults, writer);
    }
}
