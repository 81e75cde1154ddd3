// SPDX-License-Identifier: Apache-2.0
// The values of a template (format.h) and its functions. A value is borrowed from a document or an arena.
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"

struct value {
    enum value_kind { VALUE_JSON, VALUE_TEXT, VALUE_NUMBER, VALUE_FLAG, VALUE_LIST, VALUE_ABSENT } kind;
    const struct json *json; // NULL: JSON's null
    const char *name;        // of a field, for what Go knows from its type and JSON does not
    const char *text;
    int64_t number; // also a flag
    struct strings list;
};

struct value value_json(const struct json *json, const char *name);
struct value value_text(const char *text);
struct value value_number(int64_t number);
struct value value_flag(bool flag);

// A member of an object; false when it has none. In what is a map for Docker (Labels …) it is absent then.
bool value_field(const struct value *object, const char *name, struct value *ret);
bool value_true(const struct value *value);     // as Go's if
bool value_is_list(const struct value *value);  // an array, or an object (a map)
bool value_is_empty(const struct value *value); // null or absent
size_t value_length(const struct value *value);
// The item of a list; for an object its members in the order of their names.
void value_at(struct arena *arena, const struct value *list, size_t index, struct value *ret_key,
              struct value *ret_item);
// As Go prints it: text as it is, [a b], map[a:1 b:2], <nil>.
void value_print(const struct value *value, struct str *out);

#define VALUE_ARGUMENTS_MAX 8

struct value_function {
    const char *name;
    size_t min, max;
    // What is wrong with the arguments, or NULL.
    const char *(*call)(struct arena *arena, const struct value *arguments, size_t count, struct value *ret);
};
const struct value_function *value_function_find(const char *name);
const char *value_call(struct arena *arena, const struct value_function *function,
                       const struct value *arguments, size_t count, struct value *ret);
