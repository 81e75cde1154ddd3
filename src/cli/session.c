// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include "plan/explain.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int store_detach_keys(struct parse *parse, const char *text, void *field, struct err *err) {
    if (client_check_detach_keys(text, err) < 0) return -1;
    return store_string(parse, text, field, err);
}

int session_check_terminal(const struct session *session, struct err *err) {
    if (!session->tty || !session->send_stdin || isatty(STDIN_FILENO)) return 0;
    return err_set(err, ERR_INVALID, 0, "the input device is not a TTY");
}

void session_size(uint16_t *ret_rows, uint16_t *ret_columns) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0) return;
    *ret_rows = size.ws_row;
    *ret_columns = size.ws_col;
}

static void mask_signals(int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigprocmask(how, &set, NULL);
}

void session_hold_signals(void) {
    mask_signals(SIG_BLOCK);
}

void session_release_signals(void) {
    mask_signals(SIG_UNBLOCK);
}

int session_run(int socket, const struct session *session, struct shim_exit *ret_exit, struct err *err) {
    bool terminal = session->tty && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    bool raw = terminal && session->send_stdin;
    struct client_options options = {
        .terminal = terminal,
        .send_stdin = session->send_stdin,
        .no_stdout = session->no_stdout,
        .no_stderr = session->no_stderr,
        // A terminal in raw mode makes its signals inside; one that arrives here is meant for the session.
        .proxy_signals = session->proxy_signals && !raw,
        .detach_keys = session->detach_keys,
        .redraw = session->joins,
    };
    // With --sig-proxy=false a signal ends this command, and not the container.
    bool own = !session->proxy_signals && !raw;
    if (own) session_release_signals();
    int end = client_run(socket, &options, ret_exit, err);
    if (own) session_hold_signals();
    if (end == CLIENT_DETACHED) fputs("read escape sequence\n", stderr);
    return end;
}

// The shim went away without a word: what the engine finds out about it is the truth.
static int lost(struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container found;
    fputs("hoy: the container's shim was killed, and the container with it\n", stderr);
    if (container_find(engine, &arena, container->id, &found, err) < 0) {
        if (err->kind == ERR_NOT_FOUND && container->auto_remove) return 137;
        return -1;
    }
    return found.exit_code ? found.exit_code : 137;
}

// `hoy run --rm … | head`: a program in a pipe would have been ended by SIGPIPE, and nobody would ever look
// at a container that is to go away with its end. Others run on, as docker's do; their output is in the log.
static int closed(struct engine *engine, const struct container *container, struct err *err) {
    if (container->auto_remove && container_kill(engine, container, SIGKILL, err) && err->kind == ERR_SYSTEM)
        return -1;
    return 128 + SIGPIPE;
}

int session_container(struct engine *engine, const struct container *container, int socket,
                      const struct session *session, struct plan_block *block, struct err *err) {
    struct shim_exit exit = {0};
    int32_t pid;
    container_expect_end(engine, container); // while the shim makes it
    int started = client_wait_started(socket, &pid, err);
    if (block) plan_explain(block, stderr);
    if (started < 0) {
        struct err why = *err, ignored;
        container_failed(engine, container->id, &why, &ignored);
        return -1;
    }
    int end = session_run(socket, session, &exit, err);
    if (end < 0) return -1;
    if (end == CLIENT_DETACHED) {
        container_event(engine, container, "detach", NULL);
        return 0;
    }
    if (end == CLIENT_CLOSED) return session->joins ? 128 + SIGPIPE : closed(engine, container, err);
    if (end == CLIENT_LOST) return lost(engine, container, err);
    // The command's status is known, and the caller's, whatever becomes of the container's row.
    if (container_exited(engine, container->id, &exit, socket, err) < 0)
        fprintf(stderr, "hoy: %s\n", err->text);
    return exit.status;
}
