// SPDX-License-Identifier: Apache-2.0
// Whether a container stands still is the kernel's to say. Only of one that was ever paused in this run is it
// asked: a file in the run directory tells, which goes with that. So a listing of many asks it nothing.
#include "engine/freeze.h"
#include "engine/parts.h"
#include "kernel/cgroup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "was-paused"

static bool is_frozen(struct engine *engine, const struct container *container) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    enum cgroup_freezer state;
    const char *group = NULL;
    struct err ignored;
    return !freeze_group(engine, &arena, container, &group, &ignored) && group &&
           !cgroup_freezer_state(group, &state) && state != CGROUP_THAWED;
}

bool container_is_paused(struct engine *engine, const struct container *container) {
    char path[CONTAINER_FILE_SIZE];
    return !faccessat(engine->store.runroot_fd, container_file(container->id, MARK, path), F_OK, 0) &&
           is_frozen(engine, container);
}

static int mark(struct engine *engine, const struct container *container, struct err *err) {
    char path[CONTAINER_FILE_SIZE];
    _cleanup_(fd_closep) int fd =
        fd_open_at(engine->store.runroot_fd, container_file(container->id, MARK, path),
                   O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
    if (fd >= 0) return 0;
    if (fd == -ENOENT) return container_not_running(container->id, err);
    return err_set(err, ERR_SYSTEM, -fd, "make %s/%s", engine->store.runroot, path);
}

int container_pause(struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *group = NULL;
    if (!str_eq(container->state, "running")) return container_not_running(container->id, err);
    if (container->paused)
        return err_set(err, ERR_CONFLICT, 0, "Container %s is already paused", container->id);
    if (freeze_group(engine, &arena, container, &group, err) || mark(engine, container, err)) return -1;
    if (!group)
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "cannot pause container %s: this machine has no freezer of cgroups", container->name);
    int r = cgroup_freeze(group, FREEZE_TIMEOUT_NS);
    if (r == -ENOENT) return container_not_running(container->id, err);
    if (r == -ETIMEDOUT)
        return err_set(err, ERR_SYSTEM, 0,
                       "cannot pause container %s: its processes hang in the kernel and do not stand still",
                       container->name);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot pause container %s", container->name);
    container_event(engine, container, "pause", NULL);
    return 0;
}

int container_unpause(struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *group = NULL;
    if (!container->paused) return err_set(err, ERR_CONFLICT, 0, "Container %s is not paused", container->id);
    if (freeze_group(engine, &arena, container, &group, err)) return -1;
    int r = group ? cgroup_thaw(group) : 0; // NULL: it has just ended
    if (r && r != -ENOENT && r != -ENODEV)
        return err_set(err, ERR_SYSTEM, -r, "cannot unpause container %s", container->name);
    container_event(engine, container, "unpause", NULL);
    return 0;
}

int container_thaw_for(struct engine *engine, const struct container *container, int signal) {
    struct err ignored;
    if (!container->paused) return 0;
    bool own = !str_empty(container->config.stop_signal);
    if (own && signal != SIGKILL && signal != container_stop_signal(container)) return 0;
    return container_unpause(engine, container, &ignored) ? -EIO : 0;
}
