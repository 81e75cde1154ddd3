// SPDX-License-Identifier: Apache-2.0
// attach and exec: into a container that runs.
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/parse_value.h"
#include "cli/session.h"

#include <signal.h>

struct attach_flags {
    const char *detach_keys;
    bool no_stdin, no_proxy;
};

static const struct option attach_rows[] = {
    {"detach-keys", 0, "string", "Override the key sequence for detaching a container", store_detach_keys,
     offsetof(struct attach_flags, detach_keys)},
    {"no-stdin", 0, NULL, "Do not attach STDIN", store_flag, offsetof(struct attach_flags, no_stdin)},
    {"sig-proxy", 0, NULL, "Proxy all received signals to the process (default true)", store_off,
     offsetof(struct attach_flags, no_proxy)},
};
const struct option_table attach_options_table = OPTIONS(attach_rows, struct attach_flags);

int run_attach(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct attach_flags *flags = invocation->options;
    struct container container;
    if (container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err) < 0)
        return -1;
    if (str_eq(container.state, "restarting"))
        return err_set(err, ERR_CONFLICT, 0,
                       "You cannot attach to a restarting container, wait until it is running");
    if (!str_eq(container.state, "running"))
        return err_set(err, ERR_CONFLICT, 0, "You cannot attach to a stopped container, start it first");
    if (container.paused)
        return err_set(err, ERR_CONFLICT, 0, "You cannot attach to a paused container, unpause it first");
    struct session session = {.tty = container.config.tty,
                              .send_stdin = container.config.open_stdin && !flags->no_stdin,
                              .proxy_signals = !flags->no_proxy,
                              .joins = true,
                              .detach_keys = flags->detach_keys};
    _cleanup_(fd_closep) int client = -1;
    if (session_check_terminal(&session, err) < 0) return -1;
    if (container_attach(engine, &container, &client, err) < 0) return -1;
    container_event(engine, &container, "attach", NULL);
    return session_container(engine, &container, client, &session, NULL, err);
}

// exec

struct exec_flags {
    struct exec_options exec;
    struct strings env, file_env;
    const char *detach_keys;
    bool detach;
};

#define AT(member) offsetof(struct exec_flags, member)

static const struct option exec_rows[] = {
    {"detach", 'd', NULL, "Detached mode: run command in the background", store_flag, AT(detach)},
    {"detach-keys", 0, "string", "Override the key sequence for detaching a container", store_detach_keys,
     AT(detach_keys)},
    {"env", 'e', "list", "Set environment variables", store_env, AT(env)},
    {"env-file", 0, "list", "Read in a file of environment variables", store_env_file, AT(file_env)},
    {"interactive", 'i', NULL, "Keep STDIN open even if not attached", store_flag, AT(exec.open_stdin)},
    {"privileged", 0, NULL, "Give extended privileges to the command", store_flag, AT(exec.privileged)},
    {"tty", 't', NULL, "Allocate a pseudo-TTY", store_flag, AT(exec.tty)},
    {"user", 'u', "string", "Username or UID (format: \"<name|uid>[:<group|gid>]\")", store_string,
     AT(exec.user)},
    {"workdir", 'w', "string", "Working directory inside the container", store_string, AT(exec.working_dir)},
};
const struct option_table exec_options_table = OPTIONS(exec_rows, struct exec_flags);

#define EXEC_FAILURE 126 // what is asked for can't be executed

static int exec_in(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct exec_flags *flags = invocation->options;
    struct container container;
    _cleanup_(fd_closep) int client = -1;
    struct session session = {.tty = flags->exec.tty,
                              .send_stdin = flags->exec.open_stdin && !flags->detach,
                              .proxy_signals = true,
                              .detach_keys = flags->detach_keys};
    if (session_check_terminal(&session, err) < 0) return -1;
    if (container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err) < 0)
        return -1;
    if (str_eq(container.state, "restarting"))
        return err_set(err, ERR_CONFLICT, 0,
                       "Container %s is restarting, wait until the container is running", container.id);
    if (!str_eq(container.state, "running"))
        return err_set(err, ERR_CONFLICT, 0, "Container %s is not running", container.id);
    if (container.paused)
        return err_set(err, ERR_CONFLICT, 0, "Container %s is paused, unpause the container before exec",
                       invocation->arguments.items[0]);
    session_hold_signals();
    if (flags->detach)
        return container_exec(engine, &container, &flags->exec, NULL, err) ? cli_plain_failure(err) : 0;
    if (container_exec(engine, &container, &flags->exec, &client, err)) {
        if (err->kind != ERR_CONFLICT) invocation->failure = EXEC_FAILURE;
        return -1;
    }
    struct shim_exit exit = {0};
    int end = session_run(client, &session, &exit, err);
    if (end < 0) return -1;
    switch (end) {
    case CLIENT_EXITED: return exit.status;
    case CLIENT_DETACHED: return 0;
    case CLIENT_CLOSED: return 128 + SIGPIPE;
    default: fputs("hoy: the shim of the command was killed\n", stderr); return 128 + SIGKILL;
    }
}

int run_exec(struct invocation *invocation, struct err *err) {
    struct exec_flags *flags = invocation->options;
    struct parse parse = {.arena = &invocation->arena};
    flags->exec.env = flags->file_env;
    for (size_t i = 0; i < flags->env.count; i++)
        store_env(&parse, flags->env.items[i], &flags->exec.env, err);
    for (size_t i = 1; i < invocation->arguments.count; i++)
        strings_add(&invocation->arena, &flags->exec.command, invocation->arguments.items[i]);
    session_size(&flags->exec.rows, &flags->exec.columns);
    return cli_with_engine(invocation, exec_in, err);
}
