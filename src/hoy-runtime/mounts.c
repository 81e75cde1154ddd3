// SPDX-License-Identifier: Apache-2.0
// mounts add, mounts remove: what a container that runs has mounted. What is bound comes from the host, so it
// is taken here, detached; then a child joins the container's mount namespace and attaches it, to a
// descriptor that was resolved inside the container's root. It does not join the pid namespace: nobody in
// there can see it.
#include "base/fd.h"
#include "hoy-runtime/container.h"
#include "kernel/mount.h"
#include "kernel/path.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#define FILE_MAX   (4u << 20)
#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWCGROUP)

struct addition {
    const struct spec_mount *mount;
    struct mount_options options;
    const char *type;
    int tree; // detached; then attached
    bool attached;
};

struct additions {
    struct addition *items;
    size_t count;
};

// One run of it.
struct mounts {
    const struct container *container;
    struct arena *arena;
    struct spec spec;   // the container's
    struct spec wanted; // its mounts are those of the file
    struct additions additions;
    int pidfd, proc, root; // proc: the host's
};

// The file: an array of mounts, an object with one under "mounts", or one mount.
static int read_file(struct mounts *c, const char *path, struct err *err) {
    _cleanup_(str_finish) struct str text = {0}, document = {0};
    _cleanup_(json_freep) struct json *json = NULL, *whole = NULL;
    int r = file_read_at(AT_FDCWD, path, FILE_MAX, &text);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read the mounts %s", path);
    if (json_parse(str_get(&text), text.len, &json))
        return err_set(err, ERR_INVALID, 0, "%s is no JSON", path);
    const struct json *list =
        json_is_object(json) && json_get(json, "mounts") ? json_get(json, "mounts") : json;
    bool one = json_is_object(list);
    if (!one && !json_is_array(list)) return err_set(err, ERR_INVALID, 0, "%s has no mounts", path);
    str_printf(&document, "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"/\"},\"mounts\":%s%s%s}",
               one ? "[" : "", json_text(list), one ? "]" : "");
    if (json_parse(str_get(&document), document.len, &whole) || spec_parse(c->arena, whole, &c->wanted, err))
        return err_wrap(err, "%s", path);
    return c->wanted.mounts.count ? 0 : err_set(err, ERR_INVALID, 0, "%s has no mounts", path);
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

static int take_source(struct addition *a, struct err *err) {
    if (!str_eq(a->type, "bind")) return 0;
    a->tree = mount_clone(AT_FDCWD, a->mount->source, !!(a->options.flags & MS_REC));
    return a->tree < 0 ? err_set(err, ERR_SYSTEM, -a->tree, "mount at %s: cannot take %s",
                                 a->mount->destination, a->mount->source)
                       : 0;
}

static int take_additions(struct mounts *c, struct err *err) {
    for (size_t i = 0; i < c->wanted.mounts.count; i++) {
        struct addition *a = arena_push(c->arena, &c->additions);
        *a = (struct addition){.mount = &c->wanted.mounts.items[i], .tree = -1};
        mount_options_parse(c->arena, &a->mount->options, &a->options);
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

// Before Linux 5.12 a mount takes flags only where it is attached.
static int attach(struct addition *a, int target) {
    bool bind = a->options.flags & MS_BIND;
    uint64_t flags = bind ? a->options.flags & ~(uint64_t)(MS_BIND | MS_REC) : 0;
    int r = a->options.attr_set || a->options.attr_clear
                ? mount_set_all(a->tree, a->options.attr_set, a->options.attr_clear)
                : 0;
    if (!r && a->options.propagation) r = mount_set_propagation(a->tree, a->options.propagation);
    if (r) return r;
    r = mount_set_flags(a->tree, flags, 0);
    bool later = r == -EINVAL || r == -ENOSYS;
    if (r && !later) return r;
    r = mount_attach(a->tree, target);
    a->attached = !r;
    return r || !later ? r : mount_set_flags(a->tree, flags, 0);
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
    int r = attach(a, target);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot mount at %s", path) : 0;
}

// All of them, or none.
static int add_all(struct mounts *c, struct err *err) {
    for (size_t i = 0; i < c->additions.count; i++) {
        if (!add_one(c, &c->additions.items[i], err)) continue;
        for (size_t k = i + 1; k-- > 0;)
            if (c->additions.items[k].attached) (void)mount_detach(c->additions.items[k].tree, c->proc);
        return -1;
    }
    return 0;
}

static int open_mount(struct mounts *c, const char *path, int *ret_fd, struct err *err) {
    uint64_t id, root;
    int is_root = 0, of_root;
    _cleanup_(fd_closep) int fd = path_open_in(c->root, path, 0);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, -fd, "cannot find %s in container %s", path, c->container->id);
    int r = mount_identify(fd, &id, &is_root);
    if (!r) r = mount_identify(c->root, &root, &of_root);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot look at the mount %s", path);
    if (!is_root || id == root)
        return err_set(err, ERR_NOT_FOUND, 0, "nothing is mounted at %s in container %s", path,
                       c->container->id);
    *ret_fd = take_fd(&fd);
    return 0;
}

// Each is looked at before the first one goes, so that a wrong name changes nothing.
static int remove_all(struct mounts *c, struct err *err) {
    for (size_t i = 0; i < c->wanted.mounts.count; i++) {
        _cleanup_(fd_closep) int fd = -1;
        if (open_mount(c, c->wanted.mounts.items[i].destination, &fd, err)) return -1;
    }
    for (size_t i = c->wanted.mounts.count; i-- > 0;) {
        const char *path = c->wanted.mounts.items[i].destination;
        _cleanup_(fd_closep) int fd = -1;
        if (open_mount(c, path, &fd, err)) return -1;
        int r = mount_detach(fd, c->proc);
        if (r) return err_set(err, ERR_SYSTEM, -r, "cannot unmount %s", path);
    }
    return 0;
}

static int enter(struct mounts *c, struct err *err) {
    int flags = 0;
    for (size_t i = 0; i < c->spec.namespaces.count; i++)
        flags |= (int)(c->spec.namespaces.items[i].flag & NAMESPACES);
    if (setns(c->pidfd, flags)) return err_set(err, ERR_SYSTEM, errno, "cannot join the container");
    // Whoever makes a place to mount at is the container's root.
    if (flags & CLONE_NEWUSER &&
        ((setgroups(0, NULL) && errno != EPERM) || setresgid(0, 0, 0) || setresuid(0, 0, 0)))
        return err_set(err, ERR_SYSTEM, errno, "cannot become the container's root");
    c->root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    return c->root < 0 ? err_set(err, ERR_SYSTEM, -c->root, "cannot open the container's root") : 0;
}

static _Noreturn void child(struct mounts *c, bool add, int output) {
    struct err err = {0};
    prctl(PR_SET_DUMPABLE, 0); // where there is no pid namespace, it can be seen
    umask(0);
    int r = enter(c, &err);
    if (!r) r = add ? add_all(c, &err) : remove_all(c, &err);
    if (r) (void)fd_write_all(output, &err, sizeof err);
    _exit(r ? 1 : 0);
}

static int work(struct mounts *c, bool add, struct err *err) {
    int pipes[2], status = 0;
    struct err failure;
    if (pipe2(pipes, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "cannot make a pipe");
    _cleanup_(fd_closep) int input = pipes[0];
    _cleanup_(fd_closep) int output = pipes[1];
    pid_t pid = fork();
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "cannot fork");
    if (pid == 0) child(c, add, output);
    fd_closep(&output);
    ssize_t n = fd_read_full(input, &failure, sizeof failure);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (n == sizeof failure) return *err = failure, -1;
    return status ? err_set(err, ERR_SYSTEM, 0, "the process that mounts has ended early") : 0;
}

static int open_container(struct mounts *c, struct err *err) {
    enum container_status status = container_status(c->container);
    if (status == CONTAINER_STOPPED || status == CONTAINER_CREATING)
        return err_set(err, ERR_CONFLICT, 0, "container %s is not running", c->container->id);
    c->pidfd = container_pidfd(c->container);
    c->proc = fd_open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
    if (c->pidfd < 0 || c->proc < 0)
        return err_set(err, ERR_SYSTEM, c->pidfd < 0 ? -c->pidfd : -c->proc, "cannot open the container");
    return container_spec(c->container, c->arena, &c->spec, err);
}

int run_mounts(struct invocation *invocation, struct err *err) {
    const char *const *words = invocation->arguments.items;
    bool add = str_eq(words[0], "add");
    _cleanup_(container_close) struct container container = {.dir = -1};
    struct mounts c = {
        .container = &container, .arena = &invocation->arena, .pidfd = -1, .proc = -1, .root = -1};
    if (!add && !str_eq(words[0], "remove"))
        return err_set(err, ERR_INVALID, 0, "mounts: \"%.40s\" is neither add nor remove", words[0]);
    if (container_open(invocation, words[1], true, &container, err)) return -1;
    int r =
        open_container(&c, err) || read_file(&c, words[2], err) || (add && take_additions(&c, err)) ? -1 : 0;
    if (!r) r = work(&c, add, err);
    for (size_t i = 0; i < c.additions.count; i++) fd_closep(&c.additions.items[i].tree);
    fd_closep(&c.pidfd);
    fd_closep(&c.proc);
    return r;
}
