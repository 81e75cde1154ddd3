// SPDX-License-Identifier: Apache-2.0
// What is bound comes from the host, so it is taken here, detached; then a child joins the container's mount
// namespace and attaches it, to a descriptor that was resolved inside the container's root. It does not join
// the pid namespace: nobody in there can see it. Until the child hears that all went well it can take
// everything back, and does so when the one that it works for is killed.
#include "runtime/mounts.h"

#include "base/fd.h"
#include "kernel/mount.h"
#include "kernel/path.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct addition {
    const struct spec_mount *mount;
    struct mount_options options;
    const char *type;
    int tree; // detached; then attached
    bool attached;
};

// kept: a detached copy, to put back.
struct removal {
    const char *path;
    int kept;
    bool done;
};

struct mounts {
    const struct runtime_mounts *request;
    struct {
        struct addition *items;
        size_t count;
    } additions;
    struct {
        struct removal *items;
        size_t count;
    } removals;
    int proc, root; // proc: the host's
};

static void mounts_finish(struct mounts *c) {
    for (size_t i = 0; i < c->additions.count; i++) fd_closep(&c->additions.items[i].tree);
    fd_closep(&c->proc);
}

// On the host

static int check_addition(const struct addition *a, struct err *err) {
    const uint32_t cannot = MOUNT_OPTION_COPY_UP | MOUNT_OPTION_COPY_SYMLINK | MOUNT_OPTION_IDMAP |
                            MOUNT_OPTION_SOURCE_NOFOLLOW | MOUNT_OPTION_TARGET_NOFOLLOW;
    const char *target = a->mount->destination, *source = a->mount->source;
    if (a->options.plan_options & cannot)
        return err_set(err, ERR_INVALID, 0,
                       "mount at %s: tmpcopyup, copy-symlink, idmap and nofollow are for new containers",
                       target);
    if (str_eq(a->type, "proc") || str_eq(a->type, "cgroup"))
        return err_set(err, ERR_INVALID, 0, "mount at %s: a container that runs gets no further %s", target,
                       a->type);
    if (!str_eq(a->type, "bind")) return 0;
    if (str_empty(source) || *source != '/')
        return err_set(err, ERR_INVALID, 0, "mount at %s: the source of a bind mount must be absolute",
                       target);
    if (a->options.data)
        return err_set(err, ERR_INVALID, 0, "mount at %s: \"%s\" is no option of a bind mount", target,
                       a->options.data);
    return 0;
}

static int clone_source(const struct addition *a) {
    const char *source = a->mount->source, *subpath = a->mount->subpath;
    bool recursive = a->options.flags & MS_REC;
    if (!subpath) return mount_clone(AT_FDCWD, source, recursive);
    _cleanup_(fd_closep) int whole = fd_open_at(AT_FDCWD, source, O_PATH | O_DIRECTORY, 0);
    if (whole < 0) return whole;
    _cleanup_(fd_closep) int part = path_open_in(whole, subpath, 0);
    return part < 0 ? part : mount_clone(part, "", recursive);
}

static int take_source(struct addition *a, struct err *err) {
    if (!str_eq(a->type, "bind")) return 0;
    a->tree = clone_source(a);
    if (a->tree >= 0) return 0;
    const char *subpath = a->mount->subpath;
    return err_set(err, ERR_SYSTEM, -a->tree, "mount at %s: cannot take %s%s%s", a->mount->destination,
                   a->mount->source, subpath ? "/" : "", subpath ? subpath : "");
}

static int take_additions(struct mounts *c, struct err *err) {
    struct arena *arena = c->request->arena;
    for (size_t i = 0; i < c->request->add.count; i++) {
        struct addition *a = arena_push(arena, &c->additions);
        *a = (struct addition){.mount = &c->request->add.items[i], .tree = -1};
        mount_options_parse(arena, &a->mount->options, &a->options);
        a->type = str_empty(a->mount->type) ? "bind" : a->mount->type;
        if (str_eq(a->type, "bind") && !(a->options.flags & MS_BIND)) a->options.flags |= MS_BIND | MS_REC;
        if (a->options.flags & MS_BIND) a->type = "bind";
        if (check_addition(a, err) || take_source(a, err)) return -1;
    }
    return 0;
}

// In the container

