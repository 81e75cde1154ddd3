// SPDX-License-Identifier: Apache-2.0
// The inside of the executor: what its operations share. Private to src/plan.
#pragma once

#include "kernel/link_events.h"
#include "plan/execute.h"

#include <limits.h>

// A mount in the container's root.
struct plan_place {
    const char *target;
    int mount; // -1: its content is somebody else's
};

// One run of a plan. After the clone parent and child each have a copy; the block is shared memory.
struct plan_run {
    struct plan_block *block;
    struct plan_streams *streams;
    int start;  // what START reads from (child)
    int socket; // parent and child each have an end; its end of file tells that the command is executed
    int root;   // the root file system's mount (child; in the parent until GO hands it over)
    int ahead;  // and from then on, to read ahead in it (parent)
    int procfs; // a procfs of our own, made when first needed (child)
    int32_t target_pid;
    int target;   // a pidfd of the process whose namespaces are joined, when the plan names one
    int self;     // the program that runs this, for INIT
    int empty;    // an empty read-only directory that covers masked ones (child)
    bool init;    // INIT was seen
    bool shared;  // the mounts around are the host's peers: what is done to them must not get there (child)
    int joins[8]; // namespaces to join before the clone
    int join_count;
    int netns;                // a network namespace that the parent has sent (child)
    struct link_events links; // of the host's, where the container's interface shares one of them (child)
    int goes;                 // words to go on that came before they were waited for (child)
    int devices_netns;        // where the host's interfaces were moved to (parent)
    int *trees;               // mounts that the parent has sent and no operation has taken yet (child)
    size_t tree_count;
    struct plan_place *places; // of the mounts so far, in their order (child)
    size_t place_count;
    char *command;     // the file to execute, when it was looked for early
    int hook_files[2]; // where the hook's output and errors go, or -1
    bool home_set;     // a USER operation found a home directory:
    char home[4096];
    struct plan_block *copy; // of the block, as it was before (parent)
    struct err err;          // an operation that has better words than its errno puts them here
};

// With no descriptor yet.
#define PLAN_RUN_INIT(block_)                                                                              \
    {                                                                                                      \
        .block = (block_), .start = -1, .socket = -1, .root = -1, .ahead = -1, .procfs = -1, .target = -1, \
        .self = -1, .empty = -1, .netns = -1, .devices_netns = -1, .hook_files = {-1, -1}, .links = {      \
            .fd = -1                                                                                       \
        }                                                                                                  \
    }

// An operation's function: 0, or -errno; run->err.kind is set when it has a sentence of its own.
typedef int (*plan_function)(struct plan_run *run, struct plan_op *op);

// host.c has the host's side, child.c and overlay.c the mounts, process.c the process itself.
#define X(NAME, name, side, member) int plan_do_##name(struct plan_run *run, struct plan_op *op);
PLAN_OPS(X)
#undef X

// scope.c. Whether a scope is held open for the container to be born in, and letting go of it: when the
// container runs, or is given up.
bool plan_scope_is_held(void);
void plan_scope_release(void);
int plan_undo_scope_start(struct plan_block *block, struct plan_op *op);

// Does one, and writes into it what came of it. 0 or -errno.
int plan_run_operation(struct plan_run *run, struct plan_op *op);

// The child's end when it has failed: also where its filter lets nobody end, in which libc would go round for
// ever.
_Noreturn void plan_leave(void);

// enter.c. The child's, when it has joined a container: goes on as a process of the container's pid
// namespace. 0 or -errno.
int plan_enter(struct plan_run *run);
// The parent's: a copy of the plan before anybody inside has it, for an exec (else NULL), which the caller
// frees; and going on with that, when nobody inside has to say anything any more.
struct plan_block *plan_keep_copy(const struct plan_block *block);
int plan_use_copy(struct plan_block *block, struct plan_block *copy);

// What the bytes between parent and child say.
#define PLAN_BYTE_GO       'g'
#define PLAN_BYTE_READY    'r'
#define PLAN_BYTE_TERMINAL 't'
#define PLAN_BYTE_CREATED  'c'
#define PLAN_BYTE_TREE     'm'
#define PLAN_BYTE_NETNS    'n'
#define PLAN_BYTE_LISTENER 'l'

// Whether the plan's command is there and may be executed: 0, or what EXEC would say.
int plan_check_command(struct plan_run *run);

