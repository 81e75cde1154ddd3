// SPDX-License-Identifier: Apache-2.0
// What a container takes from another that runs: its namespaces, and a mount out of the one where it has it.
// The kernel clones no mounts of somebody else's mount namespace, so the child goes there, clones, and comes
// back. The other's processes can't reach it meanwhile: it is in none of their other namespaces.
//
// In the same way it comes by a mount with options that are longer than fsconfig takes. mount(2) takes a page
// of them, but attaches what it makes, which is done in a mount namespace that is gone right after.
#include "base/fd.h"
#include "kernel/mount.h"
#include "kernel/process.h"
#include "plan/run.h"

#include <errno.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

int plan_check_owner(struct plan_run *run, int32_t pid, uint64_t start_time) {
    struct process_stat stat;
    if (!process_stat(pid, &stat) && stat.start_time == start_time && stat.state != 'Z' && stat.state != 'X')
        return 0;
    err_set(&run->err, ERR_CONFLICT, 0,
            "the container whose namespaces are to be joined has ended (its process was %d): start it first",
            pid);
    return -ESRCH;
}

// Whoever is root there may have put anything in its place.
static int clone_tmpfs(struct plan_run *run, const char *path) {
    struct statfs fs;
    struct stat st;
    _cleanup_(fd_closep) int tree = mount_clone_nofollow(AT_FDCWD, path, false);
    if (tree < 0) return tree;
    if (fstatfs(tree, &fs) || fstat(tree, &st)) return -errno;
    if ((uint32_t)fs.f_type == TMPFS_MAGIC && S_ISDIR(st.st_mode)) return take_fd(&tree);
    err_set(&run->err, ERR_CONFLICT, 0, "%s of the container to be joined is no tmpfs any more", path);
    return -EINVAL;
}

static int come_back(int namespace, int root) {
    if (setns(namespace, CLONE_NEWNS)) return -errno;
    return fchdir(root) || chroot(".") ? -errno : 0;
}

int plan_borrow_tree(struct plan_run *run, struct plan_op *op) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", op->mount.pid);
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY, 0);
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    _cleanup_(fd_closep) int theirs = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    int r = plan_check_owner(run, op->mount.pid, op->mount.start_time);
    if (r) return r;
    if (own < 0 || root < 0 || theirs < 0) return own < 0 ? own : root < 0 ? root : theirs;
    if (setns(theirs, CLONE_NEWNS)) return -errno;
    _cleanup_(fd_closep) int tree = clone_tmpfs(run, TEXT(op->mount.source));
    r = come_back(own, root);
    return r ? r : take_fd(&tree);
}

#define DATA_MAX 4096 // with its end; the kernel leaves out what is behind

static int mount_at(const char *place, struct plan_run *run, struct plan_op *op) {
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
        mount(TEXT(op->mount.source), place, TEXT(op->mount.type), op->mount.flags, TEXT(op->mount.data)))
        return -errno;
    return mount_clone(AT_FDCWD, place, false);
}

int plan_long_mount(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY, 0);
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    if (own < 0 || root < 0) return own < 0 ? own : root;
    if (strlen(TEXT(op->mount.data)) >= DATA_MAX)
        return err_set(
                   &run->err, ERR_INVALID, 0,
                   "cannot mount %s at %s: its options are longer than the %d bytes that the kernel takes",
                   TEXT(op->mount.type), TEXT(op->mount.target), DATA_MAX - 1),
               -ENAMETOOLONG;
    if (unshare(CLONE_NEWNS)) return -errno;
    _cleanup_(fd_closep) int tree = mount_at("/proc", run, op);
    int r = come_back(own, root);
    return r ? r : take_fd(&tree);
}
