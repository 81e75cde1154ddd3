// SPDX-License-Identifier: Apache-2.0
// Output is read only while every client that wants it has room for all that one read may bring: a slow
// client slows the container down, as a slow pipe does, instead of filling memory. Clients are always read
// from; the window of the protocol bounds what they may have sent. So no two floods can lock each other.
//
// When the process has ended there is nobody left to slow down, and the clients' buffers have room for what
// the pipes still hold.
#include "shim/loop.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "kernel/cgroup.h"
#include "kernel/process.h"
#include "shim/event.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// How long a client that takes nothing may hold up the end of a container. The first one is somebody's `hoy
// run`, perhaps with a pager behind it: it may take as long as it lives.
#define STUCK_MS 5000

// Pipes hold less than this. Who holds them open beyond the end (a process outside of the pid namespace) and
// never stops to write is not listened to for ever.
#define DRAIN_MAX (16u << 20)

// Output that comes in pieces, one right after the other, is gathered in its pipe for a moment before it is
// read: to be woken for every piece costs its writer about as much as us. Not what fills the pipe, and not
// while a client waits for it.
#define GATHER_NS        100000
#define GATHER_WITHIN_NS 500000
#define GATHER_BELOW     (48u << 10) // of the 64 KiB that a pipe holds

enum {
    AT_SIGNALS,
    AT_LISTEN,
    AT_OOM,
    AT_STDOUT,
    AT_STDERR,
    AT_INPUT,
    AT_HEALTH,
    AT_PORTS,
    AT_NAMES,
    AT_PEERS,
    AT_COUNT = AT_PEERS + SHIM_PEERS
};

static struct shim *the_shim; // for the requests of peers
static uint8_t block[PEER_BLOCK];

void shim_signals(sigset_t *ret_set) {
    static const int wanted[] = {SIGCHLD, SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
                                 SIGPIPE, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH};
    sigemptyset(ret_set);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) sigaddset(ret_set, wanted[i]);
}

void shim_add_peer(struct shim *shim, int fd, bool first) {
    for (struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++) {
        if (!peer_free(p)) continue;
        peer_init(p, &shim->buffers[p - shim->peers], fd, first);
        uint32_t pid = (uint32_t)shim->pid;
        peer_send(p, SHIM_STARTED, &pid, sizeof pid);
        return;
    }
    close(fd);
}

// Requests of clients

static bool has_handler(pid_t pid, int number) {
    struct process_signals signals;
    return !process_signals(pid, &signals) && signals.caught >> (number - 1) & 1;
}

static void remember_signal(struct shim *shim, int number) {
    if (!shim->end.asked) {
        shim->end.asked = number;
        shim->end.handled = has_handler(shim->pid, number);
    }
    shim->end.asked_last = number;
}

static void remember_sender(struct shim *shim, pid_t pid) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    ssize_t n = fd < 0 ? fd : fd_read_full(fd, shim->end.asked_by, sizeof shim->end.asked_by - 1);
    shim->end.asked_by[n < 0 ? 0 : n] = '\0';
    shim->end.asked_by[strcspn(shim->end.asked_by, "\n")] = '\0';
}

static void send_signal(int number) {
    remember_signal(the_shim, number);
    syscall(SYS_pidfd_send_signal, the_shim->pidfd, number, NULL, 0);
}

static void say_kill(int number) {
    struct shim_attribute attributes[2] = {{"signal", number}};
    if (the_shim->plan && !the_shim->plan->is_exec)
        shim_event(the_shim->plan, the_shim->state, "kill", attributes);
}

// A container whose end somebody wants is not looked after any more.
static void send_stop(int number) {
    say_kill(number);
    the_shim->stopped = true;
    health_end(&the_shim->health);
    if (!the_shim->ended) send_signal(number);
}

// `kill`, and a key or signal that `run` passes on.
static void send_client_signal(int number) {
    bool asks_end = number == SIGKILL || number == SIGTERM || number == SIGINT || number == SIGQUIT ||
                    number == the_shim->plan->stop_signal;
    if (asks_end) return send_stop(number);
    say_kill(number);
    send_signal(number);
}

