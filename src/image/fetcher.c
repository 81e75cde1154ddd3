// SPDX-License-Identifier: Apache-2.0
#include "image/fetcher.h"

#include "base/fd.h"
#include "base/str.h"
#include "registry/channel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3 // in the worker: the channel, the directory, the tar

// Of the caller's environment the worker gets the way to the network and to trust.
static const char *const passed_on[] = {"http_proxy",    "HTTP_PROXY",  "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",     "ALL_PROXY",   "no_proxy",    "NO_PROXY",
                                        "SSL_CERT_FILE", "SSL_CERT_DIR"};

extern char **environ;

// Beside hoy, where the build has it, or where it was installed to.
static int program_find(char path[static PATH_MAX], struct err *err) {
    static const char *const below[] = {"hoy-fetch", "../fetch/hoy-fetch"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = n > 0 ? (self[n] = 0, strrchr(self, '/')) : NULL;
    if (slash) slash[1] = 0;
    for (size_t i = 0; slash && i < ARRAY_SIZE(below); i++)
        if (snprintf(path, PATH_MAX, "%s%s", self, below[i]) < PATH_MAX && access(path, X_OK) == 0) return 0;
    snprintf(path, PATH_MAX, "%s/hoy-fetch", HOY_LIBEXEC);
    if (access(path, X_OK) == 0) return 0;
    return err_set(err, ERR_SYSTEM, 0, "hoy-fetch is neither beside hoy nor in %s: install hoy again",
                   HOY_LIBEXEC);
}

static void environment_pick(char *ret_environment[static ARRAY_SIZE(passed_on) + 1]) {
    size_t count = 0;
    for (char **e = environ; *e; e++) {
        size_t n = strcspn(*e, "=");
        for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
            if (strlen(passed_on[i]) == n && memcmp(*e, passed_on[i], n) == 0 &&
                count < ARRAY_SIZE(passed_on))
                ret_environment[count++] = *e;
    }
    ret_environment[count] = NULL;
}

static void closep_all(int (*fds)[3]) {
    for (size_t i = 0; i < 3; i++) fd_closep(&(*fds)[i]);
}

static int program_spawn(struct fetcher *fetcher, const char *path, const char *mode, const int given[3]) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    char *environment[ARRAY_SIZE(passed_on) + 1], *argv[] = {(char *)"hoy-fetch", (char *)mode, NULL};
    // Out of the way of the numbers that they get.
    _cleanup_(closep_all) int fds[3] = {-1, -1, -1};
    for (int i = 0; i < 3 && given[i] >= 0; i++)
        if ((fds[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 16)) < 0) return -errno;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    // A process group of its own: so that those that it starts can be ended with it.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    // Not the terminal: what the worker has to say, it says through the channel.
    for (int fd = 0; fd < FIRST_FD; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    for (int i = 0; i < 3 && fds[i] >= 0; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], FIRST_FD + i);
    environment_pick(environment);
    int r = posix_spawn(&fetcher->pid, path, &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

static sigset_t ending_signals(void) {
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT), sigaddset(&ending, SIGTERM), sigaddset(&ending, SIGHUP);
    return ending;
}

int fetcher_start(struct fetcher *fetcher, const char *mode, int directory, int tar, struct err *err) {
    char path[PATH_MAX];
    int sockets[2];
    sigset_t ending = ending_signals();
    if (program_find(path, err)) return -1;
    sigprocmask(SIG_BLOCK, &ending, &fetcher->mask);
    fetcher->signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fetcher->signals < 0) {
        sigprocmask(SIG_SETMASK, &fetcher->mask, NULL);
        return err_set(err, ERR_SYSTEM, errno, "can't wait for signals");
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
        return err_set(err, ERR_SYSTEM, errno, "can't make a socket");
    fetcher->channel = sockets[0];
    _cleanup_(fd_closep) int theirs = sockets[1];
    const int given[3] = {theirs, directory, tar};
    int r = program_spawn(fetcher, path, mode, given);
    if (r < 0) fetcher->pid = 0;
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "can't run %s", path) : 0;
}

int fetcher_send(struct fetcher *fetcher, const struct json_writer *message, int fd, struct err *err) {
    int r = channel_send(fetcher->channel, str_get(&message->text), message->text.len, fd);
    // Gone: the reason comes with the next event.
    return r < 0 && r != -EPIPE && r != -ECONNRESET ? err_set(err, ERR_SYSTEM, -r, "can't talk to hoy-fetch")
                                                    : 0;
}

int fetcher_say(struct fetcher *fetcher, const char *key, const char *text, int fd, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_object(&w, NULL);
    if (key) json_put_string(&w, key, text);
    json_end_object(&w);
    return fetcher_send(fetcher, &w, fd, err);
}

// It has gone without a last word.
static int died(struct fetcher *fetcher, struct err *err) {
    siginfo_t info = {0};
    while (waitid(P_PID, (id_t)fetcher->pid, &info, WEXITED | WNOWAIT) && errno == EINTR) {}
    fetcher_kill(fetcher);
    if (info.si_code != CLD_EXITED)
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch was ended by signal %d (%s)", info.si_status,
                       strsignal(info.si_status));
    switch (info.si_status) {
    case 125: return err_set(err, ERR_SYSTEM, ENOMEM, "hoy-fetch"); // base/arena.c
    case 127:
        return err_set(err, ERR_SYSTEM, 0,
                       "hoy-fetch can't begin: a library that it needs can't be loaded (ldd tells which)");
    }
    return err_set(err, ERR_SYSTEM, 0, "hoy-fetch ended with status %d and did not say why", info.si_status);
}

