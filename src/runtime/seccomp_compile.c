// SPDX-License-Identifier: Apache-2.0
// Rules to instructions, by libseccomp, and a prologue of our own before its program. The prologue is there
// for system calls that came after the profile or after libseccomp was written: a name that libseccomp does
// not know yet but we do gets its rule, and a number past all that the profile names gets ENOSYS instead of
// the profile's EPERM, since C libraries fall back to the older call on ENOSYS alone (runc does this, too).
//
// That is done twice. What the first program says of calls whose arguments do not matter becomes a tree
// (seccomp_tree.h); the second is for the others alone, a tenth as long, and stands behind the tree.
#include "base/fd.h"
#include "kernel/seccomp.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_tree.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define ARCHES_MAX 16
#define NEWER_MAX  64
#define X32_BIT    0x40000000u

// Since Linux 5.1 a new call has the same number on every architecture of ours.
static const struct {
    const char *name;
    uint32_t number;
} newer_calls[] = {
    {"futex_waitv", 449},       {"set_mempolicy_home_node", 450},
    {"cachestat", 451},         {"fchmodat2", 452},
    {"map_shadow_stack", 453},  {"futex_wake", 454},
    {"futex_wait", 455},        {"futex_requeue", 456},
    {"statmount", 457},         {"listmount", 458},
    {"lsm_get_self_attr", 459}, {"lsm_set_self_attr", 460},
    {"lsm_list_modules", 461},  {"mseal", 462},
    {"setxattrat", 463},        {"getxattrat", 464},
    {"listxattrat", 465},       {"removexattrat", 466},
    {"open_tree_attr", 467},    {"file_getattr", 468},
    {"file_setattr", 469},
};

static const struct {
    const char *word;
    uint32_t flag;
} flag_words[] = {
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
    {"SECCOMP_FILTER_FLAG_TSYNC", 0}, // the filter is loaded by a process of one thread
};

// x32 is x86-64 to the kernel's audit, with a bit in the number.
static uint32_t audit_arch(uint32_t arch) {
    return arch == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : arch;
}

struct compiler {
    const struct spec_seccomp *seccomp;
    const struct seccomp_tree *tree; // the second time: what it says already
    scmp_filter_ctx context;
    uint32_t default_action;
    uint32_t arches[ARCHES_MAX]; // SCMP_ARCH_*
    size_t arch_count;
    struct {
        uint32_t number, action;
    } newer[NEWER_MAX];
    size_t newer_count;
    struct sock_filter prologue[ARCHES_MAX * (NEWER_MAX + 10)];
    size_t prologue_count;
    struct err *err;
};

static void context_release(scmp_filter_ctx *context) {
    if (*context) seccomp_release(*context);
}

static int action_of(struct compiler *c, const char *word, int errno_ret, uint32_t *ret_action) {
    uint32_t number = (uint32_t)(errno_ret < 0 ? EPERM : errno_ret);
    const struct {
        const char *word;
        uint32_t action;
    } actions[] = {
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(number)},
        {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(number)},
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (!str_eq(actions[i].word, word)) continue;
        *ret_action = actions[i].action;
        return 0;
    }
    return err_set(c->err, ERR_INVALID, 0, "linux.seccomp: the action \"%s\" is not supported",
                   word ? word : "");
}

static bool notifies(const struct spec_seccomp *seccomp) {
    for (size_t i = 0; i < seccomp->syscalls.count; i++)
        if (str_eq(seccomp->syscalls.items[i].action, "SCMP_ACT_NOTIFY")) return true;
    return false;
}

static int flags_of(struct compiler *c, uint32_t *ret_flags) {
    uint32_t flags = 0;
    for (size_t i = 0; i < c->seccomp->flags.count; i++) {
        size_t j = 0;
        while (j < ARRAY_SIZE(flag_words) && !str_eq(flag_words[j].word, c->seccomp->flags.items[i])) j++;
        if (j == ARRAY_SIZE(flag_words))
            return err_set(c->err, ERR_INVALID, 0, "linux.seccomp: the flag \"%s\" is not supported",
                           c->seccomp->flags.items[i]);
        flags |= flag_words[j].flag;
    }
    // Waiting for an answer is for those that ask.
    if (notifies(c->seccomp))
        flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    else
        flags &= ~(uint32_t)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    *ret_flags = flags;
    return 0;
}

