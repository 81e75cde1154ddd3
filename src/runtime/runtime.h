// SPDX-License-Identifier: Apache-2.0
// The runtime: an OCI spec becomes a plan, and a shim does it.
#pragma once

#include "oci/spec.h"
#include "plan/plan.h"
#include "runtime/cgroup.h"

struct runtime_options {
    const char *id;
    const char *cgroup; // path below each hierarchy's root when the spec has none: "/hoy-<id>": right below,
                        // so that nothing stays behind
    const char *seccomp_cache; // a directory for compiled filters, or NULL
    const char *attach;        // an existing host directory where the root file system is attached
    bool init;                 // --init: the shim's own init as pid 1
    bool waits;                // the command is not run before somebody says so: START
    bool no_pivot;             // MS_MOVE and chroot instead of pivot_root
    bool no_new_keyring;       // the container keeps the caller's session keyring
    int preserve;              // so many descriptors from 3 on go to the command
};

// Adds the whole of the container to the plan, in this order: what host adds, cgroups, the clone, what root
// adds, mounts and the console, what network and beside add, and the process. Each may be NULL; without root
// the spec's root.path is taken.
struct runtime_contributions {
    int (*host)(struct plan *plan, void *data, struct err *err);    // before anything else (image mounts)
    int (*network)(struct plan *plan, void *data, struct err *err); // after mounts
    int (*beside)(struct plan *plan, void *data, struct err *err);  // what the parent does while the child
                                                                    // sets up the network's interfaces
    int (*root)(struct plan *plan, void *data, struct err *err);    // ROOT_ATTACH, ROOT_OVERLAY
    void *data;
};
int runtime_compile(const struct spec *spec, const struct runtime_options *options,
                    const struct runtime_contributions *contributions, struct plan *plan, struct err *err);

// The container's state as hooks and the agent of a listener read it (runtime.md, "State").
void runtime_plan_state(const struct spec *spec, const char *id, const char *bundle, struct plan *plan);

// A process inside a container that runs: joins what the container's own plan has made, with its spec for
// namespaces, seccomp and the rest, and process for what is to run.
int runtime_compile_exec(const struct spec *spec, const struct spec_process *process,
                         struct plan_block *container, const struct runtime_options *options,
                         struct plan *plan, struct err *err);

// Starts a shim (the small program that hoy carries, in a sealed memfd) on a plan file. Descriptors are moved
// to their places in enum shim_fd; -1 where absent. With inherit the shim keeps the caller's standard
// streams, else it has /dev/null. detach: a session of its own. Returns its pid.
struct runtime_shim {
    int plan, client, listen, log, state;
    int start, console, pidfd, errors, terminal, health, receiver, resolver;
    int ports, served, nft;
    int hold;     // a file that the shim is to hold as long as it lives (kernel/holders.h)
    int preserve; // so many descriptors from 3 on are the command's
    bool inherit;
    const char *exits[RUNTIME_CGROUP_EXITS]; // of what it leaves first, or NULL
};
#define RUNTIME_SHIM_NONE                                                                           \
    (struct runtime_shim) {                                                                         \
        .plan = -1, .client = -1, .listen = -1, .log = -1, .state = -1, .start = -1, .console = -1, \
        .pidfd = -1, .errors = -1, .terminal = -1, .health = -1, .receiver = -1, .resolver = -1,    \
        .ports = -1, .served = -1, .nft = -1, .hold = -1                                            \
    }
pid_t runtime_spawn_shim(const struct runtime_shim *shim, struct err *err);

// The same in this process's place. Returns only when that fails, -1.
int runtime_become_shim(const struct runtime_shim *shim, struct err *err);
