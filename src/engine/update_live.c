// SPDX-License-Identifier: Apache-2.0
// Mounts and variables that an update changes. What is mounted into a container that runs comes from the same
// settings as at a start, so that the next start gives the same; what only a start can do is refused then.
#include "engine/update_live.h"

#include "base/path.h"
#include "engine/spec_parts.h"
#include "image/view.h"
#include "kernel/path.h"
#include "plan/copy.h"
#include "runtime/mounts.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

bool live_changes_mounts(const struct live *live) {
    return live->changes.mounts.count || live->remove.count;
}

static const char *clean(const struct live *live, const char *path) {
    return path_clean(arena_strdup(live->arena, path));
}

void live_prepare(struct live *live) {
    struct container_config *changes = &live->changes;
    const struct container_mount *given = changes->mounts.items;
    size_t count = changes->mounts.count;
    changes->mounts.items = NULL;
    changes->mounts.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct container_mount *mount = arena_push(live->arena, &changes->mounts);
        *mount = given[i];
        container_mount_name(live->arena, mount);
    }
}

// The settings

// A name without a value takes away what the image, or the running process, has.
static void merge_env(const struct live *live, struct container_config *config) {
    struct strings env = {0};
    for (size_t i = 0; i < config->env.count; i++) strings_add(live->arena, &env, config->env.items[i]);
    for (size_t i = 0; i < live->changes.env.count; i++)
        spec_env_put(live->arena, &env, live->changes.env.items[i]);
    config->env = env;
}

static bool is_removed(const struct live *live, const char *target) {
    for (size_t i = 0; i < live->remove.count; i++)
        if (str_eq(clean(live, live->remove.items[i]), target)) return true;
    return false;
}

static int check_removals(const struct live *live, const struct container_config *config, struct err *err) {
    for (size_t i = 0; i < live->remove.count; i++) {
        const char *path = clean(live, live->remove.items[i]);
        const struct container_mount *found = NULL;
        for (size_t k = 0; k < config->mounts.count; k++)
            if (str_eq(clean(live, config->mounts.items[k].target), path)) found = &config->mounts.items[k];
        if (!found)
            return err_set(err, ERR_NOT_FOUND, 0, "--mount-rm %s: nothing of its own is mounted there",
                           live->remove.items[i]);
        if (found->inherited)
            return err_set(err, ERR_INVALID, 0, "--mount-rm %s: this mount came with --volumes-from",
                           live->remove.items[i]);
    }
    return 0;
}

int live_merge(const struct live *live, struct container_config *config, struct err *err) {
    merge_env(live, config);
    if (!live_changes_mounts(live)) return 0;
    if (check_removals(live, config, err)) return -1;
    const struct container_mount *old = config->mounts.items;
    size_t count = config->mounts.count;
    config->mounts.items = NULL;
    config->mounts.count = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_removed(live, clean(live, old[i].target))) *arena_push(live->arena, &config->mounts) = old[i];
    for (size_t i = 0; i < live->changes.mounts.count; i++)
        *arena_push(live->arena, &config->mounts) = live->changes.mounts.items[i];
    return 0;
}

// Volumes

int live_take_volumes(struct live *live, struct err *err) {
    struct container wanted = *live->container;
    wanted.config.mounts.items = live->changes.mounts.items;
    wanted.config.mounts.count = live->changes.mounts.count;
    for (size_t i = 0; i < wanted.config.mounts.count; i++) {
        const struct container_mount *mount = &wanted.config.mounts.items[i];
        struct volume volume;
        if (mount->type != CONTAINER_MOUNT_VOLUME ||
            !volume_find(live->engine, live->arena, mount->source, &volume, err))
            continue;
        if (err->kind != ERR_NOT_FOUND) return -1;
        strings_add(live->arena, &live->made, mount->source);
    }
    return volumes_use(live->engine, &wanted, err) || volumes_make(live->engine, &wanted.config, err) ? -1
                                                                                                      : 0;
}