// "SCMP_ARCH_X86_64" is "x86_64" to libseccomp.
static int add_arch(struct compiler *c, const char *word) {
    char name[32] = "";
    const char *rest = str_after(word, "SCMP_ARCH_");
    for (size_t i = 0; rest && rest[i] && i < sizeof name - 1; i++)
        name[i] = (char)(rest[i] >= 'A' && rest[i] <= 'Z' ? rest[i] + 32 : rest[i]);
    uint32_t arch = seccomp_arch_resolve_name(name);
    if (!arch) return err_set(c->err, ERR_INVALID, 0, "linux.seccomp: unknown architecture \"%s\"", word);
    int r = seccomp_arch_add(c->context, arch);
    if (r == -EEXIST) return 0; // the host's own is there from the beginning
    if (r < 0) return err_set(c->err, ERR_SYSTEM, -r, "linux.seccomp: adding the architecture %s", word);
    if (c->arch_count < ARCHES_MAX) c->arches[c->arch_count++] = arch;
    return 0;
}

static struct scmp_arg_cmp compare_of(const struct spec_seccomp_arg *arg) {
    return (struct scmp_arg_cmp){.arg = arg->index,
                                 .op = (enum scmp_compare)arg->op,
                                 .datum_a = arg->value,
                                 .datum_b = arg->value_two};
}

// libseccomp takes an argument once a rule. Where a rule names one twice, each comparison is a rule by
// itself, as other runtimes read it.
static bool is_repeated(const struct spec_syscall_rule *rule) {
    for (size_t i = 0; i < rule->args.count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (rule->args.items[i].index == rule->args.items[j].index) return true;
        }
    }
    return false;
}

static int add_call(struct compiler *c, const struct spec_syscall_rule *rule, uint32_t action, int number) {
    struct scmp_arg_cmp args[6];
    size_t count = rule->args.count;
    int r = 0;
    if (is_repeated(rule)) {
        for (size_t i = 0; i < count && r == 0; i++) {
            args[0] = compare_of(&rule->args.items[i]);
            r = seccomp_rule_add_array(c->context, action, number, 1, args);
        }
        return r;
    }
    for (size_t i = 0; i < count; i++) args[i] = compare_of(&rule->args.items[i]);
    return seccomp_rule_add_array(c->context, action, number, (unsigned)count, args);
}

// A name that libseccomp does not know: the prologue's, if we know it. Others are passed over: a profile
// names calls of many architectures and of kernels to come.
static void add_newer(struct compiler *c, const char *name, const struct spec_syscall_rule *rule,
                      uint32_t action) {
    for (size_t i = 0; i < ARRAY_SIZE(newer_calls); i++) {
        if (!str_eq(newer_calls[i].name, name) || c->newer_count == NEWER_MAX || rule->args.count) continue;
        c->newer[c->newer_count].number = newer_calls[i].number;
        c->newer[c->newer_count++].action = action;
    }
}

// Linux on some architectures has one system call for many, told apart by its first argument.
static bool is_multiplexed(const struct compiler *c, uint32_t arch, int number) {
    static const char *const names[] = {"socketcall", "ipc"};
    if (number >= 0) return false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        int through = seccomp_syscall_resolve_name_arch(arch, names[i]);
        if (through >= 0 && seccomp_tree_depends(c->tree, audit_arch(arch), (uint32_t)through)) return true;
    }
    return false;
}

