// SPDX-License-Identifier: Apache-2.0
// Containers that run: attach, kill, wait. All of it is said to the shim, at its socket.
#include "base/signal_name.h"
#include "engine/again.h"
#include "engine/parts.h"

#include <errno.h>
#include <signal.h>

int container_stop_signal(const struct container *container) {
    const char *own = container->config.stop_signal;
    int number = str_empty(own) ? SIGTERM : signal_parse(own);
    return number > 0 ? number : SIGTERM;
}

static int not_running(const char *doing, const struct container *container, struct err *err) {
    return err_set(err, ERR_CONFLICT, 0, "%s: container %s is not running", doing, container->name);
}

int container_attach(struct engine *engine, const struct container *container, int *ret_client,
                     struct err *err) {
    int shim = shim_connect(engine, container->id);
    if (shim_is_gone(shim))
        return err_set(err, ERR_CONFLICT, 0, "You cannot attach to a stopped container, start it first");
    if (shim < 0) return err_set(err, ERR_SYSTEM, -shim, "attach to container %s", container->name);
    *ret_client = shim;
    return 0;
}

static int send_signal(int shim, int signal) {
    uint32_t number = (uint32_t)signal;
    return shim_send(shim, SHIM_SIGNAL, &number, sizeof number);
}

static int send_and_thaw(struct engine *engine, const struct container *container, int shim, int signal) {
    int r = send_signal(shim, signal);
    return r ? r : container_thaw_for(engine, container, signal);
}

int container_take_exit(struct engine *engine, const struct container *container, int waited,
                        const struct shim_exit *exit, int *ret_code, struct err *err) {
    if (waited == 1) {
        *ret_code = exit->status;
        return container_exited(engine, container->id, exit, -1, err);
    }
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container now;
    int r = row_settle(engine, &arena, container->id, &now, err);
    if (r < 0) return -1;
    *ret_code = r > 0 ? now.exit_code : 137;
    return 0;
}

// Of one that is restarting the next run's end counts, unless there is none.
static int wait_again(struct engine *engine, const struct container *container, int *ret_exit_code,
                      struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container now;
    (void)again_wait(engine, container->id);
    int r = row_settle(engine, &arena, container->id, &now, err);
    if (r < 0) return -1;
    if (r > 0 && (container_is_restarting(&now) || container_is_live(&now)))
        return container_wait(engine, &now, ret_exit_code, err);
    *ret_exit_code = r > 0 ? now.exit_code : 137;
    return 0;
}

int container_wait(struct engine *engine, const struct container *container, int *ret_exit_code,
                   struct err *err) {
    struct shim_exit exit = {0};
    if (container_is_restarting(container)) return wait_again(engine, container, ret_exit_code, err);
    _cleanup_(fd_closep) int shim = shim_connect(engine, container->id);
    int r = shim < 0 ? shim : shim_quiet(shim);
    if (!r) r = shim_wait(shim, UINT64_MAX, &exit);
    if (r < 0 && !shim_is_gone(r))
        return err_set(err, ERR_SYSTEM, -r, "wait for container %s", container->name);
    return container_take_exit(engine, container, r, &exit, ret_exit_code, err);
}

// Kill

static int kill_and_wait(struct engine *engine, const struct container *container, int shim,
                         struct shim_exit *ret_exit) {
    int r = send_and_thaw(engine, container, shim, SIGKILL);
    if (!r) r = shim_wait(shim, clock_monotonic_ns() + KILL_WAIT_NS, ret_exit);
    return r ? r : -ETIMEDOUT;
}

int container_kill_failed(const char *doing, const struct container *container, int error, struct err *err) {
    if (error == -ETIMEDOUT)
        return err_set(err, ERR_SYSTEM, 0,
                       "cannot %s container %s: it did not end within 10 s of SIGKILL; its "
                       "processes hang in the kernel",
                       doing, container->name);
    return err_set(err, ERR_SYSTEM, -error, "cannot %s container %s", doing, container->name);
}

// SIGKILL ends it for sure, so the caller finds it ended. Between two runs there is nobody to get a signal,
// but there will be no next one.
int container_kill(struct engine *engine, const struct container *container, int signal, struct err *err) {
    int code;
    struct shim_exit exit = {0};
    if (container_is_restarting(container)) {
        int cancelled = again_cancel(engine, container->id, err);
        if (cancelled) return cancelled < 0 ? -1 : 0;
    }
    _cleanup_(fd_closep) int shim = shim_connect(engine, container->id);
    int r = shim < 0 ? shim : shim_quiet(shim);
    if (!r)
        r = signal == SIGKILL ? kill_and_wait(engine, container, shim, &exit)
                              : send_and_thaw(engine, container, shim, signal);
    if (r == 1) return container_take_exit(engine, container, r, &exit, &code, err);
    if (!r) r = shim_hang_up(shim);
    if (shim_is_gone(r)) return not_running("cannot kill container", container, err);
    return r ? container_kill_failed("kill", container, r, err) : 0;
}
