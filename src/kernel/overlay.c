// SPDX-License-Identifier: Apache-2.0
#include "kernel/overlay.h"

#include "base/fd.h"
#include "base/str.h"
#include "kernel/mount.h"

#include <errno.h>
#include <sys/mount.h>

#define MOUNT_DATA_MAX 4096

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

static int make(const struct overlay *o, bool joined) {
    _cleanup_(fd_closep) int context = mount_context("overlay");
    if (context < 0) return context;
    int r = mount_context_set(context, "source", "overlay");
    if (!r) r = set_lower(context, o->lower, joined);
    if (!r && o->upper) r = mount_context_set(context, "upperdir", o->upper);
    if (!r && o->upper) r = mount_context_set(context, "workdir", o->work);
    if (!r && o->option) r = mount_context_set(context, o->option, NULL);
    return r ? r : mount_context_create(context, 0);
}

// Older kernels take "lowerdir+" for an unknown option, and say so in the end.
int overlay_new(const struct overlay *overlay) {
    int tree = make(overlay, false);
    return tree == -EINVAL ? make(overlay, true) : tree;
}

int overlay_attach(const struct overlay *o, const char *target) {
    _cleanup_(str_finish) struct str data = {0};
    str_add(&data, "lowerdir=");
    add_joined(&data, o->lower);
    if (o->upper) str_printf(&data, ",upperdir=%s,workdir=%s", o->upper, o->work);
    if (o->option) str_printf(&data, ",%s", o->option);
    if (data.len >= MOUNT_DATA_MAX) return -E2BIG;
    return mount("overlay", target, "overlay", 0, str_get(&data)) ? -errno : 0;
}
