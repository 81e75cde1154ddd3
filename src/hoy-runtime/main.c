// SPDX-License-Identifier: Apache-2.0
// hoy-runtime: OCI containers from bundles, with the command line of runc. Same compiler, plan and shim as
// hoy.
#include "args/help.h"
#include "base/fd.h"
#include "hoy-runtime/commands.h"
#include "kernel/process.h"
#include "shim/error_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    {"checkpoint",
     "CONTAINER-ID",
     "Write a running container to files, by CRIU",
     {&checkpoint_options_table},
     1,
     1,
     .run = run_checkpoint},
    {"create",
     "CONTAINER-ID",
     "Make a container, ready to be started",
     {&create_options_table},
     1,
     1,
     .run = run_create},
    {"delete",
     "CONTAINER-ID [CONTAINER-ID...]",
     "Remove what a container holds",
     {&delete_options_table},
     1,
     -1,
     .run = run_delete},
    {"events",
     "CONTAINER-ID",
     "Print what a container uses, as JSON",
     {&events_options_table},
     1,
     1,
     .run = run_events},
    {"exec",
     "CONTAINER-ID COMMAND [ARG...]",
     "Run a further process in a container",
     {&exec_options_table},
     1,
     -1,
     .stops = true,
     .failure = 255,
     .run = run_exec},
    {"features", "", "Print what this runtime can do, as JSON", {NULL}, 0, 0, .run = run_features},
    {"kill",
     "CONTAINER-ID [SIGNAL]",
     "Send a signal (SIGTERM) to a container's first process",
     {&kill_options_table},
     1,
     2,
     .run = run_kill},
    {"list", "", "List containers", {&list_options_table}, 0, 0, .run = run_list},
    {"mounts",
     "add|remove CONTAINER-ID FILE",
     "Mount something in a container that runs, or take it away: FILE has OCI mounts as JSON",
     {NULL},
     3,
     3,
     .run = run_mounts},
    {"pause",
     "CONTAINER-ID",
     "Have all processes of a container stand still",
     {NULL},
     1,
     1,
     .run = run_pause},
    {"ps",
     "CONTAINER-ID [PS-OPTION...]",
     "List the processes of a container",
     {&ps_options_table},
     1,
     -1,
     .stops = true,
     .run = run_ps},
    {"restore",
     "CONTAINER-ID",
     "Have a container go on that was written to files",
     {&restore_options_table},
     1,
     1,
     .run = run_restore},
    {"resume", "CONTAINER-ID", "Have them go on", {NULL}, 1, 1, .run = run_resume},
    {"run", "CONTAINER-ID", "Make a container and start it", {&run_options_table}, 1, 1, .run = run_run},
    {"spec", "", "Write a config.json to begin with", {&spec_options_table}, 0, 0, .run = run_spec},
    {"start", "CONTAINER-ID", "Run the command of a container that was made", {NULL}, 1, 1, .run = run_start},
    {"state", "CONTAINER-ID", "Print the state of a container, as JSON", {NULL}, 1, 1, .run = run_state},
    {"update",
     "CONTAINER-ID",
     "Change the limits of a container",
     {&update_options_table},
     1,
     1,
     .run = run_update},
};

