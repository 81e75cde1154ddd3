// SPDX-License-Identifier: Apache-2.0
// create, run and start: what begins a container's life.
#include "hoy-runtime/create.h"

#include "base/fd.h"
#include "hoy-runtime/notify.h"
#include "kernel/process.h"
#include "plan/execute.h"
#include "plan/explain.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_systemd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct create_options {
    struct launch_options launch; // first: its rows count from here
    const char *bundle, *config;
    bool no_pivot, no_new_keyring, no_subreaper, keep;
};

#define AT(member) offsetof(struct create_options, member)
#define CREATE_ROWS                                                                                       \
    LAUNCH_ROWS,                                                                                          \
        {"bundle", 'b', "dir", "The bundle (default: the current directory)", store_string, AT(bundle)},  \
        {"config", 'f', "file", "The bundle's config.json is here", store_string, AT(config)},            \
        {"no-new-keyring", 0, NULL, "Keep the caller's session keyring", store_flag, AT(no_new_keyring)}, \
        {"no-pivot", 0,           NULL, "Change the root without pivot_root, for a root in a ramdisk",    \
         store_flag, AT(no_pivot)},                                                                       \
    {                                                                                                     \
        "no-subreaper", 0, NULL, "Do not adopt the container's orphans", store_flag, AT(no_subreaper)     \
    }

static const struct option create_rows[] = {CREATE_ROWS};
const struct option_table create_options_table = OPTIONS(create_rows, struct create_options);

static const struct option run_rows[] = {
    CREATE_ROWS,
    {"detach", 'd', NULL, "Go when the command runs", store_flag, AT(launch.detach)},
    {"keep", 0, NULL, "Keep the container when its command has ended", store_flag, AT(keep)},
};
const struct option_table run_options_table = OPTIONS(run_rows, struct create_options);

static enum runtime_cgroup_use cgroup_use(const struct globals *globals) {
    bool rootless = false;
    if (str_eq(globals->cgroup_manager, "disabled")) return RUNTIME_CGROUP_NONE;
    if (str_empty(globals->rootless) || str_eq(globals->rootless, "auto"))
        rootless = geteuid() || process_in_user_namespace();
    else
        parse_bool(globals->rootless, &rootless);
    return rootless ? RUNTIME_CGROUP_WRITABLE : RUNTIME_CGROUP_ALL;
}

// systemd's own cgroup for the container, where that is asked for.
static int plan_scope(struct invocation *invocation, struct spec *spec, struct plan *plan, struct err *err) {
    struct runtime_scope scope;
    if (!globals_want_systemd(&invocation->globals)) return 0;
    return runtime_scope_find(spec, invocation->arguments.items[0], geteuid(), &invocation->arena, &scope,
                              err) ||
                   runtime_scope_plan(&scope, spec, &invocation->arena, plan, err)
               ? -1
               : 0;
}

int create_compile(struct invocation *invocation, struct bundle *bundle,
                   const struct create_settings *settings, struct plan *plan, struct err *err) {
    const char *id = invocation->arguments.items[0];
    struct runtime_options runtime = {
        .id = id,
        .cgroup = id,
        .seccomp_cache = arena_printf(&invocation->arena, "%s/.seccomp", invocation->globals.root),
        .waits = settings->waits,
        .no_pivot = settings->no_pivot,
        .no_new_keyring = settings->no_new_keyring,
    };
    if (launch_count_preserved(invocation, settings->launch, &runtime.preserve, &bundle->spec.process.env,
                               err))
        return -1;
    launch_size(settings->launch, &bundle->spec.process);
    runtime_cgroup_set_use(cgroup_use(&invocation->globals));
    runtime_cgroup_count_io(settings->waits); // `create` is what engines call
    notify_add(invocation, container_folder(invocation, id), &bundle->spec);
    if (plan_scope(invocation, &bundle->spec, plan, err) ||
        runtime_compile(&bundle->spec, &runtime, NULL, plan, err))
        return -1;
    if (launch_prepare(invocation, settings->launch, &bundle->spec.process, plan, err)) return -1;
    runtime_plan_state(&bundle->spec, invocation->arguments.items[0], bundle->path, plan);
    plan->head.bundle = plan_string(plan, bundle->path);
    plan->head.config = plan_bytes(plan, str_get(&bundle->text), bundle->text.len);
    plan->head.keep = settings->keep;
    plan->head.no_subreaper = settings->no_subreaper;
    return 0;
}

