// SPDX-License-Identifier: Apache-2.0
// What hoy does, as a library without a terminal. Each call is one operation on the store; the engine keeps
// nothing in memory between calls.
#pragma once

#include "engine/config.h"
#include "image/image.h"

struct engine {
    struct store store;
    bool rootless;   // an ordinary user's: root of a user namespace, and of no network but what it makes
    int hold;        // then: what keeps that namespace (engine/rootless.h), for shims as well; else -1
    const char *hoy; // the path of this program, for what a detached shim runs at the end
    struct {
        const char *id; // of container_begin(), until its container_start()
        int run_dir;    // locked
        struct image image;
    } begun;
};

struct engine_options {
    const char *root, *runroot; // NULL: HOY_ROOT, HOY_RUNROOT, then /var/lib/hoy, /run/hoy, or an
                                // ordinary user's (engine/rootless.h)
    const char *storage_driver; // NULL: probed
};

// Opens (and makes, the first time) the store. An ordinary user's process is in another user and mount
// namespace from then on.
int engine_open(struct engine *engine, const struct engine_options *options, struct err *err);
void engine_close(struct engine *engine);

struct container {
    const char *id, *name, *image_id, *image_name;
    const char *state; // created, running, restarting, exited, removing (starting is not shown)
    const char *error;
    bool auto_remove;
    bool paused; // running, but it stands still
    int32_t pid;
    int exit_code;
    bool oom_killed;
    int64_t restart_count;  // since somebody started it
    bool stopped;           // somebody asked it to end
    enum container_health { // of one that runs
        CONTAINER_HEALTH_NONE,
        CONTAINER_HEALTH_STARTING,
        CONTAINER_HEALTH_HEALTHY,
        CONTAINER_HEALTH_UNHEALTHY,
    } health;
    int64_t created, started, finished; // wall clock, ns
    struct container_config config;
    struct strings warnings; // of its making: what was discarded, and what may go wrong
};

// What Docker calls Running: also between two runs.
static inline bool container_runs(const struct container *container) {
    return str_eq(container->state, "running") || str_eq(container->state, "restarting");
}

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
    bool again;             // one that is restarting, by its policy
    uint16_t rows, columns; // of the caller's terminal
};
int container_start(struct engine *engine, const struct container *container,
                    const struct start_options *options, int *ret_client, struct plan_block **ret_block,
                    struct err *err);

// The start at the end of a back-off: nothing when it is not restarting any more.
int container_start_again(struct engine *engine, const struct container *container, struct err *err);
// Those that do not run, but do by their policy once the machine is up: "always", and "unless-stopped" when
// nobody stopped them. The oldest first.
int container_list_restorable(struct engine *engine, struct arena *arena, struct containers *ret_containers,
                              struct err *err);

// The plan of the run that is, or of one that might be: then everything of a start is done but the start, and
// what -v makes on the host. For `explain --as sh`, and `as`. When the plan has been looked at,
// container_forget_plan() takes back what was done for it.
int container_plan(struct engine *engine, const struct container *container,
                   const struct start_options *options, struct plan_block **ret_block, struct err *err);
int container_forget_plan(struct engine *engine, const struct container *container, struct err *err);

// Takes over what SHIM_EXITED said: the row becomes exited, or goes with the container when it is --rm. The
// engine calls it in container_find for shims nobody listened to. shim: the connection, to whose end the
// first client has to wait, or -1.
struct shim_exit; // shim/protocol.h
int container_exited(struct engine *engine, const char *id, const struct shim_exit *exit, int shim,
                     struct err *err);
// The same for SHIM_FAILED, with what client_wait_started() said: the row is created again, with the
// sentence. (A detached container_start has done this itself.)
int container_failed(struct engine *engine, const char *id, const struct err *why, struct err *err);

// Gets ready for container_exited, for who has time while the container starts. Fails silently.
void container_expect_end(struct engine *engine, const struct container *container);

// Where the container's log is, for inspect: "" when it is no json-file.
const char *container_log_path(struct engine *engine, struct arena *arena, const struct container *container);
// Writes it to two descriptors (shim/logs.h). ended: as there.
struct logs_options;
int container_logs(struct engine *engine, const struct container *container,
                   const struct logs_options *options, const int out[static 2], int ended, struct err *err);
// After a container's log was rotated: compresses what is to be, and removes the oldest of all logs' rotated
// files while all logs together have more than budget bytes (0: no end).
int container_log_rotated(struct engine *engine, const struct container *container, uint64_t budget,
                          struct err *err);

