// SPDX-License-Identifier: Apache-2.0
// The other end of a shim's socket, for a program with standard streams: `hoy run`, `start -a`, `attach`,
// `exec`, `hoy-runtime run`. Raw mode, window size, detach keys, signals; the terminal is restored whatever
// happens.
#pragma once

#include "base/err.h"
#include "shim/protocol.h"

#include <stdbool.h>

struct client_options {
    bool terminal;   // the container has a pty, and our stdin and stdout are terminals
    bool send_stdin; // -i; from the first client its end is the end of the container's
    bool no_stdout, no_stderr;
    bool redraw;             // attach: what runs there has drawn its screen on somebody else's terminal
    bool proxy_signals;      // --sig-proxy: not with a terminal and -i, where signals end the session
    const char *detach_keys; // NULL: "ctrl-p,ctrl-q"
};

enum client_end {
    CLIENT_EXITED,   // *ret_exit is filled in
    CLIENT_DETACHED, // the detach keys were typed
    CLIENT_LOST,     // the shim went away without a word
    CLIENT_CLOSED,   // whoever read our standard output has gone (`hoy run … | head`); the container runs
};

// Waits for SHIM_STARTED (0), or SHIM_FAILED (-1 with *err as the shim sent it), with the pid.
int client_wait_started(int socket, int32_t *ret_pid, struct err *err);

// The sentence of a bad detach-keys text, before anything is started.
int client_check_detach_keys(const char *keys, struct err *err);

// Copies until the end. Returns an enum client_end, or -1 (a bad detach-keys text, our own streams broken).
// With a terminal, SIGTERM, SIGHUP, SIGINT and SIGQUIT restore it and end this process as they always do.
// Once at a time in a process.
int client_run(int socket, const struct client_options *options, struct shim_exit *ret_exit, struct err *err);
