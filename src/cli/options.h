// SPDX-License-Identifier: Apache-2.0
// The one table behind the command line. A command is a row, an option is a row; the rows drive parsing
// (here), --help and the manual page (help.h), and shell completion (completion.h).
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
    option_store *store; // NULL: Docker has it, hoy does not yet: refused by its name
    size_t at;
    const char *choices; // "always|missing|never", for completion; or NULL
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
// A row for one of Docker's options that is not there yet.
#define OPTION_LATER(name, letter) \
    { name, letter, NULL, NULL, NULL, 0, NULL }

struct invocation;
struct engine;
typedef int cli_each(struct invocation *invocation, struct engine *engine, const char *name, struct err *err);

enum command_arguments { ARGUMENTS_ANY, ARGUMENTS_CONTAINERS, ARGUMENTS_IMAGES, ARGUMENTS_BOTH };

struct command {
    const char *forms[5];                  // "ps", "container ls", …; the first is what it is called
    const char *arguments;                 // "CONTAINER [CONTAINER...]", "" for none
    const char *summary;                   // NULL: a hidden command
    const struct option_table *options[4]; // all about one structure, or the first member of it
    int min, max;                          // arguments; max -1: any number
    bool stops;    // options end at the first argument: the rest is somebody's command
    bool verbatim; // all words are arguments, whatever they look like
    bool common;   // in the first block of `hoy --help`
    int failure;   // exit code when hoy itself fails
    enum command_arguments completes;
    int (*run)(struct invocation *invocation, struct err *err); // the exit code, or -1 with *err
};

struct globals {
    const char *root, *runroot, *storage_driver;
    bool debug, version;
};

// One run of one command.
struct invocation {
    const struct command *command;
    const char *form; // as it was called: "container ls"
    const struct globals *globals;
    struct arena arena;
    void *options; // the command's structure
    struct strings arguments;
    bool help;
    cli_each *each; // what cli_for_each does with every argument
    int failure;    // exit code when hoy itself fails, 0: the command's
};

// Reads argv (NULL-terminated, after the command's words) into the invocation: options and arguments, in
// invocation->options (allocated here, zeroed) and ->arguments. --help ends the reading with
// invocation->help. Everything stored lives in the invocation's arena or in argv.
int options_parse(struct invocation *invocation, const char *const *argv, struct err *err);
int options_check_count(const struct invocation *invocation, struct err *err);

// The same for a bare table, into values; stops at the first argument when told, and says how many words of
// argv it took.
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
option_store store_list;   // struct strings; repeated options add up
option_store store_i64;    // struct spec_i64 (oci/spec.h)
option_store store_u64;    // struct spec_u64
option_store store_size;   // uint64_t, bytes
