// SPDX-License-Identifier: Apache-2.0
// An ordinary user's hoy enters a user namespace, in which it is root, and from there on it is the hoy that
// root has: nothing after this file asks who the caller was. What can't be done in a user namespace is found
// out by those who try to do it.
//
// All of a user's containers are in one user namespace and one mount namespace, or a later hoy could not look
// after them. These have no keeper: they live as long as somebody is in them, which is a hoy or a container's
// shim. Each of these holds the file <runroot>/namespace, and so a newcomer asks the kernel for one of them
// (kernel/holders.h), and joins it by /proc. When nobody holds it the newcomer makes new namespaces.
//
// Should somebody have killed all shims, containers may be left behind in a user namespace that nobody holds.
// Then their plans say so, and the newcomer goes to them, so that it has the power to end them.
#include "engine/rootless.h"

#include "base/arena.h"
#include "base/fd.h"
#include "engine/user_namespace.h"
#include "kernel/holders.h"
#include "kernel/process.h"
#include "plan/plan.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool rootless_is_here(void) {
    static int owns = -1; // as root: one does not leave what one was born in
    if (geteuid()) return true;
    if (owns < 0) owns = process_owns_network();
    return !owns;
}

// Joining

static int open_namespace(pid_t pid, const char *name) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
    return fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
}

static bool is_users_own(int userns) {
    uid_t owner;
    return !ioctl(userns, NS_GET_OWNER_UID, &owner) && owner == geteuid();
}

// mounts -1: a new mount namespace. The working directory is the one of the same name there.
static int join(int userns, int mounts) {
    char cwd[PATH_MAX];
    bool somewhere = getcwd(cwd, sizeof cwd);
    if (setns(userns, CLONE_NEWUSER)) return -errno;
    if (mounts < 0 ? unshare(CLONE_NEWNS) : setns(mounts, CLONE_NEWNS)) return -errno;
    if (mounts >= 0 && (!somewhere || chdir(cwd)) && chdir("/")) return -errno;
    return 0;
}

// The number is that process's as long as it holds the file. -EAGAIN: it does not any more.
static int join_holder(int hold, pid_t pid) {
    _cleanup_(fd_closep) int userns = open_namespace(pid, "user");
    _cleanup_(fd_closep) int mounts = open_namespace(pid, "mnt");
    pid_t now = 0;
    int r = holders_find(hold, &now);
    if (r) return r;
    if (now != pid) return -EAGAIN;
    if (userns < 0 || mounts < 0) return userns < 0 ? userns : mounts;
    return is_users_own(userns) ? join(userns, mounts) : -EPERM;
}

// What was left behind

static int open_left(int containers, const char *id) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    char path[NAME_MAX + sizeof "/plan"];
    struct process_stat stat;
    snprintf(path, sizeof path, "%s/plan", id);
    if (plan_map_at(containers, path, &plan) || plan->pid <= 0) return -ENOENT;
    _cleanup_(fd_closep) int userns = open_namespace(plan->pid, "user");
    if (userns < 0 || process_stat(plan->pid, &stat) || stat.start_time != plan->start_time) return -ENOENT;
    return is_users_own(userns) ? take_fd(&userns) : -ENOENT;
}

// The user namespace of a container whose shim is gone, or -ENOENT.
static int find_left(int runroot) {
    _cleanup_(dir_closep) DIR *folder = NULL;
    int userns = -ENOENT;
    if (dir_open_at(runroot, "containers", &folder)) return -ENOENT;
    for (struct dirent *entry; userns < 0 && (entry = readdir(folder));)
        if (*entry->d_name != '.') userns = open_left(dirfd(folder), entry->d_name);
    return userns;
}

// Entering

static int make(int runroot, struct err *err) {
    _cleanup_(fd_closep) int left = find_left(runroot);
    if (left < 0) return user_namespace_make(err);
    int r = join(left, -1);
    return r ? err_set(err, ERR_SYSTEM, -r, "join the user namespace of containers that are left") : 0;
}

static int open_hold(int runroot, int *ret_hold, struct err *err) {
    int fd = fd_open_at(runroot, "namespace", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "open the file namespace in hoy's runtime directory");
    *ret_hold = fd;
    return 0;
}

