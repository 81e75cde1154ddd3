// SPDX-License-Identifier: Apache-2.0
// What separates a process from the rest of the machine, as the kernel has it: nothing is read from what the
// container was configured with, and nothing of the container is changed, stopped or entered.
//
// It comes as facts: a topic, a name, and a value that is one word or several with spaces between. Words have
// no spaces in them (a path's are written \040, as in mountinfo).
//
//   namespaces     cgroup ipc mnt net pid time user uts: the namespace's number
//   ids            uid gid: "0:100000:65536 …"  (inside:outside:count)   setgroups: allow, deny
//   capabilities   effective permitted inheritable bounding ambient: "chown kill …", "none", "all"
//   seccomp        mode: disabled, strict, filter   filters: how many   no-new-privileges: yes, no
//   lsm            label: of AppArmor, SELinux …; "none"
//   paths          root: read-only, writable   writable, read-only: what is the host's, "host:inside"
//                  masked, protected: paths below /proc and /sys that are covered, or not to be written
//   devices        nodes: what is in /dev   allowed: the rules of the device cgroup
//   limits         memory memory+swap pids cpu cpus mems: the least of the group's and of all those above it
//   rlimits        nofile …: "soft:hard"
//   sysctls        those that a namespace has for itself
//   sockets        unix abstract tcp udp: the host's that can be reached
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct fact {
    const char *topic, *name, *value;
    const char *note; // where it comes from: the group that has the least limit; or NULL
};

struct facts {
    struct fact *items;
    size_t count;
};

// Of the process that began then (process_stat). pid 0: of the caller, which stands for the host. The facts
// come in the topics' order, and the same names for every process. ERR_NOT_FOUND when it has ended.
int isolation_read(struct arena *arena, pid_t pid, uint64_t start_time, struct facts *ret_facts,
                   struct err *err);

// "capabilities.effective", or NULL.
const struct fact *facts_find(const struct facts *facts, const char *name);

// Namespaces' numbers say something only beside another process's: of facts, in words. other is who the
// others are: "the host's".
void facts_name_namespaces(struct facts *facts, const struct facts *others, const char *other);

// A line of an assertion file: NAME = VALUE, NAME != VALUE, NAME has WORD, NAME lacks WORD, NAME <= NUMBER,
// NAME >= NUMBER. A word is also had where a "host:inside" begins with it. 1 when it holds, 0 when not; -1
// when it is none.
int facts_assert(const struct facts *facts, const char *line, struct err *err);