#define AT(member) offsetof(struct globals, member)
static int store_rootless(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    bool on;
    if (!str_eq(text, "auto") && parse_bool(text, &on) < 0)
        return err_set(err, ERR_INVALID, 0, "it is true, false or auto");
    *(const char **)field = text;
    return 0;
}
static const struct option global_rows[] = {
    {"cgroup-manager", 0, "string", "Who makes cgroups: cgroupfs, systemd or disabled", store_choice,
     AT(cgroup_manager), "cgroupfs|systemd|disabled"},
    {"criu", 0, "path", "The program criu (default: the one in $PATH)", store_string, AT(criu)},
    {"debug", 0, NULL, "Log what is done, too: the same as --log-level debug", store_flag, AT(debug)},
    {"log", 0, "file", "Log to this file", store_string, AT(log)},
    {"log-format", 0, "string", "The form of the log: text or json", store_choice, AT(log_format),
     "text|json"},
    {"log-level", 0, "string", "What is logged: error, warning (default) or debug", store_choice,
     AT(log_level), "error|warning|debug"},
    {"root", 0, "dir", "Where the states of containers are kept (default /run/hoy-runtime)", store_string,
     AT(root)},
    {"rootless", 0, "bool", "Do without what only root may: true, false or auto", store_rootless,
     AT(rootless)},
    {"systemd-cgroup", 0, NULL, "Have systemd make cgroups: the same as --cgroup-manager systemd", store_flag,
     AT(systemd_cgroup)},
    {"version", 'v', NULL, "Print the version", store_flag, AT(version)},
    {"V", 'V', NULL, NULL, store_flag, AT(version), NULL}, // crun's
};
static const struct option_table global_table = OPTIONS(global_rows, struct globals);
static const option_tables globals_tables = (const struct option_table *const[]){&global_table, NULL};

static void print_help(void) {
    printf("Usage:  hoy-runtime [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARG...]\n\n"
           "Runs containers from OCI bundles.\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        printf("  %-11s %s\n", commands[i].name, commands[i].summary);
    options_print("Global Options", globals_tables, stdout);
    puts("\nRun 'hoy-runtime COMMAND --help' for more information on a command.");
}

static void print_command_help(const struct command *command) {
    printf("Usage:  hoy-runtime %s%s%s%s\n\n%s\n", command->name,
           options_any(command->options) ? " [OPTIONS]" : "", *command->arguments ? " " : "",
           command->arguments, command->summary);
    options_print("Options", command->options, stdout);
}

static void print_version(void) {
    puts("hoy-runtime version " HOY_VERSION "\nspec: 1.3.0");
}

static const struct command *find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (str_eq(commands[i].name, name)) return &commands[i];
    return NULL;
}

void say_debug(const struct invocation *invocation, const char *text) {
    const struct globals *globals = &invocation->globals;
    if (!globals->debug) return;
    if (globals->log_fd < 0) fprintf(stderr, "hoy-runtime: %s\n", text);
    error_log(globals->log_fd, globals->log_json, "debug", text);
}

// With a log nowhere else: our standard error is the container's, whose engine keeps what comes there.
void say_warning(const struct invocation *invocation, const char *text) {
    if (str_eq(invocation->globals.log_level, "error")) return;
    if (invocation->globals.log_fd < 0) fprintf(stderr, "hoy-runtime: %s\n", text);
    error_log(invocation->globals.log_fd, invocation->globals.log_json, "warning", text);
}

void say_warnings(const struct invocation *invocation, const struct strings *texts) {
    for (size_t i = 0; i < texts->count; i++) say_warning(invocation, texts->items[i]);
}

static int open_log(struct globals *globals, struct err *err) {
    globals->log_json = str_eq(globals->log_format, "json");
    globals->debug |= str_eq(globals->log_level, "debug");
    if (str_empty(globals->log)) return 0;
    // crun's: where the log goes, and a name.
    if (!strncmp(globals->log, "journald:", 9) || !strncmp(globals->log, "syslog:", 7))
        return err_set(err, ERR_INVALID, 0, "--log %s: it is a file; journald and syslog are not supported",
                       globals->log);
    if (!strncmp(globals->log, "file:", 5)) globals->log += 5;
    globals->log_fd = fd_open_at(AT_FDCWD, globals->log, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0644);
    if (globals->log_fd >= 0) return 0;
    int r = globals->log_fd;
    globals->log_fd = -1;
    return err_set(err, ERR_SYSTEM, -r, "cannot open the log %s", globals->log);
}

// As runc: the user's own folder also for who is root in a user namespace, as under a rootless engine.
// Whoever is root by name there is the root of a container, and has /run.
static bool has_own_folder(void) {
    return geteuid() || (process_in_user_namespace() && !str_eq(getenv("USER"), "root"));
}

