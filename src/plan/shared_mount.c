// SPDX-License-Identifier: Apache-2.0
// Mounts on the host that containers share: images, and volumes with options. One is mounted by the first
// container that uses it, and unmounted by the last. A shared lock on a file is the count of users, kept by
// the kernel: it can't be left behind. Who mounts or unmounts holds the lock exclusively; flock's change from
// exclusive to shared is not atomic, so look again afterwards.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/erofs.h"
#include "kernel/mount.h"
#include "plan/run.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LOCKS_MAX 64

// The shared locks: held by the process that ran the plan, for its life.
static int locks[LOCKS_MAX];
static size_t lock_count;

static void locks_release(void) {
    while (lock_count) close(locks[--lock_count]);
}

// 1, 0, or -errno: a mount that cannot be looked at is not to be mounted again and again.
typedef int is_mounted(const char *target);

static int hold(struct plan_run *run, struct plan_op *op, const char *path, const char *target,
                is_mounted *is_there, int (*mount_it)(struct plan_run *run, struct plan_op *op)) {
    int there;
    if (lock_count == LOCKS_MAX) return -E2BIG;
    _cleanup_(fd_closep) int lock = fd_open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (lock < 0) return lock;
    if (flock(lock, LOCK_SH)) return -errno;
    while (!(there = is_there(target))) {
        if (flock(lock, LOCK_EX)) return -errno;
        int r = mount_it(run, op);
        if (r) return r;
        if (flock(lock, LOCK_SH)) return -errno;
    }
    if (there > 0) locks[lock_count++] = take_fd(&lock);
    return there < 0 ? there : 0;
}

static int let_go(const char *path, const char *target, is_mounted *is_there) {
    locks_release();
    _cleanup_(fd_closep) int lock = fd_open_at(AT_FDCWD, path, O_RDWR | O_NOFOLLOW, 0);
    if (lock == -ENOENT) return 0;
    if (lock < 0) return lock;
    if (flock(lock, LOCK_EX | LOCK_NB)) return errno == EWOULDBLOCK ? 0 : -errno;
    if (!is_there(target) || !umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW)) return 0;
    return errno == EINVAL ? 0 : -errno; // it was none
}

// Images

static int is_image(const char *target) {
    struct statfs fs;
    if (statfs(target, &fs)) return errno == ENOENT ? 0 : -errno;
    return (uint32_t)fs.f_type == EROFS_SUPER_MAGIC_V1;
}

static int mount_image(struct plan_run *run, struct plan_op *op) {
    const char *target = TEXT(op->image_mount.target);
    _cleanup_(freep) const char **layers = plan_list_items(run->block, op->image_mount.layers);
    if (mkdir(target, 0700) && errno != EEXIST) return -errno;
    int r = is_image(target);
    if (r) return r < 0 ? r : 0;
    return erofs_mount(TEXT(op->image_mount.index), layers, op->image_mount.layers.count, target);
}

int plan_do_image_mount(struct plan_run *run, struct plan_op *op) {
    return hold(run, op, TEXT(op->image_mount.lock), TEXT(op->image_mount.target), is_image, mount_image);
}

int plan_undo_image_mount(struct plan_block *block, struct plan_op *op) {
    return let_go(plan_text(block, op->image_mount.lock), plan_text(block, op->image_mount.target), is_image);
}

// Volumes

static int is_volume(const char *target) {
    uint64_t id;
    bool is_root = false;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, target, O_PATH | O_DIRECTORY, 0);
    int r = fd < 0 ? fd : mount_identify(fd, &id, &is_root);
    return r ? r : is_root;
}

static int attach_volume(struct plan_run *run, struct plan_op *op) {
    const char *type = TEXT(op->volume.type), *device = TEXT(op->volume.device),
               *target = TEXT(op->volume.target), *data = TEXT(op->volume.data);
    uint64_t flags = op->volume.flags;
    int r = is_volume(target);
    if (r) return r < 0 ? r : 0;
    if (mount(device, target, type, flags, data)) return -errno;
    // A bind mount takes no other flags with it.
    uint64_t rest = flags & ~(uint64_t)(MS_BIND | MS_REC);
    if (!(flags & MS_BIND) || !rest || !mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | rest, NULL))
        return 0;
    int error = errno;
    umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    return -error;
}

int plan_do_volume_mount(struct plan_run *run, struct plan_op *op) {
    int r = hold(run, op, TEXT(op->volume.lock), TEXT(op->volume.target), is_volume, attach_volume);
    if (r && !run->err.kind)
        err_set(&run->err, ERR_SYSTEM, -r, "failed to mount local volume %s: mount %s:%s, data: %s",
                TEXT(op->volume.name), TEXT(op->volume.device), TEXT(op->volume.target),
                TEXT(op->volume.data));
    return r;
}

int plan_undo_volume_mount(struct plan_block *block, struct plan_op *op) {
    return let_go(plan_text(block, op->volume.lock), plan_text(block, op->volume.target), is_volume);
}
