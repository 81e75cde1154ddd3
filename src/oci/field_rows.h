// SPDX-License-Identifier: Apache-2.0
// Rows of field tables in few words. `of` is the structure that the table describes, without "struct".
#pragma once

#include "oci/fields.h"

#include <stddef.h>

#define END \
    { NULL, 0 }
#define AT(of, member) .offset = offsetof(struct of, member), .size = sizeof(((struct of *)0)->member)
#define ITEM(type_)    .size = sizeof(struct type_)

#define STRING(of, name_, member, ...) \
    { name_, FIELD_STRING, AT(of, member), ##__VA_ARGS__ }
#define BOOL(of, name_, member) \
    { name_, FIELD_BOOL, AT(of, member) }
#define NUMBER(of, name_, member, ...) \
    { name_, FIELD_NUMBER, AT(of, member), ##__VA_ARGS__ }
#define MAYBE_U64(of, name_, member, ...) \
    { name_, FIELD_MAYBE, AT(of, member), ##__VA_ARGS__ }
#define MAYBE_I64(of, name_, member, ...) \
    { name_, FIELD_MAYBE, AT(of, member), .min = INT64_MIN, ##__VA_ARGS__ }
#define WORD(of, name_, member, words_, ...) \
    { name_, FIELD_WORD, AT(of, member), .words = words_, ##__VA_ARGS__ }
#define MASK(of, name_, member, words_, ...) \
    { name_, FIELD_MASK, AT(of, member), .words = words_, ##__VA_ARGS__ }
#define STRINGS(of, name_, member, ...) \
    { name_, FIELD_STRINGS, AT(of, member), ##__VA_ARGS__ }
#define MAP(of, name_, member) \
    { name_, FIELD_MAP, AT(of, member) }
// An object whose fields are the structure's own,
#define OBJECT(name_, table) \
    { name_, FIELD_OBJECT, .fields = table }
// of a structure inside it,
#define PART(of, name_, member, table) \
    { name_, FIELD_OBJECT, .offset = offsetof(struct of, member), .fields = table }
// of one behind a pointer.
#define POINTER(of, name_, member, type_, table, ...)                                              \
    {                                                                                              \
        name_, FIELD_POINTER, .offset = offsetof(struct of, member), ITEM(type_), .fields = table, \
                              ##__VA_ARGS__                                                        \
    }
#define LIST(of, name_, member, item, table, ...) \
    { name_, FIELD_LIST, .offset = offsetof(struct of, member), ITEM(item), .fields = table, ##__VA_ARGS__ }
#define KEYED(of, name_, member, item, table) \
    { name_, FIELD_KEYED, .offset = offsetof(struct of, member), ITEM(item), .fields = table }