static void set_root(struct invocation *invocation) {
    if (!str_empty(invocation->globals.root)) return;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    invocation->globals.root = !str_empty(runtime) && has_own_folder()
                                   ? arena_printf(&invocation->arena, "%s/hoy-runtime", runtime)
                                   : "/run/hoy-runtime";
}

static int parse_command(struct invocation *invocation, const char *const *argv, bool *ret_help,
                         struct err *err) {
    const struct command *command = invocation->command;
    invocation->options =
        arena_alloc(&invocation->arena, command->options[0] ? command->options[0]->size : 1);
    struct options_reader reader = {
        .tables = command->options, .values = invocation->options, .stops = command->stops};
    if (options_read(&invocation->arena, &reader, argv, err) < 0) return err_wrap(err, "%s", command->name);
    *ret_help = reader.help;
    for (size_t i = reader.taken; argv[i]; i++) strings_add(&invocation->arena, &reader.arguments, argv[i]);
    invocation->arguments = reader.arguments;
    int count = (int)reader.arguments.count;
    if (reader.help || (count >= command->min && (command->max < 0 || count <= command->max))) return 0;
    return err_set(err, ERR_INVALID, 0, "\"hoy-runtime %s\" requires %s: see hoy-runtime %s --help",
                   command->name,
                   command->max == 0   ? "no arguments"
                   : command->max == 3 ? "exactly 3 arguments: add or remove, the container's id, a file"
                   : command->min == command->max ? "exactly 1 argument, the container's id"
                                                  : "the container's id",
                   command->name);
}

static void say_command(struct invocation *invocation, const char *const *argv) {
    _cleanup_(str_finish) struct str line = {0};
    if (!invocation->globals.debug) return;
    str_printf(&line, "hoy-runtime %s --root %s", HOY_VERSION, invocation->globals.root);
    for (; *argv; argv++) str_printf(&line, " %s", *argv);
    say_debug(invocation, str_get(&line));
}

static int dispatch(struct invocation *invocation, const char *const *argv, struct err *err) {
    struct options_reader reader = {.tables = globals_tables, .values = &invocation->globals, .stops = true};
    bool help = false;
    if (options_read(&invocation->arena, &reader, argv, err) < 0) return -1;
    if (invocation->globals.version) return print_version(), 0;
    argv += reader.taken;
    if (reader.help || !argv[0] || str_eq(argv[0], "help")) return print_help(), 0;
    if (open_log(&invocation->globals, err)) return -1;
    set_root(invocation);
    invocation->command = find(argv[0]);
    if (!invocation->command) {
        invocation->understood = true;
        return err_set(err, ERR_INVALID, 0, "\"%s\" is no command of hoy-runtime: see hoy-runtime --help",
                       argv[0]);
    }
    if (parse_command(invocation, argv + 1, &help, err) < 0) return -1;
    if (help) return print_command_help(invocation->command), 0;
    invocation->understood = true;
    say_command(invocation, argv);
    return invocation->command->run(invocation, err);
}

// As runc: 3 when there is no such command, 1 when its line is wrong.
static int failure(const struct invocation *invocation) {
    if (!invocation->understood) return 1;
    if (!invocation->command) return 3;
    return invocation->command->failure ? invocation->command->failure : 1;
}

// What an argument or a document says is repeated in sentences; it makes no lines of its own in a log.
static void keep_to_one_line(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127) *text = '?';
}

int main(int argc, char **argv) {
    struct invocation invocation = {.arena = ARENA_INIT, .globals.log_fd = -1};
    struct err err = {0}, ignored;
    fd_ensure_standard();
    int code = argc > 0 ? dispatch(&invocation, (const char *const *)argv + 1, &err) : 1;
    if (code < 0) {
        keep_to_one_line(err.text);
        fprintf(stderr, "hoy-runtime: %s\n", err.text);
        if (invocation.globals.log_fd < 0) (void)open_log(&invocation.globals, &ignored);
        error_log(invocation.globals.log_fd, invocation.globals.log_json, "error", err.text);
        code = failure(&invocation);
    }
    if (fflush(stdout) && !code) code = 1;
    arena_finish(&invocation.arena);
    return code;
}