static bool is_directory(int fd) {
    struct stat st;
    return !fstat(fd, &st) && S_ISDIR(st.st_mode);
}

// The container's own links may lead a path elsewhere in it, but not to the kernel's files: what is mounted
// there hides them from it, and what would be mounted there would hide them from us.
static int check_place(const struct mounts *c, int fd, const char *path, struct err *err) {
    static const char *const kernels[] = {"/proc", "/sys"};
    char name[32], place[PATH_MAX];
    snprintf(name, sizeof name, "self/fd/%d", fd);
    ssize_t n = readlinkat(c->proc, name, place, sizeof place - 1);
    if (n < 0) return err_set(err, ERR_SYSTEM, errno, "cannot look where %s is", path);
    place[n] = 0;
    for (size_t i = 0; i < ARRAY_SIZE(kernels) && !str_eq(place, path); i++) {
        const char *rest = str_after(place, kernels[i]);
        if (rest && (!*rest || *rest == '/'))
            return err_set(err, ERR_INVALID, 0, "links in the container lead %s to %s", path, place);
    }
    return 0;
}

// Before Linux 5.12 a mount takes flags only where it is attached.
static int attach(struct addition *a, int target) {
    bool bind = a->options.flags & MS_BIND;
    uint64_t flags = bind ? a->options.flags & ~(uint64_t)(MS_BIND | MS_REC) : 0;
    int r = a->options.attr_set || a->options.attr_clear
                ? mount_set_all(a->tree, a->options.attr_set, a->options.attr_clear)
                : 0;
    if (!r && a->options.propagation) r = mount_set_propagation(a->tree, a->options.propagation);
    if (r) return r;
    r = mount_set_flags(a->tree, flags, false);
    bool later = r == -EINVAL || r == -ENOSYS;
    if (r && !later) return r;
    r = mount_attach(a->tree, target);
    a->attached = !r;
    return r || !later ? r : mount_set_flags(a->tree, flags, false);
}

static int add_one(struct mounts *c, struct addition *a, struct err *err) {
    const char *path = a->mount->destination;
    if (a->tree < 0) a->tree = mount_new(a->type, a->mount->source, a->options.flags, a->options.data);
    if (a->tree < 0)
        return err_set(err, ERR_SYSTEM, -a->tree, "mount at %s: cannot make a %s", path, a->type);
    _cleanup_(fd_closep) int target = path_make_in(c->root, path, !is_directory(a->tree));
    if (target < 0) return err_set(err, ERR_SYSTEM, -target, "mount at %s: cannot make its place", path);
    if (is_directory(a->tree) != is_directory(target))
        return err_set(err, ERR_INVALID, 0, "mount at %s: one is a directory, the other a file", path);
    if (check_place(c, target, path, err)) return -1;
    int r = attach(a, target);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot mount at %s", path) : 0;
}

static int open_mount(struct mounts *c, const char *path, int *ret_fd, struct err *err) {
    uint64_t id, root;
    bool is_root = false, of_root;
    const char *container = c->request->container;
    _cleanup_(fd_closep) int fd = path_open_in(c->root, path, 0);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "cannot find %s in container %s", path, container);
    int r = mount_identify(fd, &id, &is_root);
    if (!r) r = mount_identify(c->root, &root, &of_root);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot look at the mount %s", path);
    if (!is_root || id == root)
        return err_set(err, ERR_NOT_FOUND, 0, "nothing is mounted at %s in container %s", path, container);
    if (check_place(c, fd, path, err)) return -1;
    *ret_fd = take_fd(&fd);
    return 0;
}

static int remove_one(struct mounts *c, struct removal *removal, struct err *err) {
    bool more = c->request->then || c->additions.count || c->removals.count > 1;
    _cleanup_(fd_closep) int fd = -1;
    if (open_mount(c, removal->path, &fd, err)) return -1;
    removal->kept = more ? mount_clone(fd, "", true) : -1;
    if (more && removal->kept < 0)
        return err_set(err, ERR_SYSTEM, -removal->kept, "cannot unmount %s in a way that can be undone",
                       removal->path);
    int r = mount_detach(fd, c->proc);
    removal->done = !r;
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot unmount %s", removal->path) : 0;
}

