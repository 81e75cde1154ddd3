// SPDX-License-Identifier: Apache-2.0
// Starting a shim. Its program is part of this one (shim_program.S) and is executed from a sealed memfd: what
// a container can see of it through /proc is a copy that nobody can write, never a file of the host
// (CVE-2019-5736). The copy is small and made anew each time: that costs less than keeping it safe would.
#include "runtime/runtime.h"

#include "base/fd.h"
#include "kernel/holders.h"
#include "shim/protocol.h"

#include <errno.h>
#include <linux/close_range.h>
#include <linux/memfd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

extern const char shim_program[], shim_program_end[];

static int make_program(void) {
    int memfd = memfd_create("hoy-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (memfd < 0 && errno == EINVAL) memfd = memfd_create("hoy-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    _cleanup_(fd_closep) int fd = memfd < 0 ? -errno : memfd;
    if (fd < 0) return fd;
    int r = fd_write_all(fd, shim_program, (uintptr_t)shim_program_end - (uintptr_t)shim_program);
    if (r) return r;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) return -errno;
    return take_fd(&fd);
}

// Those before are the command's.
static int place(int fds[SHIM_FD_COUNT], int shift) {
    int r = fd_place(fds + SHIM_FD_PLAN, SHIM_FD_COUNT - SHIM_FD_PLAN, SHIM_FD_PLAN + shift);
    if (r) return r;
    return syscall(SYS_close_range, (unsigned)(SHIM_FD_COUNT + shift), ~0U, 0) ? -errno : 0;
}

static int leave_streams(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        if (null < 0 || dup2(null, i) < 0) return -errno;
    setsid();
    return 0;
}

static int execute(int program, const struct runtime_shim *shim) {
    char shift[16];
    const char *argv[] = {"hoy-shim", shift, NULL}, *envp[] = {NULL};
    int fds[SHIM_FD_COUNT] = {[SHIM_FD_PLAN] = shim->plan,         [SHIM_FD_CLIENT] = shim->client,
                              [SHIM_FD_LISTEN] = shim->listen,     [SHIM_FD_LOG] = shim->log,
                              [SHIM_FD_STATE] = shim->state,       [SHIM_FD_SELF] = program,
                              [SHIM_FD_START] = shim->start,       [SHIM_FD_CONSOLE] = shim->console,
                              [SHIM_FD_PIDFD] = shim->pidfd,       [SHIM_FD_ERRORS] = shim->errors,
                              [SHIM_FD_TERMINAL] = shim->terminal, [SHIM_FD_HEALTH] = shim->health,
                              [SHIM_FD_RECEIVER] = shim->receiver, [SHIM_FD_PORTS] = shim->ports,
                              [SHIM_FD_SERVED] = shim->served,     [SHIM_FD_RESOLVER] = shim->resolver,
                              [SHIM_FD_NFT] = shim->nft,           [SHIM_FD_HOLD] = shim->hold};
    runtime_cgroup_leave(shim->exits);
    snprintf(shift, sizeof shift, "%d", shim->preserve);
    if (chdir("/")) return -errno;
    int r = place(fds, shim->preserve);
    if (!r && shim->hold >= 0) r = holders_join(SHIM_FD_HOLD + shim->preserve);
    if (!r && !shim->inherit) r = leave_streams();
    if (r) return r;
    fcntl(SHIM_FD_SELF + shim->preserve, F_SETFD, FD_CLOEXEC);
    syscall(SYS_execveat, SHIM_FD_SELF + shim->preserve, "", argv, envp, AT_EMPTY_PATH);
    return -errno;
}

// Why the program could not be executed: until it is, the child shares our memory (vfork).
static volatile int execute_error;

pid_t runtime_spawn_shim(const struct runtime_shim *shim, struct err *err) {
    _cleanup_(fd_closep) int program = make_program();
    if (program < 0) return err_set(err, ERR_SYSTEM, -program, "cannot make the shim's program");
    execute_error = 0;
    // Nothing is copied; the child touches only descriptors and its own stack. posix_spawn cannot place them.
    pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): the parent waits for an execve
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "cannot start a shim");
    if (pid == 0) {
        execute_error = -execute(program, shim); // NOLINT(clang-analyzer-unix.Vfork): the same
        _exit(125);
    }
    if (!execute_error) return pid;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return err_set(err, ERR_SYSTEM, execute_error, "cannot execute the shim from memory");
}

int runtime_become_shim(const struct runtime_shim *shim, struct err *err) {
    _cleanup_(fd_closep) int program = make_program();
    if (program < 0) return err_set(err, ERR_SYSTEM, -program, "cannot make the shim's program");
    int r = execute(program, shim);
    (void)take_fd(&program); // its number is somebody else's by now
    return err_set(err, ERR_SYSTEM, -r, "cannot execute the shim from memory");
}
