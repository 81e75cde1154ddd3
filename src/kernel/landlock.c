// SPDX-License-Identifier: Apache-2.0
#include "kernel/landlock.h"

#include "base/fd.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

// Newer than Debian 12's linux/landlock.h.
#define ACCESS_IOCTL_DEV           (UINT64_C(1) << 15)
#define NET_BIND_TCP               (UINT64_C(1) << 0)
#define SCOPE_ABSTRACT_AND_SIGNALS UINT64_C(3)

static uint64_t all_files(long abi) {
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3) rights |= LANDLOCK_ACCESS_TRUNCATE;
    if (abi >= 5) rights |= ACCESS_IOCTL_DEV;
    return rights;
}

int landlock_begin(struct landlock *ret_landlock) {
    struct {
        uint64_t files, net, scoped;
    } attributes = {0};
    *ret_landlock = LANDLOCK_NONE;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return 0;
    attributes.files = all_files(abi);
    if (abi >= 4) attributes.net = NET_BIND_TCP;
    if (abi >= 6) attributes.scoped = SCOPE_ABSTRACT_AND_SIGNALS;
    size_t size = abi >= 6 ? sizeof attributes : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (fd < 0) return -errno;
    *ret_landlock = (struct landlock){fd, attributes.files};
    return 0;
}

void landlock_finish(struct landlock *landlock) {
    fd_closep(&landlock->fd);
}

int landlock_allow(const struct landlock *landlock, int fd, uint64_t rights) {
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & landlock->files, .parent_fd = fd};
    if (landlock->fd < 0) return 0;
    return syscall(SYS_landlock_add_rule, landlock->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ? -errno : 0;
}

int landlock_enter(const struct landlock *landlock) {
    if (landlock->fd < 0) return 0;
    return syscall(SYS_landlock_restrict_self, landlock->fd, 0) ? -errno : 0;
}
