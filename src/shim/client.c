// SPDX-License-Identifier: Apache-2.0
// One loop over five descriptors that never waits anywhere but in poll: our input goes to the shim as long as
// its window is open, the shim's frames go to our output as long as that takes them, and signals are looked
// at in between, whatever is full.
#include "shim/client.h"

#include "base/fd.h"
#include "base/macro.h"
#include "shim/detach.h"
#include "shim/queue.h"
#include "shim/sink.h"
#include "shim/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_SIZE sizeof(struct shim_frame)
#define RUNNING   (-2) // beside the values of enum client_end

struct client {
    int socket, signals, input; // input: -1 when ended
    const struct client_options *options;
    bool raw; // the keyboard belongs to the container
    struct sink outputs[2];
    struct terminal terminal;
    struct detach detach;
    struct queue send, receive;
    uint32_t in_flight;     // input that the container has not taken yet
    struct shim_frame head; // of the output that is being written
    int blocked;            // 0, 1: this output takes nothing now; -1
    int end;                // RUNNING, or what client_run returns
    struct shim_exit *ret_exit;
    struct err *err;
};

static uint8_t send_bytes[SHIM_FRAME_MAX * 2], receive_bytes[65536 + HEAD_SIZE];

// The start

static int receive_all(int socket, void *bytes, size_t size, struct err *err) {
    ssize_t n = fd_read_full(socket, bytes, size);
    if (n < 0) return err_set(err, ERR_SYSTEM, (int)-n, "cannot hear from the container's shim");
    if ((size_t)n == size) return 0;
    return err_set(err, ERR_SYSTEM, 0, "the container's shim has ended without a word");
}

int client_wait_started(int socket, int32_t *ret_pid, struct err *err) {
    struct shim_frame head;
    struct err failure;
    uint32_t pid;
    if (receive_all(socket, &head, HEAD_SIZE, err)) return -1;
    if (head.type == SHIM_STARTED && head.size == sizeof pid) {
        if (receive_all(socket, &pid, sizeof pid, err)) return -1;
        *ret_pid = (int32_t)pid;
        return 0;
    }
    if (head.type != SHIM_FAILED || head.size != sizeof failure)
        return err_set(err, ERR_SYSTEM, 0, "the container's shim speaks another protocol");
    if (receive_all(socket, &failure, sizeof failure, err)) return -1;
    failure.text[sizeof failure.text - 1] = failure.file[sizeof failure.file - 1] = 0;
    *err = failure;
    return -1;
}

int client_check_detach_keys(const char *keys, struct err *err) {
    struct detach detach;
    return detach_parse(keys, &detach, err);
}

// To the shim

// Whatever else the kernel refuses, memory as a rule, it may grant the next time.
static bool is_gone(int error) {
    return error == EPIPE || error == ECONNRESET;
}

static void flush(struct client *c) {
    size_t waiting = queue_used(&c->send);
    if (!waiting) return;
    ssize_t n = send(c->socket, queue_head(&c->send), waiting, MSG_DONTWAIT | MSG_NOSIGNAL);
    // A shim that does not listen any more may still have said how it ended.
    if (n < 0 && is_gone(errno)) n = (ssize_t)waiting;
    if (n > 0) queue_drop(&c->send, (size_t)n);
}

// Small frames always have room: there is at most one of input in the buffer, and a signal that does not fit
// behind a hundred others says nothing new.
static void send_frame(struct client *c, enum shim_frame_type type, const void *bytes, size_t size) {
    struct shim_frame head = {.type = type, .size = (uint32_t)size};
    if (queue_space(&c->send) < HEAD_SIZE + size) return;
    queue_add(&c->send, &head, HEAD_SIZE);
    if (size) queue_add(&c->send, bytes, size);
    flush(c);
}

static void send_size(struct client *c) {
    struct shim_size size;
    if (c->options->terminal && (terminal_size(STDOUT_FILENO, &size) || terminal_size(STDIN_FILENO, &size)))
        send_frame(c, SHIM_RESIZE, &size, sizeof size);
}

// The kernel tells a program of a new size only: another one first, then the true one.
static void ask_redraw(struct client *c) {
    struct shim_size size;
    if (!terminal_size(STDOUT_FILENO, &size)) return;
    size.rows++;
    send_frame(c, SHIM_RESIZE, &size, sizeof size);
}

static size_t input_room(const struct client *c) {
    if (c->input < 0 || queue_used(&c->send) || c->in_flight >= SHIM_STDIN_WINDOW) return 0;
    size_t window = SHIM_STDIN_WINDOW - c->in_flight;
    size_t room = window < SHIM_FRAME_MAX ? window : SHIM_FRAME_MAX;
    return room > DETACH_KEYS_MAX ? room - DETACH_KEYS_MAX : 0;
}

