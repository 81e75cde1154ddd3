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
    unsigned flags = program->flags, listener = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
    // LOG came with 4.14, SPEC_ALLOW with 4.17, WAIT_KILLABLE_RECV with 5.19; none makes a filter any
    // stricter.
    if (r < 0 && errno == EINVAL && flags != listener)
        r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listener, &filter);
    return r < 0 ? -errno : (int)r;
}
