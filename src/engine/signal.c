// SPDX-License-Identifier: Apache-2.0
// Containers that run: attach, kill, stop, wait. All of it is said to the shim, at its socket.
#include "base/signal_name.h"
#include "engine/parts.h"

#include <errno.h>
#include <signal.h>

static int not_running(const char *doing, const struct container *container, struct err *err) {
    return err_set(err, ERR_CONFLICT, 0, "%s: container %s is not running", doing, container->name);
}

static bool gone(int r) {
    return r == -ENOENT || r == -ECONNREFUSED || r == -ENOTDIR || r == -EPIPE || r == -ECONNRESET;
}

int container_attach(struct engine *engine, const struct container *container, int *ret_client,
                     struct err *err) {
    int shim = shim_connect(engine, container->id);
    if (gone(shim))
        return err_set(err, ERR_CONFLICT, 0, "You cannot attach to a stopped container, start it first");
    if (shim < 0) return err_set(err, ERR_SYSTEM, -shim, "attach to container %s", container->name);
    *ret_client = shim;
    return 0;
}

static int send_signal(int shim, int signal) {
    uint32_t number = (uint32_t)signal;
    return shim_send(shim, SHIM_SIGNAL, &number, sizeof number);
}

// One that is paused gets the signal when it goes on: now, for a signal that is to end it. Docker takes every
// signal for one, but where the container has a stop signal of its own.
static int send_and_thaw(struct engine *engine, const struct container *container, int shim, int signal) {
    struct err ignored;
    const char *own = container->config.stop_signal;
    int r = send_signal(shim, signal);
    if (r || !container->paused) return r;
    if (!str_empty(own) && signal != SIGKILL && signal != signal_parse(own)) return 0;
    return container_unpause(engine, container, &ignored) ? -EIO : 0;
}

// What the shim said, or what is found when it said nothing.
static int take_over_exit(struct engine *engine, const struct container *container, int waited,
                          const struct shim_exit *exit, int *ret_code, struct err *err) {
    if (waited == 1) {
        *ret_code = exit->status;
        return container_exited(engine, container->id, exit, -1, err);
    }
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct container now;
    int r = row_load(engine, &arena, container->id, &now, err);
    if (r > 0) r = container_settle(engine, &arena, &now, err);
    if (r < 0) return -1;
    *ret_code = r > 0 ? now.exit_code : 137;
    return 0;
}

int container_wait(struct engine *engine, const struct container *container, int *ret_exit_code,
                   struct err *err) {
    struct shim_exit exit = {0};
    _cleanup_(fd_closep) int shim = shim_connect(engine, container->id);
    int r = shim < 0 ? shim : shim_quiet(shim);
    if (!r) r = shim_wait(shim, UINT64_MAX, &exit);
    if (r < 0 && !gone(r)) return err_set(err, ERR_SYSTEM, -r, "wait for container %s", container->name);
    return take_over_exit(engine, container, r, &exit, ret_exit_code, err);
}

// Kill and stop

// After SIGKILL the kernel needs a moment, not minutes; a process that hangs in it may never go.
#define KILL_WAIT_NS 10000000000u

static int kill_and_wait(struct engine *engine, const struct container *container, int shim,
                         struct shim_exit *ret_exit) {
    int r = send_and_thaw(engine, container, shim, SIGKILL);
    if (!r) r = shim_wait(shim, clock_monotonic_ns() + KILL_WAIT_NS, ret_exit);
    return r ? r : -ETIMEDOUT;
}

static int kill_failed(const char *doing, const struct container *container, int error, struct err *err) {
    if (error == -ETIMEDOUT)
        return err_set(err, ERR_SYSTEM, 0,
                       "cannot %s container %s: it did not end within 10 s of SIGKILL; its "
                       "processes hang in the kernel",
                       doing, container->name);
    return err_set(err, ERR_SYSTEM, -error, "cannot %s container %s", doing, container->name);
}

// SIGKILL ends it for sure, so the caller finds it ended.
int container_kill(struct engine *engine, const struct container *container, int signal, struct err *err) {
    int code;
    struct shim_exit exit = {0};
    _cleanup_(fd_closep) int shim = shim_connect(engine, container->id);
    int r = shim < 0 ? shim : shim_quiet(shim);
    if (!r)
        r = signal == SIGKILL ? kill_and_wait(engine, container, shim, &exit)
                              : send_and_thaw(engine, container, shim, signal);
    if (r == 1) return take_over_exit(engine, container, r, &exit, &code, err);
    if (!r) r = shim_hang_up(shim);
    if (gone(r)) return not_running("cannot kill container", container, err);
    return r ? kill_failed("kill", container, r, err) : 0;
}

static int stop_number(const struct container *container, const char *signal, int *ret_number,
                       struct err *err) {
    const char *name = !str_empty(signal)                          ? signal
                       : !str_empty(container->config.stop_signal) ? container->config.stop_signal
                                                                   : "TERM";
    *ret_number = signal_parse(name);
    if (*ret_number < 0) return err_set(err, ERR_INVALID, 0, "invalid signal: %s", name);
    return 0;
}

static uint64_t stop_deadline(const struct container *container, int timeout_s) {
    const struct spec_i64 *own = &container->config.stop_timeout;
    int64_t seconds = timeout_s != -1 ? timeout_s : own->set ? own->value : 10;
    if (seconds < 0 || seconds > INT32_MAX) return UINT64_MAX;
    return clock_monotonic_ns() + (uint64_t)seconds * 1000000000u;
}

int container_stop(struct engine *engine, const struct container *container, int timeout_s,
                   const char *signal, struct err *err) {
    int number, code;
    struct shim_exit exit = {0};
    struct container going = *container;
    going.paused = false;
    if (stop_number(container, signal, &number, err)) return -1;
    _cleanup_(fd_closep) int shim = shim_connect(engine, container->id);
    int r = shim < 0 ? shim : shim_quiet(shim);
    if (!r) r = send_and_thaw(engine, container, shim, number);
    if (!r) r = shim_wait(shim, stop_deadline(container, timeout_s), &exit);
    if (r == 0) r = kill_and_wait(engine, &going, shim, &exit);
    if (r < 0 && !gone(r)) return kill_failed("stop", container, r, err);
    if (take_over_exit(engine, container, r, &exit, &code, err)) return -1;
    if (shim >= 0) container_event(engine, container, "stop", NULL);
    return 0;
}