static int event_read(struct fetcher *fetcher, struct json **ret_event, int *ret_fd, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(fd_closep) int fd = -1;
    _cleanup_(json_freep) struct json *json = NULL;
    int r = channel_receive(fetcher->channel, &text, &fd);
    if (r == 0) return died(fetcher, err);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "can't hear hoy-fetch");
    if (json_parse(text.data, text.len, &json))
        return err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks no JSON");
    if (str_eq(json_get_string(json, "event"), "error")) {
        int64_t kind = 0, code = 0;
        json_i64(json_get(json, "kind"), &kind);
        json_i64(json_get(json, "code"), &code);
        const char *said = json_get_string(json, "text");
        if (kind <= ERR_NONE || kind > ERR_SYSTEM) kind = ERR_UNAVAILABLE;
        err_set(err, (enum err_kind)kind, 0, "%s", said ? said : "hoy-fetch failed");
        err->code = (int)code;
        return -1;
    }
    *ret_event = take_ptr(json);
    *ret_fd = take_fd(&fd);
    return 0;
}

static int beside_read(struct fetcher *fetcher, struct err *err) {
    _cleanup_(json_freep) struct json *event = NULL;
    _cleanup_(fd_closep) int fd = -1;
    if (event_read(fetcher, &event, &fd, err)) return -1;
    return err_set(err, ERR_SYSTEM, 0, "hoy-fetch speaks out of turn");
}

// A signal came: its default is what the caller wanted to happen, only not before the worker is gone.
static int interrupted(struct fetcher *fetcher, struct err *err) {
    struct signalfd_siginfo info;
    if (read(fetcher->signals, &info, sizeof info) == (ssize_t)sizeof info)
        fetcher->signal = (int)info.ssi_signo;
    return err_set(err, ERR_UNAVAILABLE, EINTR, "interrupted");
}

int fetcher_receive_with(struct fetcher *fetcher, struct json **ret_event, int *ret_fd, struct err *err) {
    struct fetcher *beside = fetcher->beside;
    struct pollfd fds[] = {{fetcher->channel, POLLIN, 0},
                           {fetcher->signals, POLLIN, 0},
                           {beside ? beside->channel : -1, POLLIN, 0}};
    while (poll(fds, ARRAY_SIZE(fds), -1) < 0)
        if (errno != EINTR) return err_set(err, ERR_SYSTEM, errno, "can't wait for hoy-fetch");
    if (fds[1].revents) return interrupted(fetcher, err);
    if (beside && fds[2].revents) return beside_read(beside, err);
    return event_read(fetcher, ret_event, ret_fd, err);
}

int fetcher_receive(struct fetcher *fetcher, struct json **ret_event, struct err *err) {
    _cleanup_(fd_closep) int unwanted = -1;
    return fetcher_receive_with(fetcher, ret_event, &unwanted, err);
}

int fetcher_wait(struct fetcher *fetcher, struct err *err) {
    int status = 0;
    while (waitpid(fetcher->pid, &status, 0) < 0 && errno == EINTR) {}
    fetcher->pid = 0;
    return status ? err_set(err, ERR_SYSTEM, 0, "hoy-fetch ended with status %#x", (unsigned)status) : 0;
}

int fetcher_last(struct fetcher *fetcher, struct json **ret_done, struct err *err) {
    _cleanup_(json_freep) struct json *done = NULL;
    if (fetcher_receive(fetcher, &done, err) || fetcher_wait(fetcher, err)) return -1;
    if (ret_done) *ret_done = take_ptr(done);
    return 0;
}

// What it started becomes our child when it dies (image/extraction.c sees to that).
void fetcher_kill(struct fetcher *fetcher) {
    if (fetcher->pid <= 0) return;
    kill(-fetcher->pid, SIGKILL);
    while (waitpid(-fetcher->pid, NULL, 0) > 0 || errno == EINTR) {}
    fetcher->pid = 0;
}

// What interrupted us ends us, also where it was ignored when we began. Blocked still, it waits.
static void raise_again(int number) {
    struct sigaction now;
    if (!sigaction(number, NULL, &now) && now.sa_handler == SIG_IGN) signal(number, SIG_DFL);
    raise(number);
}

void fetcher_finish(struct fetcher *fetcher) {
    fetcher_kill(fetcher);
    fd_closep(&fetcher->channel);
    if (fetcher->signal) raise_again(fetcher->signal);
    fetcher->signal = 0;
    if (fetcher->signals >= 0) sigprocmask(SIG_SETMASK, &fetcher->mask, NULL);
    fd_closep(&fetcher->signals);
}

int fetcher_run(const char *mode, int directory, int tar, struct json **ret_done, struct err *err) {
    _cleanup_(fetcher_finish) struct fetcher fetcher = FETCHER_INIT;
    return fetcher_start(&fetcher, mode, directory, tar, err) || fetcher_last(&fetcher, ret_done, err) ? -1
                                                                                                       : 0;
}

sigset_t signals_hold(void) {
    sigset_t ending = ending_signals(), before;
    sigprocmask(SIG_BLOCK, &ending, &before);
    return before;
}

void signals_release(sigset_t *before) {
    sigprocmask(SIG_SETMASK, before, NULL);
}
