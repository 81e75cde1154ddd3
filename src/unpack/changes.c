// SPDX-License-Identifier: Apache-2.0
// The writable layer says where to look: what is not in it is as the image has it. What happened there is
// told from the root file system and the image's, not from overlayfs's marks: those can be read only by who
// may do anything, and a name that the image has and the container has not is gone however that came.
#include "unpack/changes.h"

#include "base/fd.h"
#include "unpack/inode.h"
#include "unpack/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct search {
    const struct changes_input *in;
    struct changes found;
    size_t text; // bytes of paths so far
    size_t loud; // changes that are not quiet
    struct err *err;
};

static int fail(const struct search *s, const char *path, int error) {
    char shown[PATH_SHOWN];
    return err_set(s->err, ERR_SYSTEM, -error, "can't read %s", path_show(path, shown));
}

static struct change *add(struct search *s, const char *path, char kind, bool quiet) {
    if (s->found.count >= TREE_NODES_MAX || s->text >= TREE_TEXT_MAX) {
        err_set(s->err, ERR_INVALID, 0, "there are more than %u changes, or their names are too long",
                TREE_NODES_MAX);
        return NULL;
    }
    struct change *change = arena_push(&s->found.arena, &s->found);
    *change = (struct change){.path = arena_strdup(&s->found.arena, path), .kind = kind, .quiet = quiet};
    s->text += strlen(path);
    s->loud += !quiet;
    return change;
}

// 1, 0 when there is none.
static int look(const struct search *s, int root, const char *path, struct stat *ret) {
    if (!fstatat(root, path, ret, AT_SYMLINK_NOFOLLOW)) return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : fail(s, path, -errno);
}

static const char *join(struct arena *arena, const char *directory, const char *name) {
    return *directory ? arena_printf(arena, "%s/%s", directory, name) : name;
}

// What a start makes to mount over where the image does not have it.
static bool is_mount_point(const char *path) {
    static const char *const paths[] = {"dev",       "proc",           "sys", "etc", "etc/hostname",
                                        "etc/hosts", "etc/resolv.conf"};
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        if (!strcmp(path, paths[i])) return true;
    return false;
}

// All of it is new.
static int find_added(struct search *s, const char *path) {
    struct stat st;
    int r = look(s, s->in->merged, path, &st);
    if (r <= 0) return r;
    size_t before = s->found.count;
    if (S_ISDIR(st.st_mode)) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct strings names = {0};
        r = directory_list(s->in->merged, path, &arena, &names);
        if (r < 0) return fail(s, path, r);
        for (size_t i = 0; i < names.count; i++)
            if (find_added(s, join(&arena, path, names.items[i]))) return -1;
    }
    bool empty = S_ISDIR(st.st_mode) ? s->found.count == before : S_ISREG(st.st_mode) && !st.st_size;
    if (empty && is_mount_point(path)) return 0;
    return add(s, path, 'A', false) ? 0 : -1;
}

static bool xattrs_equal(const struct tree_xattr *a, const struct tree_xattr *b) {
    for (; a && b; a = a->next, b = b->next)
        if (strcmp(a->name, b->name) != 0 || a->size != b->size || memcmp(a->value, b->value, a->size) != 0)
            return false;
    return !a && !b;
}

// What both have, compared as docker diff does: LOUD, or QUIET when only a directory's time is another.
enum difference { SAME, QUIET, LOUD };

static enum difference compare_nodes(const struct tree_node *a, const struct tree_node *b) {
    bool times = a->mtime_s != b->mtime_s || a->mtime_ns != b->mtime_ns;
    if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid || a->rdev_major != b->rdev_major ||
        a->rdev_minor != b->rdev_minor || a->size != b->size || !xattrs_equal(a->xattrs, b->xattrs))
        return LOUD;
    return !times ? SAME : S_ISDIR(a->mode) ? QUIET : LOUD;
}

static int compare(struct search *s, const char *path, enum difference *ret) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(fd_closep) int merged_fd = -1;
    _cleanup_(fd_closep) int lower_fd = -1;
    struct inode merged, lower;
    int r = inode_read(s->in->merged, path, &arena, &merged, &merged_fd);
    if (r > 0) r = inode_read(s->in->lower, path, &arena, &lower, &lower_fd);
    if (r < 0) return fail(s, path, r);
    *ret = r ? compare_nodes(&merged.node, &lower.node) : SAME;
    return 0;
}

