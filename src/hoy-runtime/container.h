// SPDX-License-Identifier: Apache-2.0
// A container as hoy-runtime keeps it: a directory <root>/<id> with its plan, which says all else, and while
// it has not been started the fifo that it waits at.
//
// Two locks, held by processes and so gone when those are: the directory's, of whoever changes something; and
// the plan's, of whoever makes the container. That one goes from hoy-runtime to the shim.
#pragma once

#include "hoy-runtime/commands.h"
#include "oci/spec.h"
#include "plan/plan.h"

// runtime.md, "State". Paused is runc's.
enum container_status {
    CONTAINER_CREATING,
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_STOPPED
};

struct container {
    const char *id, *folder; // absolute
    int dir;                 // the folder; locked by those who change something
    bool locked;             // by us
    struct plan_block *plan; // NULL: its maker was killed before there was one
};

void container_close(struct container *container);

// ERR_INVALID: it is no id.
int container_check_id(const char *id, struct err *err);

// A path, from the root on.
const char *path_absolute(struct arena *arena, const char *path);
// Where it is, or will be.
const char *container_folder(struct invocation *invocation, const char *id);

// Takes the id: makes the directory, and locks it. ERR_CONFLICT when it is there.
int container_claim(struct invocation *invocation, const char *id, struct container *ret_container,
                    struct err *err);
// ERR_NOT_FOUND: "container does not exist". With lock, others who ask for it wait; and we, until it is made.
int container_open(struct invocation *invocation, const char *id, bool lock, struct container *ret_container,
                   struct err *err);

enum container_status container_status(const struct container *container);
// Whether its first process is the container's own command, and has nothing of the runtime's any more.
bool container_has_begun(const struct container *container);
const char *container_status_word(enum container_status status);

// Its config.json, as it was when it was made.
int container_spec(const struct container *container, struct arena *arena, struct spec *ret_spec,
                   struct err *err);

// A descriptor for the first process, or -ESRCH when that is gone, whoever has its number now.
int container_pidfd(const struct container *container);

// Whose it is: a name, or "#1000". May be allocated in arena.
const char *container_owner(const struct container *container, struct arena *arena);

// The state as JSON; with extra members that only runc has (rootfs, created, owner).
int container_write_state(const struct container *container, struct json_writer *writer, struct err *err);

// Takes back what the plan did, runs the poststop hooks and removes the directory. Hooks that fail are
// warnings.
int container_remove(struct invocation *invocation, struct container *container, struct err *err);

// Removes the directory alone, after a start that did nothing.
void container_forget(struct invocation *invocation, const struct container *container, struct err *err);

// Every id below the root, sorted.
int container_list(struct invocation *invocation, struct strings *ret_ids, struct err *err);
