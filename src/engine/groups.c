// SPDX-License-Identifier: Apache-2.0
#include "engine/parts.h"
#include "runtime/cgroup.h"

#include <errno.h>

int container_groups(struct engine *engine, struct arena *arena, const struct container *container,
                     struct cgroup_groups *ret_groups, struct err *err) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    int r = container_plan_map(engine, container->id, &plan, err);
    if (r == -ENOENT) return ret_groups->count = 0, 0;
    return r ? -1 : runtime_cgroup_groups(plan, arena, ret_groups, err);
}
