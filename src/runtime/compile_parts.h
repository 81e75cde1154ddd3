// SPDX-License-Identifier: Apache-2.0
// The inside of the compiler: what its files share. Private to src/runtime.
#pragma once

#include "runtime/runtime.h"

#include <stdbool.h>
#include <stdint.h>

struct compiler {
    const struct spec *spec;
    const struct runtime_options *options;
    const struct runtime_contributions *contributions;
    struct plan *plan;
    struct arena arena;
    uint64_t new_ns; // CLONE_NEW* of namespaces to make
    uint64_t all_ns; // and of those to join
    int exec_pid;    // the container's first process, when this is another one
    bool own_net;    // its network namespace is not the clone's
    bool late;       // the child waits for the parent as late as it can
    bool early;      // and for the root that the parent makes before it makes the cgroups
    bool waited;
    bool beside; // the child has yet to wait for what the parent does beside it for the network
    struct err *err;
};

// Whether the child has a user namespace that is not the host's, and so lacks privileges over the host.
bool compile_has_userns(const struct compiler *c);

// Adds an operation that a field of the config.json is the reason for, or one with a text.
struct plan_op *compile_add(struct compiler *c, enum plan_op_type type, const char *field);
void compile_add_text(struct compiler *c, enum plan_op_type type, const char *text, const char *field);

// The text for uid_map.
const char *compile_map_text(struct compiler *c, const struct spec_id_map *maps, size_t count);

// Adds the child's waiting for the parent, and what can be done only then, once.
int compile_wait(struct compiler *c);

// annotations.c: those of crun's. Refuses the ones that are not honoured; whether the process has its
// caller's supplementary groups; the word by which a mount gets linux.mountLabel.
int compile_check_annotations(struct compiler *c);
bool compile_keeps_groups(const struct spec *spec);
const char *compile_label_word(const struct spec *spec);

// compile_namespaces.c: what the namespaces may be, and the operations that make and join them.
int compile_check_namespaces(struct compiler *c);
// Every namespace that the container's first process has, but for a user namespace that is our own.
uint64_t compile_namespaces_of(const struct spec *spec);
void compile_joins_before(struct compiler *c);
void compile_joins(struct compiler *c);
void compile_time_offsets(struct compiler *c);
void compile_clone(struct compiler *c, const char *cgroup);
void compile_id_map(struct compiler *c);
void compile_become_root(struct compiler *c);
int compile_sysctls(struct compiler *c);

// compile_mounts.c: how mounts travel between host and container, mounts, devices.
void compile_propagation(struct compiler *c);
void compile_root_propagation(struct compiler *c);
int compile_mounts(struct compiler *c);
// Those that become read-only when all is in them.
void compile_readonly_mounts(struct compiler *c);
void compile_devices(struct compiler *c);

// compile_tuning.c: limits and what the kernel thinks of the process; labels and its keyring; what it shares
// of the host's hardware. compile_outside: what the parent has to do to a child without privileges over the
// host, and whether there is any.
bool compile_outside(struct compiler *c, const struct spec_process *process);
void compile_oom_score(struct compiler *c, const struct spec_process *process);
void compile_affinity(struct compiler *c, const char *list, const char *field);
int compile_labels(struct compiler *c, const struct spec_process *process);
void compile_keyring(struct compiler *c, const struct spec_process *process);
int compile_tuning(struct compiler *c, const struct spec_process *process);
int compile_listener(struct compiler *c);
int compile_resctrl(struct compiler *c);
void compile_net_devices(struct compiler *c);

// Whether a filter asks somebody.
bool seccomp_notifies(const struct spec_seccomp *seccomp);
