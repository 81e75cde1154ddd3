// SPDX-License-Identifier: Apache-2.0
// What hoy does, as a library without a terminal: the CLI calls it now, the API's workers later. Each call is
// one operation on the store; the engine keeps nothing in memory between calls.
#pragma once

#include "engine/config.h"
#include "image/image.h"

struct engine {
    struct store store;
    const char *hoy; // the path of this program, for what a detached shim runs at the end
    struct {
        const char *id; // of container_begin(), until its container_start()
        int run_dir;    // locked
        struct image image;
    } begun;
};

struct engine_options {
    const char *root, *runroot; // NULL: HOY_ROOT, HOY_RUNROOT, then /var/lib/hoy, /run/hoy
    const char *storage_driver; // NULL: probed
};

// Opens (and makes, the first time) the store. Needs root: says so otherwise.
int engine_open(struct engine *engine, const struct engine_options *options, struct err *err);
void engine_close(struct engine *engine);

struct container {
    const char *id, *name, *image_id, *image_name;
    const char *state; // created, running, exited, removing (starting is not shown)
    const char *error;
    bool auto_remove;
    int32_t pid;
    int exit_code;
    bool oom_killed;
    int64_t created, started, finished; // wall clock, ns
    struct container_config config;
};

// Makes the container's row and directory. name NULL: a made-up one. The image must be in the store (the
// caller pulls). ERR_CONFLICT when the name is taken, with who has it.
int container_create(struct engine *engine, struct arena *arena, const struct container_config *config,
                     const char *name, struct container *ret_container, struct err *err);

// The same for a container that this process starts next (`run`): if the process is killed before, the next
// command removes a --rm container, which a container_create() would leave as one that somebody may start.
// The arena has to live until container_start().
int container_begin(struct engine *engine, struct arena *arena, const struct container_config *config,
                    const char *name, struct container *ret_container, struct err *err);

// By full id, name, or unique prefix of an id, with its state made true first: a shim that ended, or was
// killed, has its record taken over. ERR_NOT_FOUND: "No such container: X".
int container_find(struct engine *engine, struct arena *arena, const char *name,
                   struct container *ret_container, struct err *err);
struct containers {
    struct container *items;
    size_t count;
};
// Newest first. all: also those that don't run.
int container_list(struct engine *engine, struct arena *arena, bool all, struct containers *ret_containers,
                   struct err *err);

// Starts the container under a new shim. ret_client: a socket that speaks shim/protocol.h, from the first
// byte of output on; NULL for a detached start (then it returns when the command is being executed, or has
// failed to). ret_block (may be NULL) gets the mapped plan, for explain: also when the start failed after
// there was one, with its times and its error.
struct start_options {
    bool explain;           // keep the plan's times; the caller prints
    uint16_t rows, columns; // of the caller's terminal
};
int container_start(struct engine *engine, const struct container *container,
                    const struct start_options *options, int *ret_client, struct plan_block **ret_block,
                    struct err *err);

// Does everything of a start but the start: ret_block is the plan, for `explain --as sh`. The container keeps
// its address until container_remove().
int container_plan(struct engine *engine, const struct container *container,
                   const struct start_options *options, struct plan_block **ret_block, struct err *err);

// Takes over what SHIM_EXITED said: the row becomes exited, or goes with the container when it is --rm. The
// engine calls it in container_find for shims nobody listened to. shim: the connection, to whose end the
// first client has to wait, or -1.
struct shim_exit; // shim/protocol.h
int container_exited(struct engine *engine, const char *id, const struct shim_exit *exit, int shim,
                     struct err *err);
// The same for SHIM_FAILED, with what client_wait_started() said: the row is created again, with the
// sentence. (A detached container_start has done this itself.)
int container_failed(struct engine *engine, const char *id, const struct err *why, struct err *err);

// The json-file log, for reading; -1 with ERR_NOT_FOUND when the container never ran. Its path, for inspect.
int container_log_open(struct engine *engine, const struct container *container, struct err *err);
const char *container_log_path(struct engine *engine, struct arena *arena, const char *id);

int container_attach(struct engine *engine, const struct container *container, int *ret_client,
                     struct err *err);
int container_kill(struct engine *engine, const struct container *container, int signal, struct err *err);
// The stop signal, then SIGKILL after the timeout (seconds; -1: the container's own, or 10; waits for ever
// with -2). Returns when it has ended.
int container_stop(struct engine *engine, const struct container *container, int timeout_s,
                   const char *signal, struct err *err);
// Waits until it does not run.
int container_wait(struct engine *engine, const struct container *container, int *ret_exit_code,
                   struct err *err);
// Anonymous volumes stay, but with a --rm container's; container_remove_volumes() takes them too (`rm -v`),
// after the container.
int container_remove(struct engine *engine, const struct container *container, bool force, struct err *err);
int container_remove_volumes(struct engine *engine, const struct container *container, struct err *err);

struct exec_options {
    struct strings command, env;
    const char *user, *working_dir;
    bool tty, open_stdin, privileged;
    uint16_t rows, columns;
};
int container_exec(struct engine *engine, const struct container *container,
                   const struct exec_options *options, int *ret_client, struct err *err);

// The root file system as the container sees it, without what is mounted in it, whether it runs or not: a tar
// of it, or what is different from the image, sorted: "A/new", "C/changed", "D/gone". ERR_SYSTEM with EPIPE
// when nobody reads the tar any more.
int container_export(struct engine *engine, const struct container *container, int out, struct err *err);
int container_changes(struct engine *engine, const struct container *container, struct arena *arena,
                      struct strings *ret_changes, struct err *err);

// Copies between the container and the host, by docker cp's rules. path is the container's, local the host's:
// absolute, or NULL for a tar from or to a descriptor. A "/." at the end means what is in a directory.
struct copy_options {
    const char *path, *local;
    int stream;
    bool follow;  // a link as the source
    bool archive; // owners stay; else all is root's
};
struct copied {
    uint64_t bytes;
    const char *target; // where it came to
};
int container_copy_from(struct engine *engine, struct arena *arena, const struct container *container,
                        const struct copy_options *options, struct copied *ret_copied, struct err *err);
int container_copy_to(struct engine *engine, struct arena *arena, const struct container *container,
                      const struct copy_options *options, struct copied *ret_copied, struct err *err);

// An image of the container's image and what changed, with the container's settings and then the changes
// (oci/change.h). With pause a container that runs stands still while its files are read. Interruptible: a
// signal leaves nothing.
struct commit_options {
    const char *author, *message; // or NULL
    const char *name;             // full, or NULL
    struct strings changes;
    bool pause;
};
int container_commit(struct engine *engine, const struct container *container,
                     const struct commit_options *options, char ret_id[static DIGEST_SIZE], struct err *err);

// What a crash left, made clean: a few of the containers between two states, which every create and run does
// by itself; with everything all of them, run directories without a container, and what killed pulls left:
// for commands that list or remove. Cheap when there is nothing.
int engine_recover(struct engine *engine, bool everything, struct err *err);
