// SPDX-License-Identifier: Apache-2.0
// The compiled default profile is run by an interpreter on every system call of every architecture that it
// covers, and each answer is compared with what the rules say. Then the cache, sound and torn.
#include "runtime/seccomp.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/seccomp.h"
#include "runtime/seccomp_profile.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DOCKER_CAPS UINT64_C(0xa80425fb)
#define ALL_CAPS    ((UINT64_C(1) << CAP_COUNT) - 1)

static uint32_t run(const struct seccomp_program *program, const struct seccomp_data *data) {
    uint32_t a = 0;
    for (uint32_t at = 0; at < program->count; at++) {
        const struct sock_filter *f = &program->instructions[at];
        uint32_t k = f->k;
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS: memcpy(&a, (const char *)data + k, sizeof a); break;
        case BPF_ALU | BPF_AND | BPF_K: a &= k; break;
        case BPF_JMP | BPF_JA: at += k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: at += a == k ? f->jt : f->jf; break;
        case BPF_JMP | BPF_JGT | BPF_K: at += a > k ? f->jt : f->jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: at += a >= k ? f->jt : f->jf; break;
        case BPF_JMP | BPF_JSET | BPF_K: at += a & k ? f->jt : f->jf; break;
        case BPF_RET | BPF_K: return k;
        default: fail_msg("instruction %#x", f->code);
        }
    }
    fail_msg("ran past the end");
    return 0;
}

static bool arg_holds(const struct spec_seccomp_arg *arg, const uint64_t *args) {
    uint64_t value = args[arg->index];
    switch (arg->op) {
    case SCMP_CMP_NE: return value != arg->value;
    case SCMP_CMP_LT: return value < arg->value;
    case SCMP_CMP_LE: return value <= arg->value;
    case SCMP_CMP_EQ: return value == arg->value;
    case SCMP_CMP_GE: return value >= arg->value;
    case SCMP_CMP_GT: return value > arg->value;
    default: return (value & arg->value) == arg->value_two;
    }
}

// What the rules say about a call that they name; 0 where they do not name it.
static uint32_t expected(const struct spec_seccomp *seccomp, const char *name, const uint64_t *args) {
    uint32_t answer = 0;
    for (size_t i = 0; i < seccomp->syscalls.count; i++) {
        const struct spec_syscall_rule *rule = &seccomp->syscalls.items[i];
        for (size_t j = 0; j < rule->names.count; j++) {
            if (strcmp(rule->names.items[j], name) != 0) continue;
            if (!answer) answer = SECCOMP_RET_ERRNO | EPERM;
            bool holds = true;
            for (size_t k = 0; k < rule->args.count; k++)
                holds = holds && arg_holds(&rule->args.items[k], args);
            if (!holds) continue;
            if (strcmp(rule->action, "SCMP_ACT_ALLOW") == 0)
                answer = SECCOMP_RET_ALLOW;
            else
                answer = SECCOMP_RET_ERRNO | (uint32_t)rule->errno_ret;
        }
    }
    return answer;
}

static const uint64_t arguments[] = {0,  1,      8,      37,         38,         39,         40,
                                     41, 131072, 131080, 0x02000000, 0x10000000, 0x7e020000, 0xffffffff};

static void compare(const struct spec_seccomp *seccomp, const struct seccomp_program *program, uint32_t arch,
                    int first, int last) {
    for (int number = first; number < last; number++) {
        _cleanup_(freep) char *name = seccomp_syscall_resolve_num_arch(arch, number);
        if (!name || strcmp(name, "socketcall") == 0 || strcmp(name, "ipc") == 0) continue;
        for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
            struct seccomp_data data = {.nr = number,
                                        .arch = arch == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : arch};
            data.args[0] = data.args[1] = arguments[i];
            uint32_t want = expected(seccomp, name, (const uint64_t *)data.args), have = run(program, &data);
            if (!want) want = have == (SECCOMP_RET_ERRNO | ENOSYS) ? have : SECCOMP_RET_ERRNO | EPERM;
            if (have != want)
                fail_msg("%s (%#x of %#x) with %#lx: %#x, not %#x", name, number, arch, (long)arguments[i],
                         have, want);
        }
    }
}

static void test_default_answers(void **state) {
    (void)state;
    static const cap_mask masks[] = {DOCKER_CAPS, ALL_CAPS, 0, UINT64_C(1) << 21};
    for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        _cleanup_(freep) struct seccomp_program *program = NULL;
        struct spec_seccomp *seccomp = seccomp_default(&arena, masks[i]);
        struct err err = {0};
        if (seccomp_compile(seccomp, &program, &err) < 0) fail_msg("%s", err.text);
#ifdef __x86_64__
        compare(seccomp, program, SCMP_ARCH_X86_64, 0, 600);
        compare(seccomp, program, SCMP_ARCH_X86, 0, 600);
        compare(seccomp, program, SCMP_ARCH_X32, 0x40000000, 0x40000258);
#else
        compare(seccomp, program, SCMP_ARCH_AARCH64, 0, 600);
#endif
    }
}

