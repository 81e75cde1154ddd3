// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include "base/arena.h"
#include "base/fd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PLAN_BYTES_MAX (64u << 20)

static const struct {
    const char *name;
    uint8_t side;
} op_kinds[] = {
#define X(NAME, name, side, member) {#NAME, side},
    PLAN_OPS(X)
#undef X
};

void plan_init(struct plan *plan) {
    *plan = (struct plan){.head = {.magic = PLAN_MAGIC, .failed = -1}};
    plan_bytes(plan, "", 1); // offset 0 is the empty string
}

void plan_finish(struct plan *plan) {
    free(plan->ops);
    free(plan->strings);
    *plan = (struct plan){0};
}

struct plan_op *plan_add(struct plan *plan, enum plan_op_type type, const char *why) {
    plan_str reason = plan_string(plan, why);
    if (plan->count == plan->size) {
        plan->size = plan->size ? plan->size * 2 : 64;
        plan->ops = xrealloc(plan->ops, plan->size * sizeof *plan->ops);
    }
    struct plan_op *op = &plan->ops[plan->count++];
    *op = (struct plan_op){.type = (uint16_t)type, .side = op_kinds[type].side, .why = reason};
    return op;
}

struct plan_blob plan_bytes(struct plan *plan, const void *bytes, size_t size) {
    size_t at = (plan->strings_len + 7) & ~(size_t)7;
    if (plan->strings_size < at + size) {
        while (plan->strings_size < at + size)
            plan->strings_size = plan->strings_size ? plan->strings_size * 2 : 8192;
        plan->strings = xrealloc(plan->strings, plan->strings_size);
    }
    memset(plan->strings + plan->strings_len, 0, at - plan->strings_len);
    memcpy(plan->strings + at, bytes, size);
    plan->strings_len = at + size;
    return (struct plan_blob){.at = (uint32_t)at, .size = (uint32_t)size};
}

plan_str plan_string(struct plan *plan, const char *s) {
    return str_empty(s) ? 0 : plan_bytes(plan, s, strlen(s) + 1).at;
}

plan_str plan_printf(struct plan *plan, const char *format, ...) {
    char some[256], *text = NULL;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(some, sizeof some, format, args);
    va_end(args);
    if ((size_t)n >= sizeof some) n = vasprintf(&text, format, again);
    va_end(again);
    plan_str at = n < 0 ? 0 : plan_string(plan, text ? text : some);
    free(text);
    return at;
}

struct plan_list plan_strings(struct plan *plan, const char *const *items, size_t count) {
    _cleanup_(str_finish) struct str all = {0};
    for (size_t i = 0; i < count; i++) str_add_n(&all, items[i], strlen(items[i]) + 1);
    return (struct plan_list){.at = count ? plan_bytes(plan, all.data, all.len).at : 0,
                              .count = (uint32_t)count};
}

// Written, not mapped and filled: the kernel takes the pages as it copies, and says when the disk is full.
static int write_block(const struct plan *plan, int fd) {
    size_t ops = plan->count * sizeof *plan->ops,
           size = sizeof(struct plan_block) + ops + plan->strings_len + 1;
    if (size > PLAN_BYTES_MAX) return -E2BIG;
    struct plan_block head = plan->head;
    head.count = (uint32_t)plan->count;
    head.strings = (uint32_t)(sizeof head + ops);
    head.size = (uint32_t)size; // a file that was not written whole is shorter, and does not map
    const struct iovec parts[] = {
        {&head, sizeof head}, {plan->ops, ops}, {plan->strings, plan->strings_len}, {(char *)"", 1}};
    ssize_t n;
    do n = pwritev(fd, parts, ARRAY_SIZE(parts), 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (size_t)n == size ? 0 : -ENOSPC;
}

int plan_save(const struct plan *plan, int dir, const char *name, int *ret_fd,
              struct plan_block **ret_block) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? fd : write_block(plan, fd);
    if (!r && ret_block) r = plan_map(fd, ret_block);
    if (!r) *ret_fd = take_fd(&fd);
    return r;
}

int plan_memfd(const struct plan *plan, struct err *err) {
    _cleanup_(fd_closep) int fd = memfd_create("plan", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : write_block(plan, fd);
    return r ? err_set(err, ERR_SYSTEM, -r, "write a plan") : take_fd(&fd);
}

// The record is hoy's own, in a directory of root's; these checks are for files cut short by a crash.
int plan_map(int fd, struct plan_block **ret_block) {
    struct stat st;
    if (fstat(fd, &st)) return -errno;
    if (st.st_size < (off_t)sizeof(struct plan_block) || st.st_size > PLAN_BYTES_MAX) return -ENODATA;
    struct plan_block *block = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (block == MAP_FAILED) return -errno;
    const char *bytes = (const char *)block;
    if (block->magic != PLAN_MAGIC || block->size != st.st_size ||
        block->count > (block->size - sizeof *block) / sizeof(struct plan_op) ||
        block->strings != sizeof *block + block->count * sizeof(struct plan_op) ||
        block->strings >= block->size || bytes[block->size - 1]) {
        munmap(block, (size_t)st.st_size);
        return -ENODATA;
    }
    if (block->config.at > block->size - block->strings ||
        block->config.size > block->size - block->strings - block->config.at)
        return plan_unmap(block), -ENODATA;
    for (uint32_t i = 0; i < block->count; i++)
        if (plan_ops(block)[i].type >= PLAN_OP_COUNT) return plan_unmap(block), -ENODATA;
    *ret_block = block;
    return 0;
}

int plan_map_at(int dir, const char *path, struct plan_block **ret_block) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, path, O_RDWR | O_NOFOLLOW, 0);
    return fd < 0 ? fd : plan_map(fd, ret_block);
}

void plan_unmap(struct plan_block *block) {
    if (block) munmap(block, block->size);
}

void plan_list_get(const struct plan_block *block, struct plan_list list, const char **ret_items) {
    const char *s = plan_text(block, list.at);
    for (uint32_t i = 0; i < list.count; i++, s += strlen(s) + 1) ret_items[i] = s;
    ret_items[list.count] = NULL;
}

const char **plan_list_items(const struct plan_block *block, struct plan_list list) {
    const char **items = xmalloc((list.count + 1) * sizeof *items);
    plan_list_get(block, list, items);
    return items;
}
