// SPDX-License-Identifier: Apache-2.0
// Operations of the child that shape its surroundings: namespaces, the root file system, mounts, devices.
// The host's root is still reachable here, which is where the sources of mounts are; everything inside the
// container's root is reached through run->root only.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/link.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "plan/run.h"

#include <errno.h>
#include <grp.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

// "0" is whoever writes. A process of one thread that moves itself needs no lock of the kernel's against
// forks and execs elsewhere, whose wait for all CPUs costs another process 10 ms (kernel/cgroup/cgroup.c,
// cgroup_procs_write_start).
int plan_do_cgroup_join(struct plan_run *run, struct plan_op *op) {
    return file_write_at(AT_FDCWD, TEXT(op->path), "0");
}

int plan_do_become_root(struct plan_run *run, struct plan_op *op) {
    (void)run, (void)op;
    if (setgroups(0, NULL) && errno != EPERM) return -errno;
    return setresgid(0, 0, 0) || setresuid(0, 0, 0) ? -errno : 0;
}

int plan_do_unshare(struct plan_run *run, struct plan_op *op) {
    (void)run;
    return unshare((int)op->unshare.flags) ? -errno : 0;
}

int plan_do_link_up(struct plan_run *run, struct plan_op *op) {
    return link_up(TEXT(op->link.name));
}

int plan_do_address_add(struct plan_run *run, struct plan_op *op) {
    return address_add(TEXT(op->address.link), op->address.family, op->address.bytes, op->address.prefix);
}

int plan_do_route_add(struct plan_run *run, struct plan_op *op) {
    return route_add_default(TEXT(op->address.link), op->address.family, op->address.bytes);
}

int plan_do_hostname(struct plan_run *run, struct plan_op *op) {
    return sethostname(TEXT(op->text), strlen(TEXT(op->text))) ? -errno : 0;
}

int plan_do_domainname(struct plan_run *run, struct plan_op *op) {
    return setdomainname(TEXT(op->text), strlen(TEXT(op->text))) ? -errno : 0;
}

int plan_do_propagation(struct plan_run *run, struct plan_op *op) {
    (void)run;
    return mount(NULL, "/", NULL, op->propagation.flags, NULL) ? -errno : 0;
}

// Root file systems. The descriptor of the mount itself is the root from here on.

int plan_attach_root(struct plan_run *run, const char *where) {
    _cleanup_(fd_closep) int target = fd_open_at(AT_FDCWD, where, O_PATH | O_DIRECTORY, 0);
    return target < 0 ? target : mount_attach(run->root, target);
}

int plan_do_root_attach(struct plan_run *run, struct plan_op *op) {
    return plan_attach_root(run, TEXT(op->root.attach));
}

int plan_do_root_bind(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int tree = mount_clone(AT_FDCWD, TEXT(op->root.path), 1);
    if (tree < 0) return tree;
    struct stat st;
    if (fstat(tree, &st)) return -errno;
    if (!S_ISDIR(st.st_mode)) return -ENOTDIR;
    run->root = take_fd(&tree);
    return plan_attach_root(run, TEXT(op->root.attach));
}

int plan_do_root_readonly(struct plan_run *run, struct plan_op *op) {
    (void)op;
    return mount_set_flags(run->root, MS_RDONLY, 0);
}

int plan_do_pivot_root(struct plan_run *run, struct plan_op *op) {
    return op->none ? mount_move_to_root(run->root) : mount_pivot(run->root);
}

// Mounts inside the root

static int is_directory(int fd) {
    struct stat st;
    return !fstat(fd, &st) && S_ISDIR(st.st_mode);
}

static int open_target(struct plan_run *run, struct plan_op *op, int file) {
    const char *path = TEXT(op->mount.target);
    if (op->mount.options & PLAN_MOUNT_NO_CREATE) return path_open_in(run->root, path, 0);
    return path_make_in(run->root, path, file);
}

static int bind_source(struct plan_run *run, struct plan_op *op) {
    return mount_clone(AT_FDCWD, TEXT(op->mount.source), !!(op->mount.flags & MS_REC));
}

