// SPDX-License-Identifier: Apache-2.0
#include "plan/undo.h"

#include "kernel/cgroup.h"
#include "kernel/link.h"
#include "kernel/process.h"
#include "kernel/traffic.h"
#include "plan/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORPHANS_MAX  100000
#define LINK_WAITS   50
#define LINK_WAIT_MS 20

// Trying to remove comes first: as a rule the container's processes are gone, and nothing needs to be killed.
// A group that was refused for its processes is somebody else's. The groups above stay, whoever made them:
// other containers are about to be made in them, and callers keep limits there.
static int undo_cgroup_create(struct plan_block *block, struct plan_op *op) {
    if (op->state == PLAN_FAILED && op->result == -EBUSY) return 0;
    const char *path = plan_text(block, op->path);
    int r = cgroup_remove(path);
    if (r != -EBUSY && r != -ENOTEMPTY) return r;
    r = cgroup_kill(path);
    return r ? r : cgroup_remove(path);
}

// Of the host's pid namespace, whom the first process left is still there, and by now the shim's child.
static int end_orphans(void) {
    int adopts = 0;
    if (prctl(PR_GET_CHILD_SUBREAPER, &adopts)) return -errno;
    for (int n = 0; adopts && n < ORPHANS_MAX; n++) {
        pid_t child = process_child(getpid());
        if (child <= 0) break;
        kill(child, SIGKILL);
        if (waitpid(child, NULL, 0) < 0 && errno != EINTR) return -errno;
    }
    return 0;
}

// Where there is a cgroup it ends all of the container's processes, should there be any. Without one the
// first takes along those of its pid namespace.
static int undo_clone(struct plan_block *block, struct plan_op *op) {
    (void)op;
    if (block->is_exec || block->pid <= 0 || plan_find(block, PLAN_CGROUP_CREATE)) return 0;
    int r = process_end(block->pid, block->start_time);
    return r ? r : end_orphans();
}

// The helper of what is received is no part of the pair.
static int undo_net_rate(struct plan_block *block, struct plan_op *op) {
    return op->net_rate.out ? traffic_release(plan_text(block, op->net_rate.host)) : 0;
}

// VETH_ADD, BRIDGE_PORT and LINK_ADD have no undo: the pair, or what shares the host's interface, goes with
// the container's network namespace, in the background and all that die at once together. To delete it here
// would wait for that, 20 to 40 ms each, one after the other.
static int (*const undos[PLAN_OP_COUNT])(struct plan_block *block, struct plan_op *op) = {
    [PLAN_IMAGE_MOUNT] = plan_undo_image_mount,
    [PLAN_VOLUME_MOUNT] = plan_undo_volume_mount,
    [PLAN_SCOPE_START] = plan_undo_scope_start,
    [PLAN_CGROUP_CREATE] = undo_cgroup_create,
    [PLAN_RESCTRL] = plan_undo_resctrl,
    [PLAN_PASTA] = plan_undo_pasta,
    [PLAN_CLONE] = undo_clone,
    [PLAN_PUBLISH] = plan_undo_publish,
    [PLAN_RESOLVER] = plan_undo_resolver,
    [PLAN_NET_RATE] = undo_net_rate,
    [PLAN_CNI] = plan_undo_cni,
};

void plan_undo_links(struct plan_block *block) {
    for (uint32_t i = 0; i < block->count; i++) {
        const struct plan_op *op = &plan_ops(block)[i];
        if (op->type != PLAN_VETH_ADD || op->veth.index <= 0) continue;
        const char *name = plan_text(block, op->veth.host);
        for (int n = 0; n < LINK_WAITS && link_index(name) == op->veth.index; n++)
            poll(NULL, 0, LINK_WAIT_MS);
        if (link_index(name) == op->veth.index) (void)link_delete(name);
    }
}

int plan_undo(struct plan_block *block) {
    int first = 0;
    for (uint32_t i = block->count; i-- > 0;) {
        struct plan_op *op = &plan_ops(block)[i];
        if (!undos[op->type] || op->state == PLAN_PENDING || op->state == PLAN_UNDONE) continue;
        int r = undos[op->type](block, op);
        if (r && r != -ENOENT && !first) first = r;
        if (!r || r == -ENOENT) op->state = PLAN_UNDONE;
    }
    return first;
}
