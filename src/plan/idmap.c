// SPDX-License-Identifier: Apache-2.0
// Maps of user and group ids: of the container's user namespace, and of mounts whose files change owner. The
// latter take a user namespace, too, which is made for its map and has no process in it for long.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/id_helper.h"
#include "kernel/mount.h"
#include "plan/run.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_map(int32_t pid, const char *name, const char *text) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return file_write_at(AT_FDCWD, path, text);
}

// A map of one id to the caller's own, which everybody may write: of a group when nobody inside may drop
// groups.
static bool is_own(const char *map, uint32_t own) {
    unsigned inside, outside, count;
    int size = 0;
    return sscanf(map, "%u %u %u %n", &inside, &outside, &count, &size) == 3 && !map[size] &&
           outside == own && count == 1;
}

static int ask_helper(struct plan_run *run, int32_t pid, const char *helper, const char *field,
                      const char *map) {
    int r = id_helper_run(helper, pid, map);
    if (r == -ENOENT)
        err_set(
            &run->err, ERR_INVALID, 0,
            "%s: without root only one's own id can be mapped, or more through %s, which is not installed",
            field, helper);
    if (r == -EPERM)
        err_set(&run->err, ERR_INVALID, 0, "%s: %s refused them: does %s grant these ids to the user?", field,
                helper, helper[3] == 'u' ? "/etc/subuid" : "/etc/subgid");
    return r;
}

static int write_gids(struct plan_run *run, int32_t pid, const char *map, bool deny_setgroups) {
    bool root = !geteuid();
    int r = deny_setgroups || (!root && is_own(map, getegid())) ? write_map(pid, "setgroups", "deny") : 0;
    if (!r) r = write_map(pid, "gid_map", map);
    return r == -EPERM && !root ? ask_helper(run, pid, "newgidmap", "linux.gidMappings", map) : r;
}

// Of a process's new user namespace, by newuidmap and newgidmap where this process may not.
static int write_id_maps(struct plan_run *run, int32_t pid, const char *uid, const char *gid,
                         bool deny_setgroups) {
    int r = write_map(pid, "uid_map", uid);
    if (r == -EPERM && geteuid()) r = ask_helper(run, pid, "newuidmap", "linux.uidMappings", uid);
    return r ? r : write_gids(run, pid, gid, deny_setgroups);
}

int plan_do_id_map(struct plan_run *run, struct plan_op *op) {
    return write_id_maps(run, run->block->pid, TEXT(op->id_map.uid), TEXT(op->id_map.gid),
                         op->id_map.deny_setgroups);
}

// Mounts

static int open_userns(int32_t pid) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    return fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
}

static _Noreturn void hold(int theirs, int ours) {
    char byte;
    close(ours);
    while (read(theirs, &byte, 1) < 0 && errno == EINTR) {}
    _exit(0);
}

// A process holds the namespace until there is a descriptor of it, or nobody any more to want one: it has the
// plan's lock as well, which whoever deletes the container waits for.
static int make_userns(struct plan_run *run, const char *uid, const char *gid) {
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return -errno;
    _cleanup_(fd_closep) int theirs = ends[0];
    _cleanup_(fd_closep) int ours = ends[1];
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) return -errno;
    if (pid == 0) hold(theirs, ours);
    int r = write_id_maps(run, (int32_t)pid, uid, gid, false);
    int fd = r ? r : open_userns((int32_t)pid);
    kill((pid_t)pid, SIGKILL);
    while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR) {}
    return fd;
}

static int refused(struct plan_run *run, struct plan_op *op, int r) {
    const char *source = TEXT(op->idmap_tree.source);
    if (r == -EINVAL)
        err_set(&run->err, ERR_INVALID, 0,
                "%s cannot be mounted with mapped ids: its file system%s cannot do that on this kernel",
                source,
                op->idmap_tree.options & PLAN_MOUNT_IDMAP_RECURSIVE ? ", or that of a mount below it," : "");
    else if (r == -ENOSYS)
        err_set(&run->err, ERR_INVALID, 0, "%s cannot be mounted with mapped ids before Linux 5.12", source);
    else if (r == -EPERM)
        err_set(&run->err, ERR_INVALID, 0,
                "%s cannot be mounted with mapped ids: it is already, or that takes more privileges", source);
    return r;
}

int plan_do_idmap_tree(struct plan_run *run, struct plan_op *op) {
    const char *source = TEXT(op->idmap_tree.source);
    bool recursive = op->idmap_tree.flags & MS_REC, own = !op->idmap_tree.uid;
    bool nofollow = op->idmap_tree.options & PLAN_MOUNT_SOURCE_NOFOLLOW;
    _cleanup_(fd_closep) int tree = nofollow ? mount_clone_nofollow(AT_FDCWD, source, recursive)
                                             : mount_clone(AT_FDCWD, source, recursive);
    if (tree < 0) return tree;
    _cleanup_(fd_closep) int userns =
        own ? open_userns(run->block->pid)
            : make_userns(run, TEXT(op->idmap_tree.uid), TEXT(op->idmap_tree.gid));
    if (userns < 0) return userns;
    int r = mount_idmap(tree, userns, op->idmap_tree.options & PLAN_MOUNT_IDMAP_RECURSIVE);
    if (r) return refused(run, op, r);
    // It comes from the host's own mounts, not from the child's copies, which had that done to them.
    r = op->idmap_tree.propagation ? mount_set_propagation(tree, op->idmap_tree.propagation) : 0;
    r = r ? r : plan_send(run, PLAN_BYTE_TREE, tree);
    return r == -EPIPE || r == -ECONNRESET ? 0 : r; // it has died, and has said why
}
