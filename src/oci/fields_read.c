// SPDX-License-Identifier: Apache-2.0
// The reader of documents by table. One small function a type; each gets the place in the document for its
// sentence, as a chain of names on the stack.
#include "oci/fields.h"

#include "oci/spec.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define ITEMS_MAX 65536 // of one array or object: bounds what a document makes us allocate

struct place {
    const struct place *up;
    const char *name; // NULL: an index
    size_t index;
};

struct reader {
    struct arena *arena;
    struct strings *warnings; // NULL: nobody asks
    struct err *err;
};

// The common head of all lists.
struct list {
    void *items;
    size_t count;
};

static void place_print(const struct place *place, struct str *text) {
    if (!place) return;
    place_print(place->up, text);
    if (!place->name) {
        str_printf(text, "[%zu]", place->index);
        return;
    }
    if (text->len) str_add_char(text, '.');
    str_printf(text, "%.100s", place->name);
}

static int _printf_(3, 4) complain(struct reader *r, const struct place *place, const char *format, ...) {
    _cleanup_(str_finish) struct str text = {0};
    char words[256];
    va_list ap;
    va_start(ap, format);
    vsnprintf(words, sizeof words, format, ap);
    va_end(ap);
    place_print(place, &text);
    return err_set(r->err, ERR_INVALID, 0, "%s %s", str_get(&text), words);
}

static int read_fields(struct reader *r, const struct field *fields, const struct json *json, void *object,
                       const struct place *place);

static int read_text(struct reader *r, const struct field *field, const struct json *json,
                     const struct place *place, const char **ret_text) {
    const char *text = json_string(json);
    if (!text) return complain(r, place, "must be a string");
    for (const struct field_word *w = field->words; w; w++) {
        if (!w->word) return complain(r, place, "has the unknown value \"%.100s\"", text);
        if (strcmp(w->word, text) == 0) break;
    }
    *ret_text = arena_strdup(r->arena, text);
    return 0;
}

static int read_number(struct reader *r, const struct field *field, const struct json *json, size_t size,
                       const struct place *place, uint64_t *ret_number) {
    int64_t min = field->min, value;
    uint64_t max = field->max ? field->max : UINT64_MAX >> (64 - 8 * size);
    if (min < 0) {
        if (!field->max) max = (uint64_t)INT64_MAX >> (64 - 8 * size);
        if (json_i64(json, &value) == 0 && value >= min && (value < 0 || (uint64_t)value <= max)) {
            *ret_number = (uint64_t)value;
            return 0;
        }
    } else if (json_u64(json, ret_number) == 0 && *ret_number >= (uint64_t)min && *ret_number <= max) {
        return 0;
    }
    return complain(r, place, "must be an integer from %" PRId64 " to %" PRIu64, min, max);
}

static int read_word(struct reader *r, const struct field *field, const struct json *json,
                     const struct place *place, uint64_t *ret_number) {
    const char *text = json_string(json);
    if (!text) return complain(r, place, "must be a string");
    for (const struct field_word *w = field->words; w->word; w++) {
        if (strcmp(w->word, text) == 0) {
            *ret_number = w->number;
            return 0;
        }
    }
    return complain(r, place, "has the unknown value \"%.100s\"", text);
}

static void put_number(void *at, size_t size, uint64_t number) {
    memcpy(at, &number, size); // little-endian, as all the platforms of this program are
}

// The array's length, or -1.
static ssize_t array_length(struct reader *r, const struct json *json, const struct place *place) {
    if (!json_is_array(json)) return complain(r, place, "must be an array");
    if (json_length(json) > ITEMS_MAX) return complain(r, place, "has more than %d items", ITEMS_MAX);
    return (ssize_t)json_length(json);
}

static void warn_unknown(struct reader *r, const struct place *place, const char *word) {
    _cleanup_(str_finish) struct str text = {0};
    if (!r->warnings) return;
    place_print(place, &text);
    strings_add(
        r->arena, r->warnings,
        arena_printf(r->arena, "%s: \"%.100s\" is unknown here and passed over", str_get(&text), word));
}

