// SPDX-License-Identifier: Apache-2.0
// Who a process id stands for. A number is given to somebody else once its process is gone; with the time at
// which it began it is nobody else's.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_stat {
    char state;          // 'R', 'S', 'Z' …: proc(5)
    uint64_t start_time; // clock ticks since the boot
};

// -ENOENT or -ESRCH when there is none.
int process_stat(pid_t pid, struct process_stat *ret_stat);

// A pidfd of the one that began at start_time (0: of whoever has the number). -ESRCH when it is not there, or
// its number is another's by now; other -errno.
int process_open(pid_t pid, uint64_t start_time);

// What becomes of signals to a process: /proc/PID/status. Bit n - 1 of a mask: signal n.
struct process_signals {
    char command[17], state;
    bool is_init; // of a pid namespace below ours: without a handler a signal is nothing to it
    uint64_t blocked, ignored, caught;
    uint64_t switches; // how often it was put off a processor
};
int process_signals(pid_t pid, struct process_signals *ret_signals);
// An init without a handler for the signal: it will never know of it. (One that blocks it may read it.)
static inline bool process_is_deaf(const struct process_signals *signals, int number) {
    uint64_t bit = UINT64_C(1) << (number - 1);
    return signals->is_init && !((signals->caught | signals->blocked) & bit);
}
// Ends one that began at start_time, and returns when it has ended. 0 also when it is not there, or its
// number is another's by now; -ETIMEDOUT after ten seconds.
int process_end(pid_t pid, uint64_t start_time);
// Its first child, 0 when there is none.
pid_t process_child(pid_t pid);

// For a child that is about to execute a program: no signal is blocked; and each is what it is for who never
// asked for anything else.
void process_unblock_signals(void);
void process_reset_signals(void);

// Whether this process is in another user namespace than the machine's first. Root there is not the machine's
// root.
bool process_in_user_namespace(void);
// How many group ids there are in this process's user namespace, from 0 on: all, unless the kernel tells of
// less.
uint32_t process_group_count(void);
// Whether the network namespace around belongs to this process's user namespace, or to one below. Where not,
// there is no root here who could make interfaces in it. Only the kernel's refusal says that it does not.
bool process_owns_network(void);