static int new_source(struct plan_run *run, struct plan_op *op) {
    int tree = mount_new(TEXT(op->mount.type), TEXT(op->mount.source), op->mount.flags, TEXT(op->mount.data));
    if (tree != -EBUSY || strcmp(TEXT(op->mount.type), "sysfs")) return tree;
    // Without a network namespace of its own, a container may not make a sysfs; it gets the host's.
    return mount_clone(AT_FDCWD, "/sys", 1);
}

// Before Linux 5.12 a mount takes flags only where it is attached, and for itself alone.
static int attach_with(int tree, int target, uint64_t flags, int recursive) {
    int r = mount_set_flags(tree, flags, recursive);
    if (r != -EINVAL && r != -ENOSYS) return r ? r : mount_attach(tree, target);
    r = mount_attach(tree, target);
    return r ? r : mount_set_flags(tree, flags, 0);
}

int plan_do_mount(struct plan_run *run, struct plan_op *op) {
    int bind = !!(op->mount.flags & MS_BIND);
    _cleanup_(fd_closep) int tree = bind ? bind_source(run, op) : new_source(run, op);
    if (tree == -ENODEV && op->mount.options & PLAN_MOUNT_OPTIONAL) return 0;
    if (tree < 0) return tree;
    _cleanup_(fd_closep) int target = open_target(run, op, bind && !is_directory(tree));
    if (target < 0) return target;
    if (is_directory(tree) != is_directory(target))
        return err_set(&run->err, ERR_INVALID, 0,
                       "cannot mount %s over %s: one is a directory, the other a file",
                       TEXT(op->mount.source), TEXT(op->mount.target)),
               -ENOTDIR;

    int r = 0;
    if (op->mount.options & PLAN_MOUNT_COPY_UP) r = plan_copy_up(target, tree);
    if (!r && (op->mount.set || op->mount.clear)) r = mount_set_all(tree, op->mount.set, op->mount.clear);
    if (!r && op->mount.propagation) r = mount_set_propagation(tree, op->mount.propagation);
    return r ? r : attach_with(tree, target, bind ? op->mount.flags : 0, 0);
}

// A mount that is in place gets further flags: it had to be written into first.
int plan_do_remount(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int target = path_open_in(run->root, TEXT(op->mount.target), 0);
    return target < 0 ? target : mount_set_flags(target, op->mount.flags, 0);
}

// Before the root becomes read-only.
int plan_do_directory(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int fd = path_make_in(run->root, TEXT(op->path), 0);
    return fd < 0 ? fd : 0;
}

// The host's /dev/null, checked to be what it says before it covers anything.
static int clone_null(void) {
    _cleanup_(fd_closep) int null = fd_open_at(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);
    struct stat st;
    if (null < 0) return null;
    if (fstat(null, &st)) return -errno;
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) return -ENXIO;
    return mount_clone(null, "", 0);
}

// One empty directory for all; it can be cloned once it is attached somewhere.
static int clone_empty(struct plan_run *run) {
    if (run->empty >= 0) return mount_clone(run->empty, "", 0);
    int tree = mount_new("tmpfs", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                         "size=0,mode=555,nr_inodes=1");
    if (tree >= 0) run->empty = fcntl(tree, F_DUPFD_CLOEXEC, 0);
    return tree;
}

int plan_do_mask_path(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int target = path_open_in(run->root, TEXT(op->path), 0);
    if (target == -ENOENT || target == -ENOTDIR) return 0;
    if (target < 0) return target;
    _cleanup_(fd_closep) int cover = is_directory(target) ? clone_empty(run) : clone_null();
    return cover < 0 ? cover : mount_attach(cover, target);
}

int plan_do_readonly_path(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int target = path_open_in(run->root, TEXT(op->path), 0);
    if (target == -ENOENT || target == -ENOTDIR) return 0;
    if (target < 0) return target;
    _cleanup_(fd_closep) int tree = mount_clone(target, "", 1);
    if (tree < 0) return tree;
    return attach_with(tree, target, MS_RDONLY, 1);
}

