// SPDX-License-Identifier: Apache-2.0
// Operations of the child that shape its surroundings: namespaces, the root file system, mounts, devices.
// The host's root is still reachable here, which is where the sources of mounts are; everything inside the
// container's root is reached through run->root only.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/link.h"
#include "kernel/link_settings.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "plan/copy.h"
#include "plan/run.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
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
    int r = op->none ? 0 : plan_set_groups(run, 0, NULL);
    if (r < 0) return r;
    return setresgid(0, 0, 0) || setresuid(0, 0, 0) ? -errno : 0;
}

// The last moment at which the host's interfaces can be listened to.
static void listen_to_links(struct plan_run *run) {
    if (run->links.fd < 0 && plan_find(run->block, PLAN_LINK_ADD)) (void)link_events_open(&run->links);
}

int plan_do_unshare(struct plan_run *run, struct plan_op *op) {
    if (op->unshare.flags & CLONE_NEWNET) listen_to_links(run);
    return unshare((int)op->unshare.flags) ? -errno : 0;
}

int plan_do_enter_netns(struct plan_run *run, struct plan_op *op) {
    (void)op;
    listen_to_links(run);
    int r = plan_await_netns(run);
    if (!r && setns(run->netns, CLONE_NEWNET)) r = -errno;
    fd_closep(&run->netns);
    return r;
}

int plan_do_link_ipv6(struct plan_run *run, struct plan_op *op) {
    int proc = plan_open_procfs(run);
    return proc < 0 ? proc : link_set_ipv6(proc, TEXT(op->link.name), op->link.ipv6 != 0);
}

// A container that starts again at once meets its own last interface.
static bool is_leaving(struct plan_run *run, int r) {
    return r == -EADDRINUSE && link_events_wait(&run->links);
}

static int address_taken(struct plan_run *run, int r, const char *link) {
    if (r == -EADDRINUSE)
        err_set(&run->err, ERR_CONFLICT, 0,
                "the interface %s: another one on the same parent has its MAC address or one of its IP "
                "addresses: "
                "give the container others",
                link);
    return r;
}

int plan_do_link_up(struct plan_run *run, struct plan_op *op) {
    const char *link = TEXT(op->link.name);
    int r = link_up(link);
    while (is_leaving(run, r)) r = link_up(link);
    return address_taken(run, r, link);
}

static int address_try(const struct plan_run *run, const struct plan_op *op) {
    return address_add(TEXT(op->address.link), op->address.family, op->address.bytes, op->address.prefix);
}

int plan_do_address_add(struct plan_run *run, struct plan_op *op) {
    int r = address_try(run, op);
    while (is_leaving(run, r)) r = address_try(run, op);
    return address_taken(run, r, TEXT(op->address.link));
}

int plan_do_route_add(struct plan_run *run, struct plan_op *op) {
    static const uint8_t none[16];
    struct route route = {
        .link = TEXT(op->address.link),
        .family = op->address.family,
        .prefix = op->address.prefix,
        .destination = op->address.destination,
        .gateway = memcmp(op->address.bytes, none, sizeof none) ? op->address.bytes : NULL,
        .gateway_is_outside = op->address.is_outside,
        .metric = op->address.metric,
    };
    return route_add(&route);
}

int plan_do_hostname(struct plan_run *run, struct plan_op *op) {
    return sethostname(TEXT(op->text), strlen(TEXT(op->text))) ? -errno : 0;
}

int plan_do_domainname(struct plan_run *run, struct plan_op *op) {
    return setdomainname(TEXT(op->text), strlen(TEXT(op->text))) ? -errno : 0;
}

// Before the root is there: what mounts of the host's look like from in here. INSIDE: what mounts of the
// container's own do. The kernel can't copy what is unbindable, so that is only ever said inside.
int plan_do_propagation(struct plan_run *run, struct plan_op *op) {
    uint64_t flags = op->propagation.flags;
    run->shared = flags != (MS_PRIVATE | MS_REC) && flags != (MS_SLAVE | MS_REC);
    return mount(NULL, "/", NULL, flags, NULL) ? -errno : 0;
}

