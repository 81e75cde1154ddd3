// SPDX-License-Identifier: Apache-2.0
#include "hoy-runtime/launch.h"
#include "hoy-runtime/container.h"

#include "base/fd.h"
#include "shim/client.h"
#include "shim/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRESERVE_MAX 200

// LISTEN_FDS, unless that is of somebody else's process (sd_listen_fds(3)).
static const char *activated(void) {
    const char *pid = getenv("LISTEN_PID");
    uint64_t number;
    bool ours = str_empty(pid) || (!parse_u64(pid, &number) && number == (uint64_t)getpid());
    return ours ? getenv("LISTEN_FDS") : NULL;
}

// What was inherited has no FD_CLOEXEC, and what this program has opened has it.
int launch_count_preserved(struct invocation *invocation, const struct launch_options *options,
                           int *ret_count, struct strings *env, struct err *err) {
    uint64_t count = options->preserve_fds.value, listen = 0;
    const char *word = env ? activated() : NULL;
    if (!str_empty(word) && (parse_u64(word, &listen) || listen > PRESERVE_MAX))
        return err_set(err, ERR_INVALID, 0, "LISTEN_FDS is \"%.40s\", which is no number of descriptors",
                       word);
    if (count > PRESERVE_MAX)
        return err_set(err, ERR_INVALID, 0, "--preserve-fds: at most %d descriptors", PRESERVE_MAX);
    count += listen;
    for (uint64_t i = 0; i < count; i++) {
        int fd = 3 + (int)i, flags = fcntl(fd, F_GETFD);
        if (flags < 0 || flags & FD_CLOEXEC)
            return err_set(err, ERR_INVALID, 0, "file descriptor %d, which is to be preserved, is not open",
                           fd);
    }
    if (listen) {
        strings_add(&invocation->arena, env, arena_printf(&invocation->arena, "LISTEN_FDS=%s", word));
        strings_add(&invocation->arena, env, "LISTEN_PID=1");
    }
    *ret_count = (int)count;
    return 0;
}

// As /proc names them; those of pipes are how a checkpoint tells what is outside of the container.
static void name_streams(struct plan *plan) {
    char names[3][64] = {"", "", ""}, path[32];
    const char *items[3];
    for (int fd = 0; fd < 3; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, names[fd], sizeof names[fd] - 1);
        names[fd][n > 0 ? n : 0] = 0;
        items[fd] = names[fd];
    }
    plan->head.streams = plan_strings(plan, items, 3);
}

void launch_size(const struct launch_options *options, struct spec_process *process) {
    struct shim_size size;
    if (!process->terminal || options->detach) return;
    if (!terminal_size(STDOUT_FILENO, &size) && !terminal_size(STDIN_FILENO, &size)) return;
    process->rows = size.rows;
    process->columns = size.columns;
}

int launch_prepare(struct invocation *invocation, const struct launch_options *options,
                   const struct spec_process *process, struct plan *plan, struct err *err) {
    if (process->terminal && options->detach && str_empty(options->console_socket))
        return err_set(err, ERR_INVALID, 0,
                       "cannot allocate tty if the runtime will detach without setting console socket");
    if (!str_empty(options->console_socket) && !(process->terminal && options->detach))
        return err_set(err, ERR_INVALID, 0,
                       "cannot use console socket if the runtime will not detach or allocate tty");
    plan->head.stdio = process->terminal ? PLAN_STDIO_TERMINAL : PLAN_STDIO_INHERIT;
    plan->head.leaves = options->detach;
    plan->head.log_json = invocation->globals.log_json;
    plan->head.keep_stdin = true;
    if (!process->terminal) name_streams(plan);
    if (!str_empty(options->pid_file))
        plan->head.pid_file = plan_string(plan, path_absolute(&invocation->arena, options->pid_file));
    return 0;
}

int launch_connect(const char *path, const char *flag, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (str_empty(path)) return -1;
    _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
    } else {
        strcpy(address.sun_path, path);
        if (fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address)) return take_fd(&fd);
    }
    return err_set(err, ERR_SYSTEM, errno, "--%s: cannot connect to %s", flag, path), -2;
}

int launch_follow(int socket, pid_t shim, const struct plan *plan, struct err *err) {
    int32_t pid;
    struct shim_exit exit = {0};
    const struct client_options options = {.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
                                           .send_stdin = true,
                                           .proxy_signals = true,
                                           .detach_keys = ""};
    int end = client_wait_started(socket, &pid, err) ? -1 : client_run(socket, &options, &exit, err);
    while (waitpid(shim, NULL, 0) < 0 && errno == EINTR) {}
    if (end == CLIENT_LOST)
        return err_set(err, ERR_SYSTEM, 0, "the shim of %s is gone", plan_string_at(plan, plan->head.id));
    return end < 0 ? -1 : exit.status;
}

// At a terminal of our own: the shim has the container's, and we copy.
static int follow(const struct plan *plan, struct runtime_shim *shim, struct err *err) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_SYSTEM, errno, "cannot make a socket");
    _cleanup_(fd_closep) int socket = ends[0];
    shim->client = ends[1];
    pid_t child = runtime_spawn_shim(shim, err);
    close(ends[1]);
    return child < 0 ? -1 : launch_follow(socket, child, plan, err);
}

// Where it fails the descriptors may be at the shim's places already, and their numbers be others'.
int launch_become_shim(struct invocation *invocation, struct runtime_shim *shim, struct err *err) {
    struct globals *globals = &invocation->globals;
    if (globals->log_fd >= 0) globals->log = path_absolute(&invocation->arena, globals->log);
    shim->errors = globals->log_fd;
    (void)runtime_become_shim(shim, err);
    globals->log_fd = -1;
    return -1;
}

int launch(struct invocation *invocation, const struct launch_options *options, int plan_fd, int start,
           const struct plan *plan, struct err *err) {
    _cleanup_(fd_closep) int console = launch_connect(options->console_socket, "console-socket", err);
    _cleanup_(fd_closep) int pidfd =
        console == -2 ? -1 : launch_connect(options->pidfd_socket, "pidfd-socket", err);
    if (console == -2 || pidfd == -2) return -1;
    struct runtime_shim shim = RUNTIME_SHIM_NONE;
    shim.plan = plan_fd;
    shim.start = start;
    shim.console = console;
    shim.pidfd = pidfd;
    shim.errors = invocation->globals.log_fd;
    shim.preserve = plan->head.preserve;
    shim.inherit = true;
    if (plan->head.stdio == PLAN_STDIO_TERMINAL && !options->detach) return follow(plan, &shim, err);
    return launch_become_shim(invocation, &shim, err);
}
