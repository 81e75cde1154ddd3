// SPDX-License-Identifier: Apache-2.0
// A child waits for the end of a pipe, and thaws: the kernel closes the pipe for who can't any more.
#include "engine/freeze.h"

#include "engine/parts.h"
#include "kernel/cgroup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int freeze_group(struct engine *engine, struct arena *arena, const struct container *container,
                 const char **ret_path, struct err *err) {
    struct cgroup_groups groups;
    if (container_groups(engine, arena, container, &groups, err)) return -1;
    const struct cgroup_group *group = cgroup_groups_freezer(&groups);
    if (group) *ret_path = group->path;
    return 0;
}

// Signals of the terminal are for our parent: it goes first.
static void run_guard(const char *group, int pipe) {
    char byte;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    setsid();
    dup2(pipe, 3);
    syscall(SYS_close_range, 4u, ~0u, 0u);
    while (read(3, &byte, 1) < 0 && errno == EINTR) {}
    cgroup_thaw(group);
    _exit(0);
}

static int start_guard(const char *group, struct freeze *freeze, struct err *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        run_guard(group, ends[0]);
    }
    int error = errno;
    close(ends[0]);
    *freeze = (struct freeze){.guard = ends[1], .pid = pid};
    if (pid > 0) return 0;
    fd_closep(&freeze->guard);
    return err_set(err, ERR_SYSTEM, error, "can't fork");
}

static int frozen(int r, const struct container *container, struct err *err) {
    if (!r || r == -ENOENT) return 0;
    if (r == -ETIMEDOUT)
        return err_set(err, ERR_SYSTEM, 0,
                       "container %s does not stand still: its processes hang in the kernel; try it with "
                       "--no-pause",
                       container->name);
    return err_set(err, ERR_SYSTEM, -r, "pause container %s", container->name);
}

int freeze_begin(struct engine *engine, const struct container *container, struct freeze *ret_freeze,
                 struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(freeze_end) struct freeze freeze = FREEZE_INIT;
    enum cgroup_freezer state;
    const char *group = NULL;
    if (!str_eq(container->state, "running")) return 0;
    if (freeze_group(engine, &arena, container, &group, err))
        return err_wrap(err, "pause container %s, which --no-pause leaves out", container->name);
    if (!group)
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "this machine has no freezer of cgroups to pause container %s with; try it with "
                       "--no-pause",
                       container->name);
    if (cgroup_freezer_state(group, &state) || state != CGROUP_THAWED) return 0;
    if (start_guard(group, &freeze, err)) return -1;
    if (frozen(cgroup_freeze(group, FREEZE_TIMEOUT_NS), container, err)) return -1;
    *ret_freeze = freeze;
    freeze = (struct freeze)FREEZE_INIT;
    return 0;
}

void freeze_end(struct freeze *freeze) {
    if (freeze->guard < 0) return;
    fd_closep(&freeze->guard);
    while (waitpid(freeze->pid, NULL, 0) < 0 && errno == EINTR) {}
}
