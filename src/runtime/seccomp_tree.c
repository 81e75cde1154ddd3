// SPDX-License-Identifier: Apache-2.0
// Loading a filter costs the kernel for each instruction (it is translated), and for each step that each of
// its 900 system calls takes through it (it looks which are allowed whatever their arguments). libseccomp
// compares with each number that a profile names, 400 for an architecture; but the numbers of those that are
// allowed are neighbours, so that a search over some dozens of ranges says the same.
//
// The ranges are not made from the rules, whose meaning is libseccomp's business: its finished program is
// asked, for every number that it compares with. Between two of these nothing can change.
#include "runtime/seccomp_tree.h"

#include "base/arena.h"
#include "base/macro.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>

// What the program answers to a number when only that and the architecture are known. -ENODATA: it wants to
// see more.
static int answer(const struct sock_filter *program, size_t count, uint32_t arch, uint32_t number,
                  uint32_t *ret_action) {
    uint32_t a = 0;
    for (size_t at = 0; at < count; at++) {
        const struct sock_filter *f = &program[at];
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (f->k == offsetof(struct seccomp_data, nr))
                a = number;
            else if (f->k == offsetof(struct seccomp_data, arch))
                a = arch;
            else
                return -ENODATA;
            break;
        case BPF_JMP | BPF_JA: at += f->k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: at += a == f->k ? f->jt : f->jf; break;
        case BPF_JMP | BPF_JGT | BPF_K: at += a > f->k ? f->jt : f->jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: at += a >= f->k ? f->jt : f->jf; break;
        case BPF_RET | BPF_K: *ret_action = f->k; return 0;
        default: return -ENODATA;
        }
    }
    return -ENODATA;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool compares(const struct sock_filter *f) {
    return BPF_CLASS(f->code) == BPF_JMP && BPF_OP(f->code) != BPF_JA;
}

// Every number at which an answer may change, in order and once.
static size_t list_cuts(const struct sock_filter *program, size_t count, uint32_t *cuts) {
    size_t n = 0, kept = 1;
    cuts[n++] = 0;
    for (size_t i = 0; i < count; i++) {
        if (!compares(&program[i])) continue;
        cuts[n++] = program[i].k;
        cuts[n++] = program[i].k + 1;
    }
    qsort(cuts, n, sizeof *cuts, by_value);
    for (size_t i = 1; i < n; i++)
        if (cuts[i] != cuts[kept - 1]) cuts[kept++] = cuts[i];
    return kept;
}

static void read_arch(const struct sock_filter *program, size_t count, const uint32_t *cuts, size_t cut_count,
                      struct seccomp_tree *tree) {
    struct seccomp_range *ranges = tree->arches[tree->arch_count].ranges;
    size_t n = 0;
    for (size_t i = 0; i < cut_count; i++) {
        struct seccomp_range range = {.first = cuts[i]};
        uint32_t arch = tree->arches[tree->arch_count].arch;
        range.depends = answer(program, count, arch, cuts[i], &range.action) < 0;
        if (n && ranges[n - 1].depends == range.depends && ranges[n - 1].action == range.action) continue;
        ranges[n++] = range;
    }
    tree->arches[tree->arch_count++].count = n;
}

static bool is_known(const struct seccomp_tree *tree, uint32_t arch) {
    for (size_t i = 0; i < tree->arch_count; i++)
        if (tree->arches[i].arch == arch) return true;
    return false;
}

int seccomp_tree_read(const struct sock_filter *program, size_t count, const uint32_t *arches,
                      size_t arch_count, struct seccomp_tree *ret_tree) {
    struct seccomp_tree tree = {0};
    // No architecture has this number.
    if (answer(program, count, UINT32_MAX, 0, &tree.other_action) < 0) return -EOPNOTSUPP;
    _cleanup_(freep) uint32_t *cuts = xmalloc((2 * count + 1) * sizeof *cuts);
    size_t cut_count = list_cuts(program, count, cuts);
    for (size_t i = 0; i < arch_count; i++) {
        if (is_known(&tree, arches[i])) continue;
        if (tree.arch_count == SECCOMP_TREE_ARCHES) return seccomp_tree_finish(&tree), -EOPNOTSUPP;
        tree.arches[tree.arch_count].arch = arches[i];
        tree.arches[tree.arch_count].ranges = xmalloc(cut_count * sizeof(struct seccomp_range));
        read_arch(program, count, cuts, cut_count, &tree);
    }
    *ret_tree = tree;
    return 0;
}

void seccomp_tree_finish(struct seccomp_tree *tree) {
    for (size_t i = 0; i < tree->arch_count; i++) free(tree->arches[i].ranges);
    *tree = (struct seccomp_tree){0};
}

