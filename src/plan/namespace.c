// SPDX-License-Identifier: Apache-2.0
#include "plan/namespace.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

// The same namespace has the same file behind it.
static bool is_own_user_namespace(int fd) {
    struct stat theirs, own;
    return !fstat(fd, &theirs) && !stat("/proc/self/ns/user", &own) && theirs.st_dev == own.st_dev &&
           theirs.st_ino == own.st_ino;
}

static int check_maker(const struct namespace_path *path, int owner, struct err *err) {
    uid_t uid;
    if (is_own_user_namespace(owner)) return 0;
    if (ioctl(owner, NS_GET_OWNER_UID, &uid)) return -errno;
    if (uid == geteuid()) return 0;
    err_set(err, ERR_INVALID, 0,
            "%s: the user namespace of %s was made by user %u, and user %u joins only their own: make it as "
            "user %u",
            path->field, path->path, uid, geteuid(), geteuid());
    return -EPERM;
}

static int check_owner(const struct namespace_path *path, int fd, struct err *err) {
    if (path->flag == CLONE_NEWUSER) return check_maker(path, fd, err);
    _cleanup_(fd_closep) int owner = ioctl(fd, NS_GET_USERNS);
    if (owner >= 0) return check_maker(path, owner, err);
    int error = errno;
    if (error == EPERM)
        err_set(err, ERR_INVALID, 0,
                "%s: %s belongs to a user namespace outside of this one, and cannot be joined from here: "
                "leave out the path to have a new one",
                path->field, path->path);
    return -error;
}

// setns(2) would take a namespace of another type by its type: what it is must be what was asked for, so that
// a path that says "net" does not bring somebody's user namespace.
int namespace_check(const struct namespace_path *path, int fd, struct err *err) {
    int type = ioctl(fd, NS_GET_NSTYPE);
    if (type < 0 && errno != ENOTTY) return -errno;
    if (type >= 0 && (uint64_t)type == path->flag) return check_owner(path, fd, err);
    err_set(err, ERR_INVALID, 0, "%s is %s", path->path,
            type < 0 ? "no namespace" : "a namespace of another type than linux.namespaces says");
    return -EINVAL;
}
