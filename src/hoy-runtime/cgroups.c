// SPDX-License-Identifier: Apache-2.0
#include "hoy-runtime/cgroups.h"

#include "runtime/cgroup.h"
#include "runtime/stats.h"
#include "runtime/update.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#define FREEZE_NS 10000000000ull

int container_groups(const struct container *container, struct arena *arena, struct cgroup_groups *ret_groups,
                     struct err *err) {
    *ret_groups = (struct cgroup_groups){0};
    if (container->plan && runtime_cgroup_groups(container->plan, arena, ret_groups, err)) return -1;
    return ret_groups->count ? 0 : err_set(err, ERR_CONFLICT, 0, "container %s has no cgroup", container->id);
}

bool container_has_groups(const struct container *container) {
    struct plan_block *plan = container->plan;
    return plan && plan_find(plan, PLAN_CGROUP_CREATE);
}

bool container_shares_pids(const struct container *container) {
    struct plan_block *plan = container->plan;
    const struct plan_op *clone = plan ? plan_find(plan, PLAN_CLONE) : NULL;
    return clone && !(clone->clone.flags & CLONE_NEWPID);
}

int container_pids(const struct container *container, pid_t **ret_pids, size_t *ret_count, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct cgroup_groups groups;
    if (container_groups(container, &arena, &groups, err)) return -1;
    const struct cgroup_group *group = cgroup_groups_processes(&groups);
    int r = group ? cgroup_pids(group->path, ret_pids, ret_count) : -ENOENT;
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot list the processes of container %s", container->id) : 0;
}

int container_signal_all(const struct container *container, int number, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct cgroup_groups groups;
    struct err none;
    if (container_groups(container, &arena, &groups, &none)) return 0; // nobody is left
    return runtime_cgroup_signal(&groups, number, err);
}

void container_thaw(const struct container *container) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct cgroup_groups groups;
    struct err none;
    if (!container_is_paused(container) || container_groups(container, &arena, &groups, &none)) return;
    const struct cgroup_group *group = cgroup_groups_freezer(&groups);
    if (group) (void)cgroup_thaw(group->path);
}

bool container_is_paused(const struct container *container) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct cgroup_groups groups;
    struct err none;
    enum cgroup_freezer state;
    if (container_groups(container, &arena, &groups, &none)) return false;
    const struct cgroup_group *group = cgroup_groups_freezer(&groups);
    return group && !cgroup_freezer_state(group->path, &state) && state != CGROUP_THAWED;
}

// pause, resume

static int change(struct invocation *invocation, bool freeze, struct err *err) {
    _cleanup_(container_close) struct container container = {.dir = -1};
    struct cgroup_groups groups;
    if (container_open(invocation, invocation->arguments.items[0], true, &container, err)) return -1;
    enum container_status status = container_status(&container);
    if (freeze && status != CONTAINER_RUNNING && status != CONTAINER_CREATED)
        return err_set(err, ERR_CONFLICT, 0, "container not running or created: %s",
                       container_status_word(status));
    if (!freeze && status != CONTAINER_PAUSED) return err_set(err, ERR_CONFLICT, 0, "container not paused");
    if (container_groups(&container, &invocation->arena, &groups, err)) return -1;
    const struct cgroup_group *group = cgroup_groups_freezer(&groups);
    int r = !group ? -ENOTSUP : freeze ? cgroup_freeze(group->path, FREEZE_NS) : cgroup_thaw(group->path);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot %s container %s", freeze ? "pause" : "resume",
                       container.id)
             : 0;
}

int run_pause(struct invocation *invocation, struct err *err) {
    return change(invocation, true, err);
}

int run_resume(struct invocation *invocation, struct err *err) {
    return change(invocation, false, err);
}
