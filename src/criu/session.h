// SPDX-License-Identifier: Apache-2.0
// One request to CRIU: its program, started for that ("criu swrk"), and what the two say to each other over a
// socket until there is an answer.
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "criu/rpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CRIU_FD_SOCKET 3
#define CRIU_FD_EXTRA  4 // the first of the descriptors that are given along
#define CRIU_EXTRA_MAX 16

struct criu_program {
    const char *path; // NULL, "": criu in $PATH
    // What is to happen before the program is executed, in its process. NULL: nothing.
    int (*prepare)(void *data, struct err *err);
    void *data;
    int extra[CRIU_EXTRA_MAX]; // its CRIU_FD_EXTRA and those after it; borrowed
    size_t extra_count;
};

struct criu_session {
    pid_t pid;
    int socket;
};

// The program and the socket stand when it returns 0. Its standard streams are the caller's. ERR_NOT_FOUND
// where there is no such program.
int criu_start(const struct criu_program *program, struct criu_session *ret_session, struct err *err);
// Ends it, unless it has ended.
void criu_finish(struct criu_session *session);

// A moment that CRIU tells of, and waits at until the function returns. fd (or -1) is what came along; it is
// closed afterwards unless the function takes it.
struct criu_notice {
    char script[48]; // "post-dump", "setup-namespaces" …
    pid_t pid;
    int fd;
};
typedef int criu_listener(void *data, struct criu_notice *notice, struct err *err);

// options: the message of enum criu_option. 0, or -1 with a sentence when the listener had failed, or the
// connection broke; ret_answer says then as well as else what the answer was.
struct criu_answer {
    bool arrived, success;
    int error; // errno, 0
    pid_t pid; // of a restore
    char message[256];
};
int criu_request(struct criu_session *session, enum criu_type type, const struct str *options,
                 criu_listener *listener, void *data, struct criu_answer *ret_answer, struct err *err);
