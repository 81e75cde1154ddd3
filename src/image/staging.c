// SPDX-License-Identifier: Apache-2.0
#include "image/staging.h"

#include "base/fd.h"
#include "base/id.h"
#include "image/commit.h"
#include "image/partial.h"
#include "image/pull.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "pull-"

// The lock is taken right after the directory was made; a cleaner that comes in between takes an empty
// directory away, and we make another: -EEXIST.
static int directory_make(int tmp, const char *name) {
    struct stat st;
    if (mkdirat(tmp, name, 0700)) return -errno;
    _cleanup_(fd_closep) int fd = fd_open_at(tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &st) && st.st_nlink) return take_fd(&fd);
    unlinkat(tmp, name, AT_REMOVEDIR);
    return fd >= 0 || fd == -ENOENT ? -EEXIST : fd;
}

int staging_make(struct store *store, struct staging *ret_staging, struct err *err) {
    _cleanup_(staging_remove) struct staging s = {.tmp = -1, .fd = -1};
    int r = dir_make_all_at(store->root_fd, "tmp", 0700);
    if (!r) r = s.tmp = fd_open_at(store->root_fd, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (r >= 0) r = -EEXIST;
    for (int try = 0; r == -EEXIST && try < 100; try++) {
        char id[ID_SIZE];
        id_random(id);
        snprintf(s.name, sizeof s.name, PREFIX "%.8s", id);
        r = s.fd = directory_make(s.tmp, s.name);
    }
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "can't make a directory in %s/tmp", store->root);
    *ret_staging = s;
    s.tmp = s.fd = -1;
    return 0;
}

int staging_mark(struct store *store, struct staging *ret_staging) {
    char id[ID_SIZE];
    struct staging s = {.tmp = fd_open_at(store->root_fd, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)};
    if (s.tmp < 0) return s.tmp;
    id_random(id);
    snprintf(s.name, sizeof s.name, PREFIX "%.8s", id);
    s.fd = fd_open_at(s.tmp, s.name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    int r = s.fd < 0 ? s.fd : fd_lock(s.fd, LOCK_EX);
    if (r) return fd_closep(&s.fd), fd_closep(&s.tmp), r;
    *ret_staging = s;
    return 0;
}

int staging_document(const struct staging *staging, struct arena *arena, const char *name, const char *digest,
                     const char **ret_text, size_t *ret_size, struct err *err) {
    _cleanup_(fd_closep) int fd = fd_open_at(staging->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    struct stat st;
    char actual[DIGEST_SIZE];
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > IMAGE_DOCUMENT_MAX)
        return err_set(err, ERR_SYSTEM, fd < 0 ? -fd : 0, "can't read the staged %s", name);
    char *text = arena_alloc(arena, (size_t)st.st_size + 1);
    ssize_t n = fd_read_full(fd, text, (size_t)st.st_size);
    if (n < 0) return err_set(err, ERR_SYSTEM, (int)-n, "can't read the staged %s", name);
    digest_of(text, (size_t)n, actual);
    if (!str_eq(actual, digest))
        return err_set(err, ERR_SYSTEM, 0, "the staged %s is %s, not %s", name, actual,
                       digest ? digest : "(none)");
    *ret_text = text;
    *ret_size = (size_t)n;
    return 0;
}

int staging_fetch(const struct staging *staging, struct fetcher *fetcher, const char *mode, struct err *err) {
    // Opened once more, so that the lock is ours alone.
    _cleanup_(fd_closep) int directory = fd_open_at(staging->fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0) return err_set(err, ERR_SYSTEM, -directory, "can't open the staging directory");
    return fetcher_start(fetcher, mode, directory, -1, err);
}

void staging_remove(struct staging *staging) {
    if (staging->fd >= 0) {
        partial_keep(staging->tmp, staging->fd);
        dir_remove_all_at(staging->tmp, staging->name);
    }
    fd_closep(&staging->fd);
    fd_closep(&staging->tmp);
}

int image_clean_staging(struct store *store, struct err *err) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(store->root_fd, "tmp", &dir);
    if (r == -ENOENT) return 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't read %s/tmp", store->root);
    int tmp = dirfd(dir);
    bool dead = false;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!str_has_prefix(entry->d_name, PREFIX)) continue;
        _cleanup_(fd_closep) int fd = fd_open_at(tmp, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) continue;
        // It may have been killed between its files and its rows; what is left of it is the sign of it.
        if (!dead && store_sweep(store, err)) return -1;
        dead = true;
        partial_keep(tmp, fd);
        dir_remove_all_at(tmp, entry->d_name);
    }
    partial_sweep(tmp);
    return 0;
}
