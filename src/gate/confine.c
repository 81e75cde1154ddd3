// SPDX-License-Identifier: Apache-2.0
#include "gate/confine.h"

#include "base/macro.h"
#include "kernel/confine.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const uint32_t calls[] = {
    SYS_recvmsg,      SYS_sendto,          SYS_ppoll,          SYS_read, SYS_lseek,
    SYS_getdents64,   SYS_flock,           SYS_close,          SYS_exit, SYS_exit_group,
    SYS_rt_sigreturn, SYS_restart_syscall, SYS_rt_sigprocmask,
#ifdef SYS_poll
    SYS_poll,
#endif
};

int gate_confine(void) {
    const struct confine_limit limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_NPROC, 0}};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
    int r = confine_limits(limits, ARRAY_SIZE(limits));
    if (!r) r = confine_user(CONFINE_GATE, CONFINE_GATE, 0);
    return r ? r : confine_calls(calls, ARRAY_SIZE(calls));
}