// 1: in, 0: nobody is there.
static int join_others(int hold, struct err *err) {
    for (;;) {
        pid_t pid = 0;
        int r = holders_find(hold, &pid);
        if (!r && !pid) return 0;
        if (!r) r = join_holder(hold, pid);
        if (!r) return 1;
        if (r == -ESRCH)
            return err_set(err, ERR_UNAVAILABLE, 0,
                           "the user's containers run in another pid namespace: use hoy there");
        if (r != -EAGAIN)
            return err_set(err, ERR_SYSTEM, -r, "join the user namespace of process %d (%s)", pid,
                           "the user's other containers are there");
    }
}

// One newcomer at a time: while this one joins and does not yet hold, the last who does may go, and then
// nobody else must think that there is nobody.
static int enter(int runroot, int hold, struct err *err) {
    int r = holders_exclude(hold);
    if (r) return err_set(err, ERR_SYSTEM, -r, "lock the file namespace in hoy's runtime directory");
    r = join_others(hold, err);
    return r ? (r < 0 ? -1 : 0) : make(runroot, err);
}

static int hold_on(int hold, struct err *err) {
    int r = holders_join(hold);
    if (!r) r = holders_admit(hold);
    return r ? err_set(err, ERR_SYSTEM, -r, "lock the file namespace in hoy's runtime directory") : 0;
}

int rootless_enter(int runroot, int *ret_hold, struct err *err) {
    _cleanup_(fd_closep) int hold = -1;
    if (open_hold(runroot, &hold, err) || enter(runroot, hold, err) || hold_on(hold, err)) return -1;
    *ret_hold = take_fd(&hold);
    return 0;
}

int rootless_hold(int runroot, int *ret_hold, struct err *err) {
    _cleanup_(fd_closep) int hold = -1;
    if (open_hold(runroot, &hold, err) || hold_on(hold, err)) return -1;
    *ret_hold = take_fd(&hold);
    return 0;
}

// Folders

static bool is_own_folder(const char *path) {
    struct stat st;
    return path && *path == '/' && !stat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

int rootless_root(char **ret_path, struct err *err) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    bool own = data && *data == '/';
    if (!own && !is_own_folder(home))
        return err_set(
            err, ERR_INVALID, 0,
            "HOME is no directory of user %u: say where images and containers are to be kept, with "
            "--root or HOY_ROOT",
            geteuid());
    if (asprintf(ret_path, "%s/%s", own ? data : home, own ? "hoy" : ".local/share/hoy") < 0)
        return err_set(err, ERR_SYSTEM, ENOMEM, "open the root");
    return 0;
}

// Everybody may make names below /tmp: what is there must be ours and nobody else's.
static bool is_ours_alone(const char *path) {
    struct stat st;
    return !lstat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077);
}

static int check_below_tmp(const char *path, struct err *err) {
    if (mkdir(path, 0700) && errno != EEXIST) return err_set(err, ERR_SYSTEM, errno, "make %s", path);
    if (is_ours_alone(path)) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "%s is not a directory of user %u alone: remove it, or set XDG_RUNTIME_DIR or HOY_RUNROOT",
                   path, geteuid());
}

// Whether containers run there, or a hoy.
static bool is_held(const char *path) {
    char file[64];
    pid_t pid = 0;
    snprintf(file, sizeof file, "%s/namespace", path);
    _cleanup_(fd_closep) int hold =
        is_ours_alone(path) ? fd_open_at(AT_FDCWD, file, O_RDWR | O_NOFOLLOW, 0) : -ENOENT;
    int r = hold < 0 ? hold : holders_find(hold, &pid);
    return r == -ESRCH || (!r && pid);
}

// XDG_RUNTIME_DIR may be somebody else's, after su. What was started without one is below /tmp, and stays
// there when the next login has one.
int rootless_runroot(char **ret_path, struct err *err) {
    char usual[40], below_tmp[40];
    const char *folder = getenv("XDG_RUNTIME_DIR");
    snprintf(usual, sizeof usual, "/run/user/%u", geteuid());
    snprintf(below_tmp, sizeof below_tmp, "/tmp/hoy-%u", geteuid());
    if (!is_own_folder(folder)) folder = is_own_folder(usual) ? usual : NULL;
    if (is_held(below_tmp)) folder = NULL;
    _cleanup_(freep) char *path = NULL;
    int n = folder ? asprintf(&path, "%s/hoy", folder) : asprintf(&path, "%s", below_tmp);
    if (n < 0) return err_set(err, ERR_SYSTEM, ENOMEM, "open the runtime directory");
    if (!folder && check_below_tmp(path, err)) return -1;
    *ret_path = take_ptr(path);
    return 0;
}