bool seccomp_tree_depends(const struct seccomp_tree *tree, uint32_t arch, uint32_t number) {
    bool depends = false;
    for (size_t i = 0; i < tree->arch_count; i++) {
        if (tree->arches[i].arch != arch) continue;
        for (size_t j = 0; j < tree->arches[i].count && tree->arches[i].ranges[j].first <= number; j++)
            depends = tree->arches[i].ranges[j].depends;
    }
    return depends;
}

// Writing
//
// An architecture is a run of comparisons, each of which goes on at another one or at one of the few answers
// that stand behind them all. A conditional jump reaches 255 instructions, so that this is for less than
// that.

#define RANGES_MAX  200
#define ANSWERS_MAX 16

struct section {
    struct sock_filter *instructions;
    size_t count;
    const struct seccomp_range *answers[ANSWERS_MAX];
    size_t answer_count;
    struct {
        uint8_t *jump;
        size_t from, answer;
    } open[RANGES_MAX]; // jumps whose answer has no place yet
    size_t open_count;
    bool full; // more answers than there is room for
};

static size_t put(struct section *s, uint16_t code, uint32_t k) {
    s->instructions[s->count] = (struct sock_filter){.code = code, .k = k};
    return s->count++;
}

static size_t find_answer(struct section *s, const struct seccomp_range *range) {
    size_t i = 0;
    while (i < s->answer_count &&
           (s->answers[i]->depends != range->depends || s->answers[i]->action != range->action))
        i++;
    if (i == ANSWERS_MAX) return s->full = true, 0;
    if (i == s->answer_count) s->answers[s->answer_count++] = range;
    return i;
}

// Half of the ranges, and the other half.
static void put_ranges(struct section *s, const struct seccomp_range *ranges, size_t count) {
    size_t half = count / 2, at = put(s, BPF_JMP | BPF_JGE | BPF_K, ranges[half].first);
    struct sock_filter *test = &s->instructions[at];
    const size_t counts[] = {half, count - half};
    for (size_t i = 0; i < 2; i++) {
        uint8_t *jump = i ? &test->jt : &test->jf;
        const struct seccomp_range *part = ranges + (i ? half : 0);
        if (counts[i] > 1) {
            *jump = (uint8_t)(s->count - at - 1);
            put_ranges(s, part, counts[i]);
        } else {
            s->open[s->open_count].jump = jump;
            s->open[s->open_count].from = at;
            s->open[s->open_count++].answer = find_answer(s, part);
        }
    }
}

// Those that depend are marked by a jump to nowhere.
static void put_answers(struct section *s) {
    for (size_t i = 0; i < s->open_count; i++)
        *s->open[i].jump = (uint8_t)(s->count + s->open[i].answer - s->open[i].from - 1);
    for (size_t i = 0; i < s->answer_count; i++)
        put(s, s->answers[i]->depends ? BPF_JMP | BPF_JA : BPF_RET | BPF_K,
            s->answers[i]->depends ? UINT32_MAX : s->answers[i]->action);
}

static size_t put_arch(const struct seccomp_tree *tree, size_t arch, struct sock_filter *instructions) {
    struct section s = {.instructions = instructions};
    size_t count = tree->arches[arch].count;
    put(&s, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    s.instructions[put(&s, BPF_JMP | BPF_JEQ | BPF_K, tree->arches[arch].arch)].jt = 1;
    size_t other = put(&s, BPF_JMP | BPF_JA, 0);
    put(&s, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    if (count > 1)
        put_ranges(&s, tree->arches[arch].ranges, count);
    else
        find_answer(&s, tree->arches[arch].ranges);
    put_answers(&s);
    s.instructions[other].k = (uint32_t)(s.count - other - 1);
    return s.full ? 0 : s.count;
}

size_t seccomp_tree_write(const struct seccomp_tree *tree, struct sock_filter *instructions, size_t size) {
    size_t most = 1, count = 0;
    for (size_t i = 0; i < tree->arch_count; i++) {
        if (tree->arches[i].count > RANGES_MAX) return 0;
        most += tree->arches[i].count + ANSWERS_MAX + 4;
    }
    if (most > size) return 0;
    for (size_t i = 0; i < tree->arch_count; i++) {
        size_t n = put_arch(tree, i, instructions + count);
        if (!n) return 0;
        count += n;
    }
    instructions[count++] = (struct sock_filter){.code = BPF_RET | BPF_K, .k = tree->other_action};
    for (size_t i = 0; i < count; i++)
        if (instructions[i].code == (BPF_JMP | BPF_JA) && instructions[i].k == UINT32_MAX)
            instructions[i].k = (uint32_t)(count - i - 1);
    return count;
}
