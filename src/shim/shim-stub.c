// SPDX-License-Identifier: Apache-2.0
// For tests: an executor that only runs the plan's EXEC operation, with no container around it, so that the
// shim can be tested without root.
#include "base/fd.h"
#include "kernel/process.h"
#include "plan/execute.h"
#include "plan/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_child(struct plan_block *block, struct plan_op *exec, struct plan_streams *streams,
                      int report) {
    const char *argv[256], *env[256];
    process_unblock_signals();
    setsid();
    for (int i = 0; i < 3; i++) {
        int fd = streams->terminal >= 0 ? ioctl(streams->terminal, TIOCGPTPEER, O_RDWR) : streams->child[i];
        if (fd >= 0) dup2(fd, i);
    }
    if (streams->terminal >= 0) ioctl(0, TIOCSCTTY, 0);
    plan_list_get(block, exec->exec.argv, argv);
    plan_list_get(block, exec->exec.env, env);
    execve(argv[0], (char **)argv, (char **)env);
    int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

pid_t plan_execute(struct plan_block *block, struct plan_streams *streams, struct err *err) {
    struct plan_op *exec = plan_find(block, PLAN_EXEC);
    int report[2], error;
    if (!exec || pipe2(report, O_CLOEXEC)) return err_set(err, ERR_INVALID, 0, "no plan");
    if (block->stdio == PLAN_STDIO_TERMINAL) {
        streams->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        grantpt(streams->terminal);
        unlockpt(streams->terminal);
    }
    pid_t pid = fork();
    if (pid == 0) run_child(block, exec, streams, report[1]);
    close(report[1]);
    ssize_t n = fd_read_full(report[0], &error, sizeof error);
    close(report[0]);
    if (!n) return pid;
    waitpid(pid, NULL, 0);
    return err_set(err, ERR_COMMAND_NOT_FOUND, error, "exec: %s", strerror(error));
}

int plan_run_hooks(struct plan_block *block, enum plan_side side, struct err *err) {
    (void)block, (void)side, (void)err;
    return 0;
}

void plan_undo_links(struct plan_block *block) {
    (void)block;
}

int plan_undo(struct plan_block *block) {
    (void)block;
    return 0;
}
