// SPDX-License-Identifier: Apache-2.0
// The root file system of a container from an image: an overlay.
//
// As a rule the parent makes it, detached, while the child is busy with its network namespace; a detached
// mount may be attached in any mount namespace. Before Linux 6.5 a list of layers must fit into one string of
// fsconfig; a longer one takes mount(2), which attaches what it makes, and so is for the child to do.
#include "kernel/overlay.h"

#include "base/arena.h"
#include "base/fd.h"
#include "plan/run.h"

#include <errno.h>

static int attach(struct plan_run *run, const struct overlay *overlay, const char *target) {
    int r = overlay_attach(overlay, target);
    if (r) return r;
    run->root = fd_open_at(AT_FDCWD, target, O_PATH | O_DIRECTORY, 0);
    return run->root < 0 ? run->root : 0;
}

int plan_do_root_overlay(struct plan_run *run, struct plan_op *op) {
    _cleanup_(freep) const char **lower = plan_list_items(run->block, op->overlay.lower);
    const struct overlay overlay = {
        .lower = lower,
        .upper = op->overlay.upper ? TEXT(op->overlay.upper) : NULL,
        .work = op->overlay.upper ? TEXT(op->overlay.work) : NULL,
        .options = op->overlay.options ? TEXT(op->overlay.options) : NULL,
    };
    if (op->side == PLAN_CHILD) return attach(run, &overlay, TEXT(op->overlay.attach));
    int tree = overlay_new(&overlay);
    if (tree < 0) return tree;
    run->root = tree;
    return 0;
}
