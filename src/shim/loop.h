// SPDX-License-Identifier: Apache-2.0
// The shim's one loop: output of the container to the log and the clients, their input to the container, its
// end. All memory is static; nothing is allocated once it runs.
#pragma once

#include "plan/plan.h"
#include "shim/health.h"
#include "shim/log.h"
#include "shim/names.h"
#include "shim/peer.h"
#include "shim/ports.h"

#include <signal.h>

#define SHIM_PEERS 16
#define SHIM_NEVER UINT64_MAX

struct shim {
    pid_t pid; // the container's first process (or the exec'd one), and a descriptor for it
    int pidfd;
    int signals;          // a signalfd
    int listen;           // -1: no more clients
    int output[2], input; // pipes, or the terminal's master for output[0] and input; -1 when ended
    bool terminal;        // one terminal instead of pipes
    bool forward_signals; // all that we get, not only SIGTERM; without a terminal
    bool input_ending;    // the first client said that there is no more input
    bool end_told;        // the terminal got the key that says so
    bool ended;
    uint64_t read_ns;              // monotonic; when output was read last
    bool gathers;                  // it comes in pieces
    size_t drain_left;             // what is still read after the end
    const struct plan_block *plan; // and the container's directory, for events; or NULL
    int state;
    struct {
        int fd; // or -1
        short events;
        uint64_t seen;
        bool told;
    } oom; // kernel/cgroup.h
    struct health health;
    struct ports ports;
    struct names_held names;
    uint64_t started_ns; // monotonic
    uint64_t kill_at_ns; // monotonic; when it gets SIGKILL if it has not ended; SHIM_NEVER
    bool stopped;        // somebody asked it to end
    bool demanded;       // its health check asked for another run
    bool leaving;        // we were asked to end, as all programs are when the machine goes down
    struct shim_exit exit;
    struct {
        int signal;            // that ended the process, 0: none
        bool core;             // it left a core dump
        int asked, asked_last; // the first and the last signal that it got through us
        bool handled;          // the process had a handler for the first
        char asked_by[32];     // the program that sent it to us, "" for a client
    } end;
    struct log log;
    struct peer peers[SHIM_PEERS];
    struct peer_buffers buffers[SHIM_PEERS];
};

// The signals that a shim deals with itself; blocked from the start.
void shim_signals(sigset_t *ret_set);

void shim_add_peer(struct shim *shim, int fd, bool first);

// Until the process has ended and all its output is in the log and on its way to the clients.
void shim_loop(struct shim *shim);

// Between two runs: waits so long for somebody who wants no second one. True: nobody did.
bool shim_back_off(struct shim *shim, uint32_t delay_ms);

// Who was told of the end has heard all; what he said meanwhile still counts. Closes the connections.
void shim_dismiss(struct shim *shim);

// Tells the first client, which has things of its own to take away meanwhile.
void shim_say_exited_first(struct shim *shim);

// Tells everybody else, and waits until they have it, the first too. One that is to be started again can be
// reached further on. Returns whether the first client, whose
// business the rest is, is among them.
bool shim_say_exited(struct shim *shim);