static int make_start(int dir, const char *folder, struct err *err) {
    int fd = mkfifoat(dir, "start", 0600) ? -errno : fd_open_at(dir, "start", O_RDWR, 0);
    return fd < 0 ? err_set(err, ERR_SYSTEM, -fd, "cannot make %s/start", folder) : fd;
}

int create_save(struct plan *plan, const struct container *container, int *ret_fd,
                struct plan_block **ret_block, struct err *err) {
    plan->head.folder = plan_string(plan, container->folder);
    int r = plan_save(plan, container->dir, "plan", ret_fd, ret_block);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot write %s/plan", container->folder);
    // From here on the plan's lock says that the container is being made: the shim gives it up.
    r = fd_lock(*ret_fd, LOCK_EX);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot lock %s/plan", container->folder);
    (void)flock(container->dir, LOCK_UN);
    return 0;
}

// --debug: what the shim is about to do, a line an operation.
static void say_plan(const struct invocation *invocation, struct plan_block *block) {
    _cleanup_(freep) char *text = NULL;
    size_t size = 0;
    FILE *out = invocation->globals.debug && block ? open_memstream(&text, &size) : NULL;
    if (!out) return;
    plan_explain(block, out);
    fclose(out);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (*line) say_debug(invocation, line);
}

// That nobody was told is no reason to have a container that runs fail.
static void wait_until_ready(struct invocation *invocation, const struct container *container, int notify) {
    struct err why;
    if (notify < 0) return;
    (void)flock(container->dir, LOCK_UN); // others may end it meanwhile
    _cleanup_(fd_closep) int pidfd = container_pidfd(container);
    if (pidfd >= 0 && notify_forward(notify, container->plan->pid, pidfd, &why))
        say_warning(invocation, why.text);
}

// The shim goes when the command runs; this process stays until it is ready.
static int launch_and_wait(struct invocation *invocation, const struct container *container, int notify,
                           int plan_fd, const struct plan *plan, struct err *err) {
    const struct create_options *options = invocation->options;
    _cleanup_(container_close) struct container running = {.dir = -1};
    int status = 0;
    pid_t pid = fork();
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "cannot make a process");
    if (pid == 0) return launch(invocation, &options->launch, plan_fd, -1, plan, err);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (status) return WIFEXITED(status) ? WEXITSTATUS(status) : 1; // it has said why
    if (container_open(invocation, container->id, false, &running, err)) return -1;
    return wait_until_ready(invocation, &running, notify), 0;
}

static int launch_run(struct invocation *invocation, const struct container *container, int plan_fd,
                      const struct plan *plan, struct err *err) {
    const struct create_options *options = invocation->options;
    _cleanup_(fd_closep) int notify = notify_bind(container, err);
    if (notify == -2) return -1;
    if (notify >= 0 && options->launch.detach)
        return launch_and_wait(invocation, container, notify, plan_fd, plan, err);
    if (notify >= 0 && notify_forward_aside(notify, err)) return -1;
    fd_closep(&notify);
    return launch(invocation, &options->launch, plan_fd, -1, plan, err);
}

