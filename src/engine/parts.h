// SPDX-License-Identifier: Apache-2.0
// What the files of the engine share: rows, directories, the lock of a container's run directory, and a few
// words to a shim.
#pragma once

#include "engine/engine.h"
#include "engine/volume.h"
#include "shim/protocol.h"

#include "base/clock.h"
#include "base/fd.h"

// ERR_CONFLICT, in Docker's words. -1.
int container_not_running(const char *id, struct err *err);

// Rows (rows.c). The state is what the database says, which is made true by container_settle().

// 1, or 0 when there is none.
int row_load(struct engine *engine, struct arena *arena, const char *id, struct container *ret_container,
             struct err *err);
// The same, and its state is true.
int row_settle(struct engine *engine, struct arena *arena, const char *id, struct container *ret_container,
               struct err *err);
void row_expect_load(struct engine *engine); // compiles what row_load asks
// One that is starting runs, as that process. 0 or -1.
int row_set_running(struct engine *engine, const char *id, int32_t pid, struct err *err);
int row_exists(struct engine *engine, const char *id, struct err *err);
// By id, name, or a unique beginning of an id.
int row_find(struct engine *engine, struct arena *arena, const char *name, struct container *ret_container,
             struct err *err);
int row_list(struct engine *engine, struct arena *arena, bool all, struct containers *ret_containers,
             struct err *err);

// Its settings become these.
int row_store_config(struct engine *engine, const char *id, const struct container_config *config,
                     struct err *err);

// Directories (folder.c)

#define CONTAINER_FOLDER_SIZE (sizeof "containers/" + ID_SIZE)
// "containers/<id>", below <root> and <runroot>.
const char *container_folder(const char *id, char buffer[static CONTAINER_FOLDER_SIZE]);
bool container_folder_exists(int parent, const char *id); // in <root> or <runroot>
// "containers/<id>/<name>"; names are short.
#define CONTAINER_FILE_SIZE (CONTAINER_FOLDER_SIZE + 16)
const char *container_file(const char *id, const char *name, char buffer[static CONTAINER_FILE_SIZE]);

// A container's run directory, locked by who starts the container or takes over its end. Locking waits.
struct run_dir {
    int fd; // -1: there is none
};
enum run_dir_mode {
    RUN_DIR_MAKE,  // makes it when it is not there; what an earlier life left is removed
    RUN_DIR_WAIT,  // fd -1 when it is not there
    RUN_DIR_PROBE, // the same, and ERR_UNAVAILABLE when somebody has it locked
};
int run_dir_lock(struct engine *engine, const char *id, enum run_dir_mode mode, struct run_dir *ret_dir,
                 struct err *err);
void run_dir_finish(struct run_dir *dir);
// Removes it; the lock holds until run_dir_finish().
int run_dir_remove(struct engine *engine, const char *id, struct err *err);

// <root>/containers/<id> with upper and work, and the limit of these where the settings have one; what is
// there stays.
int container_folder_make(struct engine *engine, const struct container *container, struct err *err);
bool container_folder_is_limited(const struct container_config *config);
// Its limit is no more; to be called before its files go.
void container_folder_unlimit(struct engine *engine, const struct container *container);
int container_folder_remove(struct engine *engine, const char *id, struct err *err);
// Opens it.
int container_folder_open(struct engine *engine, const char *id, struct err *err);

// Records of ends (exit_record.c)

// The record of a container's end (shim/cause.h), which the shim writes into the container's directory, or,
// if that had no room, into its run directory. name: "exit", or "exit.last", of the run before the one that
// is. 0 or -errno.
int exit_record_read(struct engine *engine, const char *id, const char *name, struct str *ret_text);
// For a start: the last run's, if there is one, becomes "exit.last". Both directories are the container's.
int exit_record_age(int dir, int run_dir);
// For an end: removes the run directory, but for a record that has no other place yet.
int exit_record_keep(struct engine *engine, const char *id, struct err *err);

// Views (export.c)

// The root file system to look at (image/view.h), and its image. A descriptor.
int container_view_open(struct engine *engine, struct arena *arena, const struct container *container,
                        struct image *ret_image, struct err *err);

// Events (event.c)

// What the shim says of the container's process, or of an exec'd one.
void container_event_plan(const struct container *container, const char *exec_id, struct plan *plan);
// The shim of one that runs learns its new name.
void container_event_rename(struct engine *engine, const char *id, const char *name);

// Groups (groups.c)

