// SPDX-License-Identifier: Apache-2.0
// Containers are made, found, listed and removed.
#include "engine/again.h"
#include "engine/links.h"
#include "engine/log.h"
#include "engine/parts.h"
#include "engine/pasta.h"
#include "engine/ports.h"
#include "engine/upkeep.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Create

int container_name_check(const char *name, struct err *err) {
    bool good = isalnum((unsigned char)*name) && name[1];
    for (const char *c = name; *c; c++) good = good && (isalnum((unsigned char)*c) || strchr("_.-", *c));
    if (strlen(name) >= PLAN_NAME_SIZE)
        return err_set(err, ERR_INVALID, 0,
                       "Invalid container name (%.32s…): it is longer than %d characters", name,
                       PLAN_NAME_SIZE - 1);
    if (good) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
}

// 1; 0 when the name is taken; -1. The image is looked for in the same breath: it may have been removed
// since.
static int insert(struct engine *engine, const struct container *container, const char *config,
                  struct err *err) {
    struct db *db = engine->store.db;
    int changed =
        db_run(db, err,
               "INSERT INTO container (id, name, image_id, image_name, created, config, state, "
               "auto_remove, started) SELECT ?, ?, id, ?, ?, ?, ?, ?, ? FROM image WHERE id = ?",
               "sssissiis", container->id, container->name, container->image_name, container->created, config,
               container->state, (int64_t)container->auto_remove, container->started, container->image_id);
    if (changed < 0) return db_is_duplicate(db) ? 0 : -1;
    if (!changed) return err_set(err, ERR_NOT_FOUND, 0, "No such image: %s", container->image_name);
    return 1;
}

int container_name_conflict(const char *name, const struct container *holder, struct err *err) {
    return err_set(err, ERR_CONFLICT, 0,
                   "Conflict. The container name \"/%s\" is already in use by container \"%s\". You have to "
                   "remove (or rename) that container to be able to reuse that name.",
                   name, holder->id);
}

// The holder of the name may be one that is gone as soon as somebody looks.
static int insert_named(struct engine *engine, struct arena *arena, const struct container *container,
                        const char *config, struct err *err) {
    for (;;) {
        int r = insert(engine, container, config, err);
        if (r) return r < 0 ? -1 : 0;
        struct container holder;
        r = row_find(engine, arena, container->name, &holder, err);
        if (!r) {
            r = container_settle(engine, arena, &holder, err);
            if (r > 0) return container_name_conflict(container->name, &holder, err);
        } else if (err->kind == ERR_NOT_FOUND) {
            r = 0;
        }
        if (r < 0) return -1;
    }
}

static int insert_unnamed(struct engine *engine, struct arena *arena, struct container *container,
                          const char *config, struct err *err) {
    for (unsigned attempt = 0; attempt < 32; attempt++) {
        char name[64];
        name_make_up(attempt, name);
        container->name = name;
        int r = insert(engine, container, config, err);
        container->name = arena_strdup(arena, name);
        if (r) return r < 0 ? -1 : 0;
    }
    return err_set(err, ERR_CONFLICT, 0, "all made-up names are taken: give the container one with --name");
}

// Everything that the settings may be refused for is refused here, not at the start.
static int check_config(struct engine *engine, const struct image *image, const struct container *container,
                        struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container_spec_input input = {
        .config = &container->config,
        .image = &image->config,
        .id = container->id,
        .run_dir = engine->store.runroot,
        .volumes = "/",
    };
    struct spec spec;
    return health_config_check(&container->config, err) || container_spec(&arena, &input, &spec, err) ? -1
                                                                                                      : 0;
}

static const char *host_name(struct arena *arena) {
    char name[256] = "";
    return gethostname(name, sizeof name - 1) ? NULL : arena_strdup(arena, name);
}

// The lock comes before the row: who finds a container that is starting, and its lock free, takes it away.
static int begin(struct engine *engine, struct container *container, const struct image *image,
                 struct err *err) {
    struct run_dir dir = {-1};
    if (run_dir_lock(engine, container->id, RUN_DIR_MAKE, &dir, err)) return -1;
    fd_closep(&engine->begun.run_dir);
    free((char *)engine->begun.id);
    engine->begun.id = xstrdup(container->id);
    engine->begun.run_dir = dir.fd;
    engine->begun.image = *image;
    container->state = "starting";
    container->started = container->created;
    return 0;
}

static int prepare(struct engine *engine, struct arena *arena, const struct container_config *config,
                   const char *name, struct container *ret_container, struct image *ret_image,
                   struct err *err) {
    struct image image;
    char *id = arena_alloc(arena, ID_SIZE);
    id_random(id);
    if (name && container_name_check(name, err)) return -1;
    if (image_find_unnamed(&engine->store, arena, config->image, &image, err)) return -1;
    *ret_container = (struct container){
        .id = id,
        .name = name,
        .image_id = image.id,
        .image_name = config->image,
        .state = "created",
        .error = "",
        .auto_remove = config->auto_remove,
        .created = clock_wall_ns(),
        .config = *config,
    };
    if (pasta_check(engine, &ret_container->config, err)) return -1;
    bool host = str_eq(config->network_mode, "host") || str_eq(config->uts_mode, "host");
    if (host && str_empty(config->hostname)) ret_container->config.hostname = host_name(arena);
    if (owners_resolve(engine, arena, &ret_container->config, err) ||
        networks_resolve(engine, arena, &ret_container->config, err) ||
        links_check(engine, arena, &ret_container->config, err) ||
        limits_discard(arena, &ret_container->config, &ret_container->warnings, err))
        return -1;
    ports_warn(engine, arena, &ret_container->config, &ret_container->warnings);
    limits_fill(&ret_container->config);
    struct image_sources sources;
    if (mounts_inherit(engine, arena, &ret_container->config, err) ||
        image_sources_find(engine, arena, &ret_container->config, NULL, &sources, err))
        return -1;
    container_config_merge(arena, &image.config, id, &ret_container->config);
    if (log_settle(arena, &ret_container->config, err)) return -1;
    *ret_image = image;
    return check_config(engine, &image, ret_container, err);
}