// Each is looked at before the first one goes, so that a wrong name changes nothing.
static int remove_all(struct mounts *c, struct err *err) {
    for (size_t i = 0; i < c->removals.count; i++) {
        _cleanup_(fd_closep) int fd = -1;
        if (open_mount(c, c->removals.items[i].path, &fd, err)) return -1;
    }
    for (size_t i = c->removals.count; i-- > 0;)
        if (remove_one(c, &c->removals.items[i], err)) return -1;
    return 0;
}

static void put_back(struct mounts *c) {
    for (size_t i = c->additions.count; i-- > 0;)
        if (c->additions.items[i].attached) (void)mount_detach(c->additions.items[i].tree, c->proc);
    for (size_t i = 0; i < c->removals.count; i++) {
        const struct removal *removal = &c->removals.items[i];
        if (!removal->done || removal->kept < 0) continue;
        _cleanup_(fd_closep) int place = path_open_in(c->root, removal->path, 0);
        if (place >= 0) (void)mount_attach(removal->kept, place);
    }
}

static int change(struct mounts *c, struct err *err) {
    if (remove_all(c, err)) return -1;
    for (size_t i = 0; i < c->additions.count; i++)
        if (add_one(c, &c->additions.items[i], err)) return -1;
    return 0;
}

static int enter(struct mounts *c, struct err *err) {
    int flags = c->request->namespaces;
    if (setns(c->request->pidfd, flags)) return err_set(err, ERR_SYSTEM, errno, "cannot join the container");
    // Whoever makes a place to mount at is the container's root.
    if (flags & CLONE_NEWUSER &&
        ((setgroups(0, NULL) && errno != EPERM) || setresgid(0, 0, 0) || setresuid(0, 0, 0)))
        return err_set(err, ERR_SYSTEM, errno, "cannot become the container's root");
    c->root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    return c->root < 0 ? err_set(err, ERR_SYSTEM, -c->root, "cannot open the container's root") : 0;
}

// What the child says, and what it is told then. Without an answer nothing is to stay.
struct result {
    bool failed;
    struct err err;
};

static _Noreturn void child(struct mounts *c, int channel) {
    struct result result = {0};
    char keep;
    sigset_t all;
    sigfillset(&all); // a key at the terminal may end the parent, whose end is heard
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_DUMPABLE, 0); // where there is no pid namespace, it can be seen
    umask(0);
    bool entered = !enter(c, &result.err);
    result.failed = !entered || change(c, &result.err);
    if (entered && result.failed) put_back(c);
    bool said = send(channel, &result, sizeof result, MSG_NOSIGNAL) == (ssize_t)sizeof result;
    if (!result.failed && (!said || fd_read_full(channel, &keep, 1) != 1)) put_back(c);
    _exit(0);
}

static int follow(struct mounts *c, int channel, struct err *err) {
    struct result result;
    if (fd_read_full(channel, &result, sizeof result) != (ssize_t)sizeof result)
        return err_set(err, ERR_SYSTEM, 0, "the process that mounts has ended early");
    if (result.failed) return *err = result.err, -1;
    if (c->request->then && c->request->then(c->request->data, err)) return -1;
    if (send(channel, "y", 1, MSG_NOSIGNAL) == 1) return 0;
    return err_set(err, ERR_SYSTEM, errno, "the process that mounts has ended early");
}

static int work(struct mounts *c, struct err *err) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_SYSTEM, errno, "cannot make a socket");
    _cleanup_(fd_closep) int ours = ends[0];
    _cleanup_(fd_closep) int theirs = ends[1];
    pid_t pid = fork();
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "cannot fork");
    if (pid == 0) {
        fd_closep(&ours);
        child(c, theirs);
    }
    fd_closep(&theirs);
    int r = follow(c, ours, err);
    fd_closep(&ours);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return r;
}

int runtime_mounts_change(const struct runtime_mounts *request, struct err *err) {
    _cleanup_(mounts_finish) struct mounts c = {.request = request, .proc = -1, .root = -1};
    c.proc = fd_open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
    if (c.proc < 0) return err_set(err, ERR_SYSTEM, -c.proc, "cannot open /proc");
    for (size_t i = 0; i < request->remove.count; i++)
        *arena_push(request->arena, &c.removals) =
            (struct removal){.path = request->remove.items[i], .kept = -1};
    return take_additions(&c, err) || work(&c, err) ? -1 : 0;
}
