// SPDX-License-Identifier: Apache-2.0
// Hooks: programs of the one who made the config.json, run at fixed moments of a container's life with its
// state on their standard input (runtime.md, "Lifecycle"; config.md, "POSIX-platform Hooks").
#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "kernel/process.h"
#include "plan/run.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void execute(const struct plan_program *program, int output) {
    process_reset_signals();
    setsid();
    if (chdir("/")) _exit(126); // whoever starts or deletes the container may stand anywhere
    if (dup2(program->input, 0) < 0 || dup2(program->output < 0 ? output : program->output, 1) < 0 ||
        dup2(program->errors < 0 ? output : program->errors, 2) < 0)
        _exit(126);
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    execve(program->path, (char *const *)program->argv, (char *const *)program->env);
    dprintf(2, "%s", strerror(errno));
    _exit(126);
}

// In a memory file, so that a hook that does not read it keeps nobody waiting.
static int make_state(struct plan_run *run, struct plan_op *op) {
    const struct plan_block *block = run->block;
    // Inside of the container it is known by the number that it has there; one that has ended has none, as
    // its number may be somebody else's.
    int pid = op->side == PLAN_CHILD || op->side == PLAN_INSIDE ? getpid() : block->pid;
    char middle[64];
    int n = snprintf(middle, sizeof middle, "\"status\":\"%.20s\"", TEXT(op->hook.status));
    if (op->side != PLAN_STOPPED) snprintf(middle + n, sizeof middle - n, ",\"pid\":%d", pid);
    _cleanup_(fd_closep) int fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0) return -errno;
    dprintf(fd, "%s%s%s", TEXT(block->state_before), middle, TEXT(block->state_after));
    return lseek(fd, 0, SEEK_SET) < 0 ? -errno : take_fd(&fd);
}

// Keeps the beginning of what it says; the rest is read, too, so that it does not stand still.
static int follow(int output, int pidfd, uint64_t deadline_ns, char said[static PLAN_SAID_MAX]) {
    size_t used = 0;
    struct pollfd polls[] = {{.fd = pidfd, .events = POLLIN}, {.fd = output, .events = POLLIN}};
    for (;;) {
        uint64_t now = clock_monotonic_ns();
        if (now >= deadline_ns) return -ETIMEDOUT;
        uint64_t left_ms = deadline_ns == UINT64_MAX ? UINT64_MAX : (deadline_ns - now) / 1000000 + 1;
        int n = poll(polls, 2, left_ms > INT32_MAX ? -1 : (int)left_ms);
        if (n < 0 && errno != EINTR) return -errno;
        char bytes[512];
        ssize_t got = n > 0 && polls[1].revents ? read(output, bytes, sizeof bytes) : 0;
        for (ssize_t i = 0; i < got && used < PLAN_SAID_MAX - 1; i++) said[used++] = bytes[i];
        said[used] = 0;
        if (polls[1].revents && got <= 0) polls[1].fd = -1;
        if (n > 0 && polls[0].revents && !(polls[1].fd >= 0 && polls[1].revents & POLLIN)) return 0;
    }
}

static int finish(pid_t pid, int output, const struct plan_program *program, char *said, int *ret_status) {
    _cleanup_(fd_closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    uint64_t deadline_ns =
        program->timeout_s ? clock_monotonic_ns() + program->timeout_s * 1000000000ull : UINT64_MAX;
    int r = pidfd < 0 ? -errno : follow(output, pidfd, deadline_ns, said);
    if (r) kill(pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR) {}
    for (char *p = said; *p; p++)
        if (*p == '\n' || *p == '\r') *p = p[1] ? ' ' : 0;
    return r;
}

int plan_program_run(const struct plan_program *program, char said[static PLAN_SAID_MAX], int *ret_status) {
    int ends[2];
    said[0] = 0;
    if (pipe2(ends, O_CLOEXEC)) return -errno;
    _cleanup_(fd_closep) int ours = ends[0];
    _cleanup_(fd_closep) int theirs = ends[1];
    pid_t pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) execute(program, theirs);
    fd_closep(&theirs);
    return finish(pid, ours, program, said, ret_status);
}

static int hook_failed(struct plan_run *run, struct plan_op *op, int status, const char *said) {
    char how[48];
    if (WIFEXITED(status))
        snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(status));
    else
        snprintf(how, sizeof how, "signal %d", WTERMSIG(status));
    err_set(&run->err, ERR_SYSTEM, 0, "error running %s hook %s: %s%s%s", TEXT(op->hook.kind),
            TEXT(op->hook.path), how, *said ? ": " : "", said);
    return -ECANCELED;
}

static int open_output(struct plan_run *run, const struct plan_op *op, const char *path) {
    if (!*path) return -1;
    int fd = fd_open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600);
    if (fd < 0)
        err_set(&run->err, ERR_SYSTEM, -fd, "cannot open %s for what the %s hook says", path,
                TEXT(op->hook.kind));
    return fd;
}

int plan_open_hook_files(struct plan_run *run, const struct plan_op *op) {
    for (int i = 0; i < 2; i++) {
        if (run->hook_files[i] >= 0) continue;
        run->hook_files[i] = open_output(run, op, TEXT(i ? op->hook.errors : op->hook.output));
        if (run->err.kind) return -ECANCELED;
    }
    return 0;
}

static void close_hook_files(struct plan_run *run, const struct plan_op *op) {
    if (op->side == PLAN_INSIDE) return; // for the next: they were opened while the host's root was there
    for (int i = 0; i < 2; i++) fd_closep(&run->hook_files[i]);
}

int plan_do_hook(struct plan_run *run, struct plan_op *op) {
    char said[PLAN_SAID_MAX], home[PLAN_HOME_MAX];
    int status = 0;
    _cleanup_(fd_closep) int state = make_state(run, op);
    if (state < 0) return state;
    // One inside that has no environment of its own has the command's, as with runc.
    const struct plan_op *exec =
        op->side == PLAN_INSIDE && !op->hook.env.count ? plan_find(run->block, PLAN_EXEC) : NULL;
    _cleanup_(freep) const char **argv = plan_list_items(run->block, op->hook.argv);
    _cleanup_(freep) const char **env =
        exec ? plan_command_environment(run, exec, home) : plan_list_items(run->block, op->hook.env);
    int r = plan_open_hook_files(run, op);
    struct plan_program program = {.path = TEXT(op->hook.path),
                                   .argv = argv,
                                   .env = env,
                                   .input = state,
                                   .timeout_s = op->hook.timeout_s,
                                   .output = run->hook_files[0],
                                   .errors = run->hook_files[1]};
    if (!r) r = plan_program_run(&program, said, &status);
    close_hook_files(run, op);
    if (r == -ETIMEDOUT)
        err_set(&run->err, ERR_SYSTEM, 0, "error running %s hook %s: it did not end within %u s",
                TEXT(op->hook.kind), TEXT(op->hook.path), op->hook.timeout_s);
    if (r) return r;
    return status ? hook_failed(run, op, status, said) : 0;
}
