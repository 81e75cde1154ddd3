// SPDX-License-Identifier: Apache-2.0
#include "template/document.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    struct arena *arena;
    const struct document_type *type; // NULL: raw
};

// An object or array that is being read.
struct members {
    struct reader *reader;
    const char *name;         // of the member that this is
    const char *element_type; // of a map's members
    bool map;
    struct value_member *items;
    size_t count;
};

static struct value read_value(struct reader *reader, const struct json *json, const char *name,
                               const char *type);

static const struct document_field *field_of(const struct reader *reader, const char *parent,
                                             const char *json_name) {
    for (size_t i = 0; reader->type && i < reader->type->count; i++) {
        const struct document_field *field = &reader->type->fields[i];
        if (str_eq(field->json_name, json_name) && str_eq(field->parent, parent)) return field;
    }
    return NULL;
}

// Go's fields begin with a capital letter.
static const char *go_name(struct arena *arena, const char *json_name) {
    if (*json_name < 'a' || *json_name > 'z') return json_name;
    char *name = arena_strdup(arena, json_name);
    name[0] = (char)(name[0] - 'a' + 'A');
    return name;
}

static int read_member(const char *key, const struct json *json, void *data) {
    struct members *members = data;
    struct reader *reader = members->reader;
    struct value_member *member = arena_push(reader->arena, members);
    if (members->map) {
        *member = (struct value_member){.name = key, .json_name = key};
        // What is in a map's members is described by the map's name.
        member->value = read_value(reader, json, members->name, members->element_type);
        member->value.boxed = str_eq(members->element_type, "interface {}");
        return 0;
    }
    const struct document_field *field = field_of(reader, members->name, key);
    member->name = field && field->name ? field->name : go_name(reader->arena, key);
    member->json_name = key;
    member->value = read_value(reader, json, key, field && field->type ? field->type : "");
    return 0;
}

static const struct value_member *member_of(const struct members *members, const char *json_name) {
    for (size_t i = 0; i < members->count; i++)
        if (str_eq(members->items[i].json_name, json_name)) return &members->items[i];
    return NULL;
}

static bool all_declared(const struct members *members) {
    for (size_t i = 0; i < members->count; i++)
        if (!field_of(members->reader, members->name, members->items[i].json_name)) return false;
    return true;
}

// Adds what was left out. Where every member has its field they come in the fields' order, which is how Go
// prints a struct.
static void declare(struct members *members) {
    const struct document_type *type = members->reader->type;
    struct arena *arena = members->reader->arena;
    struct members out = *members;
    bool whole = all_declared(members);
    if (whole) out.items = NULL, out.count = 0;
    for (size_t i = 0; i < type->count; i++) {
        const struct document_field *field = &type->fields[i];
        if (!str_eq(field->parent, members->name)) continue;
        const struct value_member *found = member_of(members, field->json_name);
        const char *name = field->name ? field->name : field->json_name;
        if (found && whole)
            *arena_push(arena, &out) = *found;
        else if (!found && field->optional)
            *arena_push(arena, &out) = (struct value_member){.name = name, .value = value_zero(field->type)};
    }
    *members = out;
}

static struct value read_object(struct reader *reader, const struct json *json, const char *name,
                                const char *type) {
    bool map = !reader->type || str_has_prefix(type, "map[");
    struct members members = {.reader = reader, .name = name, .map = map};
    if (!reader->type) type = "map[string]interface {}";
    members.element_type = value_element_type(type);
    json_each(json, read_member, &members);
    if (map) {
        if (!members.items) members.items = arena_new(reader->arena, struct value_member); // not nil
        return value_map(type, members.items, members.count);
    }
    declare(&members);
    return (struct value){.kind = VALUE_STRUCT,
                          .type = *type ? type : "struct {}",
                          .members = members.items,
                          .member_count = members.count};
}

static struct value read_array(struct reader *reader, const struct json *json, const char *name,
                               const char *type) {
    size_t count = json_length(json);
    const char *element = value_element_type(type);
    struct value *items = arena_array(reader->arena, struct value, count + 1);
    for (size_t i = 0; i < count; i++) items[i] = read_value(reader, json_at(json, i), name, element);
    for (size_t i = 0; !reader->type && i < count; i++) items[i].boxed = true;
    if (!reader->type || (!*type && !count))
        type = "[]interface {}";
    else if (!*type)
        type = arena_printf(reader->arena, "[]%s", items[0].type);
    return value_list(type, items, count);
}

static struct value read_number(const struct reader *reader, const struct json *json, const char *type) {
    const char *text = json_text(json);
    int64_t integer;
    if (reader->type && !str_eq(type, "float64") && !json_i64(json, &integer)) {
        struct value value = value_integer(integer);
        value.type = *type ? type : "int64";
        return value;
    }
    if (reader->type) return value_real(strtod(text, NULL));
    struct value value = value_text(arena_strdup(reader->arena, text));
    value.type = "json.Number";
    return value;
}

static struct value read_value(struct reader *reader, const struct json *json, const char *name,
                               const char *type) {
    if (json_is_null(json)) return value_zero(type);
    if (json_is_object(json)) return read_object(reader, json, name, type);
    if (json_is_array(json)) return read_array(reader, json, name, type);
    const char *text = json_string(json);
    if (text) {
        struct value value = value_text(text);
        if (*type && !str_eq(type, "interface {}")) value.type = type;
        return value;
    }
    text = json_text(json);
    if (str_eq(text, "true") || str_eq(text, "false")) return value_flag(*text == 't');
    return read_number(reader, json, type);
}

struct value document_typed(struct arena *arena, const struct json *json, const struct document_type *type) {
    struct reader reader = {.arena = arena, .type = type};
    return read_value(&reader, json, "", type->type);
}

struct value document_raw(struct arena *arena, const struct json *json) {
    struct reader reader = {.arena = arena};
    return read_value(&reader, json, "", "");
}
