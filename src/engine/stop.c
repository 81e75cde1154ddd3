// SPDX-License-Identifier: Apache-2.0
// Stopping. All get their signal first, then each is waited for until its own time is over.
//
// The first process of a pid namespace gets no signal that it has no handler for: to wait for its end would
// be to wait in vain. /proc says which signals it has handlers for, or has blocked, to read them otherwise. A
// program that has just been started may not have come to that: so a young one is looked at again, until it
// sleeps without having done anything since the last look, or is not young any more.
#include "base/signal_name.h"
#include "engine/again.h"
#include "engine/parts.h"
#include "kernel/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS  5000000u    // from one look to the next
#define YOUNG_NS 1000000000u // how long a program may take to install its handlers

struct stopping {
    struct container_stop *stop;
    int shim, signal;
    enum { ENDED, LOOKS, WAITS, KILLED } stage;
    uint64_t deadline_ns; // of the stage, monotonic
    uint64_t timeout_ns;  // of the end; UINT64_MAX
    struct process_signals seen;
};

static void fail(struct stopping *s, const struct err *err) {
    s->stop->failed = true;
    s->stop->err = *err;
    s->stage = ENDED;
}

static void fail_with(struct stopping *s, int error) {
    struct err err;
    container_kill_failed("stop", s->stop->container, error, &err);
    fail(s, &err);
}

static uint64_t from_now(uint64_t ns) {
    return ns == UINT64_MAX ? ns : clock_monotonic_ns() + ns;
}

// What is heard

static bool is_young(pid_t pid) {
    struct process_stat stat;
    struct timespec now;
    long ticks = sysconf(_SC_CLK_TCK);
    if (process_stat(pid, &stat) || clock_gettime(CLOCK_BOOTTIME, &now) || ticks <= 0) return false;
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return now_ns < stat.start_time * (1000000000u / (uint64_t)ticks) + YOUNG_NS;
}

// --init: our own init passes on what it gets, and its child is like any process: only what it ignores is
// nothing to it.
static bool is_deaf(const struct stopping *s, struct process_signals *ret_seen) {
    const struct container *container = s->stop->container;
    uint64_t bit = UINT64_C(1) << (s->signal - 1);
    if (process_signals(container->pid, ret_seen)) return false;
    if (!container->config.init) return process_is_deaf(ret_seen, s->signal);
    pid_t child = process_child(container->pid);
    if (child <= 0 || process_signals(child, ret_seen)) return false;
    return (ret_seen->ignored & bit) && !(ret_seen->blocked & bit);
}

// "SIGTERM"; those in real time have no names.
static const char *signal_name(int signal, char buffer[static 16]) {
    const char *word = sigabbrev_np(signal);
    if (word)
        snprintf(buffer, 16, "SIG%s", word);
    else
        snprintf(buffer, 16, "signal %d", signal);
    return buffer;
}

static void say_deaf(struct stopping *s) {
    char name[16];
    bool ignores = s->seen.ignored & UINT64_C(1) << (s->signal - 1);
    signal_name(s->signal, name);
    snprintf(s->stop->notice, sizeof s->stop->notice,
             ignores ? "%s was killed at once: its process (%s) ignores %s; --stop-signal names another one"
                     : "%s was killed at once: its pid 1 (%s) has no handler for %s; --init gives it one",
             s->stop->container->name, s->seen.command, name);
}

// Stages

static int say(struct stopping *s, enum shim_frame_type type, int signal) {
    uint32_t number = (uint32_t)signal;
    return shim_send(s->shim, type, &number, sizeof number);
}

static void kill_it(struct stopping *s) {
    s->stage = KILLED;
    s->deadline_ns = from_now(KILL_WAIT_NS);
    (void)say(s, SHIM_STOP, SIGKILL); // that the shim is gone shows when it is read from
}

static void look_again(struct stopping *s) {
    struct process_signals before = s->seen;
    bool deaf = is_deaf(s, &s->seen);
    bool settled = s->seen.state == 'S' && before.state == 'S' && before.switches == s->seen.switches;
    if (deaf && (settled || !is_young(s->stop->container->pid))) {
        say_deaf(s);
        return kill_it(s);
    }
    s->deadline_ns = from_now(LOOK_NS);
    if (deaf) return;
    (void)say(s, SHIM_STOP, s->signal); // the first one may have been lost
    s->stage = WAITS;
    s->deadline_ns = from_now(s->timeout_ns);
}

static void begin_waiting(struct stopping *s, bool own_timeout) {
    s->stage = WAITS;
    s->deadline_ns = from_now(s->timeout_ns);
    if (own_timeout || s->signal == SIGKILL || !is_deaf(s, &s->seen)) return;
    s->stage = LOOKS;
    s->deadline_ns = from_now(LOOK_NS);
    if (is_young(s->stop->container->pid)) return;
    say_deaf(s);
    kill_it(s);
}

