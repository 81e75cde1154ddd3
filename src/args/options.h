// SPDX-License-Identifier: Apache-2.0
// The tables behind command lines. An option is a row; the rows drive parsing (here), --help (args/help.h),
// the manual page and shell completion.
//
// An option's row says where its value goes: a store function, and the offset of a field in the command's own
// structure. The inner grammars of -v, --mount, --ulimit … are store functions too (parse_*.h), so that a
// wrong value is found at the option that has it and named by it.
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct option;

// A command line while it is being read.
struct parse {
    struct arena *arena;         // of everything that is stored
    const struct option *option; // the one whose value is being stored
    const char *spelled;         // as it was given: "-v", "--volume"
};

// text is the value; for a flag it is "true", or what stood after the equals sign. Borrowed from argv.
typedef int option_store(struct parse *parse, const char *text, void *field, struct err *err);

struct option {
    const char *name;
    char letter;         // 0: it has none
    const char *value;   // what --help calls its value: "list", "string"; NULL: a flag
    const char *help;    // NULL: not shown
    option_store *store; // NULL: refused
    size_t at;
    const char *choices; // "always|missing|never", for completion; or NULL
    bool empty_is_unset; // as with Docker: the empty value of a script's variable is none
    const char *refused; // without store: why
};

struct option_table {
    const struct option *rows;
    size_t count;
    size_t size; // of the structure that the rows' offsets refer to
};
#define OPTIONS(rows, type) \
    { rows, ARRAY_SIZE(rows), sizeof(type) }
// Tables come as arrays of pointers that end with NULL.
typedef const struct option_table *const *option_tables;
// A row for one of Docker's options that is not there, for this reason.
#define OPTION_REFUSED(name, letter, reason) \
    { name, letter, NULL, NULL, NULL, 0, NULL, false, reason }

// Reads argv (NULL-terminated) into values; stops at the first argument when told, and says how many words of
// argv it took. --help ends the reading with help set. What is stored lives in the arena or in argv.
struct options_reader {
    option_tables tables;
    void *values;
    bool stops;
    bool help;
    struct strings arguments;
    size_t taken;
};
int options_read(struct arena *arena, struct options_reader *reader, const char *const *argv,
                 struct err *err);

const struct option *option_find(option_tables tables, const char *name, size_t length);
const struct option *option_find_letter(option_tables tables, char letter);

// Stores for the plain types.
option_store store_flag;   // bool
option_store store_off;    // bool: true when the flag is given as =false
option_store store_string; // const char *
option_store store_choice; // const char *: one of the row's choices
option_store store_list;   // struct strings; repeated options add up
option_store store_i64;    // struct spec_i64 (oci/spec.h)
option_store store_u64;    // struct spec_u64
option_store store_size;   // uint64_t, bytes