// Root file systems. The descriptor of the mount itself is the root from here on.

// What is attached to a shared mount appears at all of its peers, which are the host's. The mount that a path
// is on begins at the first directory upwards of which the kernel takes that it is one.
static int make_private(struct plan_run *run, const char *where) {
    char path[PATH_MAX];
    if (!run->shared) return 0;
    if (snprintf(path, sizeof path, "%s", where) >= PATH_MAX) return -ENAMETOOLONG;
    while (mount(NULL, path, NULL, MS_PRIVATE, NULL)) {
        char *slash = strrchr(path, '/');
        if (errno != EINVAL || !slash || !slash[1]) return -errno;
        slash[slash == path] = 0;
    }
    return 0;
}

// At a directory of the host's, in the container's own mount namespace.
static int attach_root(struct plan_run *run, const char *where) {
    int r = make_private(run, where);
    if (r) return r;
    _cleanup_(fd_closep) int target = fd_open_at(AT_FDCWD, where, O_PATH | O_DIRECTORY, 0);
    return target < 0 ? target : mount_attach(run->root, target);
}

int plan_do_root_attach(struct plan_run *run, struct plan_op *op) {
    return attach_root(run, TEXT(op->root.attach));
}

int plan_do_root_bind(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int tree = mount_clone(AT_FDCWD, TEXT(op->root.path), true);
    if (tree < 0) return tree;
    struct stat st;
    if (fstat(tree, &st)) return -errno;
    if (!S_ISDIR(st.st_mode)) return -ENOTDIR;
    if (run->shared && mount_set_propagation(tree, MS_PRIVATE)) return -EINVAL; // else no pivot_root
    run->root = take_fd(&tree);
    return attach_root(run, TEXT(op->root.attach));
}

int plan_do_root_readonly(struct plan_run *run, struct plan_op *op) {
    (void)op;
    return mount_set_flags(run->root, MS_RDONLY, false);
}

