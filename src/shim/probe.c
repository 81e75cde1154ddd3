// SPDX-License-Identifier: Apache-2.0
#include "shim/probe.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/netns.h"
#include "kernel/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_MAX 64
// The program that makes a command check ends it in time by itself; this is for one that does not come to it.
#define COMMAND_GRACE_NS 15000000000u
#define HTTP_LINE_MAX    256

static _printf_(3, 4) void done(struct probe *probe, int exit_code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(probe->output, sizeof probe->output, format, args);
    va_end(args);
    fd_closep(&probe->fd);
    probe->used = n < 0 ? 0 : (size_t)n < sizeof probe->output ? (size_t)n : sizeof probe->output - 1;
    probe->answer.exit_code = exit_code;
    probe->stage = PROBE_DONE;
}

static const char *target(const struct probe *probe) {
    return plan_text(probe->plan, probe->plan->health.target);
}

// Sockets

static int begin_connect(int fd, const struct plan_health *health) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(health->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(health->port)};
    memcpy(&v4.sin_addr, health->address, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, health->address, sizeof v6.sin6_addr);
    int r = health->is_ipv6 ? connect(fd, (struct sockaddr *)&v6, sizeof v6)
                            : connect(fd, (struct sockaddr *)&v4, sizeof v4);
    return r && errno != EINPROGRESS ? -errno : 0;
}

static void start_connection(struct probe *probe) {
    const struct plan_health *health = &probe->plan->health;
    probe->fd =
        netns_socket(probe->plan->pid, health->is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    int r = probe->fd < 0 ? probe->fd : begin_connect(probe->fd, health);
    if (r) return done(probe, 1, "connect to %s: %s", target(probe), strerror(-r));
    probe->stage = PROBE_CONNECTING;
}

static void connected(struct probe *probe) {
    int error = 0;
    socklen_t size = sizeof error;
    const char *request = plan_text(probe->plan, probe->plan->health.request);
    size_t length = strlen(request);
    if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &size)) error = errno;
    if (error) return done(probe, 1, "connect to %s: %s", target(probe), strerror(error));
    if (probe->plan->health.probe == PLAN_PROBE_TCP) return done(probe, 0, "connected to %s", target(probe));
    // A new socket's buffer is larger than any request.
    if (send(probe->fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
        return done(probe, 1, "send to %s: %s", target(probe), strerror(errno));
    probe->stage = PROBE_READING;
}

// "HTTP/1.1 204 No Content"
static int http_status(const char *line) {
    if (strncmp(line, "HTTP/1.", 7) != 0 || !line[7] || line[8] != ' ') return -1;
    int status = 0;
    for (int i = 9; i < 12; i++) {
        if (line[i] < '0' || line[i] > '9') return -1;
        status = status * 10 + line[i] - '0';
    }
    return status;
}

static void take_line(struct probe *probe) {
    char line[HTTP_LINE_MAX + 1];
    size_t length = strcspn(probe->output, "\r\n");
    snprintf(line, sizeof line, "%.*s", (int)length, probe->output);
    int status = http_status(line);
    if (status < 0) return done(probe, 1, "%s does not answer in HTTP", target(probe));
    done(probe, status >= 200 && status < 400 ? 0 : 1, "%s", line);
}

// Only the first line counts.
static void read_line(struct probe *probe) {
    size_t room = HTTP_LINE_MAX - probe->used;
    ssize_t n = recv(probe->fd, probe->output + probe->used, room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) return done(probe, 1, "read from %s: %s", target(probe), strerror(errno));
    probe->used += (size_t)n;
    probe->output[probe->used] = 0;
    if (n == 0 || strchr(probe->output, '\n') || probe->used == HTTP_LINE_MAX) take_line(probe);
}

// Commands

static volatile int execute_error; // the child shares our memory until it executes (vfork)

static void execute(const char **argv, int out) {
    process_unblock_signals();
    if (dup2(out, STDOUT_FILENO) >= 0) execv(argv[0], (char *const *)argv);
    execute_error = errno;
    _exit(127);
}

static void start_command(struct probe *probe) {
    struct plan_list command = probe->plan->health.command;
    const char *argv[COMMAND_MAX + 1];
    int ends[2];
    if (command.count > COMMAND_MAX || pipe2(ends, O_CLOEXEC))
        return done(probe, HEALTH_NOT_STARTED, "cannot start the check: %s", strerror(errno));
    plan_list_get(probe->plan, command, argv);
    execute_error = 0;
    pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): the parent waits for an execve
    if (pid == 0) execute(argv, ends[1]); // NOLINT(clang-analyzer-unix.Vfork): the same
    int error = pid < 0 ? errno : execute_error;
    close(ends[1]);
    probe->fd = ends[0];
    probe->pid = pid > 0 ? pid : 0;
    if (error) return done(probe, HEALTH_NOT_STARTED, "cannot start the check: %s", strerror(error));
    fcntl(probe->fd, F_SETFL, O_NONBLOCK);
    probe->deadline_ns += COMMAND_GRACE_NS;
    probe->stage = PROBE_COMMAND_RUNS;
}

static void command_ended(struct probe *probe) {
    fd_closep(&probe->fd);
    if (probe->answered < sizeof probe->answer)
        return done(probe, HEALTH_NOT_STARTED, "the check ended without a result");
    probe->stage = PROBE_DONE;
}

// The answer comes first; of what is printed the beginning is kept.
static void read_command(struct probe *probe) {
    char rest[512];
    size_t missing = sizeof probe->answer - probe->answered, room = sizeof probe->output - probe->used;
    void *at = missing ? (char *)&probe->answer + probe->answered : room ? probe->output + probe->used : rest;
    ssize_t n = read(probe->fd, at, missing ? missing : room ? room : sizeof rest);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return command_ended(probe);
    if (missing)
        probe->answered += (size_t)n;
    else if (room)
        probe->used += (size_t)n;
    else
        probe->truncated = true;
}

// All of them

void probe_start(struct probe *probe, const struct plan_block *plan) {
    probe->plan = plan;
    probe->fd = -1;
    probe->pid = 0;
    probe->answered = probe->used = 0;
    probe->truncated = false;
    probe->deadline_ns = clock_monotonic_ns() + plan->health.timeout_ns;
    plan->health.probe == PLAN_PROBE_COMMAND ? start_command(probe) : start_connection(probe);
}

static void in_time(struct probe *probe) {
    if (clock_monotonic_ns() < probe->deadline_ns) return;
    if (probe->pid > 0) kill(probe->pid, SIGKILL);
    done(probe, HEALTH_NOT_STARTED, "Health check exceeded timeout (%s)",
         plan_text(probe->plan, probe->plan->health.timeout_text));
}

void probe_serve(struct probe *probe, short events) {
    if (events && probe->stage == PROBE_CONNECTING)
        connected(probe);
    else if (events && probe->stage == PROBE_READING)
        read_line(probe);
    else if (events && probe->stage == PROBE_COMMAND_RUNS)
        read_command(probe);
    if (probe->stage != PROBE_DONE) in_time(probe);
}

void probe_cancel(struct probe *probe) {
    if (probe->stage == PROBE_IDLE) return;
    if (probe->pid > 0) kill(probe->pid, SIGTERM);
    fd_closep(&probe->fd);
    probe->stage = PROBE_IDLE;
}