static void resize(struct shim_size size) {
    struct winsize window = {.ws_row = size.rows, .ws_col = size.columns};
    struct shim_attribute attributes[2] = {{"height", size.rows}, {"width", size.columns}};
    if (!the_shim->terminal || the_shim->output[0] < 0) return;
    ioctl(the_shim->output[0], TIOCSWINSZ, &window);
    if (the_shim->plan && !the_shim->plan->is_exec)
        shim_event(the_shim->plan, the_shim->state, "resize", attributes);
}

static void input_end(struct peer *peer) {
    if (peer->first) the_shim->input_ending = true;
}

static void change_ports(int bag, int served) {
    ports_change(&the_shim->ports, bag, served);
}

static void hold_names(void) {
    names_held_want(&the_shim->names);
}

static const struct peer_requests requests = {.input_end = input_end,
                                              .resize = resize,
                                              .signal = send_client_signal,
                                              .stop = send_stop,
                                              .ports = change_ports,
                                              .names = hold_names};

// As `stop` does: what cannot hear its signal is not waited for. Whoever asks again gives it no more time.
static void end_in_time(struct shim *shim) {
    struct process_signals signals;
    int64_t timeout_s = shim->plan->stop_timeout_s;
    send_signal(shim->plan->stop_signal);
    if (shim->kill_at_ns != SHIM_NEVER) return;
    if (!process_signals(shim->pid, &signals) && process_is_deaf(&signals, shim->plan->stop_signal))
        timeout_s = 0;
    if (timeout_s >= 0) shim->kill_at_ns = clock_monotonic_ns() + (uint64_t)timeout_s * 1000000000u;
}

// What an unhealthy container gets, and what becomes of it then.
static void act_on_unhealthy(struct shim *shim) {
    enum plan_unhealthy action = (enum plan_unhealthy)shim->plan->health.on_unhealthy;
    if (action == PLAN_UNHEALTHY_NONE) return;
    health_end(&shim->health);
    if (action == PLAN_UNHEALTHY_KILL) return send_signal(SIGKILL);
    shim->stopped = action == PLAN_UNHEALTHY_STOP;
    shim->demanded = action == PLAN_UNHEALTHY_RESTART;
    end_in_time(shim);
}

// The process

static void reap(struct shim *shim) {
    siginfo_t info;
    for (;;) {
        info.si_pid = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) || !info.si_pid) return;
        if (health_reaped(&shim->health, info.si_pid) || ports_reaped(&shim->ports, &info)) continue;
        if (info.si_pid != shim->pid) continue; // an orphan that became ours
        shim->ended = true;
        health_end(&shim->health);
        shim->drain_left = DRAIN_MAX;
        shim->exit.status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
        shim->exit.exited_ns = clock_wall_ns();
        shim->end.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
        shim->end.core = info.si_code == CLD_DUMPED;
    }
}

static void take_signals(struct shim *shim) {
    struct signalfd_siginfo info;
    while (read(shim->signals, &info, sizeof info) == sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGCHLD) continue;
        if (number != SIGTERM && (!shim->forward_signals || number == SIGPIPE)) continue;
        bool goes_down = number == SIGTERM && !shim->forward_signals && shim->plan->stop_signal;
        shim->leaving |= number == SIGTERM;
        remember_sender(shim, (pid_t)info.ssi_pid);
        if (goes_down)
            end_in_time(shim); // the machine waits for us
        else
            send_signal(number);
    }
    reap(shim);
}

static void take_oom(struct shim *shim) {
    if (!cgroup_oom_happened(shim->oom.fd, shim->oom.events, plan_text(shim->plan, shim->plan->oom_file),
                             &shim->oom.seen))
        return;
    shim_event(shim->plan, shim->state, "oom", NULL);
    shim->oom.told = true;
}

// Output

static bool wants_output(const struct peer *p) {
    return peer_present(p) && (p->wants[0] || p->wants[1]);
}

// How much may be read now. While the container runs, clients take a block before the next one is read.
static size_t output_room(const struct shim *shim) {
    size_t room = PEER_BLOCK;
    for (const struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++) {
        if (!wants_output(p)) continue;
        if (!shim->ended && queue_used(&p->send)) return 0;
        if (peer_room(p) < room) room = peer_room(p);
    }
    return room;
}