// Of one that runs, in the arena; none when it has just ended.
struct cgroup_groups; // kernel/cgroup.h
int container_groups(struct engine *engine, struct arena *arena, const struct container *container,
                     struct cgroup_groups *ret_groups, struct err *err);

// Updates (update.c)

// Groups of an update's making, which the plan does not know of: after the plan's undo, before the run
// directory goes.
int update_groups_remove(struct engine *engine, const struct container *container, struct err *err);

// Pauses (pause.c)

// Whether one that runs stands still.
bool container_is_paused(struct engine *engine, const struct container *container);

// One that is paused gets a signal when it goes on: now, for a signal that is to end it. Docker takes every
// signal for one, but where the container has a stop signal of its own. 0 or -errno.
int container_thaw_for(struct engine *engine, const struct container *container, int signal);

// Signals (signal.c)

// What asks it to end: its own stop signal, or TERM. An image may name one that there is not: TERM, too, as
// in Docker.
int container_stop_signal(const struct container *container);

// After SIGKILL the kernel needs a moment, not minutes; a process that hangs in it may never go.
#define KILL_WAIT_NS 10000000000u
int container_kill_failed(const char *doing, const struct container *container, int error, struct err *err);
// What the shim said of the end, or what is found when it said nothing.
int container_take_exit(struct engine *engine, const struct container *container, int waited,
                        const struct shim_exit *exit, int *ret_code, struct err *err);

// Names (container.c, names.c): what is no name; whose it is; one for who was given none.

int container_name_check(const char *name, struct err *err);
int container_name_conflict(const char *name, const struct container *holder, struct err *err);
// attempt: from 0; those after the first two have a number.
void name_make_up(unsigned attempt, char ret_name[static 64]);

// Limits (limits.c)

// Ranges and contradictions.
int limits_check(const struct container_config *config, struct err *err);
// What Docker fills in: swap as large as memory.
void limits_fill(struct container_config *config);
// What this kernel lacks goes, with Docker's warning.
int limits_discard(struct arena *arena, struct container_config *config, struct strings *warnings,
                   struct err *err);
struct spec_i64 limits_default_swap(int64_t memory);

// Namespaces of other containers (owners.c)

// "container:NAME" becomes "container:<id>", and with its network come its names.
int owners_resolve(struct engine *engine, struct arena *arena, struct container_config *config,
                   struct err *err);
// The processes to join, which have to run. ret_network_id: the container whose network is joined, or NULL.
int owners_find(struct engine *engine, struct arena *arena, const struct container *container,
                struct namespace_owners *ret_owners, const char **ret_network_id, struct err *err);

// Networks (networks.c)

// At create: which networks a container is in, each of which has to be there; what does not go together is
// refused.
int networks_resolve(struct engine *engine, struct arena *arena, struct container_config *config,
                     struct err *err);
// At a start: the networks are there in the kernel, and the container has addresses in each. In the order of
// their interfaces, with names and who has the default route. What it has of an earlier start that its
// settings do not know is given back.
int networks_attach(struct engine *engine, struct arena *arena, const struct container *container,
                    struct endpoints *ret_endpoints, struct err *err);
// Of settings: what the network can't have.
int networks_check_settings(const struct network *network, const struct endpoint_settings *settings,
                            struct err *err);
// At a container's end, in the transaction of its row.
int networks_release(struct engine *engine, const struct container *container, struct err *err);

// Networks of those that run (networks_live.c)

// With the lock of its run directory: what a connect or disconnect that was killed left. And of all
// containers.
int networks_settle(struct engine *engine, struct arena *arena, const struct container *container,
                    struct err *err);
int networks_recover(struct engine *engine, struct err *err);

// Files and namespaces (files.c)

// What a container sees, or would see when it ran: its root file system with its mounts, but for those of the
// kernel, as a tree of mounts that no table shows. A container that does not run can't be started meanwhile,
// if the tree is for writing.
struct container_files {
    int tree;
    struct run_dir lock;
    struct engine *engine;
    char id[ID_SIZE];
};
int container_files_open(struct engine *engine, const struct container *container, bool writable,
                         struct container_files *ret_files, struct err *err);
void container_files_finish(struct container_files *files);

// Volumes (volume.c)

