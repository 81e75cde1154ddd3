// SPDX-License-Identifier: Apache-2.0
// A container's two directories: <root>/containers/<id>, which lives as long as the container, and
// <runroot>/containers/<id>, which lives as long as one run of it and is the lock of its beginning and end.
#include "engine/parts.h"

#include "kernel/quota.h"
#include "oci/key_values.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *container_folder(const char *id, char buffer[static CONTAINER_FOLDER_SIZE]) {
    snprintf(buffer, CONTAINER_FOLDER_SIZE, "containers/%.64s", id);
    return buffer;
}

const char *container_file(const char *id, const char *name, char buffer[static CONTAINER_FILE_SIZE]) {
    snprintf(buffer, CONTAINER_FILE_SIZE, "containers/%.64s/%s", id, name);
    return buffer;
}

bool container_folder_exists(int parent, const char *id) {
    char path[CONTAINER_FOLDER_SIZE];
    return !faccessat(parent, container_folder(id, path), F_OK, AT_SYMLINK_NOFOLLOW);
}

static int make(struct engine *engine, const char *id, struct err *err) {
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

// --storage-opt size=. What overlayfs prepares in work it renames into upper, so both are of one project. Its
// number is found out by asking the file system: others may use projects, too, and a second root of hoy's.

#define FIRST_PROJECT 0x69000000
#define PROJECTS      0x01000000

static bool storage_size(const struct container_config *config, uint64_t *ret_bytes) {
    const char *size = key_values_find(&config->storage_opt, "size");
    return size && !parse_size(size, ret_bytes) && *ret_bytes;
}

static int open_part(struct engine *engine, const char *id, const char *part) {
    char path[CONTAINER_FILE_SIZE];
    return fd_open_at(engine->store.root_fd, container_file(id, part, path),
                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

// The ids of containers are random, so the search ends with its first try, and two at once meet nowhere.
static int choose_project(int upper, const char *id, uint32_t *ret_project) {
    unsigned number = 0;
    int r = quota_project_of(upper, ret_project);
    if (r || *ret_project) return r;
    (void)sscanf(id, "%6x", &number);
    return quota_project_find(upper, FIRST_PROJECT + number, PROJECTS - number, ret_project);
}

static int limit(struct engine *engine, const char *id, uint64_t bytes, struct err *err) {
    uint32_t project = 0;
    _cleanup_(fd_closep) int upper = open_part(engine, id, "upper");
    _cleanup_(fd_closep) int work = open_part(engine, id, "work");
    int r = upper < 0 ? upper : work < 0 ? work : choose_project(upper, id, &project);
    if (!r) r = quota_limit_directory(upper, project, bytes);
    if (!r) r = quota_limit_directory(work, project, bytes);
    if (r == -ENOTSUP)
        return err_set(
            err, ERR_INVALID, 0,
            "--storage-opt size: the file system of %s has no project quotas, or they are not turned on "
            "(mount option prjquota, of ext4 and XFS)",
            engine->store.root);
    if (r == -EPERM)
        return err_set(err, ERR_INVALID, 0,
                       "--storage-opt size: a quota of a directory is root's to set, and an ordinary user's "
                       "containers have none");
    return r ? err_set(err, ERR_SYSTEM, -r, "--storage-opt size: set the quota of the writable layer") : 0;
}

void container_folder_unlimit(struct engine *engine, const struct container *container) {
    uint64_t bytes;
    uint32_t project;
    if (!storage_size(&container->config, &bytes)) return;
    _cleanup_(fd_closep) int upper = open_part(engine, container->id, "upper");
    if (upper >= 0 && !quota_project_of(upper, &project) && project >= FIRST_PROJECT)
        quota_unlimit_project(upper, project);
}

bool container_folder_is_limited(const struct container_config *config) {
    uint64_t bytes;
    return storage_size(config, &bytes);
}

int container_folder_make(struct engine *engine, const struct container *container, struct err *err) {
    uint64_t bytes;
    if (make(engine, container->id, err)) return -1;
    return storage_size(&container->config, &bytes) ? limit(engine, container->id, bytes, err) : 0;
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