// Whether the word may be passed over, with a warning.
static bool pass_over(struct reader *r, const struct field *field, const struct json *json,
                      const struct place *place) {
    const char *text = json_string(json);
    if (!field->lenient || !text) return false;
    for (const struct field_word *w = field->words; w->word; w++) {
        if (strcmp(w->word, text) == 0) return false;
    }
    warn_unknown(r, place, text);
    return true;
}

static int read_mask(struct reader *r, const struct field *field, const struct json *json, void *at,
                     const struct place *place) {
    ssize_t count = array_length(r, json, place);
    uint64_t mask = 0, number = 0;
    for (ssize_t i = 0; i < count; i++) {
        struct place item = {place, NULL, (size_t)i};
        if (pass_over(r, field, json_at(json, (size_t)i), &item)) continue;
        if (read_word(r, field, json_at(json, (size_t)i), &item, &number) < 0) return -1;
        mask |= UINT64_C(1) << number;
    }
    if (count >= 0) *(uint64_t *)at = mask;
    return count < 0 ? -1 : 0;
}

static int read_strings(struct reader *r, const struct field *field, const struct json *json, void *at,
                        const struct place *place) {
    ssize_t count = array_length(r, json, place);
    if (count < 0) return -1;
    struct strings list = {arena_array(r->arena, const char *, arena_room((size_t)count)), (size_t)count};
    for (size_t i = 0; i < list.count; i++) {
        struct place item = {place, NULL, i};
        if (read_text(r, field, json_at(json, i), &item, &list.items[i]) < 0) return -1;
    }
    *(struct strings *)at = list;
    return 0;
}

static int read_numbers(struct reader *r, const struct field *field, const struct json *json, void *at,
                        const struct place *place) {
    ssize_t count = array_length(r, json, place);
    if (count < 0) return -1;
    uint32_t *items = arena_array(r->arena, uint32_t, arena_room((size_t)count));
    uint64_t number = 0;
    for (size_t i = 0; i < (size_t)count; i++) {
        struct place item = {place, NULL, i};
        if (read_number(r, field, json_at(json, i), sizeof *items, &item, &number) < 0) return -1;
        items[i] = (uint32_t)number;
    }
    *(struct list *)at = (struct list){items, (size_t)count};
    return 0;
}

static void *item_init(const struct field *field, void *item) {
    if (field->defaults)
        memcpy(item, field->defaults, field->size);
    else
        memset(item, 0, field->size);
    return item;
}

static int read_list(struct reader *r, const struct field *field, const struct json *json, void *at,
                     const struct place *place) {
    ssize_t count = array_length(r, json, place);
    if (count < 0) return -1;
    char *items = arena_alloc(r->arena, arena_room((size_t)count) * field->size);
    for (size_t i = 0; i < (size_t)count; i++) {
        struct place item = {place, NULL, i};
        void *object = item_init(field, items + i * field->size);
        if (read_fields(r, field->fields, json_at(json, i), object, &item) < 0) return -1;
    }
    *(struct list *)at = (struct list){items, (size_t)count};
    return 0;
}

static int read_pointer(struct reader *r, const struct field *field, const struct json *json, void *at,
                        const struct place *place) {
    void *object = item_init(field, arena_alloc(r->arena, field->size));
    if (read_fields(r, field->fields, json, object, place) < 0) return -1;
    *(void **)at = object;
    return 0;
}

struct member {
    struct reader *r;
    const struct field *field;
    const struct place *place;
    struct list *list;
};

static int read_map_member(const char *key, const struct json *value, void *data) {
    const struct member *m = data;
    struct place place = {m->place, key, 0};
    struct spec_key_value pair = {arena_strdup(m->r->arena, key), NULL};
    if (!*key) return complain(m->r, m->place, "has an empty key");
    if (m->list->count >= ITEMS_MAX) return complain(m->r, m->place, "has more than %d items", ITEMS_MAX);
    if (read_text(m->r, m->field, value, &place, &pair.value) < 0) return -1;
    struct {
        struct spec_key_value *items;
        size_t count;
    } *list = (void *)m->list;
    *arena_push(m->r->arena, list) = pair;
    return 0;
}

