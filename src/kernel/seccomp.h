// SPDX-License-Identifier: Apache-2.0
// Loading a compiled seccomp filter.
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

// What a plan carries: the instructions, and SECCOMP_FILTER_FLAG_* for seccomp(2).
struct seccomp_program {
    uint32_t flags;
    uint32_t count;
    struct sock_filter instructions[];
};

// The size of a program with count instructions.
static inline size_t seccomp_program_size(size_t count) {
    return sizeof(struct seccomp_program) + count * sizeof(struct sock_filter);
}

// Puts this thread under the filter. Needs no_new_privs or CAP_SYS_ADMIN in its user namespace. A flag that
// an old kernel lacks is left out. 0, or with SECCOMP_FILTER_FLAG_NEW_LISTENER the listener: a descriptor,
// above 0 for whoever has a standard input. -EINVAL when size and count do not fit; else what the kernel
// says.
int seccomp_program_load(const void *program, size_t size);
