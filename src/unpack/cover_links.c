// SPDX-License-Identifier: Apache-2.0
// A hard link of a layer to a file that only a layer below has. The layer's own directory is the same for
// every image that has the layer, whatever lies below; so it has a file with the link's target in the link's
// place, marked, and the file itself is copied into the cover of each image, under both names where the other
// can still be seen. As with overlayfs's own copies, further names that the file has in its layer are not of
// it any more.
#include "unpack/cover_parts.h"

#include "base/fd.h"
#include "kernel/overlay.h"
#include "kernel/path.h"
#include "unpack/extract.h"
#include "unpack/inode.h"
#include "unpack/path.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <search.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

// Where a file's bytes are.
struct source {
    size_t layer; // 0: the uppermost
    const char *path;
};

struct made {
    struct source source;
    const char *path; // in the cover
};

struct links {
    struct place *root;
    struct arena arena;
    void *paths, *sources; // tsearch's, of struct made: all by their paths, the first of each source by that
    bool *any;
    struct err *err;
};

static void leave(void *made) {
    (void)made; // is the arena's
}

static void links_finish(struct links *l) {
    tdestroy(l->paths, leave);
    tdestroy(l->sources, leave);
    arena_finish(&l->arena);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct made *)a)->path, ((const struct made *)b)->path);
}

static int by_source(const void *a, const void *b) {
    const struct source *x = &((const struct made *)a)->source, *y = &((const struct made *)b)->source;
    return x->layer != y->layer ? (x->layer > y->layer) - (x->layer < y->layer) : strcmp(x->path, y->path);
}

// Finding

enum found { ABSENT, HIDDEN, THERE };

static int part_name(const struct path_part *part, char ret_name[static NAME_MAX + 1]) {
    if (part->length > NAME_MAX) return -ENAMETOOLONG;
    memcpy(ret_name, part->name, part->length);
    ret_name[part->length] = 0;
    return str_eq(ret_name, "..") ? -EINVAL : 0;
}

static int last_find(int dir, const char *name, bool opaque, enum found *ret_found) {
    struct stat st;
    if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
        *ret_found = S_ISCHR(st.st_mode) && st.st_rdev == 0 ? HIDDEN : THERE;
    else if (errno == ENOENT)
        *ret_found = opaque ? HIDDEN : ABSENT;
    else
        return -errno;
    return 0;
}

// What one layer alone says of a path. HIDDEN: it has none, and nobody sees those of the layers below.
static int layer_find(int layer, const char *path, enum found *ret_found) {
    _cleanup_(fd_closep) int dir = open_below(layer, ".");
    bool opaque = dir >= 0 && overlay_is_marked(dir, EXTRACT_OPAQUE);
    struct path_part part = {0}, next;
    char name[NAME_MAX + 1];
    if (dir < 0 || !path_next(&path, &part)) return dir < 0 ? dir : -EINVAL;
    for (; path_next(&path, &next); part = next) {
        int r = part_name(&part, name);
        _cleanup_(fd_closep) int below = r ? r : open_below(dir, name);
        if (below == -ENOTDIR || below == -ELOOP) return *ret_found = HIDDEN, 0;
        if (below == -ENOENT) return *ret_found = opaque ? HIDDEN : ABSENT, 0;
        if (below < 0) return below;
        opaque |= overlay_is_marked(below, EXTRACT_OPAQUE);
        fd_closep(&dir);
        dir = take_fd(&below);
    }
    int r = part_name(&part, name);
    return r ? r : last_find(dir, name, opaque, ret_found);
}

// Whether none of the layers above this one says anything of the path: 1, 0.
static int is_seen(const struct links *l, size_t layer, const char *path) {
    for (size_t i = 0; i < layer; i++) {
        enum found found;
        int r = layer_find(l->root->parts[i].fd, path, &found);
        if (r || found != ABSENT) return r;
    }
    return 1;
}

// 1 when it is a link that was left to the cover: where to.
static int link_read(struct links *l, int layer, const char *path, const char **ret_target) {
    struct stat st;
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(fd_closep) int look = path_open_plain(layer, path, O_PATH | O_NOFOLLOW);
    if (look < 0) return look;
    if (fstat(look, &st)) return -errno;
    if (!S_ISREG(st.st_mode)) return 0;
    _cleanup_(fd_closep) int fd = path_open_plain(layer, path, O_RDONLY | O_NOFOLLOW);
    if (fd < 0) return fd;
    if (!overlay_is_marked(fd, EXTRACT_LINK)) return 0;
    int r = file_read_at(layer, path, TREE_NAME_MAX + 1, &text);
    if (r) return r;
    *ret_target = arena_strdup(&l->arena, str_get(&text));
    return 1;
}

// -ENOENT: none of the layers from that one downwards has it.
static int source_find(struct links *l, size_t from, const char *path, struct source *ret_source) {
    for (size_t i = from; i < l->root->count; i++) {
        enum found found;
        const char *target = NULL;
        int r = layer_find(l->root->parts[i].fd, path, &found);
        if (r || found == HIDDEN) return r ? r : -ENOENT;
        if (found == ABSENT) continue;
        r = link_read(l, l->root->parts[i].fd, path, &target);
        if (r < 0) return r;
        if (!r) return *ret_source = (struct source){i, path}, 0;
        path = target;
    }
    return -ENOENT;
}

