// SPDX-License-Identifier: Apache-2.0
// A process in a container that runs. Its plan is made from the config.json that is in the container's own
// plan, so that it is confined as the container is. It has a shim of its own, and no record: what it leaves
// dies with the container.
#include "engine/parts.h"
#include "engine/spec_parts.h"
#include "runtime/runtime.h"
#include "shim/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int read_spec(struct arena *arena, const struct container *container, const struct plan_block *plan,
                     struct spec *ret_spec, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(plan_data(plan, plan->config), plan->config.size, &json))
        return err_set(err, ERR_INVALID, 0, "the plan of container %s is damaged", container->name);
    return spec_parse(arena, json, ret_spec, err);
}

// The plan's is as old as the container's process; an update may have changed the settings since.
// Its TERM may be there for the container's own terminal.
static void merge_env(struct arena *arena, struct strings *env, const struct strings *settings,
                      const struct exec_options *options) {
    struct strings merged = {0};
    for (size_t i = 0; i < env->count; i++)
        if (!str_has_prefix(env->items[i], "TERM=")) strings_add(arena, &merged, env->items[i]);
    if (options->tty) strings_add(arena, &merged, "TERM=xterm");
    for (size_t i = 0; i < settings->count; i++) spec_env_set(arena, &merged, settings->items[i]);
    for (size_t i = 0; i < options->env.count; i++) spec_env_set(arena, &merged, options->env.items[i]);
    *env = merged;
}

static int make_process(const struct exec_options *options, struct spec_process *process, struct err *err) {
    if (!options->command.count) return err_set(err, ERR_INVALID, 0, "no command specified");
    process->args = options->command;
    process->terminal = options->tty;
    process->rows = options->rows;
    process->columns = options->columns;
    process->make_cwd = false;
    if (!str_empty(options->user)) process->user_name = options->user;
    if (!str_empty(options->working_dir)) process->cwd = options->working_dir;
    if (*process->cwd != '/')
        return err_set(err, ERR_INVALID, 0,
                       "the working directory '%s' is invalid, it needs to be an absolute path",
                       process->cwd);
    if (options->privileged) {
        cap_mask all = spec_own_caps();
        process->caps.bounding = process->caps.effective = process->caps.permitted = all;
    }
    return 0;
}

static int spawn(const struct engine *engine, int plan_fd, int *ret_client, struct err *err) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_SYSTEM, errno, "make a socket for the shim");
    _cleanup_(fd_closep) int ours = ends[0];
    _cleanup_(fd_closep) int theirs = ends[1];
    struct runtime_shim shim = RUNTIME_SHIM_NONE;
    shim.hold = engine->hold;
    shim.plan = plan_fd;
    shim.client = theirs;
    shim.state = engine->store.root_fd;
    if (runtime_spawn_shim(&shim, err) < 0) return -1;
    *ret_client = take_fd(&ours);
    return 0;
}

static int make_plan(struct engine *engine, struct arena *arena, const struct container *container,
                     const struct exec_options *options, const char *id, struct plan *plan, struct err *err) {
    struct spec spec;
    _cleanup_(plan_unmapp) struct plan_block *own = NULL;
    if (plan_open(engine, container->id, &own, err)) return -1;
    // Its process is there before its interfaces are: others may take it for one that runs.
    int started = own->started ? 1 : shim_has_started(engine, container->id, err);
    if (started < 0) return -1;
    if (!started) return container_not_running(container->id, err);
    if (read_spec(arena, container, own, &spec, err)) return -1;
    struct spec_process process = spec.process;
    // What the container's own process began with: with no_new_privs nobody in there gets more.
    const struct plan_op *began = plan_find(own, PLAN_CAPS);
    process.caps.effective = began->caps.effective;
    process.caps.permitted = began->caps.permitted;
    if (make_process(options, &process, err)) return -1;
    merge_env(arena, &process.env, &container->config.env, options);
    if (options->privileged) spec.seccomp = NULL;
    struct runtime_options runtime = {.id = container->id,
                                      .seccomp_cache = arena_printf(arena, "%s/seccomp", engine->store.root)};
    if (runtime_compile_exec(&spec, &process, own, &runtime, plan, err)) return -1;
    plan->head.keep_stdin = options->open_stdin;
    container_event_plan(container, id, plan);
    return 0;
}

// Docker's words: the command after the action.
static void say_exec(struct engine *engine, struct arena *arena, const struct container *container,
                     const struct exec_options *options, const char *id) {
    static const char *const actions[] = {"exec_create", "exec_start"};
    const char *words = strings_join(arena, &options->command, " "),
               *end = options->command.count == 1 ? " " : "";
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        container_event(engine, container, arena_printf(arena, "%s: %s%s", actions[i], words, end), "execID",
                        id, NULL);
}

// Whatever it was that could not be done, in a container that ends meanwhile that is why. Its process may be
// on its way through the kernel still, without namespaces.
#define ENDING_MS 100

static int failure(const struct container *container, struct err *err) {
    if (err->kind != ERR_SYSTEM && err->kind != ERR_NOT_FOUND) return -1;
    _cleanup_(fd_closep) int process = (int)syscall(SYS_pidfd_open, container->pid, 0);
    struct pollfd end = {.fd = process, .events = POLLIN};
    if (process >= 0 && poll(&end, 1, ENDING_MS) <= 0) return -1;
    return container_not_running(container->id, err);
}

int container_exec(struct engine *engine, const struct container *container,
                   const struct exec_options *options, int *ret_client, struct err *err) {
    if (!str_eq(container->state, "running") || container->pid <= 0)
        return container_not_running(container->id, err);
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(plan_finish) struct plan plan;
    _cleanup_(fd_closep) int plan_fd = -1;
    _cleanup_(fd_closep) int client = -1;
    int32_t pid;
    char id[ID_SIZE];
    id_random(id);
    plan_init(&plan);
    if (make_plan(engine, &arena, container, options, id, &plan, err) ||
        (plan_fd = plan_memfd(&plan, err)) < 0)
        return -1;
    say_exec(engine, &arena, container, options, id);
    if (spawn(engine, plan_fd, &client, err) || client_wait_started(client, &pid, err))
        return failure(container, err);
    if (ret_client) *ret_client = take_fd(&client);
    return 0;
}
