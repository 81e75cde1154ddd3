// SPDX-License-Identifier: Apache-2.0
// A scope of systemd's. It begins with a process and ends with its last one, and there is none yet when the
// limits are written and the clone looks for the group to be born in. So hoy-systemd itself is the first: it
// puts itself in, says so, and stays until it is told to go.
#include "base/arena.h"
#include "base/fd.h"
#include "plan/run.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// hoy-systemd while it holds the scope, and our end of what are its standard streams.
static pid_t holder;
static int holder_socket = -1;

static int spawn(const char **argv, int stream, pid_t *ret_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_adddup2(&actions, stream, fd);
    int r = posix_spawn(ret_pid, argv[0], &actions, &attributes, (char **)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

static int reap(pid_t pid) {
    int status;
    pid_t r;
    do r = waitpid(pid, &status, 0);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

bool plan_scope_is_held(void) {
    return holder > 0;
}

// A copy of the descriptor may be in the child, which has not executed anything when it is given up.
void plan_scope_release(void) {
    if (holder <= 0) return;
    shutdown(holder_socket, SHUT_RDWR);
    fd_closep(&holder_socket);
    reap(holder);
    holder = 0;
}

// One line: the group, or why there is none.
static void read_line(int fd, char *line, size_t size) {
    size_t done = 0;
    while (done < size - 1 && !memchr(line, '\n', done)) {
        ssize_t n = read(fd, line + done, size - 1 - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    line[done] = '\0';
    line[strcspn(line, "\n")] = '\0';
}

static int refuse(struct plan_run *run, const char *line, const char *group) {
    plan_scope_release();
    if (*line == '/')
        err_set(&run->err, ERR_SYSTEM, 0, "systemd made the cgroup %s instead of %s", line, group);
    else
        err_set(&run->err, ERR_SYSTEM, 0, "%s", *line ? line : "hoy-systemd ended without a word");
    return -ECANCELED;
}

int plan_do_scope_start(struct plan_run *run, struct plan_op *op) {
    _cleanup_(freep) const char **argv = plan_list_items(run->block, op->scope.start);
    char line[1024];
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return -errno;
    holder_socket = ends[0];
    _cleanup_(fd_closep) int theirs = ends[1];
    int r = spawn(argv, theirs, &holder);
    if (r < 0) {
        holder = 0;
        fd_closep(&holder_socket);
        return r;
    }
    fd_closep(&theirs);
    read_line(holder_socket, line, sizeof line);
    return strcmp(line, TEXT(op->scope.group)) ? refuse(run, line, TEXT(op->scope.group)) : 0;
}

// As a rule systemd has seen the last process go and has forgotten the scope.
int plan_undo_scope_start(struct plan_block *block, struct plan_op *op) {
    _cleanup_(freep) const char **argv = plan_list_items(block, op->scope.stop);
    _cleanup_(fd_closep) int null = fd_open_at(AT_FDCWD, "/dev/null", O_RDWR, 0);
    pid_t pid;
    if (null < 0) return null;
    int r = spawn(argv, null, &pid);
    if (r == 0) r = reap(pid);
    return r > 0 ? -EIO : r;
}
