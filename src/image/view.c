// SPDX-License-Identifier: Apache-2.0
// The mounts are made by a child in a mount namespace of its own, which ends as soon as it has sent them:
// they live on as a detached tree, of which no mount table tells.
//
// The writable layer may be in use by a container. Here it is the uppermost of the lower layers: nothing is
// written, and what the container changes meanwhile is seen sooner or later.
#include "image/view.h"

#include "base/fd.h"
#include "image/lower.h"
#include "kernel/erofs.h"
#include "kernel/mount.h"
#include "kernel/overlay.h"
#include "registry/channel.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct view {
    const char *place;        // where the tree stands while it is made
    const char *upper, *work; // upper NULL: the image alone; work NULL: nothing is written
    struct image_lower lower;
    struct arena arena;
    const char *doing;
};

static int open_place(struct view *view, const char *name) {
    return fd_open_at(AT_FDCWD, arena_printf(&view->arena, "%s/%s", view->place, name), O_PATH | O_DIRECTORY,
                      0);
}

static int set_flags(struct view *view, const char *name) {
    _cleanup_(fd_closep) int mount = open_place(view, name);
    uint64_t flags = view->work && !strcmp(name, "merged") ? FLAGS & ~MS_RDONLY : FLAGS;
    return mount < 0 ? mount : mount_set_flags(mount, flags, false);
}

static int attach_at(struct view *view, int mount, const char *name) {
    if (mount < 0) return mount;
    _cleanup_(fd_closep) int target = open_place(view, name);
    int r = target < 0 ? target : mount_attach(mount, target);
    return r ? r : set_flags(view, name);
}

static int bind_at(struct view *view, const char *path, const char *name) {
    _cleanup_(fd_closep) int mount = mount_clone(AT_FDCWD, path, false);
    return attach_at(view, mount, name);
}

// Directories (uppermost first) laid over each other.
static int overlay_at(struct view *view, const struct strings *directories, const char *name) {
    if (directories->count == 1) return bind_at(view, directories->items[0], name);
    const char **lower = arena_array(&view->arena, const char *, directories->count + 1);
    for (size_t i = 0; i < directories->count; i++) lower[i] = directories->items[i];
    struct overlay overlay = {.lower = lower};
    if (view->work && !strcmp(name, "merged"))
        overlay = (struct overlay){.lower = lower + 1, .upper = view->upper, .work = view->work};
    overlay.options = overlay_own_option();
    _cleanup_(fd_closep) int mount = overlay_new(&overlay);
    if (mount != -ENAMETOOLONG) return attach_at(view, mount, name);
    int r = overlay_attach(&overlay, arena_printf(&view->arena, "%s/%s", view->place, name));
    return r ? r : set_flags(view, name);
}

static int make_folders(struct view *view) {
    static const char *const names[] = {"merged", "lower", "upper"};
    _cleanup_(fd_closep) int folder =
        mount_new("tmpfs", "hoy", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755");
    _cleanup_(fd_closep) int place = fd_open_at(AT_FDCWD, view->place, O_PATH | O_DIRECTORY, 0);
    if (folder < 0 || place < 0) return folder < 0 ? folder : place;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (mkdirat(folder, names[i], 0755)) return -errno;
    return mount_attach(folder, place);
}

static int make_lower(struct view *view) {
    const struct image_lower *lower = &view->lower;
    if (!lower->index) return overlay_at(view, &lower->directories, "lower");
    return erofs_mount(lower->index, lower->tars.items, lower->tars.count,
                       arena_printf(&view->arena, "%s/lower", view->place));
}

static int make_merged(struct view *view) {
    struct strings directories = {0};
    strings_add(&view->arena, &directories, view->upper);
    if (view->lower.index)
        strings_add(&view->arena, &directories, arena_printf(&view->arena, "%s/lower", view->place));
    for (size_t i = 0; i < view->lower.directories.count; i++)
        strings_add(&view->arena, &directories, view->lower.directories.items[i]);
    return overlay_at(view, &directories, "merged");
}

// In the child. A descriptor, or -errno with what failed.
static int make_tree(struct view *view) {
    view->doing = "make a mount namespace";
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return -errno;
    view->doing = "make a place for its mounts";
    int r = make_folders(view);
    if (!r) view->doing = "mount its image", r = make_lower(view);
    if (!r && !view->upper)
        return mount_clone(AT_FDCWD, arena_printf(&view->arena, "%s/lower", view->place), false);
    if (!r) view->doing = "mount its writable layer", r = bind_at(view, view->upper, "upper");
    if (!r) view->doing = "lay its writable layer over its image", r = make_merged(view);
    return r ? r : mount_clone(AT_FDCWD, view->place, true);
}

static int make(void *data, struct err *err) {
    struct view *view = data;
    int tree = make_tree(view);
    return tree < 0 ? err_set(err, ERR_SYSTEM, -tree, "can't %s to look at", view->doing) : tree;
}

static void run_child(tree_make *make_it, void *data, int channel) {
    struct err err = {0};
    int tree = make_it(data, &err);
    const char *text = tree < 0 ? err.text : "ok";
    channel_send(channel, text, strlen(text), tree < 0 ? -1 : tree);
    _exit(0);
}

static int take_tree(int channel, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    int tree = -1, r = channel_receive(channel, &text, &tree);
    if (r <= 0) return err_set(err, ERR_SYSTEM, -r, "the process that mounts its files was killed");
    return tree < 0 ? err_set(err, ERR_SYSTEM, 0, "%s", str_get(&text)) : tree;
}

int tree_by_child(tree_make *make_it, void *data, struct err *err) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_SYSTEM, errno, "can't make a socket");
    _cleanup_(fd_closep) int ours = ends[0];
    pid_t pid = fork();
    if (pid == 0) run_child(make_it, data, ends[1]);
    close(ends[1]);
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "can't fork");
    int tree = take_tree(ours, err);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return tree;
}

int image_view_open(struct store *store, const struct image *image, const char *upper, const char *work,
                    struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct view view = {.upper = upper, .work = work};
    if (image_lower_find(store, image, &arena, &view.lower, err)) return -1;
    view.place = arena_printf(&arena, "%s/rootfs", store->runroot);
    return tree_by_child(make, &view, err);
}
