// SPDX-License-Identifier: Apache-2.0
// Who needs the gate is a file: <runroot>/gate/<container id>. Whoever adds one holds a lock on the directory
// until the gate listens; the gate looks for the last time with that lock. Its own lock is on
// <runroot>/gate/.gate.
#include "network/gate.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP_FIRST 26745
#define GROUPS      1000
#define ALIVE       ".gate"

uint16_t network_gate_group(const char *bridge) {
    uint32_t number = 0;
    const char *digits = str_after(bridge, "hoy");
    if (!digits || parse_u32(digits, &number)) number = 0;
    return (uint16_t)(GROUP_FIRST + number % GROUPS);
}

// The lock is the caller's until the descriptor is closed.
static int directory_open(const char *runroot, bool make, int *ret_fd, struct err *err) {
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, runroot, O_PATH | O_DIRECTORY, 0);
    if (root < 0) return err_set(err, ERR_SYSTEM, -root, "open %s", runroot);
    if (make && mkdirat(root, "gate", 0700) && errno != EEXIST)
        return err_set(err, ERR_SYSTEM, errno, "make %s/gate", runroot);
    _cleanup_(fd_closep) int fd = fd_open_at(root, "gate", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd == -ENOENT && !make) {
        *ret_fd = -1;
        return 0;
    }
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "open %s/gate", runroot);
    while (flock(fd, LOCK_EX))
        if (errno != EINTR) return err_set(err, ERR_SYSTEM, errno, "lock %s/gate", runroot);
    *ret_fd = take_fd(&fd);
    return 0;
}

static bool runs(int directory) {
    _cleanup_(fd_closep) int fd = fd_open_at(directory, ALIVE, O_RDONLY | O_NOFOLLOW, 0);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

// In the child. What the program says goes to its standard streams, both of them the pipe.
static _Noreturn void become_gate(const char *program, const char *group, const char *path, int pipe) {
    char *const arguments[] = {(char *)(uintptr_t) "hoy-gate", (char *)(uintptr_t)group,
                               (char *)(uintptr_t)path, NULL};
    char *const environment[] = {NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (!chdir("/") && dup2(pipe, STDOUT_FILENO) >= 0 && dup2(pipe, STDERR_FILENO) >= 0)
        execve(program, arguments, environment);
    _exit(127);
}

// A child of a child: nobody has to wait for the gate's end.
static int spawn(const char *program, const char *group, const char *path, int ends[2], struct err *err) {
    pid_t pid = fork(), r;
    int status = 0;
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "start hoy-gate");
    if (!pid) {
        pid_t gate = fork();
        if (!gate) become_gate(program, group, path, ends[1]);
        _exit(gate < 0 ? 1 : 0);
    }
    do r = waitpid(pid, &status, 0);
    while (r < 0 && errno == EINTR);
    return r == pid && !status ? 0 : err_set(err, ERR_SYSTEM, EAGAIN, "start hoy-gate");
}

static void close_both(int (*ends)[2]) {
    for (int i = 0; i < 2; i++) fd_closep(&(*ends)[i]);
}

static int gate_start(const char *runroot, const char *bridge, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(close_both) int ends[2] = {-1, -1};
    char words[256];
    const char *program = runtime_program_find("hoy-gate", "gate", &arena, err);
    if (!program) return -1;
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "make a pipe for hoy-gate");
    if (spawn(program, arena_printf(&arena, "%u", network_gate_group(bridge)),
              arena_printf(&arena, "%s/gate", runroot), ends, err))
        return -1;
    fd_closep(&ends[1]);
    ssize_t n = fd_read_full(ends[0], words, sizeof words - 1);
    words[n > 0 ? n : 0] = '\0';
    words[strcspn(words, "\n")] = '\0';
    if (str_eq(words, "ready")) return 0;
    return err_set(err, ERR_SYSTEM, 0, "%s", *words ? words : "hoy-gate ended without a word");
}

static int start_if_missing(int directory, const char *runroot, const char *bridge, struct err *err) {
    return runs(directory) ? 0 : gate_start(runroot, bridge, err);
}

int network_gate_hold(const char *runroot, const char *bridge, const char *container_id, struct err *err) {
    _cleanup_(fd_closep) int directory = -1;
    if (directory_open(runroot, true, &directory, err)) return -1;
    _cleanup_(fd_closep) int file =
        fd_open_at(directory, container_id, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
    if (file < 0) return err_set(err, ERR_SYSTEM, -file, "make %s/gate/%s", runroot, container_id);
    if (!start_if_missing(directory, runroot, bridge, err)) return 0;
    unlinkat(directory, container_id, 0);
    return -1;
}

int network_gate_release(const char *runroot, const char *container_id, struct err *err) {
    _cleanup_(str_finish) struct str path = {0};
    str_printf(&path, "%s/gate/%s", runroot, container_id);
    if (!unlink(str_get(&path)) || errno == ENOENT) return 0;
    return err_set(err, ERR_SYSTEM, errno, "remove %s", str_get(&path));
}

static void dir_closep(DIR **dir) {
    if (*dir) closedir(*dir);
}

static bool is_needed(int directory) {
    _cleanup_(fd_closep) int fd = fd_open_at(directory, ".", O_RDONLY | O_DIRECTORY, 0);
    _cleanup_(dir_closep) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) return false;
    (void)take_fd(&fd);
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') return true;
    return false;
}

int network_gate_ensure(const char *runroot, const char *bridge, struct err *err) {
    _cleanup_(fd_closep) int directory = -1;
    if (directory_open(runroot, false, &directory, err)) return -1;
    return directory >= 0 && is_needed(directory) ? start_if_missing(directory, runroot, bridge, err) : 0;
}

bool network_gate_runs(const char *runroot) {
    _cleanup_(str_finish) struct str path = {0};
    str_printf(&path, "%s/gate", runroot);
    _cleanup_(fd_closep) int directory = fd_open_at(AT_FDCWD, str_get(&path), O_RDONLY | O_DIRECTORY, 0);
    return directory >= 0 && runs(directory);
}