// The command's environment: what the plan says, and the HOME that USER found where that says none, which is
// written into entry. The caller frees the array.
#define PLAN_HOME_MAX (PATH_MAX + 8)
const char **plan_command_environment(struct plan_run *run, const struct plan_op *exec,
                                      char entry[static PLAN_HOME_MAX]);
// The value of a variable of the command's, or NULL.
const char *plan_environment(const char *const *env, const char *name);
// Where command could be in a PATH: the next of its files, until there is none (false). What is too long for
// a path is left out.
bool plan_next_in_path(const char **path, const char *command, char ret_file[static PATH_MAX]);

// read_ahead.c. Brings the command's file into memory (the parent's, after GO).
void plan_read_ahead(struct plan_run *run);

// Sends one byte, and a descriptor unless it is -1. 0 or -errno.
int plan_send(struct plan_run *run, char byte, int fd);

// The next mount that the parent has made for the child: a descriptor, or -errno.
int plan_take_tree(struct plan_run *run);
// Waits until run->netns is what the parent has made. 0 or -errno.
int plan_await_netns(struct plan_run *run);
// The parent's: waits for one of the child's bytes. 0, -errno, or -ECHILD when it has died, with a sentence.
int plan_await_byte(struct plan_run *run, char byte);

// A procfs of our own, which is the run's, or -errno.
int plan_open_procfs(struct plan_run *run);
// Sets the supplementary groups. 1: the user namespace forbids it to everybody, and they stay as they are.
int plan_set_groups(struct plan_run *run, size_t count, const gid_t *groups);
// Opens a file of /proc for writing that no mount can be in front of, and writes one string; path: below
// /proc.
int plan_write_proc(struct plan_run *run, const char *path, const char *text);

// hook.c. Opens the files of a hook's output, where they are not open; for one inside before the host's root
// goes. 0, or -errno with a sentence.
int plan_open_hook_files(struct plan_run *run, const struct plan_op *op);
// Runs somebody's program to its end, with an input and at most so long (0: for ever). said: the
// beginning of what it prints, in one line. 0 with its wait status, or -errno: -ETIMEDOUT when it was killed.
#define PLAN_SAID_MAX 300 // what a sentence can hold
struct plan_program {
    const char *path;
    const char **argv, **env;
    int input;
    uint32_t timeout_s;
    int output, errors; // where what it says goes instead, or -1
};
int plan_program_run(const struct plan_program *program, char said[static PLAN_SAID_MAX], int *ret_status);

// Moves the host's interfaces back that the container has by now: for one that comes to nothing.
void plan_return_devices(struct plan_run *run);

// Host side things that the undo takes back.
int plan_undo_cni(struct plan_block *block, struct plan_op *op);
int plan_undo_image_mount(struct plan_block *block, struct plan_op *op);
int plan_undo_volume_mount(struct plan_block *block, struct plan_op *op);
int plan_undo_pasta(struct plan_block *block, struct plan_op *op);
int plan_undo_resctrl(struct plan_block *block, struct plan_op *op);
int plan_undo_publish(struct plan_block *block, struct plan_op *op);
int plan_undo_resolver(struct plan_block *block, struct plan_op *op);

// borrow.c. Whether a process that a plan names is there and still that one: 0, or -ESRCH with a sentence.
int plan_check_owner(struct plan_run *run, int32_t pid, uint64_t start_time);
// The source of a MOUNT that is another process's, as a detached mount: a descriptor, or -errno.
int plan_borrow_tree(struct plan_run *run, struct plan_op *op);
// A MOUNT that is no bind, and has options that mount_new() can't take: the same.
int plan_long_mount(struct plan_run *run, struct plan_op *op);

// place.c. As in kernel/path.h, but a path that leads into a mount of the plan's own making is resolved from
// that mount. What is at the path by now, when somebody renames directories meanwhile, is then of no account.
int plan_open_in(struct plan_run *run, const char *path, int flags);
int plan_make_in(struct plan_run *run, const char *path, bool file);
int plan_make_in_nofollow(struct plan_run *run, const char *path, bool file);
int plan_parent_in(struct plan_run *run, const char *path, const char **ret_name);
// Remembers a mount that was attached at target. fresh: its content is new.
void plan_place_add(struct plan_run *run, const char *target, int mount, bool fresh);
// A mount that was attached at the root is the root from here on, and hides those before.
void plan_replace_root(struct plan_run *run, int *mount);

// The sentence for a failed operation: its own, or one made of what it is about.
void plan_failure(const struct plan_run *run, const struct plan_op *op, int error, struct err *ret_err);

#define TEXT(s) plan_text(run->block, s)