static int is_null(int fd) {
    struct stat st;
    return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

// A standard stream that is the host's /dev/null becomes the container's: a file of a mount that the
// container does not have could not be checkpointed.
static int reopen_null(struct plan_run *run) {
    for (int fd = 0; fd < 3; fd++) {
        int flags = is_null(fd) ? fcntl(fd, F_GETFL) : -1;
        if (flags < 0) continue;
        _cleanup_(fd_closep) int node = plan_open_in(run, "dev/null", 0);
        if (node < 0 || !is_null(node)) return 0;
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", node);
        _cleanup_(fd_closep) int null = fd_open_at(AT_FDCWD, path, flags & O_ACCMODE, 0);
        if (null >= 0 && dup2(null, fd) < 0) return -errno;
    }
    return 0;
}

int plan_do_pivot_root(struct plan_run *run, struct plan_op *op) {
    int r = reopen_null(run);
    for (uint32_t i = 0; !r && i < run->block->count; i++) {
        const struct plan_op *hook = &plan_ops(run->block)[i];
        if (hook->type == PLAN_HOOK && hook->side == PLAN_INSIDE) r = plan_open_hook_files(run, hook);
    }
    return r ? r : op->none ? mount_move_to_root(run->root) : mount_pivot(run->root, run->shared);
}

// Mounts inside the root

static bool is_directory(int fd) {
    struct stat st;
    return !fstat(fd, &st) && S_ISDIR(st.st_mode);
}

// The root itself, by whatever path: what is attached there would be above the process, out of its sight.
static bool is_root(struct plan_run *run, int fd) {
    uint64_t id, root;
    bool is_top, of_root;
    return !mount_identify(fd, &id, &is_top) && !mount_identify(run->root, &root, &of_root) && id == root &&
           is_top;
}

static int open_target(struct plan_run *run, struct plan_op *op, bool file) {
    const char *path = TEXT(op->mount.target);
    bool nofollow = op->mount.options & PLAN_MOUNT_TARGET_NOFOLLOW;
    if (op->mount.options & PLAN_MOUNT_NO_CREATE)
        return plan_open_in(run, path, O_PATH | (nofollow ? O_NOFOLLOW : 0));
    return nofollow ? plan_make_in_nofollow(run, path, file) : plan_make_in(run, path, file);
}

// Whoever can write in the source may exchange what is in it: the path is resolved once, inside the source.
static int clone_subpath(struct plan_run *run, struct plan_op *op, bool recursive) {
    const char *source = TEXT(op->mount.source), *subpath = TEXT(op->mount.subpath);
    _cleanup_(fd_closep) int whole = fd_open_at(AT_FDCWD, source, O_PATH | O_DIRECTORY, 0);
    if (whole < 0) return whole;
    _cleanup_(fd_closep) int part = path_open_in(whole, subpath, O_PATH);
    if (part >= 0) return mount_clone(part, "", recursive);
    err_set(&run->err, ERR_NOT_FOUND, -part, "cannot access path %s/%s: %s", source, subpath,
            strerror(-part));
    return part;
}

static int bind_source(struct plan_run *run, struct plan_op *op) {
    bool recursive = op->mount.flags & MS_REC;
    if (op->mount.subpath) return clone_subpath(run, op, recursive);
    if (op->mount.options & PLAN_MOUNT_IDMAP) return plan_take_tree(run);
    if (op->mount.pid) return plan_borrow_tree(run, op);
    if (op->mount.options & PLAN_MOUNT_SOURCE_NOFOLLOW)
        return mount_clone_nofollow(AT_FDCWD, TEXT(op->mount.source), recursive);
    return mount_clone(AT_FDCWD, TEXT(op->mount.source), recursive);
}

static int clone_hosts(const char *path, uint64_t flags) {
    _cleanup_(fd_closep) int tree = mount_clone(AT_FDCWD, path, true);
    int r = tree < 0 ? tree : mount_set_flags(tree, flags, mount_can_recurse());
    return r ? r : take_fd(&tree);
}

static int new_source(struct plan_run *run, struct plan_op *op) {
    const char *type = TEXT(op->mount.type);
    uint64_t flags = op->mount.flags;
    int tree = mount_new(type, TEXT(op->mount.source), flags, TEXT(op->mount.data));
    if (tree == -ENAMETOOLONG) tree = plan_long_mount(run, op);
    // Without a network namespace of its own, a container may not make a sysfs; it gets the host's. The same
    // with the v2 cgroups, of which there is one file system for all.
    if ((tree == -EBUSY || tree == -EPERM) && !strcmp(type, "sysfs")) return clone_hosts("/sys", flags);
    if ((tree == -EBUSY || tree == -EPERM) && !strcmp(type, "cgroup2"))
        return clone_hosts("/sys/fs/cgroup", flags);
    if (tree == -EPERM && !strcmp(type, "proc"))
        err_set(&run->err, ERR_INVALID, EPERM,
                "mounts: cannot mount proc at %s: in a user namespace that takes a pid namespace of its own, "
                "and a "
                "/proc outside of which nothing is masked, as it is in a container; bind /proc instead",
                TEXT(op->mount.target));
    return tree;
}

// Before Linux 5.12 a mount takes flags only where it is attached, and for itself alone.
static int attach_with(int tree, int target, uint64_t flags, bool recursive) {
    int r = mount_set_flags(tree, flags, recursive);
    if (r != -EINVAL && r != -ENOSYS) return r ? r : mount_attach(tree, target);
    r = mount_attach(tree, target);
    return r ? r : mount_set_flags(tree, flags, false);
}

// A link as the source is made again, to the same target, where it is not there. 1, or 0 when the source is
// no link.
static int copy_symlink(struct plan_run *run, struct plan_op *op) {
    char link[PATH_MAX], there[PATH_MAX];
    const char *name;
    ssize_t size = readlinkat(AT_FDCWD, TEXT(op->mount.source), link, sizeof link - 1);
    if (size < 0) return errno == EINVAL ? 0 : -errno;
    link[size] = 0;
    _cleanup_(fd_closep) int dir = plan_parent_in(run, TEXT(op->mount.target), &name);
    if (dir < 0) return dir;
    if (!symlinkat(link, dir, name)) return 1;
    if (errno != EEXIST) return -errno;
    size = readlinkat(dir, name, there, sizeof there - 1);
    if (size >= 0 && (size_t)size == strlen(link) && !memcmp(there, link, (size_t)size)) return 1;
    err_set(&run->err, ERR_CONFLICT, 0, "%s is there already, and no link to %s", TEXT(op->mount.target),
            link);
    return -EEXIST;
}

static int apply_options(struct plan_op *op, int tree) {
    int r = op->mount.unset ? mount_clear_flags(tree, op->mount.unset) : 0;
    if (r == -ENOSYS) r = 0; // nor could it in those days
    if (!r && (op->mount.set || op->mount.clear)) r = mount_set_all(tree, op->mount.set, op->mount.clear);
    if (!r && op->mount.propagation) r = mount_set_propagation(tree, op->mount.propagation);
    return r;
}

// A tmpfs for which nobody says a mode has the one of the directory that it covers.
static int keep_mode(struct plan_run *run, struct plan_op *op, int tree) {
    struct stat st;
    if (strcmp(TEXT(op->mount.type), "tmpfs") || strstr(TEXT(op->mount.data), "mode=")) return 0;
    _cleanup_(fd_closep) int target = plan_open_in(run, TEXT(op->mount.target), 0);
    if (target < 0 || fstat(target, &st)) return 0; // it is about to be made, and has none
    return fchmodat(tree, ".", st.st_mode & 07777, 0) ? -errno : 0;
}

// Of the kinds of file systems that begin empty, those in which further operations make something.
static bool is_new(struct plan_run *run, struct plan_op *op) {
    const char *type = TEXT(op->mount.type);
    return (!strcmp(type, "tmpfs") || !strcmp(type, "devpts")) && !(op->mount.options & PLAN_MOUNT_COPY_UP);
}

static int copy_up(struct plan_run *run, struct plan_op *op, int from, int to) {
    const char *source = TEXT(op->mount.source);
    bool volume = op->mount.options & PLAN_MOUNT_VOLUME;
    int r = volume ? plan_fill_volume(source, from) : plan_copy_up(from, to);
    if (r)
        err_set(&run->err, ERR_SYSTEM, -r, "copy what the image has at %s into %s", TEXT(op->mount.target),
                volume ? source : "the tmpfs there");
    return r;
}

int plan_do_mount(struct plan_run *run, struct plan_op *op) {
    bool bind = op->mount.flags & MS_BIND;
    int r = op->mount.options & PLAN_MOUNT_COPY_SYMLINK ? copy_symlink(run, op) : 0;
    if (r) return r < 0 ? r : 0;
    _cleanup_(fd_closep) int tree = bind ? bind_source(run, op) : new_source(run, op);
    if (tree == -ENODEV && op->mount.options & PLAN_MOUNT_OPTIONAL) return 0;
    if (tree == -ENODEV && !bind)
        err_set(&run->err, ERR_INVALID, 0, "cannot mount %s at %s: the kernel has no file system \"%s\"",
                TEXT(op->mount.source), TEXT(op->mount.target), TEXT(op->mount.type));
    if (tree < 0) return tree;
    if (!bind && (r = keep_mode(run, op, tree))) return r;
    _cleanup_(fd_closep) int target = open_target(run, op, bind && !is_directory(tree));
    if (target < 0) return target;
    if (is_directory(tree) != is_directory(target))
        return err_set(&run->err, ERR_INVALID, 0,
                       "cannot mount %s over %s: one is a directory, the other a file",
                       TEXT(op->mount.source), TEXT(op->mount.target)),
               -ENOTDIR;

    if (op->mount.options & PLAN_MOUNT_COPY_UP) r = copy_up(run, op, target, tree);
    if (!r) r = apply_options(op, tree);
    bool covers = is_root(run, target);
    if (!r) r = attach_with(tree, target, bind ? op->mount.flags : 0, false);
    if (!r && covers) return plan_replace_root(run, &tree), 0;
    if (!r) plan_place_add(run, TEXT(op->mount.target), tree, is_new(run, op));
    return r;
}

// A mount that is in place gets other flags, and without MS_BIND its file system other options, too.
int plan_do_remount(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int target = plan_open_in(run, TEXT(op->mount.target), 0);
    int r = target < 0 ? target : apply_options(op, target);
    if (!r && op->mount.flags & MS_REMOUNT && !(op->mount.flags & MS_BIND))
        r = mount_reconfigure(target, op->mount.flags, TEXT(op->mount.data));
    return r ? r : mount_set_flags(target, op->mount.flags, false);
}

// Before the root becomes read-only.
int plan_do_directory(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int fd = plan_make_in(run, TEXT(op->path), false);
    return fd < 0 ? fd : 0;
}

// The host's /dev/null, checked to be what it says before it covers anything.
static int clone_null(void) {
    _cleanup_(fd_closep) int null = fd_open_at(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);
    struct stat st;
    if (null < 0) return null;
    if (fstat(null, &st)) return -errno;
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) return -ENXIO;
    return mount_clone(null, "", false);
}

