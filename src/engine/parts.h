// SPDX-License-Identifier: Apache-2.0
// What the files of the engine share: rows, directories, the lock of a container's run directory, and a few
// words to a shim.
#pragma once

#include "engine/engine.h"
#include "engine/volume.h"
#include "shim/protocol.h"

#include "base/clock.h"
#include "base/fd.h"

// Rows (rows.c). The state is what the database says, which is made true by container_settle().

// 1, or 0 when there is none.
int row_load(struct engine *engine, struct arena *arena, const char *id, struct container *ret_container,
             struct err *err);
// By id, name, or a unique beginning of an id.
int row_find(struct engine *engine, struct arena *arena, const char *name, struct container *ret_container,
             struct err *err);
int row_list(struct engine *engine, struct arena *arena, bool all, struct containers *ret_containers,
             struct err *err);

// Directories (folder.c)

#define CONTAINER_FOLDER_SIZE (sizeof "containers/" + ID_SIZE)
// "containers/<id>", below <root> and <runroot>.
const char *container_folder(const char *id, char buffer[static CONTAINER_FOLDER_SIZE]);

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

// <root>/containers/<id> with upper and work; what is there stays.
int container_folder_make(struct engine *engine, const char *id, struct err *err);
int container_folder_remove(struct engine *engine, const char *id, struct err *err);
// Opens it.
int container_folder_open(struct engine *engine, const char *id, struct err *err);

// The root file system to look at (image/view.h), and its image (export.c). A descriptor.
int container_view_open(struct engine *engine, struct arena *arena, const struct container *container,
                        struct image *ret_image, struct err *err);

// What a container sees (files.c), or would see when it ran: its root file system with its mounts, but for
// those of the kernel, as a tree of mounts that no table shows. A container that does not run can't be
// started meanwhile, if the tree is for writing.
struct container_files {
    int tree;
    struct run_dir lock;
    struct engine *engine;
    char id[ID_SIZE];
};
int container_files_open(struct engine *engine, const struct container *container, bool writable,
                         struct container_files *ret_files, struct err *err);
void container_files_finish(struct container_files *files);

// "/a//b/./../c/" to "/a/c", in place (spec_mounts.c).
const char *path_clean(char *path);

// Volumes (volume.c)

// With the container's row: its volumes' rows, and that it uses them. Nothing where it has none.
int volumes_use(struct engine *engine, const struct container *container, struct err *err);
// Makes the directories of the container's volumes, and those of the host that -v makes.
int volumes_make(struct engine *engine, const struct container_config *config, struct err *err);
// Those that nobody else uses. id: of the container; NULL: it is gone already.
int volumes_remove_anonymous(struct engine *engine, const char *id, const struct container_config *config,
                             struct err *err);
int volumes_recover(struct engine *engine, struct err *err);
// --volumes-from (inherit.c): adds the mounts of the containers that config names.
int mounts_inherit(struct engine *engine, struct arena *arena, struct container_config *config,
                   struct err *err);
// Where the images are that the container mounts (image_mounts.c); with a plan also what mounts them there.
int image_sources_find(struct engine *engine, struct arena *arena, const struct container_config *config,
                       struct plan *plan, struct image_sources *ret_sources, struct err *err);
// What mounts the container's volumes that have options (volume_options.c).
int volumes_plan(struct engine *engine, struct arena *arena, const struct container_config *config,
                 struct plan *plan, struct err *err);
// volume_options.c
const char *volume_option(const struct volume *volume, const char *key); // or NULL
int volume_options_check(const struct volume *volume, struct err *err);

// Words to a shim (talk.c)

int shim_connect(struct engine *engine, const char *id);                            // or -errno
int shim_send(int shim, enum shim_frame_type type, const void *bytes, size_t size); // 0 or -errno
int shim_quiet(int shim);                                                           // no output, please
// Returns when the shim has taken in all that was said. 0 or -errno.
int shim_hang_up(int shim);
// Waits for SHIM_EXITED: 1; 0 at the deadline (clock_monotonic_ns; UINT64_MAX: none); -EPIPE when the shim
// went without a word.
int shim_wait(int shim, uint64_t deadline_ns, struct shim_exit *ret_exit);
// The process of the container as its plan has it, 0 before there is one.
int32_t plan_read_pid(struct engine *engine, const char *id);

// Ends (ending.c)

struct ending {
    const char *state; // "exited", or "created" when it never ran
    int status;
    bool oom;
    int64_t finished; // ns; an ending that is older than the container's last start is somebody else's
    const char *error;
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

void name_make_up(unsigned attempt, char ret_name[static 64]);
