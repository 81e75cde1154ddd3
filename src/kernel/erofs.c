// SPDX-License-Identifier: Apache-2.0
// By fsopen and fsconfig: mount(2) takes one page of options, which is too little for the devices of an image
// with more than forty layers.
#include "kernel/erofs.h"

#include "base/fd.h"
#include "kernel/mount.h"

#define MOUNT_FLAGS 15 // MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC

int erofs_tree(const char *index, const char *const *devices, size_t count) {
    _cleanup_(fd_closep) int context = mount_context("erofs");
    if (context < 0) return context;
    int r = mount_context_set(context, "source", index);
    for (size_t i = 0; !r && i < count; i++) r = mount_context_set(context, "device", devices[i]);
    if (!r) r = mount_context_set(context, "ro", NULL);
    return r ? r : mount_context_create(context, MOUNT_FLAGS);
}

int erofs_mount(const char *index, const char *const *devices, size_t count, const char *target) {
    _cleanup_(fd_closep) int tree = erofs_tree(index, devices, count);
    if (tree < 0) return tree;
    _cleanup_(fd_closep) int place = fd_open_at(AT_FDCWD, target, O_PATH | O_DIRECTORY, 0);
    return place < 0 ? place : mount_attach(tree, place);
}