// One empty directory for all; it can be cloned once it is attached somewhere.
static int clone_empty(struct plan_run *run) {
    if (run->empty >= 0) return mount_clone(run->empty, "", false);
    int tree = mount_new("tmpfs", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                         "size=0,mode=555,nr_inodes=1");
    if (tree >= 0) run->empty = fcntl(tree, F_DUPFD_CLOEXEC, 0);
    return tree;
}

int plan_do_mask_path(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int target = plan_open_in(run, TEXT(op->path), 0);
    if (target == -ENOENT || target == -ENOTDIR) return 0;
    if (target < 0) return target;
    _cleanup_(fd_closep) int cover = is_directory(target) ? clone_empty(run) : clone_null();
    return cover < 0 ? cover : mount_attach(cover, target);
}

int plan_do_readonly_path(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int target = plan_open_in(run, TEXT(op->path), 0);
    if (target == -ENOENT || target == -ENOTDIR) return 0;
    if (target < 0) return target;
    if (is_root(run, target)) return mount_set_flags(run->root, MS_RDONLY, 0);
    _cleanup_(fd_closep) int tree = mount_clone(target, "", true);
    if (tree < 0) return tree;
    return attach_with(tree, target, MS_RDONLY, true);
}

// Devices

static bool is_device(int fd, const struct plan_op *op) {
    struct stat st;
    return !fstat(fd, &st) && (st.st_mode & S_IFMT) == (op->device.mode & S_IFMT) &&
           (S_ISFIFO(st.st_mode) || st.st_rdev == makedev(op->device.major, op->device.minor));
}