static void take_input(struct client *c) {
    uint8_t typed[SHIM_FRAME_MAX], bytes[SHIM_FRAME_MAX];
    size_t size;
    ssize_t n = read(c->input, typed, input_room(c));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) {
        c->input = -1;
        if (!c->raw) send_frame(c, SHIM_STDIN, NULL, 0); // a terminal that is gone may be another one later
        return;
    }
    if (detach_filter(&c->detach, typed, (size_t)n, bytes, &size)) c->end = CLIENT_DETACHED;
    if (!size) return; // an empty frame would be the end of input
    c->in_flight += (uint32_t)size;
    send_frame(c, SHIM_STDIN, bytes, size);
}

// From the shim

// How much of the output at hand was written, or thrown away.
static size_t put_output(struct client *c, int stream, const uint8_t *bytes, size_t size) {
    struct sink *sink = &c->outputs[stream];
    ssize_t n = sink_write(sink, bytes, size);
    if (n >= 0) return (size_t)n;
    if (n == -EAGAIN) return c->blocked = stream, 0;
    if (n == -EPIPE && stream == 0) return c->end = CLIENT_CLOSED, 0;
    if (stream == 0)
        return c->end = err_set(c->err, ERR_SYSTEM, (int)-n, "cannot write to standard output"), 0;
    sink_finish(sink);
    sink->fd = -1;
    return size;
}

static int lost(struct client *c) {
    return c->end = CLIENT_LOST;
}

// A frame that is there as a whole.
static void take_frame(struct client *c, struct shim_frame head, const uint8_t *bytes) {
    uint32_t taken;
    if (head.type == SHIM_EXITED && head.size == sizeof *c->ret_exit) {
        memcpy(c->ret_exit, bytes, sizeof *c->ret_exit);
        c->end = CLIENT_EXITED;
    } else if (head.type == SHIM_STDIN_TAKEN && head.size == sizeof taken) {
        memcpy(&taken, bytes, sizeof taken);
        c->in_flight -= taken < c->in_flight ? taken : c->in_flight;
    } else if (head.type != SHIM_STARTED) {
        lost(c);
    }
}

static bool is_output(struct shim_frame head) {
    return head.type == SHIM_STDOUT || head.type == SHIM_STDERR;
}

// Writes what has come of the current output frame. False when there is nothing more to do for now.
static bool pass_output(struct client *c) {
    size_t n = queue_used(&c->receive);
    if (n > c->head.size) n = c->head.size;
    if (!n) return false;
    bool is_stderr = c->head.type == SHIM_STDERR;
    // What was sent before the shim read our HELLO is not wanted either.
    bool wanted = is_stderr ? !c->options->no_stderr : !c->options->no_stdout;
    if (wanted) n = put_output(c, is_stderr, queue_head(&c->receive), n);
    queue_drop(&c->receive, n);
    c->head.size -= (uint32_t)n;
    return n > 0;
}

static bool next_frame(struct client *c) {
    struct shim_frame head;
    if (c->head.size) return pass_output(c);
    if (queue_used(&c->receive) < HEAD_SIZE) return false;
    memcpy(&head, queue_head(&c->receive), HEAD_SIZE);
    if (head.size > SHIM_FRAME_MAX) return lost(c), false;
    if (is_output(head)) {
        c->head = head;
        queue_drop(&c->receive, HEAD_SIZE);
        return true;
    }
    if (queue_used(&c->receive) < HEAD_SIZE + head.size) return false;
    take_frame(c, head, queue_head(&c->receive) + HEAD_SIZE);
    queue_drop(&c->receive, HEAD_SIZE + head.size);
    return true;
}

static void take_frames(struct client *c) {
    c->blocked = -1;
    while (c->end == RUNNING && next_frame(c)) continue;
}

static void take_socket(struct client *c) {
    uint8_t *tail = queue_tail(&c->receive);
    ssize_t n = recv(c->socket, tail, queue_space(&c->receive), MSG_DONTWAIT);
    if (n < 0 && !is_gone(errno)) return;
    if (n <= 0) {
        lost(c);
        return;
    }
    c->receive.end += (size_t)n;
    take_frames(c);
}

// Signals

// Ctrl-Z and what belongs to it stay with the shell: it stops us, not the container.
static void signals_wanted(const struct client_options *options, bool raw, sigset_t *ret_set) {
    static const int kept[] = {SIGCHLD, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH, SIGURG,
                               SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGABRT, SIGTRAP, SIGSYS};
    static const int at_terminal[] = {SIGCONT, SIGTERM, SIGHUP, SIGINT, SIGQUIT};
    sigemptyset(ret_set);
    if (!raw && options->proxy_signals) {
        sigfillset(ret_set);
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++) sigdelset(ret_set, kept[i]);
    }
    if (options->terminal) sigaddset(ret_set, SIGWINCH);
    for (size_t i = 0; raw && i < ARRAY_SIZE(at_terminal); i++) sigaddset(ret_set, at_terminal[i]);
}