static bool tree_says(const struct compiler *c, const char *name) {
    for (size_t i = 0; c->tree && i < c->arch_count; i++) {
        uint32_t arch = c->arches[i];
        int number = seccomp_syscall_resolve_name_arch(arch, name);
        int other = seccomp_syscall_resolve_name_rewrite(arch, name);
        if (number >= 0 && seccomp_tree_depends(c->tree, audit_arch(arch), (uint32_t)number)) return false;
        if (other >= 0 && seccomp_tree_depends(c->tree, audit_arch(arch), (uint32_t)other)) return false;
        if (is_multiplexed(c, arch, number) || is_multiplexed(c, arch, other)) return false;
    }
    return c->tree;
}

static int add_rule(struct compiler *c, const struct spec_syscall_rule *rule) {
    uint32_t action;
    if (action_of(c, rule->action, rule->errno_ret, &action) < 0) return -1;
    if (action == c->default_action) return 0; // libseccomp refuses what changes nothing
    for (size_t i = 0; i < rule->names.count; i++) {
        const char *name = rule->names.items[i];
        if (tree_says(c, name)) continue;
        int number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR) {
            add_newer(c, name, rule, action);
            continue;
        }
        int r = add_call(c, rule, action, number);
        if (r < 0)
            return err_set(c->err, ERR_INVALID, -r, "linux.seccomp: the rule for %s: %s", name, strerror(-r));
    }
    return 0;
}

// The prologue

static void emit(struct compiler *c, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
    c->prologue[c->prologue_count++] = (struct sock_filter){code, yes, no, value};
}

static uint32_t highest_call(const struct compiler *c, uint32_t arch) {
    uint32_t highest = 0;
    for (size_t i = 0; i < c->seccomp->syscalls.count; i++) {
        const struct strings *names = &c->seccomp->syscalls.items[i].names;
        for (size_t j = 0; j < names->count; j++) {
            int number = seccomp_syscall_resolve_name_arch(arch, names->items[j]);
            if (number >= 0 && (uint32_t)number > highest) highest = (uint32_t)number;
        }
    }
    for (size_t i = 0; i < c->newer_count; i++) {
        uint32_t number = c->newer[i].number | (arch == SCMP_ARCH_X32 ? X32_BIT : 0);
        if (number > highest) highest = number;
    }
    return highest;
}

// Whether what no rule names is kept from happening, so that a call from the future should not seem refused.
static bool is_strict(uint32_t action) {
    return action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG && action != SCMP_ACT_ERRNO(ENOSYS) &&
           (action & 0xffff0000u) != SCMP_ACT_TRACE(0);
}

