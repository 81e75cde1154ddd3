// SPDX-License-Identifier: Apache-2.0
// What create, run and exec have in common: a plan, and a shim that does it.
#pragma once

#include "hoy-runtime/commands.h"
#include "oci/spec.h"
#include "plan/plan.h"
#include "runtime/runtime.h"

struct launch_options {
    const char *console_socket, *pid_file, *pidfd_socket;
    struct spec_u64 preserve_fds;
    bool detach; // the shim goes once the process runs, or stands ready to
};

// The rows for that structure, the first member of a command's own.
#define LAUNCH_ROWS                                                                                \
    {"console-socket", 0,                                                                          \
     "path",           "A unix socket that gets the terminal's master",                            \
     store_string,     offsetof(struct launch_options, console_socket)},                           \
        {"pid-file",   0,                                                                          \
         "path",       "A file that gets the process id",                                          \
         store_string, offsetof(struct launch_options, pid_file)},                                 \
        {"pidfd-socket", 0,                                                                        \
         "path",         "A unix socket that gets a pidfd of the process",                         \
         store_string,   offsetof(struct launch_options, pidfd_socket)},                           \
    {                                                                                              \
        "preserve-fds", 0, "number", "So many descriptors from 3 on go to the command", store_u64, \
            offsetof(struct launch_options, preserve_fds)                                          \
    }

// How many descriptors from 3 on are the command's, those of socket activation among them (its two variables
// are added to env); without env, as for exec, only those that the flag says.
int launch_count_preserved(struct invocation *invocation, const struct launch_options *options,
                           int *ret_count, struct strings *env, struct err *err);

// A process at our own terminal begins with the size of that: a word from outside could come too late.
void launch_size(const struct launch_options *options, struct spec_process *process);

// The rules about terminals that detach, and the head of the plan.
int launch_prepare(struct invocation *invocation, const struct launch_options *options,
                   const struct spec_process *process, struct plan *plan, struct err *err);

// runtime_become_shim() with the log as its errors. -1, and the log is to be opened again.
int launch_become_shim(struct invocation *invocation, struct runtime_shim *shim, struct err *err);
// Has a shim do the plan: in this process's place, unless the terminal here is to be the container's. start:
// the fifo of START, or -1. Returns the exit code of the process, or -1.
int launch(struct invocation *invocation, const struct launch_options *options, int plan_fd, int start,
           const struct plan *plan, struct err *err);

// The socket of a flag: a descriptor, -1 without a path, or -2 with *err filled in.
int launch_connect(const char *path, const char *flag, struct err *err);

// The client of a shim that is our child, at its other end of socket. Returns the exit code of the process,
// or -1.
int launch_follow(int socket, pid_t shim, const struct plan *plan, struct err *err);
