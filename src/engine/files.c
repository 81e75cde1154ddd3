// SPDX-License-Identifier: Apache-2.0
// The mounts are cloned by a child: of a container that runs in its mount namespace, where each is what it is
// for the container, else from where they would come. It puts them together in a mount namespace of its own,
// in which a path is resolved only inside the container's root; what is left is one detached tree.
#include "base/path.h"
#include "engine/parts.h"
#include "image/view.h"
#include "kernel/mount.h"
#include "kernel/path.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct part {
    const char *target, *source; // source NULL: it is there only while the container runs
    bool readonly, recursive;
    bool mounted; // a volume that is a mount of its own, while a container uses it
    int tree;     // or -errno
};

struct view {
    const char *place; // where the tree stands while it is made
    bool writable, readonly_root;
    bool makes;  // the places of mounts that a first start would make: its writable layer is ours alone
    int process; // a pidfd of the container's, or -1
    int image;   // image/view.h, when it does not run
    struct {
        struct part *items;
        size_t count;
    } parts; // from the root downwards
    struct arena arena;
};

static void view_finish(struct view *view) {
    fd_closep(&view->process);
    fd_closep(&view->image);
    arena_finish(&view->arena);
}

// Which mounts

static size_t depth(const char *path) {
    size_t n = 0;
    for (; *path; path++) n += *path == '/';
    return n;
}

static int by_depth(const void *a, const void *b) {
    size_t x = depth(((const struct part *)a)->target), y = depth(((const struct part *)b)->target);
    return (x > y) - (x < y);
}

static const char *source_of(struct engine *engine, struct view *view, const struct container_mount *mount) {
    switch (mount->type) {
    case CONTAINER_MOUNT_BIND: return mount->source;
    case CONTAINER_MOUNT_VOLUME:
        return arena_printf(&view->arena, "%s/volumes/%s/_data", engine->store.root, mount->source);
    default: return NULL;
    }
}

static bool is_mounted(struct engine *engine, struct view *view, const struct container_mount *mount) {
    struct volume volume;
    struct err ignored;
    return mount->type == CONTAINER_MOUNT_VOLUME && !mount->anonymous &&
           !volume_find(engine, &view->arena, mount->source, &volume, &ignored) &&
           volume_option(&volume, "type");
}

static void list_parts(struct engine *engine, struct view *view, const struct container_config *config) {
    static const char *const files[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        *arena_push(&view->arena, &view->parts) = (struct part){.target = files[i], .tree = -ENOENT};
    for (size_t i = 0; i < config->mounts.count; i++) {
        const struct container_mount *mount = &config->mounts.items[i];
        *arena_push(&view->arena, &view->parts) = (struct part){
            .target = path_clean(arena_strdup(&view->arena, mount->target)),
            .source = source_of(engine, view, mount),
            .readonly = mount->readonly,
            .recursive = !mount->non_recursive,
            .mounted = is_mounted(engine, view, mount),
            .tree = -ENOENT,
        };
    }
    qsort(view->parts.items, view->parts.count, sizeof *view->parts.items, by_depth);
}

// The child

// There is no such mount, or nobody but its owner may look at it. Any other error is one: without the mount
// what is put into it would come beneath it.
static bool is_absent(int r) {
    return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES;
}

// In the container's mount namespace. Only a mount counts, wherever the container's own links lead.
static int clone_part(const struct part *part, int root) {
    uint64_t id;
    bool is_root = false;
    _cleanup_(fd_closep) int fd = path_open_in(root, part->target, O_PATH);
    if (fd < 0) return fd;
    int r = mount_identify(fd, &id, &is_root);
    return r ? r : is_root ? mount_clone(fd, "", true) : -ENOENT;
}

static int clone_running(struct view *view) {
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY, 0);
    _cleanup_(fd_closep) int own_root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    if (own < 0 || own_root < 0) return own < 0 ? own : own_root;
    // Nobody inside may look at this process.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setns(view->process, CLONE_NEWNS)) return -errno;
    _cleanup_(fd_closep) int inside = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    _cleanup_(fd_closep) int root = mount_clone(AT_FDCWD, "/", false);
    if (inside < 0 || root < 0) return inside < 0 ? inside : root;
    for (size_t i = 0; i < view->parts.count; i++) {
        int tree = view->parts.items[i].tree = clone_part(&view->parts.items[i], inside);
        if (tree < 0 && !is_absent(tree)) return tree;
    }
    if (setns(own, CLONE_NEWNS) || fchdir(own_root) || chroot(".")) return -errno;
    return take_fd(&root);
}

// While nobody uses such a volume nothing can be put into it, nor under it.
static int clone_source(const struct part *part) {
    uint64_t id;
    bool is_root = true;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, part->source, O_PATH, 0);
    if (fd < 0) return fd;
    if (part->mounted && (mount_identify(fd, &id, &is_root) || !is_root))
        return mount_new("tmpfs", "hoy", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0,nr_inodes=1");
    return mount_clone(fd, "", part->recursive);
}

