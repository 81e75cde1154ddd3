// SPDX-License-Identifier: Apache-2.0
// JSON documents by table: one row a field says its name, its type, and where in a C structure it lives. The
// same rows drive the reader and the writer, so that what is written reads back as the same structure.
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdint.h>

enum field_type {
    FIELD_STRING,  // const char *
    FIELD_BOOL,    // bool
    FIELD_NUMBER,  // an integer of size bytes, signed where min < 0
    FIELD_MAYBE,   // struct spec_u64, or struct spec_i64 where min < 0: a number that may be absent
    FIELD_WORD,    // a string of words, kept as its number, of size bytes
    FIELD_MASK,    // an array of words, kept as bits of a uint64_t
    FIELD_STRINGS, // struct strings
    FIELD_NUMBERS, // an array of numbers: { uint32_t *items; size_t count; }
    FIELD_MAP,     // an object of strings: { struct spec_key_value *items; size_t count; }
    FIELD_OBJECT,  // an object whose fields live in the same structure, from offset on
    FIELD_POINTER, // an object in a structure of its own, which is allocated
    FIELD_LIST,    // an array of objects: { struct item *items; size_t count; }
    FIELD_KEYED,   // an object of objects, kept as a list; an item starts with its key: const char *
};

struct field_word {
    const char *word;
    uint64_t number;
};

struct field {
    const char *name;
    enum field_type type;
    uint32_t offset; // from the structure's begin; an OBJECT's fields count from its own offset
    uint32_t size;   // of the number, or of the item or structure that is allocated
    bool required;   // an error when it is missing; always written
    bool always;     // written with its default value, too, when the object is
    bool lenient;    // MASK: an unknown word is passed over with a warning
    int64_t min;
    uint64_t max; // both 0: the whole range of an unsigned number of that size
    // WORD, MASK; STRING and STRINGS, where no others are allowed: kept as text. Ends with a NULL word.
    const struct field_word *words;
    const struct field *fields; // OBJECT, POINTER, LIST, KEYED. Ends with a NULL name.
    const void *defaults;       // POINTER, LIST, KEYED: what an item is before it is read; NULL: zero
};

// Reads an object. Members without a row are passed over; null is the same as absent. The sentence names the
// field with its path ("linux.seccomp.syscalls[3].args[0].op"). Everything is copied into the arena.
int fields_read(struct arena *arena, const struct field *fields, const struct json *json, void *object,
                struct err *err);

// A document that is a part of a larger one: path is its place there, for the sentences. Warnings are added
// to the list, in the arena. Either may be NULL.
struct fields_part {
    const struct json *json;
    const char *path;
    struct strings *warnings;
};
int fields_read_part(struct arena *arena, const struct field *fields, const struct fields_part *part,
                     void *object, struct err *err);

// Writes the members of an object that is begun already; what has its default value is left out.
void fields_write(const struct field *fields, const void *object, const void *defaults,
                  struct json_writer *writer);
