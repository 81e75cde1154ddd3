// SPDX-License-Identifier: Apache-2.0
#include "kernel/mount.h"
#include "base/fd.h"
#include "image/image.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

// It may be of the same file system, when a layer is a directory.
static bool is_mount(const char *path) {
    uint64_t id;
    bool is_root = false;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    return fd >= 0 && !mount_identify(fd, &id, &is_root) && is_root;
}

const char *image_mount_path(struct store *store, struct arena *arena, const struct image *image) {
    const char *path = arena_printf(arena, "%s/mounts/%s", store->runroot, digest_hex(image->id));
    return is_mount(path) ? path : NULL;
}

int image_mount(struct store *store, struct arena *arena, const struct image *image, const char **ret_path,
                struct err *err) {
    const char *path = image_mount_path(store, arena, image);
    if (path) return *ret_path = path, 0;
    const char *below = arena_printf(arena, "mounts/%s", digest_hex(image->id));
    path = arena_printf(arena, "%s/%s", store->runroot, below);
    int r = dir_make_all_at(store->runroot_fd, below, 0700);
    if (r) return err_set(err, ERR_SYSTEM, -r, "make %s", path);
    _cleanup_(fd_closep) int tree = image_tree(store, image, err);
    if (tree < 0) return -1;
    _cleanup_(fd_closep) int place = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    r = place < 0 ? place : mount_attach(tree, place);
    if (r) return err_set(err, ERR_SYSTEM, -r, "mount image %.19s at %s", image->id, path);
    *ret_path = path;
    return 0;
}

int image_unmount(struct store *store, const struct image *image, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *path = image_mount_path(store, &arena, image);
    if (!path) return err_set(err, ERR_NOT_FOUND, 0, "image %.19s is not mounted", image->id);
    if (umount2(path, UMOUNT_NOFOLLOW))
        return err_set(err, ERR_SYSTEM, errno, "unmount %s%s", path,
                       errno == EBUSY ? ": a process stands in it, or has a file of it open" : "");
    rmdir(path);
    return 0;
}