static int clone_stopped(struct view *view) {
    _cleanup_(fd_closep) int place = fd_open_at(AT_FDCWD, view->place, O_PATH | O_DIRECTORY, 0);
    int r = place < 0 ? place : mount_attach(view->image, place);
    if (r) return r;
    for (size_t i = 0; i < view->parts.count; i++) {
        struct part *part = &view->parts.items[i];
        if (part->source) part->tree = clone_source(part);
        if (part->tree < 0 && !is_absent(part->tree)) return part->tree;
    }
    return mount_clone(AT_FDCWD, arena_printf(&view->arena, "%s/merged", view->place), false);
}

static int set_flags(const struct view *view, int tree, bool readonly, bool recursive) {
    uint64_t flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (readonly || !view->writable ? MS_RDONLY : 0);
    return mount_set_flags(tree, flags, recursive && mount_can_recurse());
}

// What has no place there (any more) the container would not see either.
static int attach_part(const struct view *view, const struct part *part, int root) {
    struct stat st;
    if (part->tree < 0) return 0;
    bool file = !fstat(part->tree, &st) && !S_ISDIR(st.st_mode);
    _cleanup_(fd_closep) int target =
        view->makes ? path_make_in(root, part->target, file) : path_open_in(root, part->target, O_PATH);
    if (target < 0) return is_absent(target) ? 0 : target;
    int r = mount_attach(part->tree, target);
    if (r == -ENOTDIR || r == -ENOENT) return 0;
    if (!r) r = mount_set_propagation(part->tree, MS_PRIVATE | MS_REC);
    return r ? r : set_flags(view, part->tree, part->readonly, 1);
}

static int make_tree(struct view *view) {
    int running = view->process >= 0;
    _cleanup_(fd_closep) int from = running ? clone_running(view) : -1;
    if (running && from < 0) return from;
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return -errno;
    _cleanup_(fd_closep) int root = running ? take_fd(&from) : clone_stopped(view);
    if (root < 0) return root;
    _cleanup_(fd_closep) int place = fd_open_at(AT_FDCWD, view->place, O_PATH | O_DIRECTORY, 0);
    int r = place < 0 ? place : mount_attach(root, place);
    // Else what is mounted in it here would be in the container, too, where that shares its mounts. (Before
    // Linux 5.12 only what is attached takes flags.)
    if (!r) r = mount_set_propagation(root, MS_PRIVATE);
    for (size_t i = 0; !r && i < view->parts.count; i++) r = attach_part(view, &view->parts.items[i], root);
    if (!r) r = set_flags(view, root, view->readonly_root, 0);
    return r ? r : mount_clone(root, "", true);
}

static int make(void *data, struct err *err) {
    int tree = make_tree(data);
    return tree < 0 ? err_set(err, ERR_SYSTEM, -tree, "can't reach its files") : tree;
}

// The parent

static int open_image(struct engine *engine, struct view *view, const struct container *container,
                      struct err *err) {
    struct image image;
    struct arena *arena = &view->arena;
    const char *path = arena_printf(arena, "%s/containers/%s", engine->store.root, container->id);
    const char *work = view->makes ? arena_printf(arena, "%s/work", path) : NULL;
    if (image_find(&engine->store, arena, container->image_id, &image, err)) return -1;
    view->image = image_view_open(&engine->store, &image, arena_printf(arena, "%s/upper", path), work, err);
    return view->image < 0 ? -1 : 0;
}

// Whether it runs, is looked at again when it can't be started any more.
static int find_state(struct container_files *files, struct view *view, const struct container *container,
                      struct err *err) {
    struct container now = *container;
    if (str_eq(now.state, "running")) return 1;
    if (!view->makes) return 0;
    if (run_dir_lock(files->engine, files->id, RUN_DIR_MAKE, &files->lock, err)) return -1;
    int r = row_load(files->engine, &view->arena, files->id, &now, err);
    if (r == 0) err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", container->name);
    if (r <= 0) return -1;
    if (!container_is_live(&now)) return 0;
    run_dir_finish(&files->lock); // it is not ours to remove
    return 1;
}

int container_files_open(struct engine *engine, const struct container *container, bool writable,
                         struct container_files *ret_files, struct err *err) {
    _cleanup_(view_finish) struct view view = {.writable = writable,
                                               .makes = writable || container->config.mounts.count > 0,
                                               .readonly_root = container->config.readonly_rootfs,
                                               .process = -1,
                                               .image = -1};
    _cleanup_(container_files_finish) struct container_files files = {
        .tree = -1, .lock = {-1}, .engine = engine};
    memcpy(files.id, container->id, ID_SIZE);
    view.place = arena_printf(&view.arena, "%s/rootfs", engine->store.runroot);
    list_parts(engine, &view, &container->config);
    int running = find_state(&files, &view, container, err);
    if (running < 0) return -1;
    if (running && (view.process = container_open_process(engine, container->id)) < 0)
        return err_set(err, ERR_SYSTEM, -view.process, "container %s: reach its process", container->name);
    view.makes = view.makes && !running;
    if (!running && open_image(engine, &view, container, err)) return -1;
    files.tree = tree_by_child(make, &view, err);
    if (files.tree < 0) return err_wrap(err, "container %s", container->name);
    *ret_files = files;
    files = (struct container_files){.tree = -1, .lock = {-1}};
    return 0;
}

void container_files_finish(struct container_files *files) {
    struct err ignored;
    fd_closep(&files->tree);
    if (files->lock.fd >= 0) (void)exit_record_keep(files->engine, files->id, &ignored);
    run_dir_finish(&files->lock);
}