static int make(struct invocation *invocation, bool waits, struct err *err) {
    struct create_options *options = invocation->options;
    const struct create_settings settings = {.launch = &options->launch,
                                             .waits = waits,
                                             .no_pivot = options->no_pivot,
                                             .no_new_keyring = options->no_new_keyring,
                                             .keep = options->keep,
                                             .no_subreaper = options->no_subreaper};
    _cleanup_(bundle_finish) struct bundle bundle = {0};
    _cleanup_(plan_finish) struct plan plan;
    _cleanup_(container_close) struct container container = {.dir = -1};
    _cleanup_(fd_closep) int plan_fd = -1;
    _cleanup_(plan_unmapp) struct plan_block *block = NULL;
    plan_init(&plan);
    if (container_check_id(invocation->arguments.items[0], err) ||
        bundle_read_with(invocation, str_empty(options->bundle) ? "." : options->bundle, options->config,
                         &bundle, err))
        return -1;
    if (str_empty(options->launch.pidfd_socket)) // where crun's callers say it
        options->launch.pidfd_socket = spec_annotation(&bundle.spec, "run.oci.pidfd_receiver");
    if (create_compile(invocation, &bundle, &settings, &plan, err) ||
        container_claim(invocation, invocation->arguments.items[0], &container, err))
        return -1;
    _cleanup_(fd_closep) int start = waits ? make_start(container.dir, container.folder, err) : -1;
    int r = (waits && start < 0) || notify_make_folder(&container, err) ||
                    create_save(&plan, &container, &plan_fd, invocation->globals.debug ? &block : NULL, err)
                ? -1
                : 0;
    say_plan(invocation, block);
    if (!r)
        r = waits ? launch(invocation, &options->launch, plan_fd, start, &plan, err)
                  : launch_run(invocation, &container, plan_fd, &plan, err);
    if (r >= 0) return r;
    struct err ignored;
    fd_closep(&plan_fd); // a removal takes descriptors, and it may be those that there were none of
    fd_closep(&start);
    container_close(&container);
    container_forget(invocation, &container, &ignored);
    return -1;
}

int run_create(struct invocation *invocation, struct err *err) {
    struct create_options *options = invocation->options;
    options->launch.detach = true;
    return make(invocation, true, err);
}

int run_run(struct invocation *invocation, struct err *err) {
    return make(invocation, false, err);
}

// start

// The container stands at its START with the only reading end of the fifo, which the command does not get:
// when it is closed the command runs, or never will.
static int give_start(struct container *container, struct err *err) {
    char byte = 0;
    _cleanup_(fd_closep) int fd = fd_open_at(container->dir, "start", O_WRONLY | O_NONBLOCK, 0);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "cannot start container %s", container->id);
    if (write(fd, &byte, 1) < 0)
        return err_set(err, ERR_SYSTEM, errno, "cannot start container %s", container->id);
    struct pollfd wait = {.fd = fd, .events = 0};
    while (poll(&wait, 1, -1) < 0 && errno == EINTR) {}
    return plan_check_executed(container->plan, err);
}

static void kill_container(const struct container *container) {
    _cleanup_(fd_closep) int pidfd = container_pidfd(container);
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0)) return;
    while (poll(&wait, 1, 10000) < 0 && errno == EINTR) {}
}

static bool hook_failed(struct plan_block *plan) {
    return plan->failed >= 0 && plan_ops(plan)[plan->failed].type == PLAN_HOOK;
}

// runtime.md, "Lifecycle": where a hook fails the container goes, as if it had been deleted.
static int start(struct container *container, struct err *err) {
    if (give_start(container, err)) return hook_failed(container->plan) ? 1 : -1;
    (void)unlinkat(container->dir, "start", 0);
    return plan_run_hooks(container->plan, PLAN_STARTED, err) ? 1 : 0;
}

int run_start(struct invocation *invocation, struct err *err) {
    _cleanup_(container_close) struct container container = {.dir = -1};
    if (container_open(invocation, invocation->arguments.items[0], true, &container, err)) return -1;
    switch (container_status(&container)) {
    case CONTAINER_CREATED: break;
    case CONTAINER_STOPPED: return err_set(err, ERR_CONFLICT, 0, "cannot start a container that has stopped");
    case CONTAINER_PAUSED:
        return err_set(err, ERR_CONFLICT, 0, "cannot start a container in the paused state");
    default: return err_set(err, ERR_CONFLICT, 0, "cannot start an already running container");
    }
    _cleanup_(fd_closep) int notify = notify_bind(&container, err);
    int r = notify == -2 ? -1 : start(&container, err);
    if (r < 0) return -1;
    if (r == 0) return wait_until_ready(invocation, &container, notify), 0;
    struct err ignored;
    kill_container(&container);
    (void)container_remove(invocation, &container, &ignored);
    return -1;
}