// Devices

static int bind_device(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int node = fd_open_at(AT_FDCWD, TEXT(op->device.path), O_PATH | O_NOFOLLOW, 0);
    struct stat st;
    if (node < 0) return node;
    if (fstat(node, &st)) return -errno;
    if (st.st_rdev != makedev(op->device.major, op->device.minor)) return -ENXIO;
    _cleanup_(fd_closep) int tree = mount_clone(node, "", 0);
    if (tree < 0) return tree;
    _cleanup_(fd_closep) int target = path_make_in(run->root, TEXT(op->device.path), 1);
    return target < 0 ? target : mount_attach(tree, target);
}

int plan_do_device(struct plan_run *run, struct plan_op *op) {
    if (op->device.bind) return bind_device(run, op);
    const char *name;
    _cleanup_(fd_closep) int dir = path_parent_in(run->root, TEXT(op->device.path), &name);
    if (dir < 0) return dir;
    if (mknodat(dir, name, op->device.mode, makedev(op->device.major, op->device.minor))) return -errno;
    if (!op->device.uid && !op->device.gid) return 0;
    return fchownat(dir, name, op->device.uid, op->device.gid, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

int plan_do_symlink(struct plan_run *run, struct plan_op *op) {
    const char *name;
    _cleanup_(fd_closep) int dir = path_parent_in(run->root, TEXT(op->link_to.path), &name);
    if (dir < 0) return dir;
    return symlinkat(TEXT(op->link_to.target), dir, name) && errno != EEXIST ? -errno : 0;
}

// The terminal

static int open_ptmx(struct plan_run *run) {
    _cleanup_(fd_closep) int fd = path_open_in(run->root, "dev/pts/ptmx", O_RDWR | O_NOCTTY);
    struct statfs fs;
    struct stat st;
    if (fd < 0) return fd;
    if (fstatfs(fd, &fs) || fstat(fd, &st)) return -errno;
    if ((uint32_t)fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
        return err_set(&run->err, ERR_INVALID, 0,
                       "the container's /dev/pts is no devpts file system: a terminal needs one"),
               -ENXIO;
    int unlocked = 0;
    if (ioctl(fd, TIOCSPTLCK, &unlocked)) return -errno;
    return take_fd(&fd);
}

static int bind_console(struct plan_run *run, int terminal) {
    _cleanup_(fd_closep) int tree = mount_clone(terminal, "", 0);
    if (tree < 0) return tree;
    _cleanup_(fd_closep) int target = path_make_in(run->root, "dev/console", 1);
    return target < 0 ? target : mount_attach(tree, target);
}

int plan_do_console(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int master = open_ptmx(run);
    if (master < 0) return master;
    _cleanup_(fd_closep) int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) return -errno;
    struct winsize size = {.ws_row = op->console.rows, .ws_col = op->console.columns};
    if (size.ws_row && ioctl(master, TIOCSWINSZ, &size)) return -errno;
    int r = op->console.controlling_only ? 0 : bind_console(run, terminal);
    if (!r) r = plan_send(run, PLAN_BYTE_TERMINAL, master);
    if (r) return r;
    setsid();
    if (ioctl(terminal, TIOCSCTTY, 0)) return -errno;
    for (int i = 0; i < 3; i++)
        if (dup2(terminal, i) < 0) return -errno;
    return 0;
}

// Kernel settings go through a procfs of our own, which nothing in the image can have covered.
int plan_do_sysctl(struct plan_run *run, struct plan_op *op) {
    if (run->procfs < 0) run->procfs = mount_new("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    if (run->procfs < 0) return run->procfs;
    _cleanup_(fd_closep) int sys = fd_open_at(run->procfs, "sys", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    return sys < 0 ? sys : file_write_at(sys, TEXT(op->write.file), TEXT(op->write.value));
}

// The host's /proc: nothing of the container is mounted there.
int plan_do_oom_score_adj(struct plan_run *run, struct plan_op *op) {
    return file_write_at(AT_FDCWD, "/proc/self/oom_score_adj", TEXT(op->text));
}