// A directory of the writable layer that the image has too.
struct pair {
    const char *path;
    bool opaque;  // it hides names without saying each
    bool made_in; // has a mount point of ours
};

static int compare_directory(struct search *s, const char *path);

static int find_deleted(struct search *s, struct pair *pair, const char *path) {
    struct stat st;
    int r = look(s, s->in->upper, path, &st);
    if (r < 0) return -1;
    bool hidden = *pair->path && (!r || !S_ISCHR(st.st_mode)); // nothing hides all of the root
    struct change *change = add(s, path, 'D', false);
    if (!change) return -1;
    change->hidden = hidden;
    pair->opaque |= hidden;
    return 0;
}

// A file that was copied up, may be for nothing.
static int add_file(struct search *s, const char *path) {
    enum difference difference;
    if (compare(s, path, &difference)) return -1;
    return add(s, path, 'C', difference != LOUD) ? 0 : -1;
}

static int find_changed(struct search *s, struct pair *pair, const char *path, bool in_image) {
    struct stat upper, lower;
    size_t before = s->found.count;
    int r = look(s, s->in->upper, path, &upper);
    if (r < 0) return -1;
    if (!in_image) {
        if (find_added(s, path)) return -1;
        pair->made_in |= s->found.count == before;
        return 0;
    }
    if (!r || (S_ISCHR(upper.st_mode) && !upper.st_rdev)) return 0; // a whiteout: it came and went
    r = look(s, s->in->lower, path, &lower);
    if (r < 0) return -1;
    if (r && S_ISDIR(upper.st_mode) && S_ISDIR(lower.st_mode)) return compare_directory(s, path);
    if (!S_ISDIR(upper.st_mode)) return add_file(s, path);
    if (find_added(s, path)) return -1; // in place of a file; the directory itself is found last
    if (s->found.count > before) s->found.items[s->found.count - 1].kind = 'C';
    return 0;
}

// Two sorted lists: the container's names and the image's.
static int compare_names(struct search *s, struct pair *pair, const struct strings *merged,
                         const struct strings *lower, struct arena *arena) {
    for (size_t i = 0, j = 0; i < merged->count || j < lower->count;) {
        int order = i == merged->count  ? 1
                    : j == lower->count ? -1
                                        : strcmp(merged->items[i], lower->items[j]);
        const char *path = join(arena, pair->path, order > 0 ? lower->items[j] : merged->items[i]);
        if (order > 0 ? find_deleted(s, pair, path) : find_changed(s, pair, path, order == 0)) return -1;
        i += order <= 0;
        j += order >= 0;
    }
    return 0;
}

static int compare_directory(struct search *s, const char *path) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings merged = {0}, lower = {0};
    struct pair pair = {.path = path};
    size_t before = s->found.count, loud = s->loud;
    enum difference difference;
    int r = directory_list(s->in->merged, path, &arena, &merged);
    if (r > 0) r = directory_list(s->in->lower, path, &arena, &lower);
    if (r <= 0) return r ? fail(s, path, r) : 0;
    if (compare_names(s, &pair, &merged, &lower, &arena)) return -1;
    if (!*path) return 0; // the root directory is every container's own
    if (compare(s, path, &difference)) return -1;
    if (difference == QUIET && pair.made_in) difference = SAME; // its time tells of what we made there
    if (difference == SAME && s->found.count == before) return 0;
    struct change *change = add(s, path, 'C', difference != LOUD && s->loud == loud);
    if (change) change->opaque = pair.opaque;
    return change ? 0 : -1;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

int changes_find(const struct changes_input *input, struct changes *ret_changes, struct err *err) {
    struct search s = {.in = input, .err = err};
    if (compare_directory(&s, "")) {
        changes_finish(&s.found);
        return -1;
    }
    if (s.found.count) qsort(s.found.items, s.found.count, sizeof *s.found.items, by_path);
    *ret_changes = s.found;
    return 0;
}

void changes_finish(struct changes *changes) {
    arena_finish(&changes->arena);
    *changes = (struct changes){0};
}
