// SPDX-License-Identifier: Apache-2.0
// hoy's side of the fetch worker: starting it, talking to it, ending it. The conversation is in
// registry/channel.h.
#pragma once

#include "base/err.h"
#include "base/json.h"

#include <signal.h>
#include <sys/types.h>

struct fetcher {
    int channel, signals; // signals: SIGINT, SIGTERM and SIGHUP as a descriptor
    pid_t pid;
    sigset_t mask;          // what was blocked before
    int signal;             // that interrupted fetcher_receive(), or 0
    struct fetcher *beside; // another one that may only speak to fail meanwhile, or NULL
};
#define FETCHER_INIT \
    { .channel = -1, .signals = -1 }

// Runs hoy-fetch MODE with the directory as descriptor 4 (unless it is -1), and `tar` as 5 unless it is -1.
// Until fetcher_finish() the signals that end a program only end the waiting.
int fetcher_start(struct fetcher *fetcher, const char *mode, int directory, int tar, struct err *err);
int fetcher_send(struct fetcher *fetcher, const struct json_writer *message, int fd, struct err *err);
// A message of one text, or of nothing (key NULL).
int fetcher_say(struct fetcher *fetcher, const char *key, const char *text, int fd, struct err *err);
// The next event; the caller frees. The worker's "error" event is returned as an error. ERR_UNAVAILABLE with
// EINTR when a signal came.
int fetcher_receive(struct fetcher *fetcher, struct json **ret_event, struct err *err);
// The same, with the descriptor that came with it, or -1.
int fetcher_receive_with(struct fetcher *fetcher, struct json **ret_event, int *ret_fd, struct err *err);
// After "done": waits until it is gone.
int fetcher_wait(struct fetcher *fetcher, struct err *err);
// Both: what "done" says, when that is all it has to say. ret_done may be NULL.
int fetcher_last(struct fetcher *fetcher, struct json **ret_done, struct err *err);
// Ends it if it still runs, and all processes of its own; and does that and lets signals through again, for
// _cleanup_: one that came meanwhile ends this program now, as it would have, unless it waits for the end of
// another fetcher or of signals_hold().
void fetcher_kill(struct fetcher *fetcher);
void fetcher_finish(struct fetcher *fetcher);

// A whole conversation of one answer: starts it, and fetcher_last().
int fetcher_run(const char *mode, int directory, int tar, struct json **ret_done, struct err *err);

// For a caller that has something to take back: signals that end a program wait until the end of the scope.
//   _cleanup_(signals_release) _unused_ sigset_t signals = signals_hold();
sigset_t signals_hold(void);
void signals_release(sigset_t *before);