// The host's node of the same name, or where udev keeps them by number.
static int open_host_device(struct plan_run *run, const struct plan_op *op) {
    char path[48];
    _cleanup_(fd_closep) int node = fd_open_at(AT_FDCWD, TEXT(op->device.path), O_PATH | O_NOFOLLOW, 0);
    if (node >= 0 && is_device(node, op)) return take_fd(&node);
    snprintf(path, sizeof path, "/dev/%s/%u:%u", S_ISBLK(op->device.mode) ? "block" : "char",
             op->device.major, op->device.minor);
    _cleanup_(fd_closep) int other = fd_open_at(AT_FDCWD, path, O_PATH, 0);
    if (other >= 0 && is_device(other, op)) return take_fd(&other);
    err_set(&run->err, ERR_NOT_FOUND, 0,
            "linux.devices: the host has no device %u:%u at %s to bind, and none can be made: that takes "
            "CAP_MKNOD, outside of a user namespace; a bind mount of the host's node does as well",
            op->device.major, op->device.minor, TEXT(op->device.path));
    return -ENOENT;
}

static int bind_device(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int node = open_host_device(run, op);
    if (node < 0) return node;
    _cleanup_(fd_closep) int tree = mount_clone(node, "", false);
    if (tree < 0) return tree;
    _cleanup_(fd_closep) int target = plan_make_in(run, TEXT(op->device.path), true);
    return target < 0 ? target : mount_attach(tree, target);
}

