// SPDX-License-Identifier: Apache-2.0
#include "base/usage.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void add(struct usage *usage, const struct stat *st) {
    if (!is_new(usage, st)) return;
    usage->bytes += (uint64_t)st->st_blocks * BLOCK;
    if (!S_ISDIR(st->st_mode)) usage->content += (uint64_t)st->st_size;
}

// A directory on the way to where we are, with those in it that are still to be visited: "a\0b\0". The way
// back is "..", so that a tree may be deeper than a process may have files open, or frames on its stack.
struct level {
    struct level *up;
    ino_t inode;
    struct str below;
    size_t at;
};

static struct level *level_leave(struct level *level) {
    struct level *up = level->up;
    str_finish(&level->below);
    free(level);
    return up;
}

// Counts what is in the directory.
static int level_enter(struct usage *usage, int dir, struct level **level) {
    struct stat here, st;
    _cleanup_(dir_closep) DIR *stream = NULL;
    int r = dir_open_at(dir, ".", &stream);
    if (r) return r;
    if (fstat(dirfd(stream), &here)) return -errno;
    struct level *next = xmalloc(sizeof *next);
    *next = (struct level){.up = *level, .inode = here.st_ino};
    *level = next;
    for (struct dirent *entry; (r = dir_read(stream, &entry)) > 0;) {
        if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || st.st_dev != here.st_dev) continue;
        add(usage, &st);
        if (S_ISDIR(st.st_mode)) str_add_n(&next->below, entry->d_name, strlen(entry->d_name) + 1);
    }
    return r;
}

static int go(int *dir, const char *path) {
    int fd = fd_open_at(*dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd < 0) return fd;
    close(*dir);
    *dir = fd;
    return 0;
}

static int visit_next(struct usage *usage, int *dir, struct level **level) {
    struct level *here = *level;
    const char *name = str_get(&here->below) + here->at;
    if (here->at == here->below.len) {
        struct stat st;
        *level = level_leave(here);
        int r = *level ? go(dir, "..") : 0;
        return r || !*level ? r : fstat(*dir, &st) ? -errno : st.st_ino == (*level)->inode ? 0 : -ENOENT;
    }
    here->at += strlen(name) + 1;
    int r = go(dir, name);
    if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP) return 0; // another one by now, or none
    return r ? r : level_enter(usage, *dir, level);
}

int usage_add_at(struct usage *usage, int dir, const char *name) {
    struct stat st;
    struct level *level = NULL;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) return errno == ENOENT ? 0 : -errno;
    add(usage, &st);
    if (!S_ISDIR(st.st_mode)) return 0;
    _cleanup_(fd_closep) int here = fd_open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    int r = here < 0 ? here : level_enter(usage, here, &level);
    while (!r && level) r = visit_next(usage, &here, &level);
    while (level) level = level_leave(level);
    return r == -ENOENT ? 0 : r;
}