static int read_keyed_member(const char *key, const struct json *value, void *data) {
    const struct member *m = data;
    struct place place = {m->place, key, 0};
    if (m->list->count >= ITEMS_MAX) return complain(m->r, m->place, "has more than %d items", ITEMS_MAX);
    m->list->items = arena_grow_(m->r->arena, m->list->items, m->list->count, m->field->size);
    void *object = item_init(m->field, (char *)m->list->items + m->list->count++ * m->field->size);
    *(const char **)object = arena_strdup(m->r->arena, key);
    return read_fields(m->r, m->field->fields, value, object, &place);
}

static int read_members(struct reader *r, const struct field *field, const struct json *json, void *at,
                        const struct place *place) {
    if (!json_is_object(json)) return complain(r, place, "must be an object");
    struct list list = {0};
    struct member member = {r, field, place, &list};
    int failed = json_each(json, field->type == FIELD_MAP ? read_map_member : read_keyed_member, &member);
    if (!failed) *(struct list *)at = list;
    return failed ? -1 : 0;
}

static int read_field(struct reader *r, const struct field *field, const struct json *json, void *object,
                      const struct place *place) {
    void *at = (char *)object + field->offset;
    uint64_t number = 0;
    switch (field->type) {
    case FIELD_STRING: return read_text(r, field, json, place, at);
    case FIELD_BOOL:
        *(bool *)at = json_boolean(json);
        if (json_boolean(json) || str_eq(json_text(json), "false")) return 0;
        return complain(r, place, "must be true or false");
    case FIELD_NUMBER:
        if (read_number(r, field, json, field->size, place, &number) < 0) return -1;
        put_number(at, field->size, number);
        return 0;
    case FIELD_MAYBE: // spec_i64 and spec_u64 have the same shape
        if (read_number(r, field, json, sizeof number, place, &number) < 0) return -1;
        *(struct spec_u64 *)at = (struct spec_u64){true, number};
        return 0;
    case FIELD_WORD:
        if (read_word(r, field, json, place, &number) < 0) return -1;
        put_number(at, field->size, number);
        return 0;
    case FIELD_MASK: return read_mask(r, field, json, at, place);
    case FIELD_STRINGS: return read_strings(r, field, json, at, place);
    case FIELD_NUMBERS: return read_numbers(r, field, json, at, place);
    case FIELD_MAP:
    case FIELD_KEYED: return read_members(r, field, json, at, place);
    case FIELD_OBJECT: return read_fields(r, field->fields, json, at, place);
    case FIELD_POINTER: return read_pointer(r, field, json, at, place);
    case FIELD_LIST: return read_list(r, field, json, at, place);
    }
    return 0;
}

static int read_fields(struct reader *r, const struct field *fields, const struct json *json, void *object,
                       const struct place *place) {
    if (!json_is_object(json) && place) return complain(r, place, "must be an object");
    if (!json_is_object(json)) return err_set(r->err, ERR_INVALID, 0, "the document must be an object");
    for (const struct field *field = fields; field->name; field++) {
        const struct json *value = json_get(json, field->name);
        struct place member = {place, field->name, 0};
        if (json_is_null(value)) {
            if (field->required) return complain(r, &member, "is missing");
            continue;
        }
        if (read_field(r, field, value, object, &member) < 0) return -1;
    }
    return 0;
}

int fields_read(struct arena *arena, const struct field *fields, const struct json *json, void *object,
                struct err *err) {
    const struct fields_part part = {.json = json};
    return fields_read_part(arena, fields, &part, object, err);
}

int fields_read_part(struct arena *arena, const struct field *fields, const struct fields_part *part,
                     void *object, struct err *err) {
    struct reader r = {arena, part->warnings, err};
    struct place place = {NULL, part->path, 0};
    return read_fields(&r, fields, part->json, object, part->path ? &place : NULL);
}
