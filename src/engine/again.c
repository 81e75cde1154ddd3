// SPDX-License-Identifier: Apache-2.0
#include "engine/again.h"

#include "engine/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

bool container_is_restarting(const struct container *container) {
    return str_eq(container->state, "restarting");
}

bool container_may_restart(const struct container *container) {
    return container->config.restart.name || container->config.health_on_failure;
}

void again_words(const struct engine *engine, struct arena *arena, struct strings *ret_words) {
    const struct store *store = &engine->store;
    const char *const words[] = {engine->hoy, "--root", store->root, "--runroot", store->runroot};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) strings_add(arena, ret_words, words[i]);
}

void again_resume(const struct engine *engine, const char *id) {
    const struct store *store = &engine->store;
    const char *argv[] = {engine->hoy,    "--root",     store->root, "--runroot",
                          store->runroot, "after-exit", id,          NULL};
    char *environment[] = {NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    pid_t pid;
    posix_spawn_file_actions_init(&files);
    for (int i = 0; i < 3; i++) posix_spawn_file_actions_addopen(&files, i, "/dev/null", O_RDWR, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    // If it fails, the container stays as it is until somebody looks again.
    (void)posix_spawn(&pid, engine->hoy, &files, &attributes, (char *const *)argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
}

static int mark_ended(struct engine *engine, const char *id, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    struct container container;
    if (run_dir_lock(engine, id, RUN_DIR_WAIT, &dir, err)) return -1;
    int r = row_load(engine, &arena, id, &container, err);
    if (r <= 0) return r;
    if (!container_is_restarting(&container)) return 0;
    struct ending ending = {.state = "exited",
                            .status = container.exit_code,
                            .oom = container.oom_killed,
                            .finished = container.finished,
                            .stopped = true};
    return container_end(engine, &container, &ending, err) ? -1 : 1;
}

// The connection comes first: with the row's change the run directory goes, and its socket with it.
int again_cancel(struct engine *engine, const char *id, struct err *err) {
    uint32_t signal = SIGTERM;
    _cleanup_(fd_closep) int shim = shim_connect(engine, id);
    int r = mark_ended(engine, id, err);
    if (r <= 0 || shim < 0) return r;
    // Who executes the start by now reads nothing, but finds what the row says.
    if (!shim_quiet(shim) && !shim_send(shim, SHIM_STOP, &signal, sizeof signal)) shim_wait_end(shim);
    return 1;
}

int again_wait(struct engine *engine, const char *id) {
    _cleanup_(fd_closep) int shim = shim_connect(engine, id);
    if (shim < 0 || shim_quiet(shim)) return -1;
    shim_wait_end(shim);
    return 0;
}

// The start

// One that could not even be tried: without an image, for instance.
static void mark_failed(struct engine *engine, const struct container *container, const struct err *why) {
    struct err ignored;
    (void)db_run(engine->store.db, &ignored,
                 "UPDATE container SET state = 'exited', error = ? WHERE id = ? AND state = 'restarting'",
                 "ss", why->text, container->id);
}

int container_start_again(struct engine *engine, const struct container *container, struct err *err) {
    struct start_options options = {.again = true};
    if (!container_is_restarting(container)) return 0;
    int r = container_start(engine, container, &options, NULL, NULL, err);
    if (r) mark_failed(engine, container, err);
    return r;
}

// What the machine's start brings back

static bool wants_to_run(const struct container *container) {
    const char *policy = container->config.restart.name;
    bool ran =
        container->started && (str_eq(container->state, "exited") || str_eq(container->state, "created"));
    return ran && (str_eq(policy, "always") || (str_eq(policy, "unless-stopped") && !container->stopped));
}

int container_list_restorable(struct engine *engine, struct arena *arena, struct containers *ret_containers,
                              struct err *err) {
    struct containers all, wanted = {0};
    if (engine_recover(engine, true, err) || container_list(engine, arena, true, &all, err)) return -1;
    for (size_t i = all.count; i-- > 0;) // the oldest first
        if (wants_to_run(&all.items[i])) *arena_push(arena, &wanted) = all.items[i];
    *ret_containers = wanted;
    return 0;
}
