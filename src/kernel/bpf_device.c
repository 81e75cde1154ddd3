// SPDX-License-Identifier: Apache-2.0
// The program keeps in R3 the kinds of access (mknod, read, write) that are asked for and not yet decided,
// and looks at the rules from the last to the first: a rule that denies one of them ends it, a rule that
// allows takes its kinds away, and when none is left the answer is yes.
#include "kernel/bpf_device.h"

#include "base/fd.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

enum { CONTEXT = BPF_REG_1, TYPE, ACCESS, MAJOR, MINOR, SCRATCH };

struct code {
    struct bpf_insn *at;
    size_t count;
};

static void emit(struct code *code, uint8_t op, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
    code->at[code->count++] =
        (struct bpf_insn){.code = op, .dst_reg = to & 15, .src_reg = from & 15, .off = offset, .imm = value};
}

static void emit_load(struct code *code, uint8_t to, size_t offset) {
    emit(code, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, (int16_t)offset, 0);
}

static void emit_answer(struct code *code, bool allow) {
    emit(code, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
    emit(code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// A jump to the rule's end, whose length is not known yet.
static void emit_unless(struct code *code, uint8_t reg, int64_t value) {
    emit(code, BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0, (int32_t)value);
}

static uint32_t access_bits(const char *access) {
    uint32_t bits = 0;
    for (; *access; access++) {
        if (*access == 'm')
            bits |= BPF_DEVCG_ACC_MKNOD;
        else if (*access == 'r')
            bits |= BPF_DEVCG_ACC_READ;
        else if (*access == 'w')
            bits |= BPF_DEVCG_ACC_WRITE;
    }
    return bits;
}

static void emit_rule(struct code *code, const struct bpf_device_rule *rule) {
    uint32_t bits = access_bits(rule->access);
    size_t begin = code->count;
    // No device has a number that large, so that the rule says nothing.
    if (!bits || rule->major > INT32_MAX || rule->minor > INT32_MAX) return;
    if (rule->type != 'a')
        emit_unless(code, TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (rule->major >= 0) emit_unless(code, MAJOR, rule->major);
    if (rule->minor >= 0) emit_unless(code, MINOR, rule->minor);
    if (rule->allow) {
        emit(code, BPF_ALU64 | BPF_AND | BPF_K, ACCESS, 0, 0, (int32_t)(ALL & ~bits));
        emit_unless(code, ACCESS, 0);
    } else {
        emit(code, BPF_ALU64 | BPF_MOV | BPF_X, SCRATCH, ACCESS, 0, 0);
        emit(code, BPF_ALU64 | BPF_AND | BPF_K, SCRATCH, 0, 0, (int32_t)bits);
        emit(code, BPF_JMP | BPF_JEQ | BPF_K, SCRATCH, 0, 0, 0);
    }
    emit_answer(code, rule->allow);
    for (size_t i = begin; i < code->count; i++) {
        uint8_t op = code->at[i].code;
        if (op == (BPF_JMP | BPF_JNE | BPF_K) || op == (BPF_JMP | BPF_JEQ | BPF_K))
            code->at[i].off = (int16_t)(code->count - i - 1);
    }
}

size_t bpf_device_compile(const struct bpf_device_rule *rules, size_t count, bool allow,
                          struct bpf_insn *ret_program) {
    struct code code = {ret_program, 0};
    emit_load(&code, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit(&code, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
    emit(&code, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    emit(&code, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    emit_load(&code, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    emit_load(&code, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
    for (size_t i = count; i-- > 0;) emit_rule(&code, &rules[i]);
    emit_answer(&code, allow);
    return code.count;
}

static int bpf(int command, union bpf_attr *attr) {
    long r = syscall(SYS_bpf, command, attr, sizeof *attr);
    return r < 0 ? -errno : (int)r;
}

// Before Linux 5.11 programs are locked memory of their user's: with the usual 64 KiB for all of root's, the
// sixteenth container would be refused. The limit is put back: the container inherits it.
static int load_program(union bpf_attr *load) {
    int r = bpf(BPF_PROG_LOAD, load);
    struct rlimit limit, none = {RLIM_INFINITY, RLIM_INFINITY};
    if (r != -EPERM || getrlimit(RLIMIT_MEMLOCK, &limit) || setrlimit(RLIMIT_MEMLOCK, &none)) return r;
    r = bpf(BPF_PROG_LOAD, load);
    setrlimit(RLIMIT_MEMLOCK, &limit);
    return r;
}

static const char program_name[] = "hoy_devices";

static int load(const void *program, size_t size) {
    static const char license[] = "Apache-2.0";
    if (size == 0 || size % sizeof(struct bpf_insn)) return -EINVAL;
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uintptr_t)program;
    attr.insn_cnt = (uint32_t)(size / sizeof(struct bpf_insn));
    attr.license = (uintptr_t)license;
    strcpy(attr.prog_name, program_name);
    return load_program(&attr);
}

// old: a program to take the place of, or -1.
static int attach(int group, int program, int old) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.target_fd = (uint32_t)group;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (old >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)old;
    }
    int r = bpf(BPF_PROG_ATTACH, &attr);
    return r < 0 ? r : 0;
}

// systemd attaches programs of its own, which stay.
static bool is_ours(int program) {
    struct bpf_prog_info info;
    union bpf_attr attr;
    memset(&info, 0, sizeof info);
    memset(&attr, 0, sizeof attr);
    attr.info.bpf_fd = (uint32_t)program;
    attr.info.info_len = sizeof info;
    attr.info.info = (uintptr_t)&info;
    return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && strcmp(info.name, program_name) == 0;
}

#define ATTACHED_MAX 64 // the kernel's own limit for a group

// The programs in the group, by their numbers: how many, or -errno.
static int query(int group, uint32_t ids[static ATTACHED_MAX]) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.query.target_fd = (uint32_t)group;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uintptr_t)ids;
    attr.query.prog_cnt = ATTACHED_MAX;
    int r = bpf(BPF_PROG_QUERY, &attr);
    return r < 0 ? r : (int)attr.query.prog_cnt;
}

size_t bpf_device_count(const char *path) {
    uint32_t ids[ATTACHED_MAX];
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    int count = group < 0 ? group : query(group, ids);
    return count < 0 ? 0 : (size_t)count;
}

// The program in the group that is ours; -ENOENT.
static int find_attached(int group) {
    uint32_t ids[ATTACHED_MAX];
    int count = query(group, ids);
    if (count < 0) return count;
    for (int i = 0; i < count; i++) {
        union bpf_attr attr;
        memset(&attr, 0, sizeof attr);
        attr.prog_id = ids[i];
        _cleanup_(fd_closep) int program = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
        if (program >= 0 && is_ours(program)) return take_fd(&program);
    }
    return -ENOENT;
}

int bpf_device_attach(const char *path, const void *program, size_t size) {
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (group < 0) return group;
    _cleanup_(fd_closep) int loaded = load(program, size);
    return loaded < 0 ? loaded : attach(group, loaded, -1);
}

int bpf_device_replace(const char *path, const void *program, size_t size) {
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (group < 0) return group;
    _cleanup_(fd_closep) int old = find_attached(group);
    if (old < 0 && old != -ENOENT) return old;
    _cleanup_(fd_closep) int loaded = load(program, size);
    return loaded < 0 ? loaded : attach(group, loaded, old);
}
