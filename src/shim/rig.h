// SPDX-License-Identifier: Apache-2.0
// For tests: a shim program on a plan of one command, with files of its own. Whoever waits here waits for an
// event, and an alarm ends a test that waits in vain.
#pragma once

#include "plan/plan.h"
#include "shim/client.h"

struct rig {
    char folder[64]; // holds "plan", "log", "exit", "sock"
    int dir;
    int client; // the first client's socket
    pid_t shim;
};

struct rig_options {
    enum plan_stdio stdio;
    bool keep_stdin, is_exec, no_client;
    const char *on_exit; // a program
    struct plan_restart restart;
    const char *script;  // for /bin/sh -c; or:
    const char *program; // without arguments
};

void rig_start(struct rig *rig, const struct rig_options *options);
// The same, and waits until the command runs.
void rig_run(struct rig *rig, struct rig_options options);
int rig_connect(struct rig *rig);
int rig_wait(struct rig *rig); // the shim's wait status
void rig_finish(struct rig *rig);
char *rig_read(struct rig *rig, const char *name); // the caller frees; NULL when there is none

// A client by hand.
void frame_send(int socket, uint32_t type, const void *bytes, uint32_t size);
uint32_t frame_next(int socket, char *ret_bytes, uint32_t *ret_size); // its type; 0 at the end
void frame_await(int socket, const char *word);                       // reads output until the word came

int rig_begin(void **state);
#define TEST(f) cmocka_unit_test_setup(f, rig_begin)
