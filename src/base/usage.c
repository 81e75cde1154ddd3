// SPDX-License-Identifier: Apache-2.0
#include "base/usage.h"

#include "base/arena.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BLOCK 512 // st_blocks' unit

struct inode {
    dev_t device;
    ino_t number;
};

static int compare(const void *a, const void *b) {
    const struct inode *x = a, *y = b;
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool is_new(struct usage *usage, const struct stat *st) {
    if (st->st_nlink == 1 || S_ISDIR(st->st_mode)) return true;
    struct inode *inode = xmalloc(sizeof *inode);
    *inode = (struct inode){st->st_dev, st->st_ino};
    struct inode **node = tsearch(inode, &usage->seen, compare);
    if (node && *node == inode) return true;
    free(inode);
    return false;
}

void usage_finish(struct usage *usage) {
    while (usage->seen) {
        struct inode *inode = *(struct inode **)usage->seen;
        tdelete(inode, &usage->seen, compare);
        free(inode);
    }
}

static int add_below(struct usage *usage, int dir, const char *name, dev_t device) {
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) return errno == ENOENT ? 0 : -errno;
    if (device && st.st_dev != device) return 0;
    if (is_new(usage, &st)) {
        usage->bytes += (uint64_t)st.st_blocks * BLOCK;
        if (!S_ISDIR(st.st_mode)) usage->content += (uint64_t)st.st_size;
    }
    if (!S_ISDIR(st.st_mode)) return 0;
    _cleanup_(dir_closep) DIR *stream = NULL;
    int r = dir_open_at(dir, name, &stream);
    if (r) return r == -ENOENT ? 0 : r;
    for (struct dirent *entry; !r && (entry = readdir(stream));)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            r = add_below(usage, dirfd(stream), entry->d_name, st.st_dev);
    return r;
}

int usage_add_at(struct usage *usage, int dir, const char *name) {
    return add_below(usage, dir, name, 0);
}
