// SPDX-License-Identifier: Apache-2.0
// hoy's commands as rows, and one run of one of them. The rows drive parsing, --help and the manual page
// (help.h), and shell completion (completion.c).
#pragma once

#include "args/options.h"

struct invocation;
struct engine;
// What a command does: the exit code, or -1 with *err. With the engine's opening, by the global options,
// before it; for one argument.
typedef int command_run(struct invocation *invocation, struct err *err);
typedef int command_with(struct invocation *invocation, struct engine *engine, struct err *err);
typedef int command_each(struct invocation *invocation, struct engine *engine, const char *name,
                         struct err *err);

enum command_arguments {
    ARGUMENTS_ANY,
    ARGUMENTS_CONTAINERS,
    ARGUMENTS_IMAGES,
    ARGUMENTS_BOTH,
    ARGUMENTS_VOLUMES,
    ARGUMENTS_NETWORKS,
};

struct command {
    const char *forms[5];                  // "ps", "container ls", …; the first is what it is called
    const char *arguments;                 // "CONTAINER [CONTAINER...]", "" for none
    const char *summary;                   // NULL: a hidden command
    const struct option_table *options[4]; // all about one structure, or the first member of it
    int min, max;                          // arguments; max -1: any number
    bool stops;    // options end at the first argument: the rest is somebody's command
    bool verbatim; // all words are arguments, whatever they look like
    bool as_found; // does not look after networks that others changed: it does what of that it needs, or
                   // tells of it
    bool common;   // in the first block of `hoy --help`
    int failure;   // exit code when hoy itself fails
    enum command_arguments completes;
    command_run *run; // one of these three
    command_with *with;
    command_each *each; // for every argument: what fails is printed, and the others go on. Beside it with is
                        // for no argument
};

struct globals {
    const char *root, *runroot, *storage_driver, *config;
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
    command_each *each; // what cli_for_each does with every argument
    int failure;        // exit code when hoy itself fails, 0: the command's
};

// Reads argv (NULL-terminated, after the command's words) into the invocation: options and arguments, in
// invocation->options (allocated here, zeroed) and ->arguments. --help ends the reading with
// invocation->help. Everything stored lives in the invocation's arena or in argv.
int options_parse(struct invocation *invocation, const char *const *argv, struct err *err);
int options_check_count(const struct invocation *invocation, struct err *err);