static bool has_watcher(const struct shim *shim) {
    for (const struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++)
        if (wants_output(p)) return true;
    return false;
}

// There was output just now, and before that not long ago: there will be more at once.
static bool is_flowing(struct shim *shim, size_t read) {
    uint64_t before_ns = shim->read_ns;
    shim->read_ns = clock_monotonic_ns();
    return read < GATHER_BELOW && shim->read_ns - before_ns < GATHER_WITHIN_NS && !has_watcher(shim);
}

static void end_output(struct shim *shim, int stream) {
    log_end(&shim->log, (enum log_stream)stream, clock_wall_ns());
    if (shim->input == shim->output[stream]) shim->input = -1;
    fd_closep(&shim->output[stream]);
}

static void take_output(struct shim *shim, int stream) {
    size_t room = output_room(shim);
    if (!room) return;
    ssize_t n = read(shim->output[stream], block, room);
    if (n < 0 && errno == EINTR) return;
    // Nothing more after the end: whoever else still holds the pipe is not waited for.
    if (n < 0 && errno == EAGAIN && !shim->ended) return;
    if (n <= 0 || (shim->ended && (size_t)n > shim->drain_left)) return end_output(shim, stream);
    if (shim->ended) shim->drain_left -= (size_t)n;
    shim->gathers |= is_flowing(shim, (size_t)n);
    for (struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++)
        if (peer_present(p) && p->wants[stream])
            peer_output(p, stream ? SHIM_STDERR : SHIM_STDOUT, block, (size_t)n);
    log_add(&shim->log, (enum log_stream)stream, block, (size_t)n, clock_wall_ns());
}

// Input

static bool input_waiting(const struct shim *shim) {
    for (const struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++)
        if (queue_used(&p->input)) return true;
    return false;
}

static void close_input(struct shim *shim) {
    if (shim->input != shim->output[0]) fd_closep(&shim->input);
    shim->input = -1;
}

static void put_input(struct shim *shim) {
    for (struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++) {
        size_t waiting = queue_used(&p->input);
        if (!waiting) continue;
        ssize_t n = shim->input < 0 ? (ssize_t)waiting : write(shim->input, queue_head(&p->input), waiting);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n < 0) { // nobody reads any more
            close_input(shim);
            n = (ssize_t)waiting;
        }
        queue_drop(&p->input, (size_t)n);
        peer_input_taken(p, (size_t)n);
        if ((size_t)n < waiting) return;
    }
}

// Who reads at a terminal is told of the end by a key. One that waits there for a program that reads lines
// says nothing to a program that takes keys: it is told once more.
static void end_terminal(struct shim *shim) {
    struct termios terminal;
    if (!shim->input_ending || queue_used(&shim->peers->input) || tcgetattr(shim->input, &terminal)) return;
    bool lines = terminal.c_lflag & ICANON;
    if (lines && shim->end_told) return;
    if (write(shim->input, &terminal.c_cc[VEOF], 1) < 0 && errno == EAGAIN) return;
    shim->end_told = true;
    shim->input_ending = lines;
}

// The end of input comes after the last of it, also when its owner just went away.
static void end_input(struct shim *shim) {
    if (shim->input < 0) return;
    if (shim->terminal) return end_terminal(shim);
    bool owner_gone = !peer_present(shim->peers) && shim->peers->owns_stdin;
    if ((shim->input_ending || owner_gone) && !queue_used(&shim->peers->input)) close_input(shim);
}

// The loop

