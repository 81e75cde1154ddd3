// SPDX-License-Identifier: Apache-2.0
#include "network/helper.h"

#include "base/arena.h"
#include "base/fd.h"
#include "kernel/process.h"
#include "runtime/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int execute_error; // children share our memory until they execute (vfork)

static int place(const int *given, size_t count) {
    int fds[HELPER_FDS], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return -errno;
    for (size_t i = 0; i < count; i++) fds[i] = given[i] < 0 ? null : given[i];
    int r = fd_place(fds, count, 0);
    if (r) return r;
    return syscall(SYS_close_range, (unsigned)count, ~0U, 0) ? -errno : 0;
}

static void execute(const char *program, const char *const argv[], const int *fds, size_t count) {
    const char *envp[] = {NULL};
    process_unblock_signals();
    execute_error = -place(fds, count);
    if (execute_error) return;
    execve(program, (char *const *)argv, (char *const *)envp);
    execute_error = errno;
}

int helper_start(const char *program, const char *const argv[], const int *fds, size_t count) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *exits[RUNTIME_CGROUP_EXITS];
    if (count > HELPER_FDS) return -EINVAL;
    runtime_cgroup_exits(&arena, exits);
    execute_error = 0;
    pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): the parent waits for an _exit
    if (pid == 0) {
        setsid(); // NOLINT(clang-analyzer-unix.Vfork): nothing here touches what the parent needs
        if (chdir("/")) _exit(125);
        runtime_cgroup_leave(exits);
        pid_t second = vfork(); // NOLINT: the same
        if (second == 0) execute(program, argv, fds, count);
        if (second < 0) execute_error = errno;
        _exit(second > 0 ? 0 : 125);
    }
    if (pid < 0) return -errno;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return -execute_error;
}
