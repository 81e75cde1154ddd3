// SPDX-License-Identifier: Apache-2.0
// docker cp. Two fetch workers do it, each with one side for its whole world: one reads files and writes a
// tar, the other makes files of the tar. So neither what a container does to its links meanwhile nor what is
// in a tar leads anywhere else. What comes where is decided here, from what the worker says is there.
#include "base/path.h"
#include "engine/parts.h"
#include "image/fetcher.h"
#include "kernel/mount.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40

// A path, cleaned, and what stood at its end.
struct place {
    const char *path;                   // "/a/b"
    enum { PLAIN, SLASH, CONTENT } end; // "/a/b", "/a/b/", "/a/b/."
    bool found;
    mode_t mode;
};

// What is to be packed, and where it goes.
struct copy_route {
    const char *directory; // to be unpacked in
    const char *name;      // what the source is called there
};

struct copy {
    struct arena *arena;
    const struct container *container;
    const struct copy_options *options;
    struct container_files files;
    struct fetcher inside, outside; // the container's side, the host's
    int pipe[2];                    // read, write
    sigset_t signals;               // with holds: what was blocked before there was something to take back
    bool holds;
    struct err *err;
};

static struct copy copy_of(struct arena *arena, const struct container *container,
                           const struct copy_options *options, struct err *err) {
    return (struct copy){.arena = arena,
                         .container = container,
                         .options = options,
                         .files = {.tree = -1, .lock = {-1}},
                         .inside = FETCHER_INIT,
                         .outside = FETCHER_INIT,
                         .pipe = {-1, -1},
                         .err = err};
}

static void copy_finish(struct copy *c) {
    fetcher_finish(&c->outside);
    fetcher_finish(&c->inside);
    fd_closep(&c->pipe[0]);
    fd_closep(&c->pipe[1]);
    container_files_finish(&c->files);
    if (c->holds) signals_release(&c->signals);
}

// Paths

static struct place place_of(struct arena *arena, const char *path) {
    bool dot = str_eq(path, ".") || str_has_suffix(path, "/.");
    return (struct place){.path = path_clean(arena_printf(arena, "/%s", path)),
                          .end = dot                         ? CONTENT
                                 : str_has_suffix(path, "/") ? SLASH
                                                             : PLAIN};
}

// As the kernel is to see it: with something at its end that only a directory can have.
static const char *place_text(struct arena *arena, const struct place *place) {
    if (str_eq(place->path, "/") || place->end == PLAIN) return place->path;
    return arena_printf(arena, "%s%s", place->path, place->end == SLASH ? "/" : "/.");
}

static const char *base_of(const char *path) {
    return strrchr(path, '/')[1] ? strrchr(path, '/') + 1 : ".";
}

static const char *parent_of(struct arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

// A link's target, as a path.
static const char *follow(struct arena *arena, const char *link, const char *target) {
    if (*target == '/') return path_clean(arena_strdup(arena, target));
    return path_clean(arena_printf(arena, "%s/%s", parent_of(arena, link), target));
}

// What the workers are asked

static void begin(struct json_writer *w, const char *what, const char *path) {
    json_begin_object(w, NULL);
    json_put_string(w, "do", what);
    json_put_string(w, "path", path);
}

// Looks at the path in the container; with links followed ones at its end, too, which changes it.
static int look(struct copy *c, struct place *place, bool links) {
    for (int i = 0; i < LINKS_MAX; i++) {
        _cleanup_(json_writer_finish) struct json_writer w = {0};
        _cleanup_(json_freep) struct json *answer = NULL;
        uint64_t mode = 0;
        begin(&w, "look", place_text(c->arena, place));
        json_end_object(&w);
        if (fetcher_send(&c->inside, &w, -1, c->err) || fetcher_receive(&c->inside, &answer, c->err))
            return -1;
        place->found = json_boolean(json_get(answer, "found"));
        place->mode = json_u64(json_get(answer, "mode"), &mode) ? 0 : (mode_t)mode;
        const char *target = json_get_string(answer, "target");
        if (!links || !target) return 0;
        place->path = follow(c->arena, place->path, target);
    }
    return err_set(c->err, ERR_SYSTEM, ELOOP, "%s", place->path);
}

static int not_found(const struct copy *c, const char *path) {
    return err_set(c->err, ERR_NOT_FOUND, 0, "Could not find the file %s in container %s", path,
                   c->container->name);
}

static int send_pack(struct copy *c, struct fetcher *worker, const char *path, bool whole, const char *name) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    begin(&w, "pack", path);
    json_put_bool(&w, "whole", whole);
    json_put_string(&w, "name", name);
    json_end_object(&w);
    return fetcher_send(worker, &w, -1, c->err);
}

static int send_unpack(struct copy *c, struct fetcher *worker, const char *path, bool owner, bool rights) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    begin(&w, "unpack", path);
    json_put_bool(&w, "owner", owner);
    json_put_bool(&w, "rights", rights);
    json_end_object(&w);
    return fetcher_send(worker, &w, -1, c->err);
}

