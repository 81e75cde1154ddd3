// SPDX-License-Identifier: Apache-2.0
#include "fetch/files.h"

#include "base/fd.h"
#include "fetch/confine.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "unpack/pack.h"
#include "unpack/untar.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))
#define OWNERS   (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID))
#define DEVICES  (BIT(CAP_MKNOD) | BIT(CAP_SETFCAP))

struct files {
    struct worker *worker;
    int root;
    bool devices;
    struct err err;
};

static _Noreturn void fail(struct files *files) {
    worker_fail(files->worker, &files->err);
}

static void tell_done(struct files *files, uint64_t bytes) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "done");
    json_put_u64(&w, "bytes", bytes);
    json_end_object(&w);
    worker_send(files->worker, &w);
}

static const char *path_of(struct files *files, const struct json *request) {
    const char *path = json_get_string(request, "path");
    if (path && strlen(path) < PATH_MAX) return path;
    err_set(&files->err, ERR_INVALID, ENAMETOOLONG, "the path is too long");
    fail(files);
}

// Look

static void look(struct files *files, const struct json *request) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    const char *path = path_of(files, request);
    struct stat st;
    char target[PATH_MAX];
    _cleanup_(fd_closep) int fd = path_open_in(files->root, path, O_PATH | O_NOFOLLOW);
    bool found = fd >= 0 && !fstat(fd, &st);
    if (fd == -ENOTDIR) {
        err_set(&files->err, ERR_SYSTEM, ENOTDIR, "lstat %s", path);
        fail(files);
    }
    json_begin_object(&w, NULL);
    json_put_string(&w, "event", "look");
    json_put_bool(&w, "found", found);
    if (found) json_put_u64(&w, "mode", st.st_mode);
    ssize_t n = found && S_ISLNK(st.st_mode) ? readlinkat(fd, "", target, sizeof target - 1) : -1;
    if (n >= 0) {
        target[n] = 0;
        json_put_string(&w, "target", target);
    }
    json_end_object(&w);
    worker_send(files->worker, &w);
}

// Pack

static int put(void *data, const void *bytes, size_t size) {
    (void)data;
    return fd_write_all(WORKER_TAR_FD, bytes, size);
}

static int open_directory(struct files *files, const char *path) {
    int fd = path_open_in(files->root, path, O_PATH | O_DIRECTORY);
    if (fd >= 0) return fd;
    err_set(&files->err, fd == -ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, -fd, "open %s", path);
    fail(files);
}

// The directory that path's last part is in, and that part.
static int open_parent(struct files *files, const char *path, const char **ret_base) {
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || !slash[1]) return *ret_base = ".", open_directory(files, path);
    memcpy(parent, path, (size_t)(slash - path) + 1);
    parent[slash - path + 1] = 0;
    *ret_base = slash + 1;
    return open_directory(files, parent);
}

static void pack(struct files *files, const struct json *request) {
    const char *path = path_of(files, request), *name = json_get_string(request, "name"), *base = ".";
    struct tar_writer writer = {.write = put};
    uint64_t bytes;
    _cleanup_(fd_closep) int parent = json_boolean(json_get(request, "whole"))
                                          ? open_directory(files, path)
                                          : open_parent(files, path, &base);
    if (pack_path(parent, base, name ? name : base, &writer, &bytes, &files->err)) fail(files);
    close(WORKER_TAR_FD); // whoever reads it waits for its end
    tell_done(files, bytes);
}

// Unpack

static bool is_root(struct files *files, int fd) {
    uint64_t ours, roots;
    bool ignored;
    return !mount_identify(fd, &ours, &ignored) && !mount_identify(files->root, &roots, &ignored) &&
           ours == roots;
}

static int check_writable(struct files *files, int fd) {
    struct statvfs fs;
    if (fstatvfs(fd, &fs) || !(fs.f_flag & ST_RDONLY)) return 0;
    return err_set(&files->err, ERR_CONFLICT, 0,
                   is_root(files, fd) ? "container rootfs is marked read-only"
                                      : "mounted volume is marked read-only");
}

static void unpack(struct files *files, const struct json *request) {
    const char *path = path_of(files, request);
    _cleanup_(fd_closep) int directory = open_directory(files, path);
    struct untar how = {.tar = WORKER_TAR_FD,
                        .directory = directory,
                        .where = path,
                        .keep_owner = json_boolean(json_get(request, "owner")),
                        .keep_rights = json_boolean(json_get(request, "rights")),
                        .keep_devices = files->devices,
                        .keep_kinds = true};
    uint64_t bytes;
    if (check_writable(files, directory) || untar_run(&how, &bytes, &files->err)) fail(files);
    tell_done(files, bytes);
}

// Both

static void answer(struct files *files, const struct json *request) {
    const char *what = json_get_string(request, "do");
    if (str_eq(what, "look")) return look(files, request);
    if (str_eq(what, "pack")) return pack(files, request);
    if (str_eq(what, "unpack")) return unpack(files, request);
    err_set(&files->err, ERR_INVALID, 0, "hoy asks for what hoy-fetch does not know: install hoy again");
    fail(files);
}

// Until hoy has no more requests: the end of the channel ends the worker.
static _Noreturn void run(struct worker *worker, uint64_t capabilities) {
    struct files files = {.worker = worker, .devices = capabilities & DEVICES};
    signal(SIGPIPE, SIG_IGN); // whoever reads may have gone: hoy is to hear of it
    if (confine_to_view(worker->staging, capabilities, &files.err)) fail(&files);
    files.root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    for (;;) {
        _cleanup_(fd_closep) int fd = -1;
        _cleanup_(json_freep) struct json *request = worker_receive(worker, &fd);
        answer(&files, request);
    }
}

int files_run_read(struct worker *worker) {
    run(worker, 0);
}

int files_run_write(struct worker *worker) {
    run(worker, OWNERS | DEVICES);
}

int files_run_host(struct worker *worker) {
    run(worker, OWNERS);
}
