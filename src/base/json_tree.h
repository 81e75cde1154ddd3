// SPDX-License-Identifier: Apache-2.0
// What is behind struct json: the tree that json_read.c makes and json.c looks into.
#pragma once

#include "base/arena.h"
#include "base/json.h"

// Members that are looked through as they stand. More of them are also in an order by their keys.
#define JSON_FEW 16

enum json_type {
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_INTEGER,
    JSON_REAL,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    enum json_type type;
    uint32_t size; // of the text, or how many members
    union {
        const char *text;            // of a string, with a NUL behind; of a number, without
        struct json_member *members; // of an array, too: without keys
    };
    struct json_member **sorted; // of an object with more than JSON_FEW members; else NULL
    struct json_document *document;
};

struct json_member {
    const char *key;
    struct json value;
};

// In its own arena.
struct json_document {
    struct arena arena;
    const char *end; // of the text
    bool repeated_keys;
    struct json root;
};
