// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

int seccomp_program_load(const void *bytes, size_t size) {
    const struct seccomp_program *program = bytes;
    if (size < sizeof *program || program->count == 0 || program->count > BPF_MAXINSNS ||
        size != seccomp_program_size(program->count))
        return -EINVAL;
    struct sock_fprog filter = {
        .len = (unsigned short)program->count,
        .filter = (struct sock_filter *)(uintptr_t)program->instructions,
    };
    unsigned flags = program->flags;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter) >= 0) return 0;
    if (errno != EINVAL || !flags) return -errno;
    // LOG came with 4.14, SPEC_ALLOW with 4.17; neither makes a filter any stricter.
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0 ? -errno : 0;
}