static void test_newer_calls(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(freep) struct seccomp_program *program = NULL;
    struct err err = {0};
    assert_int_equal(seccomp_compile(seccomp_default(&arena, DOCKER_CAPS), &program, &err), 0);
    struct seccomp_data data = {.nr = 452, .arch = seccomp_arch_native()}; // fchmodat2
    assert_int_equal(run(program, &data), SECCOMP_RET_ALLOW);
    data.nr = 500; // from the future
    assert_int_equal(run(program, &data), SECCOMP_RET_ERRNO | ENOSYS);
    data.nr = SYS_bpf;
    assert_int_equal(run(program, &data), SECCOMP_RET_ERRNO | EPERM);
    data.nr = SYS_clone3; // so that libraries use clone, whose flags can be looked at
    assert_int_equal(run(program, &data), SECCOMP_RET_ERRNO | ENOSYS);
}

static int parse(struct arena *arena, const char *text, struct spec_seccomp **ret, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    assert_int_equal(json_parse(text, strlen(text), &json), 0);
    return seccomp_profile_parse(arena, json, DOCKER_CAPS, ret, err);
}

// The file that the table was made from gives the same program as the table.
static void test_profile_file(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(freep) struct seccomp_program *from_file = NULL, *from_table = NULL;
    struct spec_seccomp *seccomp;
    struct err err = {0};
    assert_int_equal(file_read_at(AT_FDCWD, PROFILE, 1 << 20, &text), 0);
    if (parse(&arena, text.data, &seccomp, &err) < 0) fail_msg("%s", err.text);
    assert_null(seccomp->cache_key);
    if (seccomp_compile(seccomp, &from_file, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(seccomp_compile(seccomp_default(&arena, DOCKER_CAPS), &from_table, &err), 0);
    assert_int_equal(from_file->count, from_table->count);
    assert_memory_equal(from_file, from_table, seccomp_program_size(from_file->count));
}

// clang-format off
#define BAD_KERNEL(way, kernel)                                                                                        \
    "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\",\"" way          \
    "\":{\"minKernel\":\"" kernel "\"}}]}"
static const struct {
    const char *text, *sentence;
} bad[] = {
    {"{}", "the seccomp profile is wrong: defaultAction is missing"},
    {"{\"defaultAction\":\"SCMP_ACT_MAYBE\"}", "the seccomp profile is wrong: defaultAction has the unknown value"},
    {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_KILL\"}]}",
     "the seccomp profile is wrong: syscalls[0].names is missing"},
    {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\","
     "\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_ALMOST\"}]}]}",
     "the seccomp profile is wrong: syscalls[0].args[0].op has the unknown value"},
    {"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\"],\"archMap\":[{\"architecture\":"
     "\"SCMP_ARCH_X86\"}]}", "the seccomp profile is wrong: it has both"},
    {BAD_KERNEL("includes", "new"), "the seccomp profile is wrong: syscalls[0].includes.minKernel is no version such as 4.8"},
    {BAD_KERNEL("excludes", "4.8.1"), "the seccomp profile is wrong: syscalls[0].excludes.minKernel is no version such as 4.8"},
};
// clang-format on

static void test_bad_profiles(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct spec_seccomp *seccomp;
        struct err err = {0};
        assert_int_equal(parse(&arena, bad[i].text, &seccomp, &err), -1);
        if (!str_has_prefix(err.text, bad[i].sentence)) fail_msg("%s", err.text);
    }
}

// A list of what is denied, with a call that libseccomp does not know, a repeated argument, an unknown name.
static void test_deny_list(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(freep) struct seccomp_program *program = NULL;
    struct spec_seccomp *seccomp;
    struct err err = {0};
    static const char text[] =
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":["
        "{\"names\":[\"mseal\",\"frobnicate\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":5},"
        "{\"name\":\"dup\",\"action\":\"SCMP_ACT_KILL_PROCESS\",\"args\":["
        "{\"index\":0,\"value\":7,\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":9,\"op\":\"SCMP_CMP_EQ\"}]}]"
        "}";
    if (parse(&arena, text, &seccomp, &err) < 0 || seccomp_compile(seccomp, &program, &err) < 0)
        fail_msg("%s", err.text);
    if (!program) return;
    assert_int_equal(program->flags, SECCOMP_FILTER_FLAG_LOG);
    struct seccomp_data data = {.nr = 462, .arch = seccomp_arch_native()};
    assert_int_equal(run(program, &data), SECCOMP_RET_ERRNO | 5);
    data.nr = 500;
    assert_int_equal(run(program, &data), SECCOMP_RET_ALLOW);
    data.nr = SYS_dup;
    assert_int_equal(run(program, &data), SECCOMP_RET_ALLOW);
    data.args[0] = 9;
    assert_int_equal(run(program, &data), SECCOMP_RET_KILL_PROCESS);
}

