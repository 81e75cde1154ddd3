// SPDX-License-Identifier: Apache-2.0
// What the kernel said in its log (/dev/kmsg) of a process or a container: the only place where it tells why
// it killed somebody. Nothing is allocated.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kmsg_process {
    int32_t pid;    // 0: none
    uint64_t bytes; // resident
    char name[20];
};

#define KMSG_BIGGEST 3

struct kmsg_answer {
    // The last process of the container's groups that was killed for want of memory; of several within a
    // second, the first.
    bool oom;
    char oom_group[512];  // the group whose limit it was, from the hierarchy's root; "": the whole machine
    char task_group[512]; // the one that the process was in
    struct kmsg_process killed;                // bytes: 0
    struct kmsg_process biggest[KMSG_BIGGEST]; // of those that were there, the largest first
    // The last such line that has the process's number in it, or "".
    char fault[256];   // a page fault, an illegal instruction …
    char seccomp[256]; // a system call that a filter refused
    char denial[256];  // what a security module refused
};

// Whom it is about.
struct kmsg_subject {
    uint64_t since_us; // since the boot: nothing older
    int32_t pid;       // 0: not known, go by the name
    const char *name;  // of the program, as the kernel keeps it
    const char *group; // a part of its control groups' paths
};

// -errno when the log can't be read.
int kmsg_find(const struct kmsg_subject *subject, struct kmsg_answer *ret_answer);

// The log has the machine's numbers of processes; in a pid namespace of their own they are others.
bool kmsg_knows_pids(void);

// The same in a text of records as /dev/kmsg gives them, one after another with an empty line between.
struct kmsg_search {
    const struct kmsg_subject *subject;
    struct kmsg_process table[KMSG_BIGGEST]; // of the killing that is being told
    uint64_t killed_us;                      // when the answer's process was killed
    struct kmsg_answer *answer;
};
void kmsg_take(struct kmsg_search *search, const char *record);