static int create(struct engine *engine, struct arena *arena, const struct container_config *config,
                  const char *name, bool starts, struct container *ret_container, struct err *err) {
    struct container container;
    struct image image;
    struct err ignored;
    (void)engine_recover(engine, false, &ignored);
    if (str_empty(name)) name = NULL; // as Docker has it
    if (name && *name == '/') name++;
    if (prepare(engine, arena, config, name, &container, &image, err)) return -1;
    _cleanup_(freep) char *text = container_config_text(&container.config);
    if ((starts && begin(engine, &container, &image, err)) ||
        (name ? insert_named(engine, arena, &container, text, err)
              : insert_unnamed(engine, arena, &container, text, err))) {
        if (starts) run_dir_remove(engine, container.id, &ignored);
        return -1;
    }
    if (container_folder_make(engine, &container, err) || volumes_use(engine, &container, err)) {
        container_erase(engine, &container, true, &ignored);
        return -1;
    }
    container_event(engine, &container, "create", NULL);
    container.state = "created";
    *ret_container = container;
    return 0;
}

int container_create(struct engine *engine, struct arena *arena, const struct container_config *config,
                     const char *name, struct container *ret_container, struct err *err) {
    return create(engine, arena, config, name, false, ret_container, err);
}

int container_begin(struct engine *engine, struct arena *arena, const struct container_config *config,
                    const char *name, struct container *ret_container, struct err *err) {
    return create(engine, arena, config, name, true, ret_container, err);
}

// Find and list

int container_find(struct engine *engine, struct arena *arena, const char *name,
                   struct container *ret_container, struct err *err) {
    struct container container;
    if (row_find(engine, arena, name, &container, err)) return -1;
    int r = container_settle(engine, arena, &container, err);
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", name);
    if (r < 0) return -1;
    *ret_container = container;
    return 0;
}

// One that can't be made true stays as its row has it, with what was in the way: the others are listed.
int container_list(struct engine *engine, struct arena *arena, bool all, struct containers *ret_containers,
                   struct err *err) {
    struct containers list;
    size_t kept = 0;
    if (row_list(engine, arena, all, &list, err)) return -1;
    for (size_t i = 0; i < list.count; i++) {
        struct container *container = &list.items[i];
        struct err why;
        int r = container_settle(engine, arena, container, &why);
        if (r < 0) container->error = arena_strdup(arena, why.text);
        if (!r || (!all && !container_runs(container))) continue;
        if (kept != i) list.items[kept] = *container;
        kept++;
    }
    list.count = kept;
    *ret_containers = list;
    return 0;
}

// Remove

// 1 when it was marked, 0 when it runs, or is gone.
static int mark_removing(struct engine *engine, const struct container *container, struct err *err) {
    return db_run(engine->store.db, err,
                  "UPDATE container SET state = 'removing' WHERE id = ? AND state IN ('created', 'exited', "
                  "'removing')",
                  "s", container->id);
}

// 1: it has ended. 0: nobody was there to be killed: it has ended by itself, or is just being started again,
// and then whoever does that holds the lock. The caller looks once more.
static int kill_running(struct engine *engine, const struct container *container, struct err *err) {
    if (!container_kill(engine, container, SIGKILL, err)) return 1;
    if (err->kind != ERR_CONFLICT) return -1;
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    return run_dir_lock(engine, container->id, RUN_DIR_WAIT, &dir, err) ? -1 : 0;
}

#define KILLS_MAX 100 // of one that is started again each time, by others

int container_remove(struct engine *engine, const struct container *container, bool force, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    unsigned missed = 0;
    for (;;) {
        struct container now;
        int r = row_settle(engine, &arena, container->id, &now, err);
        if (r < 0) return -1;
        if (r == 0) return 0; // somebody else was quicker
        if (str_eq(now.state, "running")) {
            if (!force)
                return err_set(
                    err, ERR_CONFLICT, 0,
                    "cannot remove container \"/%s\": container is %s: %sstop the container before "
                    "removing or force remove",
                    now.name, container_state(&now), now.paused ? "unpause and then " : "");
            r = kill_running(engine, &now, err);
            if (r < 0 || (r == 0 && ++missed == KILLS_MAX)) return -1;
            continue;
        }
        if (container_is_restarting(&now)) {
            if (!force)
                return err_set(err, ERR_CONFLICT, 0,
                               "You cannot remove a restarting container %s. Stop the container before "
                               "attempting removal or force remove",
                               now.id);
            if (again_cancel(engine, now.id, err) < 0) return -1;
            continue;
        }
        // The lock: one that is about to run is not to be taken away from under its starter.
        _cleanup_(run_dir_finish) struct run_dir dir = {-1};
        if (run_dir_lock(engine, now.id, RUN_DIR_WAIT, &dir, err)) return -1;
        r = mark_removing(engine, &now, err);
        if (r < 0) return -1;
        if (r > 0) return container_erase(engine, &now, now.auto_remove, err);
    }
}
