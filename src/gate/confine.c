// SPDX-License-Identifier: Apache-2.0
// The filter is written by hand, since it is a list of numbers and this program has no library but libc.
#include "gate/confine.h"

#include "base/macro.h"
#include "kernel/caps.h"
#include "kernel/seccomp.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// A number that neither Debian nor systemd hands out, and no other of hoy's programs has.
#define GATE_UID 78673

#if defined(__x86_64__)
#define GATE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define GATE_ARCH AUDIT_ARCH_AARCH64
#else
#error "hoy-gate: which AUDIT_ARCH is this?"
#endif

static const uint32_t calls[] = {
    SYS_recvmsg,      SYS_sendto,          SYS_ppoll,          SYS_read, SYS_lseek,
    SYS_getdents64,   SYS_flock,           SYS_close,          SYS_exit, SYS_exit_group,
    SYS_rt_sigreturn, SYS_restart_syscall, SYS_rt_sigprocmask,
#ifdef SYS_poll
    SYS_poll,
#endif
};

static int filter_load(void) {
    enum { HEAD = 3, COUNT = ARRAY_SIZE(calls), ALL = HEAD + 1 + COUNT + 2 };
    char bytes[sizeof(struct seccomp_program) + ALL * sizeof(struct sock_filter)] __attribute__((aligned(8)));
    struct seccomp_program *filter = (struct seccomp_program *)bytes;
    *filter = (struct seccomp_program){.count = ALL};
    struct sock_filter *at = filter->instructions;
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GATE_ARCH, 1, 0);
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT; i++)
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], (uint8_t)(COUNT - i), 0);
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    *at = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return seccomp_program_load(filter, seccomp_program_size(ALL));
}

// -EINVAL: the user namespace has no such user. Then root of that namespace without capabilities has to do.
static int user_leave(void) {
    if (geteuid()) return 0;
    if (setgroups(0, NULL) && errno != EPERM) return -errno;
    if (setresgid(GATE_UID, GATE_UID, GATE_UID) && errno != EINVAL) return -errno;
    return setresuid(GATE_UID, GATE_UID, GATE_UID) && errno != EINVAL ? -errno : 0;
}

int gate_confine(void) {
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none) ||
        setrlimit(RLIMIT_NPROC, &none))
        return -errno;
    int r = caps_set_bounding(0);
    if (!r) r = user_leave();
    if (!r) r = caps_set(0, 0, 0);
    if (!r && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) r = -errno;
    return r ? r : filter_load();
}
