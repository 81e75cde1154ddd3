// SPDX-License-Identifier: Apache-2.0
// The files of logs, when they are not written: reading them, compressing what was rotated, and the budget of
// all logs together. Bytes are compressed and inflated by the worker, which can do nothing else.
#include "engine/log.h"

#include "image/fetcher.h"
#include "shim/logs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *container_log_path(struct engine *engine, struct arena *arena,
                               const struct container *container) {
    if (!log_driver_is(&container->config.log, "json-file")) return "";
    return arena_printf(arena, "%s/containers/%s/%s-json.log", engine->store.root, container->id,
                        container->id);
}

// A file through the worker

static int worker_start(struct fetcher *fetcher, const char *mode, int from, int to, struct err *err) {
    return fetcher_start(fetcher, mode, -1, -1, err) || fetcher_say(fetcher, NULL, NULL, from, err) ||
                   fetcher_say(fetcher, NULL, NULL, to, err)
               ? -1
               : 0;
}

// Reading

static int begin_inflate(void *data, int file, struct err *err) {
    struct fetcher *fetcher = data;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "make a pipe");
    *fetcher = (struct fetcher)FETCHER_INIT;
    int r = worker_start(fetcher, "gunzip", file, ends[1], err);
    close(ends[1]);
    if (r) return close(ends[0]), fetcher_finish(fetcher), -1;
    sigprocmask(SIG_SETMASK, &fetcher->mask, NULL); // ctrl-C ends us at once, and the worker with us
    return ends[0];
}

static int end_inflate(void *data, struct err *err) {
    struct fetcher *fetcher = data;
    int r = fetcher_last(fetcher, NULL, err);
    fetcher_finish(fetcher);
    return r;
}

int container_logs(struct engine *engine, const struct container *container,
                   const struct logs_options *options, const int out[static 2], int ended, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct log_file_options files;
    struct fetcher fetcher = FETCHER_INIT;
    if (log_file_options(&container->config.log, &files, err)) return -1;
    if (files.none) return err_set(err, ERR_INVALID, 0, "configured logging driver does not support reading");
    _cleanup_(fd_closep) int folder = container_folder_open(engine, container->id, err);
    if (folder < 0) return -1;
    struct logs_source source = {.folder = folder,
                                 .name = log_file_name(&arena, container->id, &files),
                                 .local = files.local,
                                 .begin = begin_inflate,
                                 .end = end_inflate,
                                 .data = &fetcher};
    return logs_print(&source, options, out[0], out[1], ended, err);
}

// Compressing

static const char *rotated_name(struct arena *arena, const char *name, uint32_t number, const char *suffix) {
    return arena_printf(arena, "%s.%u%s", name, number, suffix);
}

// The file may be rotated on meanwhile: under the lock its number now is looked for.
static int give_name(struct arena *arena, int folder, const char *name, uint32_t count,
                     const struct stat *old, int made, struct err *err) {
    struct stat st;
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", made);
    int r = fd_lock(folder, LOCK_EX);
    if (r) return err_set(err, ERR_SYSTEM, -r, "lock the container's folder");
    for (uint32_t i = 1; i < count; i++) {
        const char *plain = rotated_name(arena, name, i, "");
        if (fstatat(folder, plain, &st, 0) || st.st_ino != old->st_ino) continue;
        const char *gz = rotated_name(arena, name, i, ".gz");
        (void)unlinkat(folder, gz, 0);
        r = linkat(AT_FDCWD, self, folder, gz, AT_SYMLINK_FOLLOW) ? -errno : 0;
        if (!r) (void)unlinkat(folder, plain, 0);
        break;
    }
    flock(folder, LOCK_UN);
    return r ? err_set(err, ERR_SYSTEM, -r, "name compressed log %s", name) : 0;
}

static int compress_one(struct arena *arena, int folder, const char *name, uint32_t number, uint32_t count,
                        struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    struct stat st;
    _cleanup_(fd_closep) int from =
        fd_open_at(folder, rotated_name(arena, name, number, ""), O_RDONLY | O_NOFOLLOW, 0);
    if (from == -ENOENT) return 0;
    if (from < 0 || fstat(from, &st))
        return err_set(err, ERR_SYSTEM, from < 0 ? -from : errno, "open log %s.%u", name, number);
    _cleanup_(fd_closep) int to = fd_open_at(folder, ".", O_WRONLY | O_TMPFILE, 0640);
    if (to < 0) return err_set(err, ERR_SYSTEM, -to, "compress log %s.%u", name, number);
    if (worker_start(&fetcher, "gzip", from, to, err) || fetcher_last(&fetcher, NULL, err))
        return err_wrap(err, "compress log %s.%u", name, number);
    const struct timespec times[2] = {st.st_mtim, st.st_mtim}; // by which a reader knows it again
    (void)futimens(to, times);
    return give_name(arena, folder, name, count, &st, to, err);
}

