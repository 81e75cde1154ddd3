// SPDX-License-Identifier: Apache-2.0
#include "kernel/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// getppid fails with EDOM.
static size_t build(struct seccomp_program *program) {
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    program->flags = SECCOMP_FILTER_FLAG_LOG;
    program->count = 4;
    memcpy(program->instructions, code, sizeof code);
    return seccomp_program_size(4);
}

static void test_load(void **state) {
    (void)state;
    _Alignas(struct seccomp_program) char bytes[256];
    struct seccomp_program *program = (void *)bytes;
    size_t size = build(program);
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || seccomp_program_load(program, size) != 0) _exit(1);
        _exit(syscall(SYS_getppid) == -1 && errno == EDOM ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_refused(void **state) {
    (void)state;
    _Alignas(struct seccomp_program) char bytes[256];
    struct seccomp_program *program = (void *)bytes;
    size_t size = build(program);
    assert_int_equal(seccomp_program_load(program, size - 1), -EINVAL);
    assert_int_equal(seccomp_program_load(program, 4), -EINVAL);
    program->count = UINT32_MAX;
    assert_int_equal(seccomp_program_load(program, size), -EINVAL);
    program->count = 0;
    assert_int_equal(seccomp_program_load(program, seccomp_program_size(0)), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_load), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
