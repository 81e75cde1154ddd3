// SPDX-License-Identifier: Apache-2.0
// A minimal init, as tini is: it starts the command in a process group of its own (the terminal's foreground
// one, where there is a terminal), passes every signal on, reaps whatever is orphaned, and ends as the
// command ends.
#include "shim/init.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// Signals that say something about this process itself, and must not be waited for.
static const int own_signals[] = {SIGFPE,  SIGILL, SIGSEGV, SIGBUS, SIGABRT,
                                  SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};

static void foreground(pid_t group) {
    // SIGTTOU would stop a background process that does this; it is ignored meanwhile. Without a terminal it
    // fails, which is fine.
    (void)!tcsetpgrp(STDIN_FILENO, group);
}

static int exec_command(char **argv, const sigset_t *old) {
    setpgid(0, 0);
    foreground(getpid());
    signal(SIGTTIN, SIG_DFL);
    signal(SIGTTOU, SIG_DFL);
    sigprocmask(SIG_SETMASK, old, NULL);
    execvp(argv[0], argv);
    int error = errno;
    fprintf(stderr, "hoy-init: exec: \"%s\": %s\n", argv[0],
            error == ENOENT && !strchr(argv[0], '/') ? "executable file not found in $PATH"
                                                     : strerror(error));
    return error == ENOENT || error == ENOTDIR ? 127 : 126;
}

// Everything that has ended. The command's exit code goes to *ret_code.
static int reap(pid_t command, int *ret_code) {
    int status, found = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != command) continue;
        *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        found = 1;
    }
    return found;
}

int init_main(char **argv) {
    sigset_t all, old;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own_signals / sizeof *own_signals; i++) sigdelset(&all, own_signals[i]);
    sigprocmask(SIG_SETMASK, &all, &old);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    pid_t command = fork();
    if (command == 0) return exec_command(argv, &old);
    if (command < 0) {
        fprintf(stderr, "hoy-init: fork: %s\n", strerror(errno));
        return 126;
    }
    for (int code = 0;;) {
        siginfo_t info;
        int number = sigwaitinfo(&all, &info);
        if (number == SIGCHLD && reap(command, &code)) return code;
        if (number > 0 && number != SIGCHLD) kill(command, number);
    }
}
