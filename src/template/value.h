// SPDX-License-Identifier: Apache-2.0
// What a template is executed over: values with the types that they have for Go, since its messages name them
// and its printing depends on them. A value is borrowed: from an arena, a document, or a command's row.
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"

enum value_kind {
    VALUE_NONE, // what a map has not: prints <no value>
    VALUE_NIL,  // a pointer to nothing, or JSON's null
    VALUE_FLAG,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_MAP,    // members by the order of their names; a name that is not there is no mistake
    VALUE_STRUCT, // members by the order of their declaration; a name that is not there is a mistake
    VALUE_ROW,    // a struct whose members are functions (a line of a listing)
};

struct value {
    enum value_kind kind;
    bool boxed; // in an interface {}, which messages name then
    // As Go calls it: "string", "[]string", "map[string]string", "*container.Health". A text of type
    // "time.Time" is an RFC 3339 time, which Go prints in another form.
    const char *type;
    union {
        bool flag;
        int64_t integer;
        double real;
        struct {
            const char *text;
            size_t size;
        };
        struct {
            const struct value *items; // NULL: a nil slice, null in JSON
            size_t count;
        };
        struct {
            const struct value_member *members; // NULL: a nil map
            size_t member_count;
        };
        struct {
            const struct value_row *row_type;
            const void *row; // NULL: a row without data, every member is ""
        };
    };
};

struct value_member {
    const char *name;
    struct value value;
    const char *json_name; // of a struct's member; NULL: it is not in the JSON
};

// A row's member: a text, made when it is asked for. argument is for those that take one (.Label "key"); the
// others get NULL, or "json" where the row is written as JSON.
struct value_method {
    const char *name;
    const char *heading; // of its column, where rows are a listing
    const char *(*text)(struct arena *arena, const void *row, const char *argument);
    bool takes_argument;
};

struct value_row {
    const char *type;
    const struct value_method *methods;
    size_t count;
};

// None, or a nil without a type.
static inline bool value_is_nothing(const struct value *value) {
    return value->kind == VALUE_NONE || (value->kind == VALUE_NIL && str_eq(value->type, "interface {}"));
}

struct value value_none(void);
struct value value_flag(bool flag);
struct value value_integer(int64_t integer);
struct value value_real(double real);
struct value value_text(const char *text);
struct value value_text_n(const char *text, size_t size);
struct value value_list(const char *type, const struct value *items, size_t count);
// Sorts the members, which the arena or the caller keeps.
struct value value_map(const char *type, struct value_member *members, size_t count);
struct value value_of_row(const struct value_row *type, const void *row);
// A type's zero: "", 0, false, an empty list or map, nil.
struct value value_zero(const char *type);

// "string" of "map[string]string" and "[]string"; "" when it has none.
const char *value_element_type(const char *type);
// The member of that name, or NULL.
const struct value_member *value_member(const struct value *value, const char *name, size_t size);
const struct value_method *value_method(const struct value_row *row, const char *name);
bool value_is(const struct value *value, const char *type);
bool value_true(const struct value *value); // as Go's if
size_t value_count(const struct value *value);

// As encoding/json writes it, < > & as they are.
void value_json(const struct value *value, struct str *out);
// The shortest text that reads as the same number, with an exponent below 10^least and from 10^most on.
void value_real_text(double real, int least, int most, struct str *out);