static void take_clients(struct shim *shim) {
    for (;;) {
        bool room = false;
        for (struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++) room |= peer_free(p);
        if (!room) return;
        int fd = accept4(shim->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        shim_add_peer(shim, fd, false);
    }
}

static void poll_set(struct shim *shim, struct pollfd *polls) {
    bool room = output_room(shim) > 0 && !shim->gathers, full = true;
    polls[AT_SIGNALS] = (struct pollfd){.fd = shim->signals, .events = POLLIN};
    polls[AT_STDOUT] = (struct pollfd){.fd = room ? shim->output[0] : -1, .events = POLLIN};
    polls[AT_STDERR] = (struct pollfd){.fd = room ? shim->output[1] : -1, .events = POLLIN};
    polls[AT_INPUT] = (struct pollfd){.fd = input_waiting(shim) ? shim->input : -1, .events = POLLOUT};
    for (int i = 0; i < SHIM_PEERS; i++) {
        struct peer *p = &shim->peers[i];
        short events = (short)(POLLIN | (queue_used(&p->send) ? POLLOUT : 0));
        polls[AT_PEERS + i] = (struct pollfd){.fd = p->fd, .events = events};
        full = full && !peer_free(p);
    }
    polls[AT_OOM] = (struct pollfd){.fd = shim->oom.fd, .events = shim->oom.events};
    polls[AT_LISTEN] = (struct pollfd){.fd = full ? -1 : shim->listen, .events = POLLIN};
    polls[AT_HEALTH] = health_poll(&shim->health);
    polls[AT_PORTS] = ports_poll(&shim->ports);
    polls[AT_NAMES] = names_held_poll(&shim->names);
}

static void serve_peers(struct shim *shim, const struct pollfd *polls) {
    for (int i = 0; i < SHIM_PEERS; i++) {
        struct peer *p = &shim->peers[i];
        short events = polls[AT_PEERS + i].revents;
        if (!events || p->fd != polls[AT_PEERS + i].fd) continue;
        if (events & POLLOUT) peer_flush(p);
        if (peer_present(p) && events & (POLLIN | POLLHUP | POLLERR)) peer_receive(p, &requests);
    }
}

static void serve_output(struct shim *shim, const struct pollfd *polls, bool gathered) {
    static int turn; // a flood on one stream does not silence the other
    turn ^= 1;
    shim->gathers = false;
    for (int i = 0; i < 2; i++) {
        int stream = i ^ turn;
        bool ready = polls[AT_STDOUT + stream].revents || gathered || shim->ended;
        if (shim->output[stream] >= 0 && ready) take_output(shim, stream);
    }
}

// Who takes nothing although there is something to take. The first client is asked for by name.
static void drop_stuck(struct shim *shim) {
    for (struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++)
        if (peer_present(p) && !p->first && queue_used(&p->send)) peer_drop(p);
}

static bool output_open(const struct shim *shim) {
    return shim->output[0] >= 0 || shim->output[1] >= 0;
}

// Until the deadline, in poll's words; a little later rather than too early.
static int milliseconds_until(uint64_t deadline_ns) {
    if (deadline_ns == SHIM_NEVER) return -1;
    uint64_t now = clock_monotonic_ns();
    if (now >= deadline_ns) return 0;
    uint64_t left_ms = (deadline_ns - now + 999999) / 1000000;
    return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

static int loop_timeout(const struct shim *shim) {
    // After the end a read says what there is; poll only when the clients have to make room first.
    if (shim->ended) return output_room(shim) ? 0 : STUCK_MS;
    const uint64_t deadlines_ns[] = {health_deadline(&shim->health), ports_deadline(&shim->ports),
                                     names_held_deadline(&shim->names), shim->kill_at_ns};
    uint64_t first_ns = SHIM_NEVER;
    for (size_t i = 0; i < ARRAY_SIZE(deadlines_ns); i++)
        if (deadlines_ns[i] < first_ns) first_ns = deadlines_ns[i];
    return milliseconds_until(first_ns);
}

static void say_health(struct shim *shim, uint32_t before) {
    static const char *const actions[] = {[HEALTH_STARTING] = "health_status: starting",
                                          [HEALTH_HEALTHY] = "health_status: healthy",
                                          [HEALTH_UNHEALTHY] = "health_status: unhealthy"};
    uint32_t now = shim->health.record->status;
    if (now != before && now < ARRAY_SIZE(actions)) shim_event(shim->plan, shim->state, actions[now], NULL);
}

static void keep_time(struct shim *shim, short health_events) {
    if (shim->ended) return;
    uint32_t before = shim->health.record ? shim->health.record->status : 0;
    bool unhealthy = health_serve(&shim->health, health_events);
    if (shim->health.record) say_health(shim, before);
    if (unhealthy) act_on_unhealthy(shim);
    if (shim->kill_at_ns == SHIM_NEVER || clock_monotonic_ns() < shim->kill_at_ns) return;
    shim->kill_at_ns = SHIM_NEVER;
    send_signal(SIGKILL);
}

void shim_loop(struct shim *shim) {
    the_shim = shim;
    shim->kill_at_ns = SHIM_NEVER;
    reap(shim);
    while (!shim->ended || output_open(shim)) {
        struct pollfd polls[AT_COUNT];
        poll_set(shim, polls);
        int timeout = loop_timeout(shim);
        bool gathers = shim->gathers && !shim->ended;
        int n = gathers ? ppoll(polls, AT_COUNT, &(struct timespec){.tv_nsec = GATHER_NS}, NULL)
                        : poll(polls, AT_COUNT, timeout);
        if (n < 0) continue;
        if (n == 0 && shim->ended && timeout == STUCK_MS) drop_stuck(shim);
        if (polls[AT_SIGNALS].revents) take_signals(shim);
        if (polls[AT_LISTEN].revents) take_clients(shim);
        if (polls[AT_OOM].revents) take_oom(shim);
        serve_peers(shim, polls);
        if (polls[AT_INPUT].revents || (shim->input < 0 && input_waiting(shim))) put_input(shim);
        end_input(shim);
        serve_output(shim, polls, gathers);
        if (polls[AT_PORTS].revents && !shim->ended) ports_serve(&shim->ports);
        if (!shim->ended) names_held_serve(&shim->names, polls[AT_NAMES].revents);
        keep_time(shim, polls[AT_HEALTH].revents);
    }
}

static bool sends_waiting(const struct shim *shim) {
    for (const struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++)
        if (peer_present(p) && queue_used(&p->send)) return true;
    return false;
}

static void say_exited(struct shim *shim, struct peer *peer) {
    if (!peer_present(peer) || peer->exit_sent) return;
    peer_send(peer, SHIM_EXITED, &shim->exit, sizeof shim->exit);
    peer->exit_sent = true;
}

void shim_say_exited_first(struct shim *shim) {
    if (shim->peers->first) say_exited(shim, shim->peers);
}

bool shim_say_exited(struct shim *shim) {
    if (shim->listen >= 0) take_clients(shim);
    if (!shim->exit.restarts) fd_closep(&shim->listen);
    for (struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++) say_exited(shim, p);
    while (sends_waiting(shim)) {
        struct pollfd polls[AT_COUNT];
        poll_set(shim, polls);
        for (int i = 0; i < AT_PEERS; i++) polls[i].fd = -1;
        int n = poll(polls, AT_COUNT, STUCK_MS);
        if (n == 0)
            drop_stuck(shim);
        else if (n > 0)
            serve_peers(shim, polls);
    }
    return peer_present(shim->peers) && shim->peers->first && !shim->peers->deaf;
}

// Back-off

// The sockets go to whoever is executed next, so that a client learns from its connection's end that this is
// over, too.
static void hand_on(struct shim *shim) {
    fcntl(shim->listen, F_SETFD, 0);
    for (struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++)
        if (peer_present(p)) fcntl(p->fd, F_SETFD, 0);
}

void shim_dismiss(struct shim *shim) {
    for (struct peer *p = shim->peers; p < shim->peers + SHIM_PEERS; p++) {
        if (peer_present(p)) peer_receive(p, &requests);
        if (peer_present(p)) peer_drop(p);
    }
}

bool shim_back_off(struct shim *shim, uint32_t delay_ms) {
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)delay_ms * 1000000u;
    shim_dismiss(shim);
    while (!shim->stopped && !shim->leaving) {
        struct pollfd polls[AT_COUNT];
        int timeout = milliseconds_until(deadline_ns);
        if (timeout == 0) return hand_on(shim), true;
        poll_set(shim, polls);
        if (poll(polls, AT_COUNT, timeout) <= 0) continue;
        if (polls[AT_SIGNALS].revents) take_signals(shim);
        if (polls[AT_LISTEN].revents) take_clients(shim);
        serve_peers(shim, polls);
    }
    return false;
}