bool container_uses_volume(const struct container_config *config, const char *volume);
// With the container's row: its volumes' rows, and that it uses them. Nothing where it has none.
int volumes_use(struct engine *engine, const struct container *container, struct err *err);
// Makes the directories of the container's volumes, and those of the host that -v makes.
int volumes_make(struct engine *engine, const struct container_config *config, struct err *err);
// Those that nobody else uses. id: of the container; NULL: it is gone already.
int volumes_remove_anonymous(struct engine *engine, const char *id, const struct container_config *config,
                             struct err *err);
int volumes_recover(struct engine *engine, struct err *err);

// Volumes' options (volume_options.c)

// What mounts the container's volumes that have options.
int volumes_plan(struct engine *engine, struct arena *arena, const struct container_config *config,
                 struct plan *plan, struct err *err);
const char *volume_option(const struct volume *volume, const char *key); // or NULL
int volume_options_check(const struct volume *volume, struct err *err);

// Other mounts (inherit.c, image_mounts.c)

// --volumes-from: adds the mounts of the containers that config names.
int mounts_inherit(struct engine *engine, struct arena *arena, struct container_config *config,
                   struct err *err);
// Where the images are that the container mounts; with a plan also what mounts them there.
int image_sources_find(struct engine *engine, struct arena *arena, const struct container_config *config,
                       struct plan *plan, struct image_sources *ret_sources, struct err *err);

// Health (health.c)

// The record's file in the run directory, new; what was found out before stays in its log. -1: there are no
// checks.
int health_open(struct engine *engine, const struct container *container, int run_dir, int *ret_fd,
                struct err *err);
// Keeps it beside the log: the run directory goes.
void health_keep(struct engine *engine, const struct container *container);
// container->health, of one that runs.
void health_settle(struct engine *engine, struct container *container);

// Words to a shim (talk.c)

int shim_connect(struct engine *engine, const char *id); // or -errno
// Does the container's command run, with all that was to be made for it? 1 or 0; -1 when its shim can't be
// asked. Waits while a start is under way.
int shim_has_started(struct engine *engine, const char *id, struct err *err);
bool shim_is_gone(int r); // what connecting and speaking fail with when there is none any more
int shim_send(int shim, enum shim_frame_type type, const void *bytes, size_t size); // 0 or -errno
int shim_quiet(int shim);                                                           // no output, please
// Returns when the shim has taken in all that was said. 0 or -errno.
int shim_hang_up(int shim);
// Until it, or whoever has its place, closes the connection; whatever it says. -1: there is none.
void shim_wait_end(int shim);
// Waits for SHIM_EXITED: 1; 0 at the deadline (clock_monotonic_ns; UINT64_MAX: none); -EPIPE when the shim
// went without a word.
int shim_wait(int shim, uint64_t deadline_ns, struct shim_exit *ret_exit);

// The process, and the plan of the run that is (process.c)

// Maps it. 0 or -errno, -ENOENT when the container does not run; *err says so of each.
int container_plan_map(struct engine *engine, const char *id, struct plan_block **ret_plan, struct err *err);
// The same for what takes one that runs: ERR_CONFLICT when it does not.
int plan_open(struct engine *engine, const char *id, struct plan_block **ret_plan, struct err *err);
// The process of the container as its plan has it; 0 before there is one, and when the plan is of a run
// before the one that began then.
int32_t plan_read_pid_since(struct engine *engine, const char *id, int64_t started_ns);
// A pidfd of the container's process, which no other one can be taken for; -errno.
int container_open_process(struct engine *engine, const char *id);
// Whether what that returned says that it has ended.
bool container_process_ended(int process);
// The network namespace that its process is in. ERR_CONFLICT when it has ended.
int container_open_netns(struct engine *engine, const char *id, int *ret_netns, struct err *err);

// Ends (ending.c)

struct ending {
    const char *state; // "exited", "restarting", or "created" when it never ran
    int status;
    bool oom;
    int64_t finished; // ns; an ending that is older than the container's last start is somebody else's
    const char *error;
    bool stopped; // somebody asked for it
    bool lost;    // nobody saw it: no shim has told of it
};
// With the run directory locked (or absent): the row, the address, the directories.
int container_end(struct engine *engine, const struct container *container, const struct ending *ending,
                  struct err *err);
// What a container's row says becomes true: a shim that is gone has its record taken over. The arena's
// container is loaded again; returns 1, or 0 when it is gone.
int container_settle(struct engine *engine, struct arena *arena, struct container *container,
                     struct err *err);
// Removes everything of a container, the row last.
int container_erase(struct engine *engine, const struct container *container, bool volumes, struct err *err);

bool container_is_live(const struct container *container); // starting or running, as far as the row knows