static int receive_done(struct fetcher *worker, uint64_t *ret_bytes, struct err *err) {
    _cleanup_(json_freep) struct json *event = NULL;
    if (fetcher_receive(worker, &event, err)) return -1;
    return json_u64(json_get(event, "bytes"), ret_bytes)
               ? err_set(err, ERR_SYSTEM, 0, "hoy-fetch did not say what it did")
               : 0;
}

// Of two sentences the one with the cause: who reads a tar that ends early has nothing to say about it, nor
// who writes to nobody.
static int receive_both(struct copy *c, struct fetcher *packer, struct fetcher *unpacker,
                        uint64_t *ret_bytes) {
    struct err why = {0};
    uint64_t ignored;
    fd_closep(&c->pipe[0]);
    fd_closep(&c->pipe[1]);
    int unpacked = receive_done(unpacker, &ignored, c->err);
    if (unpacked && unpacker->signal) return -1;
    int packed = receive_done(packer, ret_bytes, &why);
    if (packed && (!unpacked || why.code != EPIPE)) *c->err = why;
    return unpacked || packed ? -1 : 0;
}

// Where it goes: moby's archive.PrepareArchiveCopy

static int choose(struct copy *c, const struct place *from, const char *from_name, const struct place *to,
                  struct copy_route *ret_route) {
    bool from_directory = S_ISDIR(from->mode), to_directory = to->found && S_ISDIR(to->mode);
    if (to_directory) {
        *ret_route = (struct copy_route){to->path, from->end == CONTENT ? "." : from_name};
        return 0;
    }
    if (to->found && from_directory) return err_set(c->err, ERR_INVALID, 0, "cannot copy directory");
    if (!to->found && !from_directory && to->end != PLAIN)
        return err_set(c->err, ERR_INVALID, 0, "no such directory");
    *ret_route = (struct copy_route){parent_of(c->arena, to->path), base_of(to->path)};
    return 0;
}

// The host's side

static int look_outside(struct copy *c, struct place *place) {
    struct stat st;
    char target[PATH_MAX];
    for (int i = 0; i < LINKS_MAX; i++) {
        place->found = !lstat(place_text(c->arena, place), &st);
        if (!place->found && errno != ENOENT)
            return err_set(c->err, ERR_SYSTEM, errno, "lstat %s", place->path);
        place->mode = place->found ? st.st_mode : 0;
        if (!S_ISLNK(place->mode)) return 0;
        ssize_t n = readlink(place->path, target, sizeof target - 1);
        if (n < 0) return err_set(c->err, ERR_SYSTEM, errno, "readlink %s", place->path);
        target[n] = 0;
        place->path = follow(c->arena, place->path, target);
    }
    return err_set(c->err, ERR_SYSTEM, ELOOP, "%s", place->path);
}

static int check_output(struct copy *c, const struct place *place) {
    struct stat st;
    const char *parent = parent_of(c->arena, place->path);
    if (stat(parent, &st))
        return err_set(c->err, ERR_INVALID, 0, "invalid output path: directory \"%s\" does not exist",
                       parent);
    if (!S_ISDIR(st.st_mode)) return err_set(c->err, ERR_INVALID, 0, "not a directory");
    if (stat(place->path, &st) || S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) return 0;
    const char *kind = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? "device" : "irregular file";
    return err_set(c->err, ERR_INVALID, 0,
                   "invalid output path: \"%s\" must be a directory or a regular file: got a %s", place->path,
                   kind);
}

// The worker's whole world.
static int start_outside(struct copy *c, const char *mode, const char *directory, int tar) {
    _cleanup_(fd_closep) int tree = mount_clone(AT_FDCWD, directory, true);
    if (tree < 0) return err_set(c->err, ERR_SYSTEM, -tree, "open %s", directory);
    return fetcher_start(&c->outside, mode, tree, tar, c->err);
}

static int start_inside(struct copy *c, struct engine *engine, bool writes, int tar) {
    if (container_files_open(engine, c->container, writes, &c->files, c->err)) return -1;
    c->signals = signals_hold();
    c->holds = true;
    return fetcher_start(&c->inside, writes ? "new-files" : "files", c->files.tree, tar, c->err);
}

static int make_pipe(struct copy *c) {
    return pipe2(c->pipe, O_CLOEXEC) ? err_set(c->err, ERR_SYSTEM, errno, "can't make a pipe") : 0;
}

// From the container

static int pack_inside(struct copy *c, const struct place *from, const char *name) {
    bool whole = from->end != PLAIN || str_eq(from->path, "/");
    return send_pack(c, &c->inside, from->path, whole, name);
}

static int from_to_host(struct copy *c, const struct place *from, const char *name, uint64_t *ret_bytes) {
    const struct copy_options *options = c->options;
    struct place to = place_of(c->arena, options->local);
    struct copy_route route;
    if (check_output(c, &to) || look_outside(c, &to) || choose(c, from, name, &to, &route)) return -1;
    if (start_outside(c, "host-files", route.directory, c->pipe[0]) || pack_inside(c, from, route.name) ||
        send_unpack(c, &c->outside, "/", options->archive, options->archive))
        return -1;
    return receive_both(c, &c->inside, &c->outside, ret_bytes);
}