// Copying

static int copy_bytes(int from, int to) {
    for (;;) {
        ssize_t n = sendfile(to, from, NULL, 1u << 30);
        if (n == 0) return 0;
        if (n < 0 && errno != EINTR) return -errno;
    }
}

static int copy_file(const struct tree_node *node, int from, int dir, const char *name) {
    _cleanup_(fd_closep) int to = fd_open_at(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (to < 0) return to;
    int r = copy_bytes(from, to);
    return r ? r : inode_set(node, to, NULL) ? -errno : 0;
}

static int copy_source(const struct links *l, const struct source *source, int dir, const char *name) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(fd_closep) int from = -1;
    struct inode inode;
    int r = inode_read(l->root->parts[source->layer].fd, source->path, &arena, &inode, &from);
    if (r <= 0) return r ? r : -ENOENT;
    if (S_ISDIR(inode.node.mode)) return -EISDIR;
    return S_ISREG(inode.node.mode)                   ? copy_file(&inode.node, from, dir, name)
           : inode_make_other(&inode.node, dir, name) ? -errno
                                                      : 0;
}

// The first of a file's names is a copy, all others are links to that.
static int file_put(struct links *l, int dir, const char *name, const struct source *source,
                    const char *path) {
    struct made *made = arena_new(&l->arena, struct made);
    *made = (struct made){*source, arena_strdup(&l->arena, path)};
    struct made **first = tsearch(made, &l->sources, by_source);
    if (!first || !tsearch(made, &l->paths, by_path)) return -ENOMEM;
    if (*first == made) return copy_source(l, source, dir, name);
    return linkat(l->root->fd, (*first)->path, dir, name, 0) ? -errno : 0;
}

static int place_put(struct links *l, struct place *place, const char *rest, const char *path,
                     const struct source *source) {
    _cleanup_(place_finish) struct place below = {.fd = -1};
    struct path_part part = {0}, more;
    char name[NAME_MAX + 1];
    if (!path_next(&rest, &part)) return -EINVAL;
    const char *after = rest;
    int r = part_name(&part, name);
    if (r) return r;
    if (!path_next(&after, &more)) {
        r = place_make(place);
        if (!r) r = file_put(l, place->fd, name, source, path);
        return r ? r : place_end(place);
    }
    r = place_enter(place, name, &below);
    if (!r && !below.count) r = -ENOENT;
    if (r) return r;
    place_choose_model(&below);
    r = place_put(l, &below, rest, path, source);
    return r || place->fd < 0 ? r : place_end(place);
}

static int put(struct links *l, const char *path, const struct source *source) {
    if (tfind(&(struct made){.path = path}, &l->paths, by_path)) return 0;
    *l->any = true;
    return place_put(l, l->root, path, path, source);
}

static int link_put(struct links *l, size_t layer, const char *path, const char *target) {
    struct source source;
    char shown[PATH_SHOWN], other[PATH_SHOWN];
    int r = is_seen(l, layer, path);
    if (r <= 0) return r ? err_set(l->err, ERR_SYSTEM, -r, "look for %s", path_show(path, shown)) : 0;
    r = source_find(l, layer + 1, target, &source);
    if (r == -ENOENT)
        return err_set(l->err, ERR_INVALID, 0,
                       "%s is a hard link in a layer to %s, which is neither in it nor in a layer below",
                       path_show(path, shown), path_show(target, other));
    if (!r) r = put(l, path, &source);
    if (!r && (r = is_seen(l, source.layer, source.path)) > 0) r = put(l, source.path, &source);
    if (r >= 0) return 0;
    return err_set(l->err, ERR_SYSTEM, -r, "make the hard link %s to %s of a lower layer",
                   path_show(path, shown), path_show(target, other));
}

// All of a layer's

static int entry_visit(struct links *l, size_t layer, const char *path) {
    const char *target = NULL;
    struct stat st;
    int fd = l->root->parts[layer].fd;
    char shown[PATH_SHOWN];
    struct strings names = {0};
    if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW))
        return err_set(l->err, ERR_SYSTEM, errno, "look at %s", path_show(path, shown));
    if (S_ISREG(st.st_mode)) {
        int r = link_read(l, fd, path, &target);
        if (r < 0) return err_set(l->err, ERR_SYSTEM, -r, "read %s", path_show(path, shown));
        return r ? link_put(l, layer, path, target) : 0;
    }
    if (!S_ISDIR(st.st_mode)) return 0;
    int r = directory_list(fd, path, &l->arena, &names);
    if (r < 0) return err_set(l->err, ERR_SYSTEM, -r, "read %s", path_show(path, shown));
    for (size_t i = 0; i < names.count; i++) {
        bool root = str_eq(path, ".");
        const char *below = root ? names.items[i] : arena_printf(&l->arena, "%s/%s", path, names.items[i]);
        if (entry_visit(l, layer, below)) return -1;
    }
    return 0;
}

int links_cover(struct place *root, bool *any, struct err *err) {
    _cleanup_(links_finish) struct links l = {.root = root, .any = any, .err = err};
    for (size_t i = 0; i < root->count; i++)
        if (overlay_is_marked(root->parts[i].fd, EXTRACT_LINKS) && entry_visit(&l, i, ".")) return -1;
    return 0;
}
