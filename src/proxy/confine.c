// SPDX-License-Identifier: Apache-2.0
// From here on the process is nobody, gets no rights back, and has the system calls of its loop.
#include "kernel/confine.h"
#include "base/macro.h"
#include "proxy/proxy.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const uint32_t calls[] = {
    SYS_accept4,  SYS_clock_gettime, SYS_close,        SYS_connect,         SYS_epoll_ctl,  SYS_epoll_pwait,
    SYS_exit,     SYS_exit_group,    SYS_getpeername,  SYS_getsockname,     SYS_getsockopt, SYS_pipe2,
    SYS_recvfrom, SYS_recvmsg,       SYS_rt_sigreturn, SYS_sendmsg,         SYS_sendto,     SYS_setsockopt,
    SYS_shutdown, SYS_socket,        SYS_splice,       SYS_restart_syscall,
};

int proxy_confine(void) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
    int r = confine_user(CONFINE_PROXY, CONFINE_PROXY, 0);
    return r ? r : confine_calls(calls, ARRAY_SIZE(calls));
}
