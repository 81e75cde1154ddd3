// SPDX-License-Identifier: Apache-2.0
// Opening the store. What is there already costs two opens and the database; what is not is made.
#include "engine/parts.h"
#include "engine/rootless.h"
#include "image/pull.h"
#include "runtime/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// An absolute path without a slash at its end: descriptors of other processes' directories are no place for
// ours.
typedef int folder_of_user(char **ret_path, struct err *err);
static int folder_choose(const char *given, const char *variable, const char *of_root,
                         folder_of_user *of_user, char **ret_path, struct err *err) {
    const char *path = given ? given : getenv(variable);
    if (str_empty(path) && geteuid()) return of_user(ret_path, err);
    if (str_empty(path)) path = of_root;
    char cwd[PATH_MAX] = "", *whole;
    if (*path != '/' && !getcwd(cwd, sizeof cwd)) return err_set(err, ERR_SYSTEM, errno, "where %s is", path);
    if (asprintf(&whole, "%s%s%s", cwd, *path == '/' ? "" : "/", path) < 0)
        return err_set(err, ERR_SYSTEM, ENOMEM, "open %s", path);
    for (size_t n = strlen(whole); n > 1 && whole[n - 1] == '/'; n--) whole[n - 1] = 0;
    *ret_path = whole;
    return 0;
}

// Whether it made them: the root may be passed through (a user namespace's root has to reach what is its
// own), what is in it may not.
static int folder_open(const char *path, mode_t mode, const char *const *below, size_t count,
                       const char *mark, int *ret_fd, struct err *err) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT) {
        int r = dir_make_all_at(AT_FDCWD, path, mode);
        if (r) return err_set(err, ERR_SYSTEM, -r, "make %s", path);
        fd = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    }
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "open %s", path);
    if (faccessat(fd, mark, F_OK, 0)) {
        if (fchmod(fd, mode)) return err_set(err, ERR_SYSTEM, errno, "set the mode of %s", path);
        for (size_t i = 0; i < count; i++)
            if (mkdirat(fd, below[i], 0700) && errno != EEXIST)
                return err_set(err, ERR_SYSTEM, errno, "make %s/%s", path, below[i]);
    }
    *ret_fd = take_fd(&fd);
    return 0;
}

static int folders_choose(struct store *store, const struct engine_options *options, struct err *err) {
    char *root = NULL, *runroot = NULL;
    if (folder_choose(options->root, "HOY_ROOT", "/var/lib/hoy", rootless_root, &root, err)) return -1;
    store->root = root;
    if (folder_choose(options->runroot, "HOY_RUNROOT", "/run/hoy", rootless_runroot, &runroot, err))
        return -1;
    store->runroot = runroot;
    return 0;
}

static int runroot_open(struct store *store, struct err *err) {
    static const char *const below[] = {"images", "rootfs", "containers"};
    return folder_open(store->runroot, 0700, below, ARRAY_SIZE(below), "containers", &store->runroot_fd, err);
}

// An ordinary user becomes root of a user namespace, and looks at its folders from there: in its mount
// namespace they are other mounts. Also who was born in one holds it.
static int become_root(struct engine *engine, struct err *err) {
    struct store *store = &engine->store;
    if (geteuid()) {
        if (runroot_open(store, err) || rootless_enter(store->runroot_fd, &engine->hold, err)) return -1;
        fd_closep(&store->runroot_fd);
    }
    engine->rootless = rootless_is_here();
    if (engine->rootless) runtime_cgroup_set_use(RUNTIME_CGROUP_WRITABLE);
    return 0;
}

static int folders_open(struct engine *engine, struct err *err) {
    static const char *const below[] = {"layers", "images", "containers", "volumes", "seccomp", "tmp"};
    struct store *store = &engine->store;
    // The database is made after the directories, and the last of these after the others.
    if (folder_open(store->root, 0711, below, ARRAY_SIZE(below), "hoy.db", &store->root_fd, err) ||
        runroot_open(store, err))
        return -1;
    return engine->rootless && engine->hold < 0 ? rootless_hold(store->runroot_fd, &engine->hold, err) : 0;
}

static const char *own_path(void) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0) return xstrdup("hoy");
    path[n] = 0;
    return xstrdup(path);
}

int engine_open(struct engine *engine, const struct engine_options *options, struct err *err) {
    *engine =
        (struct engine){.store = {.root_fd = -1, .runroot_fd = -1}, .begun = {.run_dir = -1}, .hold = -1};
    umask(022);
    engine->hoy = own_path();
    if (!folders_choose(&engine->store, options, err) && !become_root(engine, err) &&
        !folders_open(engine, err) && !db_open(engine->store.root, &engine->store.db, err) &&
        !image_driver_choose(&engine->store, options->storage_driver, err))
        return 0;
    engine_close(engine);
    return -1;
}

void engine_close(struct engine *engine) {
    fd_closep(&engine->begun.run_dir);
    free((char *)engine->begun.id);
    engine->begun.id = NULL;
    db_closep(&engine->store.db);
    fd_closep(&engine->store.root_fd);
    fd_closep(&engine->store.runroot_fd);
    fd_closep(&engine->hold);
    free((char *)engine->store.root);
    free((char *)engine->store.runroot);
    free((char *)engine->hoy);
    engine->store.root = engine->store.runroot = engine->hoy = NULL;
}
