// SPDX-License-Identifier: Apache-2.0
#include "kernel/quota.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_quotactl_fd // musl 1.2.3 does not know it
#define SYS_quotactl_fd 443
#endif

#define QUOTA_BLOCK 1024

static int without(int error) {
    switch (error) {
    case ENOSYS:
    case ENOTTY:
    case ESRCH:
    case EINVAL:
    case EOPNOTSUPP: return -ENOTSUP;
    default: return -error;
    }
}

int quota_limit_directory(int directory, uint32_t project, uint64_t bytes) {
    struct if_dqblk limit = {.dqb_bhardlimit = (bytes + QUOTA_BLOCK - 1) / QUOTA_BLOCK,
                             .dqb_valid = QIF_BLIMITS};
    struct fsxattr attributes;
    limit.dqb_bsoftlimit = limit.dqb_bhardlimit;
    if (syscall(SYS_quotactl_fd, directory, QCMD(Q_SETQUOTA, PRJQUOTA), project, &limit))
        return without(errno);
    if (ioctl(directory, FS_IOC_FSGETXATTR, &attributes)) return without(errno);
    attributes.fsx_projid = project;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    return ioctl(directory, FS_IOC_FSSETXATTR, &attributes) ? without(errno) : 0;
}

int quota_project_find(int directory, uint32_t first, uint32_t count, uint32_t *ret_project) {
    for (uint32_t i = 0; i < count; i++) {
        struct if_dqblk now = {0};
        if (syscall(SYS_quotactl_fd, directory, QCMD(Q_GETQUOTA, PRJQUOTA), first + i, &now) &&
            errno != ENOENT) // XFS, of one that nobody ever had
            return without(errno);
        if (now.dqb_bhardlimit || now.dqb_curspace || now.dqb_curinodes) continue;
        *ret_project = first + i;
        return 0;
    }
    return -ENOSPC;
}

int quota_project_of(int directory, uint32_t *ret_project) {
    struct fsxattr attributes;
    if (ioctl(directory, FS_IOC_FSGETXATTR, &attributes)) return without(errno);
    *ret_project = attributes.fsx_projid;
    return 0;
}

void quota_unlimit_project(int directory, uint32_t project) {
    struct if_dqblk none = {.dqb_valid = QIF_BLIMITS};
    (void)!syscall(SYS_quotactl_fd, directory, QCMD(Q_SETQUOTA, PRJQUOTA), project, &none);
}
