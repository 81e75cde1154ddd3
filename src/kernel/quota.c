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