// Those of one list that the settings do not have.
static int release(const struct live *live, const struct container_mount *mounts, size_t count,
                   const struct container_config *config, struct err *err) {
    for (size_t i = 0; i < count; i++) {
        if (mounts[i].type != CONTAINER_MOUNT_VOLUME || container_uses_volume(config, mounts[i].source))
            continue;
        if (db_run(live->engine->store.db, err,
                   "DELETE FROM volume_use WHERE container_id = ? AND volume = ?", "ss", live->container->id,
                   mounts[i].source) < 0)
            return -1;
    }
    return 0;
}

// What fails here is tried again when the container is removed.
void live_release_volumes(const struct live *live, const struct container_config *config) {
    const struct container_config *old = &live->container->config;
    struct err ignored;
    (void)release(live, old->mounts.items, old->mounts.count, config, &ignored);
}

void live_drop_volumes(struct live *live) {
    struct err ignored;
    (void)release(live, live->changes.mounts.items, live->changes.mounts.count, &live->container->config,
                  &ignored);
    for (size_t i = 0; i < live->made.count; i++)
        (void)volume_remove(live->engine, live->made.items[i], &ignored);
}

// Mounts

static bool comes(const struct live *live, const char *target) {
    for (size_t i = 0; i < live->changes.mounts.count; i++)
        if (str_eq(clean(live, live->changes.mounts.items[i].target), target)) return true;
    return false;
}

static bool is_below(const char *path, const char *folder) {
    const char *rest = str_after(path, folder);
    return rest && *rest == '/';
}

// What a container that runs can't have: what a start prepares on the host, or puts below.
static int check_live(const struct live *live, const struct container_mount *mount, struct err *err) {
    static const char stop[] = "stop the container first";
    struct volume volume;
    if (mount->type == CONTAINER_MOUNT_IMAGE)
        return err_set(err, ERR_CONFLICT, 0, "%s: an image is mounted only by a start: %s", mount->why, stop);
    if (mount->idmap)
        return err_set(err, ERR_CONFLICT, 0, "%s: bind-idmap is done only by a start: %s", mount->why, stop);
    if (mount->type != CONTAINER_MOUNT_VOLUME) return 0;
    if (volume_find(live->engine, live->arena, mount->source, &volume, err)) return -1;
    return volume_option(&volume, "type")
               ? err_set(err, ERR_CONFLICT, 0, "%s: a volume with options is mounted only by a start: %s",
                         mount->why, stop)
               : 0;
}

// A mount that others stay below would cover them, or take them along.
static int check_below(const struct live *live, const struct spec *spec, const char *target,
                       struct err *err) {
    if (str_eq(target, "/dev")) // a start with one there leaves out what else is below
        return err_set(err, ERR_CONFLICT, 0, "/dev has /dev/pts mounted below it: stop the container first");
    for (size_t i = 0; i < spec->mounts.count; i++) {
        const char *other = spec->mounts.items[i].destination;
        if (is_below(other, target) && !comes(live, other))
            return err_set(err, ERR_CONFLICT, 0, "%s has %s mounted below it: stop the container first",
                           target, other);
    }
    return 0;
}

static int by_length(const void *a, const void *b) {
    size_t x = strlen(*(const char *const *)a), y = strlen(*(const char *const *)b);
    return (x > y) - (x < y);
}

static int check_all(const struct live *live, const struct spec *spec, const struct runtime_mounts *request,
                     struct err *err) {
    for (size_t i = 0; i < live->changes.mounts.count; i++)
        if (check_live(live, &live->changes.mounts.items[i], err)) return -1;
    for (size_t i = 0; i < request->remove.count; i++)
        if (check_below(live, spec, request->remove.items[i], err)) return -1;
    for (size_t i = 0; i < request->add.count; i++)
        if (check_below(live, spec, request->add.items[i].destination, err)) return -1;
    return 0;
}

