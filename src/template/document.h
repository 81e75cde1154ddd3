// SPDX-License-Identifier: Apache-2.0
// Values out of JSON: either as Go reads it into types that it knows, or as it reads any JSON.
#pragma once

#include "template/value.h"

// What JSON does not say of a member: its name for templates, its type, and whether it may be left out (then
// it is there all the same, with its type's zero). Found by the member that it is in ("" for the document
// itself, a list's or a map's for their elements) and its name in JSON.
struct document_field {
    const char *parent;
    const char *name; // NULL: as in JSON
    const char *json_name;
    const char *type; // NULL: what the value looks like
    bool optional;
};

// Where all members of an object have fields, these are in Go's order.
struct document_type {
    const char *type; // the document's
    const struct document_field *fields;
    size_t count;
};

// Objects are structs, but where a field says that they are maps. The arena keeps what is new, texts are
// borrowed from the document.
struct value document_typed(struct arena *arena, const struct json *json, const struct document_type *type);
// Objects are maps, numbers are json.Number.
struct value document_raw(struct arena *arena, const struct json *json);
