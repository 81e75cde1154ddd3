// SPDX-License-Identifier: Apache-2.0
#include "kernel/overlay.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "kernel/mount.h"
#include "kernel/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MOUNT_DATA_MAX 4096
#define ATTRIBUTE_SIZE 64

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

static int set_options(int context, const char *options) {
    int r = 0;
    for (const char *at = options; !r && at && *at; at += strspn(at, ",")) {
        char flag[32];
        size_t n = strcspn(at, ",");
        if (n >= sizeof flag) return -EINVAL;
        memcpy(flag, at, n);
        flag[n] = 0;
        r = mount_context_set(context, flag, NULL);
        at += n;
    }
    return r;
}

static int make(const struct overlay *o, bool joined) {
    _cleanup_(fd_closep) int context = mount_context("overlay");
    if (context < 0) return context;
    int r = mount_context_set(context, "source", "overlay");
    if (!r) r = set_lower(context, o->lower, joined);
    if (!r && o->upper) r = mount_context_set(context, "upperdir", o->upper);
    if (!r && o->upper) r = mount_context_set(context, "workdir", o->work);
    if (!r) r = set_options(context, o->options);
    return r ? r : mount_context_create(context, 0);
}

// Older kernels take "lowerdir+" for an unknown option, and say so in the end.
int overlay_new(const struct overlay *overlay) {
    int tree = make(overlay, false);
    return tree == -EINVAL ? make(overlay, true) : tree;
}

static void add_options(struct str *data, const struct overlay *o) {
    if (o->upper) str_printf(data, ",upperdir=%s,workdir=%s", o->upper, o->work);
    if (o->options) str_printf(data, ",%s", o->options);
}

static int attach(const struct overlay *o, const char *lower, const char *target) {
    _cleanup_(str_finish) struct str data = {0};
    str_printf(&data, "lowerdir=%s", lower);
    add_options(&data, o);
    if (data.len >= MOUNT_DATA_MAX) return -E2BIG;
    return mount("overlay", target, "overlay", 0, str_get(&data)) ? -errno : 0;
}

// The directories opened, and called by their numbers: names in /proc/self/fd.
static int open_all(const char *const *lower, int *fds, struct str *ret_names) {
    for (size_t i = 0; lower[i]; i++) {
        fds[i] = fd_open_at(AT_FDCWD, lower[i], O_PATH | O_DIRECTORY, 0);
        if (fds[i] < 0) return fds[i];
        str_printf(ret_names, "%s%d", i ? ":" : "", fds[i]);
    }
    return 0;
}

static int attach_by_numbers(const struct overlay *o, const char *target) {
    _cleanup_(str_finish) struct str names = {0};
    _cleanup_(fd_closep) int here = fd_open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
    size_t count = 0;
    while (o->lower[count]) count++;
    _cleanup_(freep) int *fds = xmalloc((count + 1) * sizeof *fds);
    for (size_t i = 0; i < count; i++) fds[i] = -1;
    int r = here < 0 ? here : open_all(o->lower, fds, &names);
    if (!r) r = chdir("/proc/self/fd") ? -errno : attach(o, str_get(&names), target);
    if (here >= 0 && fchdir(here) && !r) r = -errno;
    for (size_t i = 0; i < count; i++) fd_closep(&fds[i]);
    return r;
}

int overlay_attach(const struct overlay *o, const char *target) {
    _cleanup_(str_finish) struct str lower = {0};
    add_joined(&lower, o->lower);
    int r = attach(o, str_get(&lower), target);
    return r == -E2BIG ? attach_by_numbers(o, target) : r;
}

const char *overlay_own_option(void) {
    return process_in_user_namespace() ? "userxattr" : NULL;
}

static void attribute_name(const char *name, char ret_name[static ATTRIBUTE_SIZE]) {
    const char *kind = overlay_own_option() ? "user" : "trusted";
    snprintf(ret_name, ATTRIBUTE_SIZE, "%s.overlay.%s", kind, name);
}

int overlay_mark(int fd, const char *name) {
    char attribute[ATTRIBUTE_SIZE];
    attribute_name(name, attribute);
    return fsetxattr(fd, attribute, "y", 1, 0) ? -errno : 0;
}

bool overlay_is_marked(int fd, const char *name) {
    char attribute[ATTRIBUTE_SIZE];
    attribute_name(name, attribute);
    return fgetxattr(fd, attribute, NULL, 0) > 0;
}