int container_copy_from(struct engine *engine, struct arena *arena, const struct container *container,
                        const struct copy_options *options, struct copied *ret_copied, struct err *err) {
    _cleanup_(copy_finish) struct copy c = copy_of(arena, container, options, err);
    if (!*options->path) return err_set(err, ERR_INVALID, 0, "the path in the container cannot be empty");
    struct place from = place_of(arena, options->path);
    const char *name = from.end == CONTENT ? "." : base_of(from.path);
    uint64_t bytes = 0;
    if (make_pipe(&c) || start_inside(&c, engine, false, options->local ? c.pipe[1] : options->stream) ||
        look(&c, &from, options->follow))
        return -1;
    if (!from.found) return not_found(&c, from.path);
    int r = options->local ? from_to_host(&c, &from, name, &bytes)
                           : pack_inside(&c, &from, name) || receive_done(&c.inside, &bytes, err);
    if (r) return -1;
    *ret_copied = (struct copied){bytes, options->local};
    return 0;
}

// To the container

// The source on the host, and the folder that the worker is to see, which it is in (or is, with whole).
static int find_source(struct copy *c, struct place *from, const char **ret_folder, bool *ret_whole) {
    struct stat st;
    if (lstat(place_text(c->arena, from), &st))
        return err_set(c->err, ERR_SYSTEM, errno, "lstat %s", place_text(c->arena, from));
    from->found = true;
    from->mode = st.st_mode;
    if (c->options->follow && look_outside(c, from)) return -1;
    if (!from->found) return err_set(c->err, ERR_SYSTEM, ENOENT, "lstat %s", from->path);
    *ret_whole = from->end != PLAIN || str_eq(from->path, "/");
    *ret_folder = *ret_whole ? place_text(c->arena, from) : parent_of(c->arena, from->path);
    return 0;
}

static int check_destination(struct copy *c, const struct place *to) {
    const char *name = c->container->name, *path = c->options->path;
    if (!c->options->local && !S_ISDIR(to->mode))
        return err_set(c->err, ERR_INVALID, 0, "destination \"%s:%s\" must be a directory", name, path);
    if (!to->found || S_ISDIR(to->mode) || S_ISREG(to->mode)) return 0;
    return err_set(c->err, ERR_INVALID, 0,
                   "destination \"%s:%s\" must be a directory or a regular file: got a %s", name, path,
                   S_ISCHR(to->mode) || S_ISBLK(to->mode) ? "device" : "irregular file");
}

static int explain_unpack(struct copy *c, const char *directory) {
    if (c->err->kind == ERR_NOT_FOUND) return not_found(c, directory);
    if (c->err->code == ENOTDIR)
        return err_set(c->err, ERR_INVALID, 0, "extraction point is not a directory");
    return -1;
}

static int to_from_host(struct copy *c, const struct place *to, uint64_t *ret_bytes) {
    struct place from = place_of(c->arena, c->options->local);
    const char *name = from.end == CONTENT ? "." : base_of(from.path), *folder;
    struct copy_route route;
    bool whole;
    if (find_source(c, &from, &folder, &whole) || choose(c, &from, name, to, &route) ||
        start_outside(c, "files", folder, c->pipe[1]))
        return -1;
    const char *path = whole ? "/" : arena_printf(c->arena, "/%s", base_of(from.path));
    if (send_pack(c, &c->outside, path, whole, route.name) ||
        send_unpack(c, &c->inside, route.directory, c->options->archive, true))
        return -1;
    return receive_both(c, &c->outside, &c->inside, ret_bytes) ? explain_unpack(c, route.directory) : 0;
}

// Whose is what is in a tar, the tar says.
static int to_from_stream(struct copy *c, const struct place *to, uint64_t *ret_bytes) {
    if (send_unpack(c, &c->inside, to->path, true, true)) return -1;
    return receive_done(&c->inside, ret_bytes, c->err) ? explain_unpack(c, to->path) : 0;
}

int container_copy_to(struct engine *engine, struct arena *arena, const struct container *container,
                      const struct copy_options *options, struct copied *ret_copied, struct err *err) {
    _cleanup_(copy_finish) struct copy c = copy_of(arena, container, options, err);
    if (!*options->path) return err_set(err, ERR_INVALID, 0, "no such directory");
    struct place to = place_of(arena, options->path);
    uint64_t bytes = 0;
    if (make_pipe(&c) || start_inside(&c, engine, true, options->local ? c.pipe[0] : options->stream) ||
        look(&c, &to, true) || check_destination(&c, &to) ||
        (options->local ? to_from_host(&c, &to, &bytes) : to_from_stream(&c, &to, &bytes)))
        return -1;
    *ret_copied = (struct copied){bytes, to.path};
    return 0;
}
