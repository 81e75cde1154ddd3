// SPDX-License-Identifier: Apache-2.0
// Columns: side, time, words, cause. Long words are broken, so that the causes stand below each other.
//
// Names come from images and from people: control characters in them are shown, not sent to a terminal.
#include "plan/explain.h"

#include "base/id.h"
#include "base/macro.h"
#include "plan/explain_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_WIDTH 64

static size_t width_of(const char *s, size_t bytes) {
    size_t width = 0;
    for (size_t i = 0; i < bytes; i++) width += ((unsigned char)s[i] & 0xc0) != 0x80;
    return width;
}

// Ids and digests are cut to the twelve digits that people know them by.
static void show(const char *raw, struct str *ret_text) {
    while (*raw) {
        size_t digits = strspn(raw, "0123456789abcdef");
        str_add_n(ret_text, raw, digits == ID_SIZE - 1 ? SHORT_ID : digits);
        if (digits == ID_SIZE - 1) str_add(ret_text, "…");
        raw += digits;
        if (!*raw) return;
        if ((unsigned char)*raw < ' ' || *raw == 0x7f)
            str_printf(ret_text, "\\x%02x", (unsigned char)*raw);
        else
            str_add_char(ret_text, *raw);
        raw++;
    }
}

// How many bytes of the text stand on the next line: up to the last space that fits, or the first that does
// not when a word is longer than the line.
static size_t line_length(const char *text) {
    size_t fits = 0, i = 0;
    for (;; i++) {
        if (text[i] && text[i] != ' ') continue;
        if (width_of(text, i) > WORDS_WIDTH && fits) return fits;
        fits = i;
        if (!text[i] || width_of(text, i) > WORDS_WIDTH) return fits;
    }
}

static void print_line(FILE *out, const char *head, const char *words, size_t length, const char *tail) {
    fprintf(out, "%s%.*s", head, (int)length, words);
    if (*tail) {
        size_t width = width_of(words, length);
        fprintf(out, "%*s  %s", width < WORDS_WIDTH ? (int)(WORDS_WIDTH - width) : 0, "", tail);
    }
    fputc('\n', out);
}

static const char *const sides[] = {
    [PLAN_HOST] = "host",     [PLAN_PARENT] = "parent",   [PLAN_CHILD] = "child",
    [PLAN_INSIDE] = "inside", [PLAN_STARTED] = "started", [PLAN_STOPPED] = "stopped"};

static void print_op(FILE *out, const struct plan_block *block, const struct plan_op *op) {
    _cleanup_(str_finish) struct str raw = {0}, words = {0}, tail = {0};
    plan_op_words(block, op, &raw);
    show(str_get(&raw), &words);
    show(plan_text(block, op->why), &tail);
    char head[40], time[16] = "";
    // The time of what became the container's own command nobody could take.
    if (op->time_ns) snprintf(time, sizeof time, "%u", (op->time_ns + 500) / 1000);
    const char *side = op->side < ARRAY_SIZE(sides) ? sides[op->side] : "?";
    snprintf(head, sizeof head, "%-6s %7s  ", side, time);

    const char *at = str_get(&words), *last = str_get(&tail);
    do {
        size_t length = line_length(at);
        print_line(out, head, at, length, last);
        at += length;
        at += *at == ' ';
        snprintf(head, sizeof head, "%-6s %7s    ", "", "");
        last = "";
    } while (*at);
    if (op->state == PLAN_FAILED) fprintf(out, "%sFAILED: %s\n", head, strerror(abs(op->result)));
}

static void print_total(FILE *out, const struct plan_block *block) {
    const struct plan_op *ops = (const struct plan_op *)(block + 1);
    uint64_t total[PLAN_SIDE_COUNT] = {0};
    uint32_t not_done = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        if (ops[i].side < ARRAY_SIZE(total)) total[ops[i].side] += ops[i].time_ns;
        not_done += ops[i].state == PLAN_PENDING;
    }
    uint64_t child = total[PLAN_CHILD] + total[PLAN_INSIDE], parent = total[PLAN_PARENT];
    if (not_done == block->count) {
        fprintf(out, "%-6s %7s  %u operations, none of them done\n", "", "", block->count);
        return;
    }
    // Parent and child work at the same time; the child, which waits for the parent, is the last.
    uint64_t all = total[PLAN_HOST] + child;
    fprintf(out, "%-6s %7" PRIu64 "  µs for %u operations (the parent's %" PRIu64 " beside the child's)\n",
            "total", (all + 500) / 1000, block->count - not_done, (parent + 500) / 1000);
    if (not_done) fprintf(out, "%-6s %7s  %u operations not reached\n", "", "", not_done);
}

void plan_explain(struct plan_block *block, FILE *out) {
    fprintf(out, "side        µs  %-*s  because of\n", WORDS_WIDTH, "what");
    for (uint32_t i = 0; i < block->count; i++)
        if (plan_ops(block)[i].side == PLAN_HOST) print_op(out, block, &plan_ops(block)[i]);
    for (uint32_t i = 0; i < block->count; i++)
        if (plan_ops(block)[i].side != PLAN_HOST) print_op(out, block, &plan_ops(block)[i]);
    print_total(out, block);
}
