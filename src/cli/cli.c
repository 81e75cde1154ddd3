// SPDX-License-Identifier: Apache-2.0
// From argv to a command's function and from its error to an exit code. Nothing is opened or asked before the
// whole command line has been read.
#include "cli/cli.h"

#include "cli/help.h"
#include "engine/network_restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_with_engine(struct invocation *invocation, command_with *body, struct err *err) {
    struct engine engine = {0};
    struct engine_options options = {.root = invocation->globals->root,
                                     .runroot = invocation->globals->runroot,
                                     .storage_driver = invocation->globals->storage_driver};
    if (engine_open(&engine, &options, err) < 0) return -1;
    if (invocation->command->summary && !invocation->command->as_found) networks_glance(&engine);
    return body(invocation, &engine, err); // the process ends with it, and closes all at once
}

void cli_print_error(const struct invocation *invocation, const struct err *err) {
    fflush(stdout);
    if (invocation->globals->debug)
        fprintf(stderr, "hoy: %s (%s:%d)\n", err->text, err->file, err->line);
    else
        fprintf(stderr, "hoy: %s\n", err->text);
}

static int exit_code(const struct invocation *invocation, const struct err *err) {
    if (err->kind == ERR_COMMAND_NOT_FOUND) return 127;
    if (err->kind == ERR_COMMAND_NOT_EXECUTABLE) return 126;
    if (invocation->failure) return invocation->failure;
    return invocation->command->failure ? invocation->command->failure : 1;
}

int cli_plain_failure(struct err *err) {
    if (err->kind == ERR_COMMAND_NOT_FOUND || err->kind == ERR_COMMAND_NOT_EXECUTABLE)
        err->kind = ERR_INVALID;
    return -1;
}

static int for_each(struct invocation *invocation, struct engine *engine, struct err *err) {
    int code = 0;
    (void)err;
    for (size_t i = 0; i < invocation->arguments.count; i++) {
        struct err one = {0};
        if (invocation->each(invocation, engine, invocation->arguments.items[i], &one) < 0) {
            cli_print_error(invocation, &one);
            code = 1;
        }
    }
    return code;
}

int cli_for_each(struct invocation *invocation, command_each *each, struct err *err) {
    invocation->each = each;
    return cli_with_engine(invocation, for_each, err);
}

// Global options

#define OF_A_DAEMON "hoy works on this machine itself, and talks to no daemon"

static const struct option global_rows[] = {
    {"config", 0, "string", "Location of client config files (default \"~/.docker\")", store_string,
     offsetof(struct globals, config)},
    {"debug", 'D', NULL, "Enable debug mode", store_flag, offsetof(struct globals, debug)},
    {"root", 0, "string", "Where images and containers are kept (default \"/var/lib/hoy\")", store_string,
     offsetof(struct globals, root)},
    {"runroot", 0, "string", "Where the state of running containers is kept (default \"/run/hoy\")",
     store_string, offsetof(struct globals, runroot)},
    {"storage-driver", 0, "string", "How layers are kept: erofs or dir (default: what the kernel can)",
     store_string, offsetof(struct globals, storage_driver), "erofs|dir"},
    {"version", 'v', NULL, "Print version information and quit", store_flag,
     offsetof(struct globals, version)},

    OPTION_REFUSED("context", 'c', OF_A_DAEMON),
    OPTION_REFUSED("host", 'H', OF_A_DAEMON),
    OPTION_REFUSED("log-level", 'l', "hoy keeps no log of its own: --debug says more"),
    OPTION_REFUSED("tls", 0, OF_A_DAEMON),
    OPTION_REFUSED("tlscacert", 0, OF_A_DAEMON),
    OPTION_REFUSED("tlscert", 0, OF_A_DAEMON),
    OPTION_REFUSED("tlskey", 0, OF_A_DAEMON),
    OPTION_REFUSED("tlsverify", 0, OF_A_DAEMON),
};
static const struct option_table global_table = OPTIONS(global_rows, struct globals);
const struct option_table *const global_options[] = {&global_table, NULL};