static uint32_t find_plain(struct arena *arena, int folder, const char *name, uint32_t count) {
    for (uint32_t i = count; i-- > 1;)
        if (!faccessat(folder, rotated_name(arena, name, i, ""), F_OK, 0)) return i;
    return 0;
}

// More may come while one is compressed.
static int compress_all(struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct log_file_options files;
    struct err ignored;
    if (log_file_options(&container->config.log, &files, err)) return -1;
    _cleanup_(fd_closep) int folder = container_folder_open(engine, container->id, &ignored);
    if (folder < 0 || files.none || !files.compress) return 0;
    const char *name = log_file_name(&arena, container->id, &files);
    for (uint32_t number; (number = find_plain(&arena, folder, name, files.max_files));)
        if (compress_one(&arena, folder, name, number, files.max_files, err)) return -1;
    return 0;
}

// The budget

struct rotated {
    const char *path; // below the folder of all containers
    uint64_t bytes;
    struct timespec time;
};
struct rotated_files {
    struct rotated *items;
    size_t count;
    uint64_t total; // with those that are written
};

// "x.log" is written; "x.log.1", "x.log.2.gz" are rotated.
static bool is_rotated(const char *name) {
    const char *log = strstr(name, ".log.");
    return log && log[5] >= '1' && log[5] <= '9';
}

static void survey_file(struct arena *arena, int folder, const char *path, const char *name,
                        struct rotated_files *files) {
    struct stat st;
    bool rotated = is_rotated(name);
    if (!rotated && !str_has_suffix(name, ".log")) return;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode)) return;
    uint64_t bytes = (uint64_t)st.st_blocks * 512;
    files->total += bytes;
    if (rotated)
        *arena_push(arena, files) = (struct rotated){
            .path = arena_printf(arena, "%s/%s", path, name), .bytes = bytes, .time = st.st_mtim};
}

static void survey_folder(struct arena *arena, int containers, const char *path,
                          struct rotated_files *files) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    if (dir_open_at(containers, path, &dir)) return;
    for (struct dirent *e; (e = readdir(dir));) {
        if (str_eq(e->d_name, "local-logs"))
            survey_folder(arena, containers, arena_printf(arena, "%s/local-logs", path), files);
        else
            survey_file(arena, dirfd(dir), path, e->d_name, files);
    }
}

static int survey(struct engine *engine, struct arena *arena, int containers, struct rotated_files *files,
                  struct err *err) {
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(containers, ".", &dir);
    if (r) return err_set(err, ERR_SYSTEM, -r, "list %s/containers", engine->store.root);
    for (struct dirent *e; (e = readdir(dir));)
        if (*e->d_name != '.') survey_folder(arena, containers, arena_strdup(arena, e->d_name), files);
    return 0;
}

static int older(const void *a, const void *b) {
    const struct timespec *x = &((const struct rotated *)a)->time, *y = &((const struct rotated *)b)->time;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

// One at a time: two that remove at once would remove twice as much.
static int keep_budget(struct engine *engine, uint64_t budget, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct rotated_files files = {0};
    _cleanup_(fd_closep) int containers =
        fd_open_at(engine->store.root_fd, "containers", O_RDONLY | O_DIRECTORY, 0);
    if (containers < 0)
        return err_set(err, ERR_SYSTEM, -containers, "open %s/containers", engine->store.root);
    int r = fd_lock(containers, LOCK_EX);
    if (r) return err_set(err, ERR_SYSTEM, -r, "lock %s/containers", engine->store.root);
    if (survey(engine, &arena, containers, &files, err)) return -1;
    if (files.count) qsort(files.items, files.count, sizeof *files.items, older);
    for (size_t i = 0; i < files.count && files.total > budget; i++)
        if (!unlinkat(containers, files.items[i].path, 0)) files.total -= files.items[i].bytes;
    return 0;
}

static ino_t current_file(struct engine *engine, const struct container *container) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct log_file_options files;
    struct err ignored;
    struct stat st;
    if (log_file_options(&container->config.log, &files, &ignored)) return 0;
    const char *path =
        arena_printf(&arena, "containers/%s/%s", container->id, log_file_name(&arena, container->id, &files));
    return fstatat(engine->store.root_fd, path, &st, 0) ? 0 : st.st_ino;
}

// The shim tells one of us at a time: what was rotated meanwhile is seen to as well.
int container_log_rotated(struct engine *engine, const struct container *container, uint64_t budget,
                          struct err *err) {
    for (ino_t now = current_file(engine, container), seen = 0; now != seen;
         now = current_file(engine, container)) {
        struct err ignored;
        seen = now;
        int r = compress_all(engine, container, err);
        if (budget && keep_budget(engine, budget, r ? &ignored : err)) r = -1;
        if (r) return -1;
    }
    return 0;
}
