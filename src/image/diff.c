// SPDX-License-Identifier: Apache-2.0
// What two images have in different ways, found by walking both trees side by side. They are strangers'
// trees: mounted read-only without devices, nothing in them is followed.
#include "base/fd.h"
#include "base/str.h"
#include "image/image.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEPTH_MAX 256 // of folders in folders
#define XATTR_MAX 65536

struct walk {
    void (*tell)(char kind, const char *path, void *data);
    void *data;
    struct str path; // where it is
    int depth;
    char *names[2], *values[2]; // of extended attributes, XATTR_MAX each
    struct err *err;
};

static int fail(struct walk *w, int error) {
    return err_set(w->err, ERR_SYSTEM, error, "read %s of an image", w->path.len ? str_get(&w->path) : "/");
}

// Names in a folder, in order

static int list(struct walk *w, int folder, struct arena *arena, struct strings *names) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(folder, ".", &dir);
    for (struct dirent *entry; !r && (r = dir_read(dir, &entry)) > 0; r = 0)
        strings_add(arena, names, arena_strdup(arena, entry->d_name));
    if (r) return fail(w, -r);
    strings_sort(names);
    return 0;
}

// One file against another

static bool same_link(int a, int b, const char *name) {
    char x[PATH_MAX], y[PATH_MAX];
    ssize_t n = readlinkat(a, name, x, sizeof x), m = readlinkat(b, name, y, sizeof y);
    return n == m && n >= 0 && !memcmp(x, y, (size_t)n);
}

static bool same_content(int a, int b, const char *name) {
    static char x[65536], y[65536];
    _cleanup_(fd_closep) int one = fd_open_at(a, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    _cleanup_(fd_closep) int other = fd_open_at(b, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    for (;;) {
        ssize_t n = one < 0 ? -1 : fd_read_full(one, x, sizeof x);
        ssize_t m = other < 0 ? -1 : fd_read_full(other, y, sizeof y);
        if (n < 0 || n != m || memcmp(x, y, (size_t)n) != 0) return false;
        if ((size_t)n < sizeof x) return true;
    }
}

static bool same_xattr(struct walk *w, char (*paths)[PATH_MAX + 32], const char *name) {
    ssize_t n = lgetxattr(paths[0], name, w->values[0], XATTR_MAX);
    ssize_t m = lgetxattr(paths[1], name, w->values[1], XATTR_MAX);
    return n == m && (n < 0 || !memcmp(w->values[0], w->values[1], (size_t)n));
}

// Through /proc, since a link or a device must not be opened for it.
static bool same_xattrs(struct walk *w, int a, int b, const char *name) {
    char paths[2][PATH_MAX + 32];
    snprintf(paths[0], sizeof paths[0], "/proc/self/fd/%d/%s", a, name);
    snprintf(paths[1], sizeof paths[1], "/proc/self/fd/%d/%s", b, name);
    ssize_t n = llistxattr(paths[0], w->names[0], XATTR_MAX);
    ssize_t m = llistxattr(paths[1], w->names[1], XATTR_MAX);
    if (n != m || (n > 0 && memcmp(w->names[0], w->names[1], (size_t)n) != 0)) return false;
    for (const char *key = w->names[0]; n > 0 && key < w->names[0] + n; key += strlen(key) + 1)
        if (!same_xattr(w, paths, key)) return false;
    return true;
}

static bool is_changed(struct walk *w, int a, int b, const char *name, const struct stat *x,
                       const struct stat *y) {
    if (x->st_mode != y->st_mode || x->st_uid != y->st_uid || x->st_gid != y->st_gid) return true;
    if (!same_xattrs(w, a, b, name)) return true;
    if (S_ISDIR(x->st_mode)) return false;
    if (x->st_size != y->st_size || x->st_mtim.tv_sec != y->st_mtim.tv_sec ||
        x->st_mtim.tv_nsec != y->st_mtim.tv_nsec)
        return true;
    if (S_ISLNK(x->st_mode)) return !same_link(a, b, name);
    if (S_ISREG(x->st_mode)) return !same_content(a, b, name);
    return x->st_rdev != y->st_rdev;
}

// The walk

static int walk_both(struct walk *w, int a, int b);

static int enter(struct walk *w, int folder, const char *name, int *ret_fd) {
    if (folder < 0) return *ret_fd = -1, 0;
    *ret_fd = fd_open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return *ret_fd < 0 ? fail(w, -*ret_fd) : 0;
}

// a or b is -1: the folder is in one of them only.
static int descend(struct walk *w, int a, int b, const char *name) {
    _cleanup_(fd_closep) int x = -1, y = -1;
    if (w->depth == DEPTH_MAX)
        return err_set(w->err, ERR_INVALID, 0, "%s: more than %d folders in each other", str_get(&w->path),
                       DEPTH_MAX);
    if (enter(w, a, name, &x) || enter(w, b, name, &y)) return -1;
    w->depth++;
    int r = walk_both(w, x, y);
    w->depth--;
    return r;
}

static int compare(struct walk *w, int a, int b, const char *name) {
    struct stat x = {0}, y = {0};
    if ((a >= 0 && fstatat(a, name, &x, AT_SYMLINK_NOFOLLOW)) ||
        (b >= 0 && fstatat(b, name, &y, AT_SYMLINK_NOFOLLOW)))
        return fail(w, errno);
    bool folders = S_ISDIR(x.st_mode) && S_ISDIR(y.st_mode);
    if (a < 0 || b < 0)
        w->tell(a < 0 ? 'A' : 'D', str_get(&w->path), w->data);
    else if (is_changed(w, a, b, name, &x, &y))
        w->tell('C', str_get(&w->path), w->data);
    if (folders) return descend(w, a, b, name);
    if (S_ISDIR(x.st_mode)) return descend(w, a, -1, name);
    return S_ISDIR(y.st_mode) ? descend(w, -1, b, name) : 0;
}

static int walk_both(struct walk *w, int a, int b) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings in_a = {0}, in_b = {0};
    if ((a >= 0 && list(w, a, &arena, &in_a)) || (b >= 0 && list(w, b, &arena, &in_b))) return -1;
    size_t length = w->path.len, i = 0, k = 0;
    int r = 0;
    while (!r && (i < in_a.count || k < in_b.count)) {
        int order = i == in_a.count ? 1 : k == in_b.count ? -1 : strcmp(in_a.items[i], in_b.items[k]);
        const char *name = order <= 0 ? in_a.items[i] : in_b.items[k];
        str_printf(&w->path, "/%s", name);
        r = compare(w, order <= 0 ? a : -1, order >= 0 ? b : -1, name);
        w->path.data[w->path.len = length] = 0;
        i += order <= 0;
        k += order >= 0;
    }
    return r;
}

int image_diff(struct store *store, const struct image *first, const struct image *second,
               void (*tell)(char kind, const char *path, void *data), void *data, struct err *err) {
    _cleanup_(fd_closep) int a = image_tree(store, first, err);
    _cleanup_(fd_closep) int b = a < 0 ? -1 : image_tree(store, second, err);
    if (b < 0) return -1;
    struct walk w = {.tell = tell, .data = data, .err = err};
    char *room = xmalloc(4 * XATTR_MAX);
    for (int i = 0; i < 2; i++) {
        w.names[i] = room + 2 * i * XATTR_MAX;
        w.values[i] = w.names[i] + XATTR_MAX;
    }
    int r = walk_both(&w, a, b);
    free(room);
    str_finish(&w.path);
    return r;
}
