// SPDX-License-Identifier: Apache-2.0
// linux.seccomp becomes a program for the kernel. Compiling takes milliseconds, so that programs are kept in
// a directory: by the key that came with the rules, or by a hash of the rules themselves.
#pragma once

#include "oci/spec.h"
#include "plan/plan.h"

// Puts the program (struct seccomp_program of kernel/seccomp.h) into the plan. cache_dir NULL: compiles it
// each time. A file that is torn, or for another version of the compiler, is made again; a cache that can't
// be written is no error.
int runtime_seccomp(const struct spec_seccomp *seccomp, const char *cache_dir, struct plan *plan,
                    struct plan_blob *ret_program, struct err *err);

// The library's: "2.5.4".
const char *runtime_seccomp_version(void);

// The name of a system call of an architecture as the kernel's audit has it (AUDIT_ARCH_*). NULL: none.
struct arena;
const char *seccomp_call_name(struct arena *arena, uint32_t arch, int number);

// Compiles it, without a cache. The caller frees.
struct seccomp_program;
int seccomp_compile(const struct spec_seccomp *seccomp, struct seccomp_program **ret_program,
                    struct err *err);
