// SPDX-License-Identifier: Apache-2.0
// Whoever has made the tree may have made it deeper than a process may have files open, and so that it could
// not be removed. What is deeper than DEPTH_MAX is moved up, and removed from there.
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 32

struct tree {
    int top;
    dev_t device;
    unsigned moved; // directories, so far
};

static int move_up(struct tree *tree, int dir, const char *name) {
    char to[16];
    int r;
    do {
        snprintf(to, sizeof to, "%u", tree->moved++);
        r = renameat(dir, name, tree->top, to) ? -errno : 0;
    } while (r == -ENOTEMPTY || r == -EEXIST || r == -ENOTDIR);
    return r;
}

static int remove_at(struct tree *tree, int dir, const char *name, unsigned depth);

static int remove_entries(struct tree *tree, DIR *stream, unsigned depth) {
    int r = 0;
    for (struct dirent *entry; !r && (r = dir_read(stream, &entry)) > 0;)
        r = remove_at(tree, dirfd(stream), entry->d_name, depth);
    return r;
}

static int remove_below(struct tree *tree, int dir, const char *name, unsigned depth) {
    struct stat st;
    _cleanup_(dir_closep) DIR *stream = NULL;
    int r = dir_open_at(dir, name, &stream);
    if (r) return r;
    if (fstat(dirfd(stream), &st)) return -errno;
    if (!depth) *tree = (struct tree){.top = dirfd(stream), .device = st.st_dev};
    if (st.st_dev != tree->device) return -EXDEV;
    r = remove_entries(tree, stream, depth + 1);
    for (unsigned seen = 0; !r && !depth && seen != tree->moved;) {
        seen = tree->moved;
        rewinddir(stream);
        r = remove_entries(tree, stream, 1);
    }
    return r;
}

static int remove_at(struct tree *tree, int dir, const char *name, unsigned depth) {
    if (!unlinkat(dir, name, 0) || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return -errno;
    if (!unlinkat(dir, name, AT_REMOVEDIR) || errno == ENOENT) return 0;
    if (errno != ENOTEMPTY && errno != EEXIST) return -errno;
    if (depth > DEPTH_MAX) return move_up(tree, dir, name);
    int r = remove_below(tree, dir, name, depth);
    return !r && unlinkat(dir, name, AT_REMOVEDIR) && errno != ENOENT ? -errno : r;
}

int dir_remove_all_at(int dir, const char *name) {
    struct tree tree = {.top = -1};
    return remove_at(&tree, dir, name, 0);
}