// The process of a container that runs, and when it began (kernel/process.h). ERR_CONFLICT when it doesn't.
int container_process(struct engine *engine, const struct container *container, pid_t *ret_pid,
                      uint64_t *ret_start_time, struct err *err);

// What of the host's ports leads to it, by its own ports.
int container_ports(struct engine *engine, struct arena *arena, const struct container *container,
                    struct port_runs *ret_runs, struct err *err);

int container_attach(struct engine *engine, const struct container *container, int *ret_client,
                     struct err *err);
int container_kill(struct engine *engine, const struct container *container, int signal, struct err *err);
// Stops: the stop signal, then SIGKILL after the timeout, and no restart. Several end side by side. One that
// can't hear the signal is killed at once, unless it has a timeout of its own, or one is given here.
#define STOP_OWN_TIMEOUT (-1) // the container's, or 10 seconds
#define STOP_FOREVER     (-2)
struct stop_options {
    int timeout_s;
    const char *signal; // or NULL: the container's
};
struct container_stop {
    const struct container *container;
    bool failed;
    struct err err;   // then
    char notice[160]; // why it was not waited for; or ""
};
void containers_stop(struct engine *engine, const struct stop_options *options, struct container_stop *stops,
                     size_t count);
// Waits for the next end of a run.
int container_wait(struct engine *engine, const struct container *container, int *ret_exit_code,
                   struct err *err);
// Anonymous volumes stay, but with a --rm container's; container_remove_volumes() takes them too (`rm -v`),
// after the container.
int container_remove(struct engine *engine, const struct container *container, bool force, struct err *err);
int container_remove_volumes(struct engine *engine, const struct container *container, struct err *err);

int container_pause(struct engine *engine, const struct container *container, struct err *err);
int container_unpause(struct engine *engine, const struct container *container, struct err *err);
// ERR_CONFLICT when the name is taken.
int container_rename(struct engine *engine, const struct container *container, const char *name,
                     struct err *err);
// A stop, when it runs, and a detached start. ret_stop has a notice, as after containers_stop().
int container_restart(struct engine *engine, const struct container *container,
                      const struct stop_options *stop_options, const struct start_options *options,
                      struct container_stop *ret_stop, struct err *err);
// Docker's word for the state: "paused" for one that runs and is.
static inline const char *container_state(const struct container *container) {
    return container->paused ? "paused" : container->state;
}
// Something happened to the container: an event (state/event.h). Pairs of an attribute's name and value, then
// NULL.
void container_event(struct engine *engine, const struct container *container, const char *action, ...)
    __attribute__((sentinel));
// New settings: of config only what update's flags give counts, and of that what is set: limits, mounts that
// come, variables (a name without a value: it goes). For a container that runs they hold at once, but for the
// environment of processes that there are, and for all its later starts; all of them or none. ret_warnings
// are in the arena.
struct network_changes {
    struct {
        struct endpoint_settings *items;
        size_t count;
    } add;
    struct strings remove;
};
struct container_changes {
    struct container_config config; // of the ports those that come
    struct port_bindings unpublish; // those that go
    bool restart;                   // whether the policy is among them
    struct strings unmount;
    struct network_changes networks;
};
int container_update(struct engine *engine, struct arena *arena, const struct container *container,
                     const struct container_changes *changes, struct strings *ret_warnings, struct err *err);

struct exec_options {
    struct strings command, env;
    const char *user, *working_dir;
    bool tty, open_stdin, privileged;
    uint16_t rows, columns;
};
// Returns when the command is being executed. ret_client NULL: detached.
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

// The results of its health checks (shim/health_record.h), of its last run if it does not run: 1; 0 when it
// has none.
struct health_record;
int container_health_read(struct engine *engine, const struct container *container,
                          struct health_record *ret_record);
// Makes one check that is a command, as the shim is told to: its exit code, or HEALTH_NOT_STARTED with the
// sentence as output.
struct probe_result {
    int32_t exit_code;
    struct str output; // bounded
};
int container_probe(struct engine *engine, const struct container *container, struct probe_result *ret_result,
                    struct err *err);

// What a crash left, made clean: a few of the containers between two states, which every create and run does
// by itself; with everything all of them, run directories without a container, and what killed pulls left:
// for commands that list or remove. Cheap when there is nothing.
int engine_recover(struct engine *engine, bool everything, struct err *err);