// A root that keeps its /dev from one run to the next has the node already.
static int check_present(struct plan_run *run, const struct plan_op *op, int dir, const char *name) {
    _cleanup_(fd_closep) int node = fd_open_at(dir, name, O_PATH | O_NOFOLLOW, 0);
    if (node < 0) return node;
    if (is_device(node, op)) return 0;
    err_set(&run->err, ERR_CONFLICT, 0, "%s is there already, and another file than the device",
            TEXT(op->device.path));
    return -EEXIST;
}

int plan_do_device(struct plan_run *run, struct plan_op *op) {
    if (op->device.bind && !S_ISFIFO(op->device.mode)) return bind_device(run, op);
    const char *name;
    _cleanup_(fd_closep) int dir = plan_parent_in(run, TEXT(op->device.path), &name);
    if (dir < 0) return dir;
    if (mknodat(dir, name, op->device.mode, makedev(op->device.major, op->device.minor)))
        return errno == EEXIST  ? check_present(run, op, dir, name)
               : errno == EPERM ? bind_device(run, op)
                                : -errno;
    if (!op->device.uid && !op->device.gid) return 0;
    return fchownat(dir, name, op->device.uid, op->device.gid, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

int plan_do_symlink(struct plan_run *run, struct plan_op *op) {
    const char *name;
    _cleanup_(fd_closep) int dir = plan_parent_in(run, TEXT(op->link_to.path), &name);
    if (dir < 0) return dir;
    return symlinkat(TEXT(op->link_to.target), dir, name) && errno != EEXIST ? -errno : 0;
}

// The terminal

static int open_ptmx(struct plan_run *run) {
    _cleanup_(fd_closep) int fd = plan_open_in(run, "dev/pts/ptmx", O_RDWR | O_NOCTTY);
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
    _cleanup_(fd_closep) int tree = mount_clone(terminal, "", false);
    if (tree < 0) return tree;
    _cleanup_(fd_closep) int target = plan_make_in(run, "dev/console", true);
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
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "sys/%s", TEXT(op->write.file)) >= PATH_MAX) return -ENAMETOOLONG;
    return plan_write_proc(run, path, TEXT(op->write.value));
}

// The host's /proc: nothing of the container is mounted there.
int plan_do_oom_score_adj(struct plan_run *run, struct plan_op *op) {
    char path[48] = "/proc/self/oom_score_adj";
    _cleanup_(str_finish) struct str now = {0};
    if (op->side == PLAN_PARENT) snprintf(path, sizeof path, "/proc/%d/oom_score_adj", run->block->pid);
    int r = file_write_at(AT_FDCWD, path, TEXT(op->text));
    if (r == -EACCES && !file_read_at(AT_FDCWD, path, 64, &now))
        err_set(&run->err, ERR_INVALID, 0,
                "cannot set the OOM score adjustment to %s: it is %.*s, and only root may make it less",
                TEXT(op->text), (int)strcspn(str_get(&now), "\n"), str_get(&now));
    return r;
}
