// SPDX-License-Identifier: Apache-2.0
#include "engine/parts.h"
#include "runtime/cgroup.h"

#include <errno.h>
#include <stdio.h>

int container_groups(struct engine *engine, struct arena *arena, const struct container *container,
                     struct cgroup_groups *ret_groups, struct err *err) {
    char folder[CONTAINER_FOLDER_SIZE], path[CONTAINER_FOLDER_SIZE + 8];
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    snprintf(path, sizeof path, "%s/plan", container_folder(container->id, folder));
    int r = plan_map_at(engine->store.runroot_fd, path, &plan);
    if (r == -ENOENT) return ret_groups->count = 0, 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "read %s/%s", engine->store.runroot, path);
    return runtime_cgroup_groups(plan, arena, ret_groups, err);
}