int run_help(struct invocation *invocation, struct err *err) {
    if (!invocation->arguments.count) return help_global(stdout), 0;
    const char **words = arena_array(&invocation->arena, const char *, invocation->arguments.count + 1);
    memcpy(words, invocation->arguments.items, invocation->arguments.count * sizeof *words);
    const struct command_group *group = NULL;
    const char *form;
    size_t taken;
    const struct command *command = command_find(words, &taken, &form, &group, err);
    if (command)
        help_command(command, form, stdout);
    else if (group)
        help_group(group, stdout);
    else
        return -1;
    return 0;
}

// Running

// A command line that is wrong: what, and where there is more.
static int usage_failure(const struct invocation *invocation, const struct err *err, int code) {
    fprintf(stderr, "hoy: %s\n", err->text);
    fprintf(stderr, "See 'hoy %s%s--help'.\n", invocation->form ? invocation->form : "",
            invocation->form ? " " : "");
    return code;
}

static int count_failure(const struct invocation *invocation, const struct err *err) {
    fprintf(stderr, "hoy: %s\n\nUsage:  ", err->text);
    help_usage_line(invocation->command, invocation->form, stderr);
    fprintf(stderr, "\nSee 'hoy %s --help'.\n", invocation->form);
    return 1;
}

static int run(struct invocation *invocation, struct err *err) {
    const struct command *command = invocation->command;
    if (command->each && (invocation->arguments.count || !command->with))
        return cli_for_each(invocation, command->each, err);
    return command->with ? cli_with_engine(invocation, command->with, err) : command->run(invocation, err);
}

static int execute(struct invocation *invocation, const char *const *argv) {
    struct err err = {0};
    if (options_parse(invocation, argv, &err) < 0) return usage_failure(invocation, &err, CLI_USAGE_FAILURE);
    if (invocation->help) return help_command(invocation->command, invocation->form, stdout), 0;
    if (options_check_count(invocation, &err) < 0) return count_failure(invocation, &err);
    int code = run(invocation, &err);
    if (code < 0) {
        cli_print_error(invocation, &err);
        return exit_code(invocation, &err);
    }
    int error = fflush(stdout) ? errno : 0; // of an earlier write nobody knows it any more
    if (!error && !ferror(stdout)) return code;
    fprintf(stderr, "hoy: write to standard output: %s\n",
            error ? strerror(error) : "a part of it could not be written");
    return code ? code : 1;
}

static int dispatch(struct invocation *invocation, const char *const *argv) {
    const struct command_group *group = NULL;
    struct err err = {0};
    size_t words;
    const char *config = invocation->globals->config;
    if (config) (void)setenv("DOCKER_CONFIG", config, 1); // helpers of credentials see it, too
    invocation->command = command_find(argv, &words, &invocation->form, &group, &err);
    if (group) return help_group(group, stdout), 0;
    if (!invocation->command) return usage_failure(invocation, &err, 1);
    return execute(invocation, argv + words);
}

int cli_main(int argc, char **argv) {
    (void)argc;
    struct globals globals = {0};
    struct invocation invocation = {.globals = &globals};
    struct options_reader reader = {.tables = global_options, .values = &globals, .stops = true};
    struct err err = {0};
    const char *const *words = (const char *const *)argv + 1;
    int code = 0;
    if (options_read(&invocation.arena, &reader, words, &err) < 0)
        code = usage_failure(&invocation, &err, CLI_USAGE_FAILURE);
    else if (globals.version)
        printf("hoy version %s\n", HOY_VERSION);
    else if (reader.help || !words[reader.taken])
        help_global(stdout);
    else
        code = dispatch(&invocation, words + reader.taken);
    arena_finish(&invocation.arena);
    return code;
}
