// SPDX-License-Identifier: Apache-2.0
// hoy-runtime's command line: runc's words, and crun's where it has more.
#pragma once

#include "args/options.h"
#include "base/str.h"

struct globals {
    const char *root, *log, *log_format, *log_level, *rootless, *cgroup_manager, *criu;
    bool debug, systemd_cgroup, version;
    int log_fd; // -1: none
    bool log_json;
};

// --systemd-cgroup, or the manager by name.
static inline bool globals_want_systemd(const struct globals *globals) {
    return globals->systemd_cgroup || str_eq(globals->cgroup_manager, "systemd");
}

struct invocation;

struct command {
    const char *name, *arguments, *summary;
    const struct option_table *options[2];
    int min, max;                                               // arguments; max -1: any number
    bool stops;                                                 // options end at the first argument
    int failure;                                                // exit code
    int (*run)(struct invocation *invocation, struct err *err); // the exit code, or -1
};

// One run of one command.
struct invocation {
    const struct command *command;
    struct globals globals;
    struct arena arena;
    void *options;
    bool understood;          // the whole line: what fails now is the command
    struct strings arguments; // [0] is the container's id, where there is one
};

// A line in the log, or on standard error where there is none; not with --log-level error.
void say_warning(const struct invocation *invocation, const char *text);
// The same with --debug.
void say_debug(const struct invocation *invocation, const char *text);
void say_warnings(const struct invocation *invocation, const struct strings *texts);

extern const struct option_table checkpoint_options_table, create_options_table, run_options_table,
    delete_options_table, events_options_table, exec_options_table, kill_options_table, list_options_table,
    ps_options_table, restore_options_table, spec_options_table, update_options_table;

int run_checkpoint(struct invocation *invocation, struct err *err);
int run_create(struct invocation *invocation, struct err *err);
int run_run(struct invocation *invocation, struct err *err);
int run_start(struct invocation *invocation, struct err *err);
int run_delete(struct invocation *invocation, struct err *err);
int run_events(struct invocation *invocation, struct err *err);
int run_exec(struct invocation *invocation, struct err *err);
int run_features(struct invocation *invocation, struct err *err);
int run_kill(struct invocation *invocation, struct err *err);
int run_list(struct invocation *invocation, struct err *err);
int run_mounts(struct invocation *invocation, struct err *err);
int run_pause(struct invocation *invocation, struct err *err);
int run_ps(struct invocation *invocation, struct err *err);
int run_restore(struct invocation *invocation, struct err *err);
int run_resume(struct invocation *invocation, struct err *err);
int run_spec(struct invocation *invocation, struct err *err);
int run_state(struct invocation *invocation, struct err *err);
int run_update(struct invocation *invocation, struct err *err);
