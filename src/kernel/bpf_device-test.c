// SPDX-License-Identifier: Apache-2.0
// The program's answers, by an interpreter of the few instructions that it uses; then the kernel's own, where
// there is a v2 hierarchy and the right to use it.
#include "kernel/bpf_device.h"

#include "base/fd.h"
#include "base/macro.h"
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MKNOD BPF_DEVCG_ACC_MKNOD
#define READ  BPF_DEVCG_ACC_READ
#define WRITE BPF_DEVCG_ACC_WRITE
#define CHAR  BPF_DEVCG_DEV_CHAR
#define BLOCK BPF_DEVCG_DEV_BLOCK

static uint64_t run(const struct bpf_insn *code, size_t count, const struct bpf_cgroup_dev_ctx *context) {
    uint64_t r[8] = {0};
    for (size_t at = 0; at < count; at++) {
        const struct bpf_insn *i = &code[at];
        switch (i->code) {
        case BPF_LDX | BPF_MEM | BPF_W: {
            uint32_t word;
            memcpy(&word, (const char *)context + i->off, sizeof word);
            r[i->dst_reg] = word;
            break;
        }
        case BPF_ALU64 | BPF_MOV | BPF_K: r[i->dst_reg] = (uint64_t)(int64_t)i->imm; break;
        case BPF_ALU64 | BPF_MOV | BPF_X: r[i->dst_reg] = r[i->src_reg]; break;
        case BPF_ALU64 | BPF_AND | BPF_K: r[i->dst_reg] &= (uint64_t)(int64_t)i->imm; break;
        case BPF_ALU64 | BPF_RSH | BPF_K: r[i->dst_reg] >>= i->imm; break;
        case BPF_JMP | BPF_JNE | BPF_K:
            if (r[i->dst_reg] != (uint64_t)(int64_t)i->imm) at += (size_t)i->off;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            if (r[i->dst_reg] == (uint64_t)(int64_t)i->imm) at += (size_t)i->off;
            break;
        case BPF_JMP | BPF_EXIT: return r[0];
        default: fail_msg("instruction %#x", i->code);
        }
    }
    fail_msg("ran past the end");
    return 0;
}

static const struct bpf_device_rule rules[] = {
    {true, 'c', 1, 3, "rwm"},   {true, 'c', 1, 5, "r"},
    {true, 'c', 1, 5, "w"},     {true, 'b', -1, -1, "m"},
    {true, 'c', 136, -1, "rw"}, {false, 'c', 136, 7, "w"},
    {true, 'a', 99, 99, "rwm"}, {true, 'c', INT64_C(1) << 32 | 4, 4, "rwm"},
};

// clang-format off
static const struct {
    uint32_t type, access, major, minor;
    bool allowed;
} cases[] = {
    {CHAR, READ | WRITE, 1, 3, true},
    {CHAR, MKNOD, 1, 3, true},
    {BLOCK, READ, 1, 3, false},
    {CHAR, READ | WRITE, 1, 5, true}, // two rules together
    {CHAR, READ | MKNOD, 1, 5, false},
    {BLOCK, MKNOD, 8, 0, true},
    {BLOCK, MKNOD | READ, 8, 0, false},
    {CHAR, READ | WRITE, 136, 6, true},
    {CHAR, READ, 136, 7, true},
    {CHAR, READ | WRITE, 136, 7, false}, // the later rule
    {BLOCK, READ, 99, 99, true},
    {CHAR, READ, 99, 99, true},
    {CHAR, READ, 4, 4, false},
    {CHAR, READ, 2, 2, false},
};
// clang-format on

static void test_answers(void **state) {
    (void)state;
    struct bpf_insn code[BPF_DEVICE_INSTRUCTIONS(ARRAY_SIZE(rules))];
    size_t count = bpf_device_compile(rules, ARRAY_SIZE(rules), false, code);
    assert_true(count <= ARRAY_SIZE(code));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bpf_cgroup_dev_ctx context = {cases[i].access << 16 | cases[i].type, cases[i].major,
                                             cases[i].minor};
        if (run(code, count, &context) != cases[i].allowed) fail_msg("case %zu", i);
    }
    struct bpf_cgroup_dev_ctx other = {READ << 16 | CHAR, 2, 2}, tty7 = {WRITE << 16 | CHAR, 136, 7};
    count = bpf_device_compile(rules, ARRAY_SIZE(rules), true, code);
    assert_int_equal(run(code, count, &other), 1);
    assert_int_equal(run(code, count, &tty7), 0);
}

// A child in the group opens /dev/zero and /dev/null.
static int opens(const char *group) {
    char procs[256];
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(procs, sizeof procs, "%s/cgroup.procs", group);
        if (file_write_at(AT_FDCWD, procs, "0") < 0) _exit(9);
        _exit((open("/dev/null", O_RDONLY) >= 0) | (open("/dev/zero", O_RDONLY) >= 0 || errno != EPERM) << 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

// A v2 group for the test; without v2 the test is skipped.
static void make_group(char ret_path[static 256]) {
    struct cgroup_layout layout;
    if (geteuid() != 0 || cgroup_layout_read(&layout) < 0 || !layout.items[layout.count - 1].v2) skip();
    snprintf(ret_path, 256, "%s/hoy-test-%d", layout.items[layout.count - 1].mount, getpid());
    if (cgroup_create(ret_path) < 0) skip();
}

// One program's rules after the other's, and never both.
static void test_replace(void **state) {
    (void)state;
    char group[256];
    make_group(group);
    struct bpf_insn code[BPF_DEVICE_INSTRUCTIONS(1)];
    int results[3], seen[3];
    for (int i = 0; i < 3; i++) { // null alone, everything, nothing
        size_t count = bpf_device_compile(rules, i == 0, i == 1, code);
        results[i] = bpf_device_replace(group, code, count * sizeof *code);
        seen[i] = opens(group);
    }
    assert_int_equal(cgroup_remove(group), 0);
    if (results[0] == -EPERM) skip();
    for (int i = 0; i < 3; i++) assert_int_equal(results[i], 0);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 3);
    assert_int_equal(seen[2], 0);
}

static void test_kernel(void **state) {
    (void)state;
    char group[256];
    make_group(group);
    struct bpf_insn code[BPF_DEVICE_INSTRUCTIONS(ARRAY_SIZE(rules))];
    size_t count = bpf_device_compile(rules, 1, false, code);
    int before = opens(group);
    int r = bpf_device_attach(group, code, count * sizeof *code);
    int after = r < 0 ? 0 : opens(group);
    int full = bpf_device_attach(group, code,
                                 bpf_device_compile(rules, ARRAY_SIZE(rules), false, code) * sizeof *code);
    assert_int_equal(cgroup_remove(group), 0);
    if (r == -EPERM) skip(); // no CAP_BPF
    assert_int_equal(r, 0);
    assert_int_equal(full, 0);
    assert_int_equal(before, 3);
    assert_int_equal(after, 1);
    assert_int_equal(bpf_device_attach("/nowhere", code, sizeof *code), -ENOENT);
    assert_int_equal(bpf_device_attach("/", code, 7), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_kernel),
                                       cmocka_unit_test(test_replace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
