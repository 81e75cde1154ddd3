// SPDX-License-Identifier: Apache-2.0
// From here on the process is nobody, gets no rights back, and has the system calls of its loop.
#include "proxy/proxy.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

static const int allowed[] = {
    SYS_accept4,     SYS_clock_gettime, SYS_close,      SYS_connect,      SYS_epoll_ctl,
    SYS_epoll_pwait, SYS_exit,          SYS_exit_group, SYS_getpeername,  SYS_getsockname,
    SYS_getsockopt,  SYS_pipe2,         SYS_recvfrom,   SYS_rt_sigreturn, SYS_sendto,
    SYS_setsockopt,  SYS_shutdown,      SYS_socket,     SYS_splice,       SYS_restart_syscall,
};
#define CALLS (sizeof allowed / sizeof *allowed)

static int filter_calls(void) {
    struct sock_filter filter[CALLS + 5], *f = filter;
#ifdef ARCHITECTURE
    *f++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    *f++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, CALLS + 1);
#endif
    *f++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < CALLS; i++)
        *f++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i],
                                            (uint8_t)(CALLS - i), 0);
    *f++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    *f++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {(unsigned short)(f - filter), filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

int proxy_confine(void) {
    if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
        return -errno;
    if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -errno;
    return filter_calls();
}