// One architecture: goes on behind its end where another one is asked for, or the call is in the program.
static void emit_arch(struct compiler *c, uint32_t arch) {
    bool x32 = arch == SCMP_ARCH_X32, strict = is_strict(c->default_action);
    uint32_t bit = x32 ? X32_BIT : 0, highest = highest_call(c, arch);
    size_t begin = c->prologue_count;
    emit(c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    emit(c, BPF_JMP | BPF_JEQ | BPF_K, audit_arch(arch), 0, 255);
    emit(c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    if (x32)
        emit(c, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 255);
    else if (arch == SCMP_ARCH_X86_64)
        emit(c, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 255, 0);
    for (size_t i = 0; i < c->newer_count; i++) {
        emit(c, BPF_JMP | BPF_JEQ | BPF_K, c->newer[i].number | bit, 0, 1);
        emit(c, BPF_RET | BPF_K, c->newer[i].action, 0, 0);
    }
    if (strict && highest) {
        emit(c, BPF_JMP | BPF_JGT | BPF_K, highest, 0, 1);
        emit(c, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
    }
    for (size_t i = begin; i < c->prologue_count; i++) {
        struct sock_filter *f = &c->prologue[i];
        if (f->jt == 255) f->jt = (uint8_t)(c->prologue_count - i - 1);
        if (f->jf == 255) f->jf = (uint8_t)(c->prologue_count - i - 1);
    }
}

static int build(struct compiler *c) {
    const struct spec_seccomp *seccomp = c->seccomp;
    c->arches[c->arch_count++] = seccomp_arch_native();
    for (size_t i = 0; i < seccomp->architectures.count; i++) {
        if (add_arch(c, seccomp->architectures.items[i]) < 0) return -1;
    }
    // A binary tree instead of a list of 400 comparisons; libseccomp since 2.5, and slower without.
    (void)seccomp_attr_set(c->context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (size_t i = 0; i < seccomp->syscalls.count; i++) {
        if (add_rule(c, &seccomp->syscalls.items[i]) < 0) return -1;
    }
    for (size_t i = 0; !c->tree && i < c->arch_count; i++) emit_arch(c, c->arches[i]);
    return 0;
}

static int too_long(struct compiler *c, size_t count) {
    return err_set(c->err, ERR_INVALID, 0, "linux.seccomp makes a program of %zu instructions; %d may be",
                   count, BPF_MAXINSNS);
}

// The prologue, or the tree, and libseccomp's program behind it.
static int export_program(struct compiler *c, struct seccomp_program **ret_program) {
    _cleanup_(fd_closep) int fd = memfd_create("seccomp", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : seccomp_export_bpf(c->context, fd);
    off_t size = r < 0 ? 0 : lseek(fd, 0, SEEK_CUR);
    if (r < 0) return err_set(c->err, ERR_SYSTEM, -r, "compiling linux.seccomp");
    size_t own = c->prologue_count, most = c->tree ? BPF_MAXINSNS : own,
           count = (size_t)size / sizeof(struct sock_filter);
    _cleanup_(freep) struct seccomp_program *program = xmalloc(seccomp_program_size(most + count));
    memcpy(program->instructions, c->prologue, own * sizeof *c->prologue);
    if (c->tree) own = seccomp_tree_write(c->tree, program->instructions, most);
    if ((c->tree && !own) || own + count > BPF_MAXINSNS) return too_long(c, own + count);
    if (pread(fd, program->instructions + own, (size_t)size, 0) != size)
        return err_set(c->err, ERR_SYSTEM, EIO, "compiling linux.seccomp");
    program->count = (uint32_t)(own + count);
    *ret_program = take_ptr(program);
    return 0;
}

static int compile(const struct spec_seccomp *seccomp, struct compiler *c,
                   struct seccomp_program **ret_program, struct err *err) {
    uint32_t flags;
    c->seccomp = seccomp;
    c->err = err;
    if (action_of(c, seccomp->default_action, seccomp->default_errno_ret, &c->default_action) < 0 ||
        flags_of(c, &flags) < 0)
        return -1;
    _cleanup_(context_release) scmp_filter_ctx context = seccomp_init(c->default_action);
    if (!context)
        return err_set(err, ERR_INVALID, 0, "linux.seccomp: libseccomp does not take the default action");
    c->context = context;
    if (build(c) < 0 || export_program(c, ret_program) < 0) return -1;
    (*ret_program)->flags = flags;
    return 0;
}

int seccomp_compile(const struct spec_seccomp *seccomp, struct seccomp_program **ret_program,
                    struct err *err) {
    _cleanup_(freep) struct seccomp_program *first = NULL;
    _cleanup_(seccomp_tree_finish) struct seccomp_tree tree = {0};
    struct compiler c = {0}, second = {.tree = &tree};
    uint32_t arches[ARCHES_MAX];
    if (compile(seccomp, &c, &first, err) < 0) return -1;
    for (size_t i = 0; i < c.arch_count; i++) arches[i] = audit_arch(c.arches[i]);
    struct err ignored;
    if (seccomp_tree_read(first->instructions, first->count, arches, c.arch_count, &tree) < 0 ||
        compile(seccomp, &second, ret_program, &ignored) < 0)
        *ret_program = take_ptr(first); // longer, and as right
    return 0;
}

const char *seccomp_call_name(struct arena *arena, uint32_t arch, int number) {
    _cleanup_(freep) char *name = seccomp_syscall_resolve_num_arch(arch, number);
    return arena_strdup(arena, name);
}
