// SPDX-License-Identifier: Apache-2.0
// The parts that the facts are read by. Each adds its topic's.
#pragma once

#include "base/str.h"
#include "isolation/isolation.h"

#include <stdio.h>

// A process that is being looked at.
struct subject {
    struct arena *arena;
    struct facts *facts;
    int proc;     // its /proc/<pid>
    pid_t pid;    // as /proc numbers it
    bool is_host; // the caller
    bool own_net; // its network namespace is not the host's
};

void fact_add(struct subject *subject, const char *topic, const char *name, const char *value);
// The words that were collected, or "none".
void fact_add_words(struct subject *subject, const char *topic, const char *name, const struct str *words);
void word_add(struct str *words, const char *word);

// A file of the process's /proc, or of the caller's own with the second. NULL.
FILE *proc_open(const struct subject *subject, const char *name);
FILE *host_open(const char *path);

// Mounts (mounts.c)

struct host_mount {
    const char *device; // "8:1"
    const char *root, *target;
    const char *options, *type;
};
struct host_mounts {
    struct host_mount *items;
    size_t count;
};
int mounts_read(struct arena *arena, FILE *file, struct host_mounts *ret_mounts);
// The path on the host of what is mounted, or NULL when the host's mounts do not show it.
const char *mount_host_path(struct arena *arena, const struct host_mounts *host,
                            const struct host_mount *mount);

int read_process(struct subject *subject, struct err *err); // namespaces, ids, capabilities, seccomp, lsm
int read_paths(struct subject *subject, struct host_mounts *ret_inside, struct host_mounts *ret_host,
               struct err *err);
void read_devices(struct subject *subject);
void read_limits(struct subject *subject); // and rlimits
int read_sysctls(struct subject *subject, struct err *err);
void read_sockets(struct subject *subject, const struct host_mounts *inside, const struct host_mounts *host);
