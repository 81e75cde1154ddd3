// SPDX-License-Identifier: Apache-2.0
// The shim's one loop: output of the container to the log and the clients, their input to the container, its
// end. All memory is static; nothing is allocated once it runs.
#pragma once

#include "shim/log.h"
#include "shim/peer.h"

#include <signal.h>

#define SHIM_PEERS 16

struct shim {
    pid_t pid; // the container's first process (or the exec'd one), and a descriptor for it
    int pidfd;
    int signals;          // a signalfd
    int listen;           // -1: no more clients
    int output[2], input; // pipes, or the terminal's master for output[0] and input; -1 when ended
    bool terminal;        // one terminal instead of pipes
    bool forward_signals; // all that we get, not only SIGTERM; without a terminal
    bool input_ending;    // the first client said that there is no more input
    bool ended;
    size_t drain_left; // what is still read after the end
    struct shim_exit exit;
    struct log log;
    struct peer peers[SHIM_PEERS];
};

// The signals that a shim deals with itself; blocked from the start.
void shim_signals(sigset_t *ret_set);

void shim_add_peer(struct shim *shim, int fd, bool first);

// Until the process has ended and all its output is in the log and on its way to the clients.
void shim_loop(struct shim *shim);

// Tells the first client, which has things of its own to take away meanwhile.
void shim_say_exited_first(struct shim *shim);

// Tells everybody else, and waits until they have it, the first too. Returns whether the first client, whose
// business the rest is, is among them.
bool shim_say_exited(struct shim *shim);
