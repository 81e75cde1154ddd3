// SPDX-License-Identifier: Apache-2.0
// A container's two directories: <root>/containers/<id>, which lives as long as the container, and
// <runroot>/containers/<id>, which lives as long as one run of it and is the lock of its beginning and end.
#include "engine/parts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *container_folder(const char *id, char buffer[static CONTAINER_FOLDER_SIZE]) {
    snprintf(buffer, CONTAINER_FOLDER_SIZE, "containers/%.64s", id);
    return buffer;
}

int container_folder_make(struct engine *engine, const char *id, struct err *err) {
    char path[CONTAINER_FOLDER_SIZE], below[CONTAINER_FOLDER_SIZE + 8];
    static const struct {
        const char *name;
        mode_t mode; // upper's is that of the container's root directory
    } rows[] = {
        {"", 0700},
        {"/upper", 0755},
        {"/work", 0700},
    };
    container_folder(id, path);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        snprintf(below, sizeof below, "%s%s", path, rows[i].name);
        if (mkdirat(engine->store.root_fd, below, rows[i].mode) && errno != EEXIST)
            return err_set(err, ERR_SYSTEM, errno, "make %s/%s", engine->store.root, below);
    }
    return 0;
}

int container_folder_open(struct engine *engine, const char *id, struct err *err) {
    char path[CONTAINER_FOLDER_SIZE];
    container_folder(id, path);
    int fd = fd_open_at(engine->store.root_fd, path, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 ? err_set(err, ERR_SYSTEM, -fd, "open %s/%s", engine->store.root, path) : fd;
}

int container_folder_remove(struct engine *engine, const char *id, struct err *err) {
    char path[CONTAINER_FOLDER_SIZE];
    int r = dir_remove_all_at(engine->store.root_fd, container_folder(id, path));
    // A log may just have been compressed in it.
    if (r == -ENOTEMPTY) r = dir_remove_all_at(engine->store.root_fd, path);
    return r ? err_set(err, ERR_SYSTEM, -r, "remove %s/%s", engine->store.root, path) : 0;
}

// The run directory

static int run_dir_make(struct engine *engine, const char *path) {
    int runroot = engine->store.runroot_fd;
    if (!mkdirat(runroot, path, 0700) || errno == EEXIST) return 0;
    if (errno != ENOENT) return -errno;
    if (mkdirat(runroot, "containers", 0700) && errno != EEXIST) return -errno;
    return mkdirat(runroot, path, 0700) && errno != EEXIST ? -errno : 0;
}

// Is what was opened and locked still what the path leads to?
static bool run_dir_current(int runroot, const char *path, int fd) {
    struct stat ours, there;
    return !fstat(fd, &ours) && !fstatat(runroot, path, &there, AT_SYMLINK_NOFOLLOW) &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

static int run_dir_open(struct engine *engine, const char *path, enum run_dir_mode mode) {
    int r = mode == RUN_DIR_MAKE ? run_dir_make(engine, path) : 0;
    if (r) return r;
    return fd_open_at(engine->store.runroot_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

// What container_begin() has locked is handed over.
static int run_dir_begun(struct engine *engine, const char *id) {
    if (engine->begun.run_dir < 0 || !str_eq(engine->begun.id, id)) return -1;
    return take_fd(&engine->begun.run_dir);
}

// Whoever had the lock may have removed the directory meanwhile, and somebody else made a new one: then
// again.
int run_dir_lock(struct engine *engine, const char *id, enum run_dir_mode mode, struct run_dir *ret_dir,
                 struct err *err) {
    char path[CONTAINER_FOLDER_SIZE];
    container_folder(id, path);
    int begun = run_dir_begun(engine, id);
    if (begun >= 0) return ret_dir->fd = begun, 0;
    for (;;) {
        _cleanup_(fd_closep) int fd = run_dir_open(engine, path, mode);
        if (fd == -ENOENT && mode != RUN_DIR_MAKE) return ret_dir->fd = -1, 0;
        if (fd == -ENOENT) continue;
        if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "open %s/%s", engine->store.runroot, path);
        if (flock(fd, mode == RUN_DIR_PROBE ? LOCK_EX | LOCK_NB : LOCK_EX)) {
            if (errno == EINTR) continue;
            if (errno == EWOULDBLOCK)
                return err_set(err, ERR_UNAVAILABLE, 0, "container %.12s is being started or ended", id);
            return err_set(err, ERR_SYSTEM, errno, "lock %s/%s", engine->store.runroot, path);
        }
        if (!run_dir_current(engine->store.runroot_fd, path, fd)) continue;
        ret_dir->fd = take_fd(&fd);
        return 0;
    }
}

void run_dir_finish(struct run_dir *dir) {
    fd_closep(&dir->fd);
}

int run_dir_remove(struct engine *engine, const char *id, struct err *err) {
    char path[CONTAINER_FOLDER_SIZE];
    int r = dir_remove_all_at(engine->store.runroot_fd, container_folder(id, path));
    return r ? err_set(err, ERR_SYSTEM, -r, "remove %s/%s", engine->store.runroot, path) : 0;
}