static void test_contradictions(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"name\":\"dup\",\"action\":\"SCMP_ACT_"
         "ALLOW\","
         "\"errnoRet\":1}]}",
         "the action SCMP_ACT_ALLOW has no number to return"},
        {"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "SCMP_ACT_NOTIFY needs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct spec_seccomp *seccomp;
        struct err err = {0};
        assert_int_equal(parse(&arena, cases[i].text, &seccomp, &err), -1);
        if (!strstr(err.text, cases[i].sentence)) fail_msg("%s", err.text);
    }
}

static struct plan_blob cached(const struct spec_seccomp *seccomp, const char *dir, struct plan *plan) {
    struct plan_blob blob;
    struct err err = {0};
    if (runtime_seccomp(seccomp, dir, plan, &blob, &err) < 0) fail_msg("%s", err.text);
    return blob;
}

// The only file in the directory.
static void only_file(const char *dir, char *ret_path, size_t size) {
    char command[256];
    snprintf(command, sizeof command, "ls -d %s/*", dir);
    FILE *list = popen(command, "r");
    assert_non_null(list);
    assert_non_null(fgets(ret_path, (int)size, list));
    ret_path[strcspn(ret_path, "\n")] = '\0';
    char rest[256];
    assert_null(fgets(rest, sizeof rest, list));
    pclose(list);
}

static void test_cache(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    char top[] = "/tmp/hoy-seccomp-XXXXXX", dir[64], path[256];
    assert_non_null(mkdtemp(top));
    snprintf(dir, sizeof dir, "%s/cache", top);
    struct spec_seccomp *seccomp = seccomp_default(&arena, DOCKER_CAPS);
    struct plan plan;
    plan_init(&plan);
    struct plan_blob first = cached(seccomp, dir, &plan);
    only_file(dir, path, sizeof path);
    assert_non_null(strstr(path, "/default-"));

    // From now on only the key counts: with it, rules that can't be compiled are not even looked at.
    struct spec_seccomp other = *seccomp;
    other.default_action = "SCMP_ACT_MAYBE";
    struct plan_blob second = cached(&other, dir, &plan);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(plan.strings + first.at, plan.strings + second.at, first.size);

    uint64_t begin = clock_monotonic_ns();
    for (int i = 0; i < 100; i++) (void)cached(&other, dir, &plan);
    print_message("a cache hit: %llu ns\n", (unsigned long long)(clock_monotonic_ns() - begin) / 100);

    // One flipped bit anywhere, or a missing end, and it is made again.
    for (int at = 0; at < (int)first.size; at += 37) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        char byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        if (at % 2) assert_int_equal(ftruncate(fd, at), 0);
        close(fd);
        struct plan_blob again = cached(seccomp, dir, &plan);
        assert_memory_equal(plan.strings + first.at, plan.strings + again.at, first.size);
    }

    // Without a key of their own the rules are hashed.
    seccomp->cache_key = NULL;
    assert_int_equal(unlink(path), 0);
    (void)cached(seccomp, dir, &plan);
    only_file(dir, path, sizeof path);
    seccomp->syscalls.items[0].names.count--;
    struct plan_blob shorter = cached(seccomp, dir, &plan);
    assert_int_not_equal(shorter.size, first.size); // a gap more, or less
    seccomp->syscalls.items[0].names.count++;
    plan_finish(&plan);
    assert_int_equal(dir_remove_all_at(AT_FDCWD, top), 0);
}

static void test_kernel_takes_it(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(freep) struct seccomp_program *program = NULL;
    struct err err = {0};
    int status;
    assert_int_equal(seccomp_compile(seccomp_default(&arena, DOCKER_CAPS), &program, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) _exit(1);
        if (seccomp_program_load(program, seccomp_program_size(program->count))) _exit(2);
        if (syscall(SYS_bpf, 0, NULL, 0) != -1 || errno != EPERM) _exit(3);
        if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS) _exit(4);
        _exit(getpid() > 0 ? 0 : 5);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_answers), cmocka_unit_test(test_newer_calls),
        cmocka_unit_test(test_profile_file),    cmocka_unit_test(test_bad_profiles),
        cmocka_unit_test(test_deny_list),       cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_cache),           cmocka_unit_test(test_kernel_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
