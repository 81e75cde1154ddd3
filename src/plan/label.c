// SPDX-License-Identifier: Apache-2.0
// What the process is to the kernel's security modules, and its keyring. Both modules take a label for the
// next execve through a file of /proc. Whoever could put another file there would have a container without
// its confinement, or the label written where it does harm (CVE-2019-16884, CVE-2025-52881): the file is
// reached in a procfs of our own, and below its root without crossing a mount.
#include "base/fd.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "plan/run.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define KEY_USER_SEARCH 0x00080000u // of linux/key.h, which is not for programs

// Inside a user namespace that has no pid namespace of its own none can be made. Then it is the host's, whose
// mounts nobody in the container has a hand in yet.
int plan_open_procfs(struct plan_run *run) {
    struct statfs fs;
    if (run->procfs < 0) run->procfs = mount_new("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    if (run->procfs == -EPERM) run->procfs = fd_open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
    if (run->procfs < 0) return run->procfs;
    if (fstatfs(run->procfs, &fs)) return -errno;
    return (uint32_t)fs.f_type == PROC_SUPER_MAGIC ? run->procfs : -ENXIO;
}

static int open_proc(struct plan_run *run, const char *path) {
    int proc = plan_open_procfs(run);
    return proc < 0 ? proc : path_open_below(proc, path, O_WRONLY | O_NOFOLLOW);
}

int plan_write_proc(struct plan_run *run, const char *path, const char *text) {
    _cleanup_(fd_closep) int fd = open_proc(run, path);
    if (fd < 0) return fd;
    ssize_t n = write(fd, text, strlen(text));
    return n < 0 ? -errno : (size_t)n != strlen(text) ? -EIO : 0;
}

// /proc/thread-self is a link with a plain text, which openat2 follows.
#define SELF "thread-self/attr/"

int plan_do_apparmor(struct plan_run *run, struct plan_op *op) {
    char text[1024];
    int n = snprintf(text, sizeof text, "exec %s", TEXT(op->text));
    if (n >= (int)sizeof text) return -ENAMETOOLONG;
    // The first one is AppArmor's whatever other module there is; it came with Linux 5.8.
    int r = plan_write_proc(run, SELF "apparmor/exec", text);
    if (r == -ENOENT && !access("/sys/module/apparmor/parameters/enabled", F_OK))
        r = plan_write_proc(run, SELF "exec", text);
    if (r == -ENOENT)
        err_set(&run->err, ERR_INVALID, 0,
                "%s: there is no profile \"%.200s\" loaded, or AppArmor is not enabled", TEXT(op->why),
                TEXT(op->text));
    return r;
}

int plan_do_selinux(struct plan_run *run, struct plan_op *op) {
    return plan_write_proc(run, SELF "exec", TEXT(op->text));
}

// The one who has the process's user id may search the new keyring, too: a program that drops its privileges
// finds what it put there.
static int let_user_search(long keyring) {
    char text[512];
    unsigned permissions;
    long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, keyring, text, sizeof text);
    if (n < 0) return -errno;
    text[n < (long)sizeof text ? n : (long)sizeof text - 1] = 0;
    if (sscanf(text, "%*[^;];%*d;%*d;%x;", &permissions) != 1) return -EBADMSG;
    return syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, permissions | KEY_USER_SEARCH) < 0 ? -errno : 0;
}

// Without one of its own a container could read the keys of whoever started it.
int plan_do_keyring(struct plan_run *run, struct plan_op *op) {
    int r = op->keyring.label ? plan_write_proc(run, SELF "keycreate", TEXT(op->keyring.label)) : 0;
    if (r) return r;
    long keyring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, TEXT(op->keyring.name));
    if (keyring < 0 && errno == ENOSYS) return 0; // a kernel without keys
    if (keyring < 0 && errno == EDQUOT)
        err_set(&run->err, ERR_SYSTEM, EDQUOT, "no further keyring: see /proc/sys/kernel/keys/maxkeys");
    if (keyring < 0) return -errno;
    r = let_user_search(keyring);
    _cleanup_(fd_closep) int fd = op->keyring.label ? open_proc(run, SELF "keycreate") : -1;
    if (fd >= 0 && write(fd, "", 0) < 0) return -errno;
    return r == -EACCES ? 0 : r; // joined by its name, and somebody else's
}
