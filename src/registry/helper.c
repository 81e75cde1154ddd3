// SPDX-License-Identifier: Apache-2.0
#include "registry/helper.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS      60 // somebody may have to type a password into its window
#define ANSWER_MAX   (64u << 10)
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define NOT_THERE    "credentials not found in native keychain"

extern char **environ;

// One run: what it was asked, what it said.
struct run {
    const char *name, *action; // "pass", "get"
    int socket;                // both its input and its output
    pid_t pid;
    uint64_t deadline_ns;
    struct str answer;
    int status;
};

static void run_finish(struct run *run) {
    if (run->pid > 0) {
        kill(run->pid, SIGKILL);
        while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    fd_closep(&run->socket);
    if (run->answer.data) explicit_bzero(run->answer.data, run->answer.len);
    str_finish(&run->answer);
}

static int run_start(struct run *run, struct err *err) {
    char program[NAME_MAX + 1];
    char *argv[] = {program, (char *)run->action, NULL};
    int sockets[2];
    if (strspn(run->name, NAME_LETTERS) != strlen(run->name) ||
        snprintf(program, sizeof program, "docker-credential-%s", run->name) >= (int)sizeof program)
        return err_set(err, ERR_INVALID, 0, "\"%.100s\" is no name of a credential helper", run->name);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
        return err_set(err, ERR_SYSTEM, errno, "can't make a socket");
    run->socket = sockets[0];
    _cleanup_(fd_closep) int theirs = sockets[1];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, theirs, STDOUT_FILENO);
    int r = posix_spawnp(&run->pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r) run->pid = 0;
    if (r == ENOENT)
        return err_set(err, ERR_NOT_FOUND, 0, "the credential helper %s is not installed (not on the PATH)",
                       program);
    return r ? err_set(err, ERR_SYSTEM, r, "can't run %s", program) : 0;
}

static int too_slow(const struct run *run, struct err *err) {
    return err_set(err, ERR_UNAVAILABLE, ETIMEDOUT,
                   "the credential helper docker-credential-%s did not answer within %d seconds", run->name,
                   SECONDS);
}

// 1: there is something; 0: the time is over.
static int run_wait_for(struct run *run, int fd) {
    struct pollfd p = {fd, POLLIN, 0};
    for (;;) {
        uint64_t now = clock_monotonic_ns();
        if (now >= run->deadline_ns) return 0;
        int r = poll(&p, 1, (int)((run->deadline_ns - now) / 1000000 + 1));
        if (r > 0) return 1;
        if (r < 0 && errno != EINTR) return 0;
    }
}

static int run_listen(struct run *run, struct err *err) {
    char block[4096];
    for (;;) {
        if (!run_wait_for(run, run->socket)) return too_slow(run, err);
        ssize_t n = read(run->socket, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break; // also ECONNRESET: it has not read all that it was told
        if (run->answer.len + (size_t)n > ANSWER_MAX)
            return err_set(err, ERR_UNAVAILABLE, 0,
                           "the credential helper docker-credential-%s answers with more than %u KiB",
                           run->name, ANSWER_MAX >> 10);
        str_add_n(&run->answer, block, (size_t)n);
    }
    explicit_bzero(block, sizeof block);
    _cleanup_(fd_closep) int process = (int)syscall(SYS_pidfd_open, run->pid, 0);
    if (process >= 0 && !run_wait_for(run, process)) return too_slow(run, err);
    while (waitpid(run->pid, &run->status, 0) < 0 && errno == EINTR) {}
    run->pid = 0;
    return 0;
}

// What it said when it failed, as one line.
static int run_failed(struct run *run, struct err *err) {
    char said[200] = "";
    snprintf(said, sizeof said, "%s", str_get(&run->answer));
    said[strcspn(said, "\r\n")] = 0;
    return err_set(err, ERR_UNAUTHORIZED, 0, "the credential helper docker-credential-%s failed%s%s",
                   run->name, *said ? ": " : "", said);
}

// 1 when it did what it was told, 0 when it does not know the server, -1.
static int run_all(struct run *run, const char *input, struct err *err) {
    if (run_start(run, err)) return -1;
    run->deadline_ns = clock_monotonic_ns() + SECONDS * 1000000000ull;
    size_t size = strlen(input); // fits the socket's buffer: nothing waits here
    if (send(run->socket, input, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size && errno != EPIPE)
        return err_set(err, ERR_SYSTEM, errno, "can't talk to docker-credential-%s", run->name);
    shutdown(run->socket, SHUT_WR);
    if (run_listen(run, err)) return -1;
    if (WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0) return 1;
    if (strstr(str_get(&run->answer), NOT_THERE)) return 0;
    return run_failed(run, err);
}

int helper_get(struct arena *arena, const char *name, const char *server, struct credentials *ret,
               struct err *err) {
    _cleanup_(run_finish) struct run run = {.name = name, .action = "get", .socket = -1};
    _cleanup_(json_freep) struct json *json = NULL;
    int r = run_all(&run, server, err);
    if (r <= 0) return r;
    if (json_parse(str_get(&run.answer), run.answer.len, &json) || !json_get_string(json, "Secret"))
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "the credential helper docker-credential-%s does not answer with credentials", name);
    const char *username = json_get_string(json, "Username"), *secret = json_get_string(json, "Secret");
    if (str_empty(username) && !*secret) return 0;
    *ret = (struct credentials){.username = arena_strdup(arena, username ? username : ""),
                                .password = arena_strdup(arena, secret)};
    return 1;
}

int helper_store(const char *name, const char *server, const struct credentials *credentials,
                 struct err *err) {
    _cleanup_(run_finish) struct run run = {.name = name, .action = "store", .socket = -1};
    struct json_writer w = {0};
    json_begin_object(&w, NULL);
    json_put_string(&w, "ServerURL", server);
    json_put_string(&w, "Username", credentials->username);
    json_put_string(&w, "Secret", credentials->password);
    json_end_object(&w);
    int r = run_all(&run, str_get(&w.text), err);
    explicit_bzero(w.text.data, w.text.len);
    json_writer_finish(&w);
    return r > 0 ? 0 : r == 0 ? run_failed(&run, err) : -1;
}

int helper_erase(const char *name, const char *server, struct err *err) {
    _cleanup_(run_finish) struct run run = {.name = name, .action = "erase", .socket = -1};
    return run_all(&run, server, err);
}
