// SPDX-License-Identifier: Apache-2.0
// The root file system of a container from an image: an overlay.
//
// As a rule the parent makes it, detached, while the child is busy with its network namespace; a detached
// mount may be attached in any mount namespace. Before Linux 6.5 a list of layers must fit into one string of
// fsconfig; a longer one takes mount(2), which attaches what it makes, and so is for the child to do.
#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "kernel/mount.h"
#include "plan/run.h"

#include <errno.h>
#include <sys/mount.h>

static void add_joined(struct str *text, const char *const *lower) {
    for (size_t i = 0; lower[i]; i++) str_printf(text, "%s%s", i ? ":" : "", lower[i]);
}

static int set_lower(int context, const char *const *lower, bool joined) {
    int r = 0;
    if (!joined) {
        for (size_t i = 0; !r && lower[i]; i++) r = mount_context_set(context, "lowerdir+", lower[i]);
        return r;
    }
    _cleanup_(str_finish) struct str text = {0};
    add_joined(&text, lower);
    return mount_context_set(context, "lowerdir", str_get(&text));
}

static int make(struct plan_run *run, struct plan_op *op, const char *const *lower, bool joined) {
    _cleanup_(fd_closep) int context = mount_context("overlay");
    if (context < 0) return context;
    int r = mount_context_set(context, "source", "overlay");
    if (!r) r = set_lower(context, lower, joined);
    if (!r && op->overlay.upper) r = mount_context_set(context, "upperdir", TEXT(op->overlay.upper));
    if (!r && op->overlay.upper) r = mount_context_set(context, "workdir", TEXT(op->overlay.work));
    if (!r && op->overlay.options) r = mount_context_set(context, TEXT(op->overlay.options), NULL);
    return r ? r : mount_context_create(context, 0);
}

// Older kernels take "lowerdir+" for an unknown option, and say so in the end.
static int make_detached(struct plan_run *run, struct plan_op *op, const char *const *lower) {
    int tree = make(run, op, lower, false);
    return tree == -EINVAL ? make(run, op, lower, true) : tree;
}

static int mount_attached(struct plan_run *run, struct plan_op *op, const char *const *lower) {
    _cleanup_(str_finish) struct str data = {0};
    const char *attach = TEXT(op->overlay.attach);
    str_add(&data, "lowerdir=");
    add_joined(&data, lower);
    if (op->overlay.upper)
        str_printf(&data, ",upperdir=%s,workdir=%s", TEXT(op->overlay.upper), TEXT(op->overlay.work));
    if (op->overlay.options) str_printf(&data, ",%s", TEXT(op->overlay.options));
    if (data.len >= 4096) return -E2BIG; // what the kernel takes
    if (mount("overlay", attach, "overlay", 0, str_get(&data))) return -errno;
    run->root = fd_open_at(AT_FDCWD, attach, O_PATH | O_DIRECTORY, 0);
    return run->root < 0 ? run->root : 0;
}

int plan_do_root_overlay(struct plan_run *run, struct plan_op *op) {
    _cleanup_(freep) const char **lower = plan_list_items(run->block, op->overlay.lower);
    int r = op->side == PLAN_CHILD ? mount_attached(run, op, lower) : -E2BIG;
    if (r != -E2BIG) return r;
    int tree = make_detached(run, op, lower);
    if (tree < 0) return tree;
    run->root = tree;
    return op->side == PLAN_CHILD ? plan_attach_root(run, TEXT(op->overlay.attach)) : 0;
}