static void step(struct stopping *s) {
    if (clock_monotonic_ns() < s->deadline_ns) return;
    if (s->stage == LOOKS)
        look_again(s);
    else if (s->stage == WAITS)
        kill_it(s);
    else
        fail_with(s, -ETIMEDOUT);
}

// The end

static void take_end(struct engine *engine, struct stopping *s, int waited, const struct shim_exit *exit) {
    struct err err;
    int code;
    if (waited < 0 && !shim_is_gone(waited)) return fail_with(s, waited);
    if (container_take_exit(engine, s->stop->container, waited, exit, &code, &err)) return fail(s, &err);
    // It may have ended just before, and be about to start again.
    if (container_may_restart(s->stop->container) && again_cancel(engine, s->stop->container->id, &err) < 0)
        return fail(s, &err);
    if (s->shim >= 0) container_event(engine, s->stop->container, "stop", NULL);
    s->stage = ENDED;
}

static void hear(struct engine *engine, struct stopping *s) {
    struct shim_exit exit;
    int r = shim_wait(s->shim, 0, &exit);
    if (r) take_end(engine, s, r, &exit);
}

// The beginning

static int64_t timeout_s(const struct container *container, const struct stop_options *options) {
    const struct spec_i64 *own = &container->config.stop_timeout;
    if (options->timeout_s != STOP_OWN_TIMEOUT) return options->timeout_s;
    return own->set ? own->value : 10;
}

static int signal_number(const struct container *container, const struct stop_options *options,
                         int *ret_number, struct err *err) {
    *ret_number =
        str_empty(options->signal) ? container_stop_signal(container) : signal_parse(options->signal);
    return *ret_number < 0 ? err_set(err, ERR_INVALID, 0, "Invalid signal: %s", options->signal) : 0;
}

static void begin(struct engine *engine, const struct stop_options *options, struct stopping *s) {
    const struct container *container = s->stop->container;
    struct err err;
    int64_t seconds = timeout_s(container, options);
    bool own = options->timeout_s != STOP_OWN_TIMEOUT || container->config.stop_timeout.set;
    s->timeout_ns = seconds < 0 ? UINT64_MAX : (uint64_t)seconds * 1000000000u;
    if (signal_number(container, options, &s->signal, &err)) return fail(s, &err);
    if (container_is_restarting(container)) {
        int r = again_cancel(engine, container->id, &err);
        if (r < 0) return fail(s, &err);
        if (r > 0) return;
    }
    s->shim = shim_connect(engine, container->id);
    int r = s->shim < 0 ? s->shim : shim_quiet(s->shim);
    if (!r) r = say(s, SHIM_STOP, s->signal);
    if (!r && container->paused) r = container_unpause(engine, container, &err) ? -EIO : 0;
    if (r) return take_end(engine, s, r, NULL);
    begin_waiting(s, own);
}

static int poll_timeout(const struct stopping *all, size_t count) {
    uint64_t next = UINT64_MAX, now = clock_monotonic_ns();
    for (size_t i = 0; i < count; i++)
        if (all[i].stage != ENDED && all[i].deadline_ns < next) next = all[i].deadline_ns;
    if (next == UINT64_MAX) return -1;
    uint64_t left_ms = next < now ? 0 : (next - now + 999999) / 1000000;
    return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

// False: all have ended.
static bool wait_some(struct engine *engine, struct stopping *all, struct pollfd *polls, size_t count) {
    size_t n = 0; // the kernel takes no more of them than files may be open, not even such as say nothing
    for (size_t i = 0; i < count; i++)
        if (all[i].stage != ENDED) polls[n++] = (struct pollfd){.fd = all[i].shim, .events = POLLIN};
    if (!n) return false;
    if (poll(polls, n, poll_timeout(all, count)) < 0) return true;
    n = 0;
    for (size_t i = 0; i < count; i++) {
        if (all[i].stage == ENDED) continue;
        if (polls[n++].revents) hear(engine, &all[i]);
        if (all[i].stage != ENDED) step(&all[i]);
    }
    return true;
}

static void stop_together(struct engine *engine, const struct stop_options *options,
                          struct container_stop *stops, size_t count) {
    struct stopping *all = xmalloc(count * sizeof *all);
    struct pollfd *polls = xmalloc(count * sizeof *polls);
    for (size_t i = 0; i < count; i++) {
        stops[i].failed = false;
        stops[i].notice[0] = 0;
        all[i] = (struct stopping){.stop = &stops[i], .shim = -1};
        begin(engine, options, &all[i]);
    }
    while (wait_some(engine, all, polls, count)) continue;
    for (size_t i = 0; i < count; i++) fd_closep(&all[i].shim);
    free(all);
    free(polls);
}

#define TOGETHER 500u // a descriptor each: usually a process may have 1024

void containers_stop(struct engine *engine, const struct stop_options *options, struct container_stop *stops,
                     size_t count) {
    for (size_t i = 0; i < count; i += TOGETHER)
        stop_together(engine, options, stops + i, count - i < TOGETHER ? count - i : TOGETHER);
}