static int build_spec(const struct live *live, const struct container_config *config, struct spec *ret_spec,
                      struct err *err) {
    *ret_spec = (struct spec){0};
    struct spec_builder b = {.arena = live->arena,
                             .config = config,
                             .id = live->container->id,
                             .run_dir = live->engine->store.runroot,
                             .volumes = arena_printf(live->arena, "%s/volumes", live->engine->store.root),
                             .spec = ret_spec,
                             .err = err};
    return spec_build_mounts(&b);
}

// Volumes that are empty are filled as a start does it, but here, and from the image alone: the container may
// change its own files meanwhile.

#define FILL "tmpcopyup"

static bool is_filled(const struct spec_mount *mount) {
    return mount->volume && strings_have(&mount->options, FILL);
}

static int open_image(const struct live *live, struct err *err) {
    struct image image;
    struct store *store = &live->engine->store;
    const char *upper = arena_printf(live->arena, "%s/containers/%s/upper", store->root, live->container->id);
    if (image_find(store, live->arena, live->container->image_id, &image, err)) return -1;
    _cleanup_(fd_closep) int view = image_view_open(store, &image, upper, NULL, err);
    if (view < 0) return -1;
    int lower = path_open_in(view, "lower", 0);
    return lower < 0 ? err_set(err, ERR_SYSTEM, -lower, "open the files of image %s", image.id) : lower;
}

static int fill(int image, const struct spec_mount *mount, struct err *err) {
    _cleanup_(fd_closep) int from = path_open_in(image, mount->destination, 0);
    if (from == -ENOENT || from == -ENOTDIR) return 0;
    int r = from < 0 ? from : plan_fill_volume(mount->source, from);
    return r ? err_set(err, ERR_SYSTEM, -r, "copy what the image has at %s into %s", mount->destination,
                       mount->source)
             : 0;
}

static void without_fill(struct arena *arena, struct spec_mount *mount) {
    struct strings options = {0};
    for (size_t i = 0; i < mount->options.count; i++)
        if (!str_eq(mount->options.items[i], FILL)) strings_add(arena, &options, mount->options.items[i]);
    mount->options = options;
}

static int fill_volumes(const struct live *live, struct runtime_mounts *request, struct err *err) {
    _cleanup_(fd_closep) int image = -1;
    for (size_t i = 0; i < request->add.count; i++) {
        struct spec_mount *mount = &request->add.items[i];
        if (!is_filled(mount)) continue;
        if (image < 0 && (image = open_image(live, err)) < 0) return -1;
        if (fill(image, mount, err)) return -1;
        without_fill(live->arena, mount);
    }
    return 0;
}

// One that ended meanwhile is no system's error.
static int failure(const struct live *live, int process, struct err *err) {
    struct pollfd end = {.fd = process, .events = POLLIN};
    if (process >= 0 && poll(&end, 1, 0) <= 0) return -1;
    return container_not_running(live->container->id, err);
}

int live_mount(const struct live *live, const struct container_config *config,
               int (*then)(void *data, struct err *err), void *data, struct err *err) {
    struct spec spec;
    struct runtime_mounts request = {.container = live->container->name,
                                     .arena = live->arena,
                                     .namespaces = CLONE_NEWNS,
                                     .then = then,
                                     .data = data};
    if (build_spec(live, config, &spec, err)) return -1;
    for (size_t i = 0; i < spec.mounts.count; i++)
        if (comes(live, spec.mounts.items[i].destination))
            *arena_push(live->arena, &request.add) = spec.mounts.items[i];
    for (size_t i = 0; i < live->remove.count; i++)
        strings_add(live->arena, &request.remove, clean(live, live->remove.items[i]));
    if (request.remove.count) // what is below goes first
        qsort(request.remove.items, request.remove.count, sizeof *request.remove.items, by_length);
    if (check_all(live, &spec, &request, err) || fill_volumes(live, &request, err)) return -1;
    _cleanup_(fd_closep) int process = container_open_process(live->engine, live->container->id);
    request.pidfd = process;
    if (process < 0 || runtime_mounts_change(&request, err)) return failure(live, process, err);
    return 0;
}

int live_check(const struct live *live, const struct container_config *config, struct err *err) {
    struct spec spec;
    return build_spec(live, config, &spec, err);
}