// As if we had never caught it, but for the terminal.
static void die_of(struct client *c, int number) {
    sigset_t set;
    terminal_restore(&c->terminal);
    sigemptyset(&set);
    sigaddset(&set, number);
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    c->end = CLIENT_DETACHED; // a pid 1 outlives its signals
}

static void take_signal(struct client *c) {
    struct signalfd_siginfo info;
    if (read(c->signals, &info, sizeof info) != sizeof info) return;
    uint32_t number = info.ssi_signo;
    if (number == SIGCONT) terminal_make_raw(&c->terminal, STDIN_FILENO);
    if (number == SIGCONT || number == SIGWINCH) return send_size(c);
    if (!c->raw) return send_frame(c, SHIM_SIGNAL, &number, sizeof number);
    die_of(c, (int)number);
}

// The loop

static void serve(struct client *c) {
    enum { SIGNALS, SOCKET, INPUT, OUTPUT, COUNT };
    short events = (short)((c->blocked < 0 ? POLLIN : 0) | (queue_used(&c->send) ? POLLOUT : 0));
    struct pollfd polls[COUNT] = {
        [SIGNALS] = {.fd = c->signals, .events = POLLIN},
        [SOCKET] = {.fd = events ? c->socket : -1, .events = events},
        [INPUT] = {.fd = input_room(c) ? c->input : -1, .events = POLLIN},
        [OUTPUT] = {.fd = c->blocked < 0 ? -1 : c->outputs[c->blocked].fd, .events = POLLOUT},
    };
    if (poll(polls, COUNT, -1) < 0) return;
    if (polls[SIGNALS].revents) take_signal(c);
    if (polls[SOCKET].revents & POLLOUT) flush(c);
    if (polls[OUTPUT].revents)
        take_frames(c);
    else if (polls[SOCKET].revents && c->blocked < 0)
        take_socket(c);
    if (polls[INPUT].revents && c->end == RUNNING && input_room(c)) take_input(c);
}

static void greet(struct client *c) {
    struct shim_hello hello = {.want_stdout = !c->options->no_stdout,
                               .want_stderr = !c->options->no_stderr,
                               .owns_stdin = c->options->send_stdin};
    send_frame(c, SHIM_HELLO, &hello, sizeof hello);
    if (c->raw && c->options->redraw) ask_redraw(c);
    send_size(c);
}

static int copy(struct client *c) {
    if (c->raw) {
        int r = terminal_make_raw(&c->terminal, STDIN_FILENO);
        if (r) return err_set(c->err, ERR_SYSTEM, -r, "cannot put the terminal into raw mode");
    }
    for (int i = 0; i < 2; i++) sink_init(&c->outputs[i], STDOUT_FILENO + i);
    greet(c);
    while (c->end == RUNNING) serve(c);
    terminal_restore(&c->terminal);
    for (int i = 0; i < 2; i++) sink_finish(&c->outputs[i]);
    return c->end;
}

int client_run(int socket, const struct client_options *options, struct shim_exit *ret_exit,
               struct err *err) {
    // `-t` without `-i`: nothing is typed into the container, so ctrl-C stays a signal.
    bool raw = options->terminal && options->send_stdin;
    struct client c = {
        .socket = socket,
        .raw = raw,
        .input = options->send_stdin ? STDIN_FILENO : -1,
        .options = options,
        .terminal = {.fd = -1},
        .send = {.bytes = send_bytes, .size = sizeof send_bytes},
        .receive = {.bytes = receive_bytes, .size = sizeof receive_bytes},
        .blocked = -1,
        .end = RUNNING,
        .ret_exit = ret_exit,
        .err = err,
    };
    if (raw && detach_parse(options->detach_keys, &c.detach, err)) return -1;
    sigset_t wanted, old, pipe;
    signals_wanted(options, raw, &wanted);
    sigprocmask(SIG_BLOCK, &wanted, &old);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE); // EPIPE says it, too
    sigprocmask(SIG_BLOCK, &pipe, NULL);
    _cleanup_(fd_closep) int signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    c.signals = signals;
    int r = signals < 0 ? err_set(err, ERR_SYSTEM, errno, "cannot watch signals") : copy(&c);
    struct timespec now = {0};
    sigtimedwait(&pipe, NULL, &now);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return r;
}
