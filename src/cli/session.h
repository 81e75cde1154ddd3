// SPDX-License-Identifier: Apache-2.0
// A command's standard streams tied to a container's, until one of them ends.
#pragma once

#include "cli/invocation.h"
#include "engine/engine.h"
#include "shim/client.h"

struct session {
    bool tty, send_stdin, no_stdout, no_stderr, proxy_signals;
    bool joins; // what runs already: its screen is drawn anew, and it runs on whatever becomes of our output
    const char *detach_keys;
};

option_store store_detach_keys; // const char *

// -it without a terminal on standard input is a mistake: -1 with "the input device is not a TTY".
int session_check_terminal(const struct session *session, struct err *err);
// The size of our terminal; zeros where there is none.
void session_size(uint16_t *ret_rows, uint16_t *ret_columns);

// Signals that end a program wait until the container is in place and someone can pass them on: an interrupt
// never leaves half a container.
void session_hold_signals(void);
void session_release_signals(void);

// Runs it: an enum client_end, or -1. Says so on stderr when the user detached.
int session_run(int socket, const struct session *session, struct shim_exit *ret_exit, struct err *err);

// A container's session from its start to its end: waits until it runs, copies, and takes over what it ended
// with. block: the plan to explain once it runs, or NULL. The exit code, or -1.
struct plan_block;
int session_container(struct engine *engine, const struct container *container, int socket,
                      const struct session *session, struct plan_block *block, struct err *err);
