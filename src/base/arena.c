// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES 16384

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    bool zeroed;
    _Alignas(max_align_t) char data[];
};

static void *check(void *p) {
    static const char sentence[] = "hoy: out of memory\n";
    if (p) return p;
    (void)!write(STDERR_FILENO, sentence, sizeof sentence - 1);
    _exit(125);
}

void *xmalloc(size_t size) {
    return check(malloc(size ? size : 1));
}

void *xrealloc(void *p, size_t size) {
    return check(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s) {
    return check(strdup(s));
}

void freep(void *p) {
    free(*(void **)p);
}

void arena_finish(struct arena *arena) {
    for (struct arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    arena->chunks = NULL;
}

// Behind the newest chunk, which goes on being the one that is filled.
void arena_join(struct arena *arena, struct arena *other) {
    struct arena_chunk **end = &arena->chunks;
    while (*end) end = &(*end)->next;
    *end = other->chunks;
    other->chunks = NULL;
}

// Large ones come from the kernel, which has zeroed them. Others may be memory that was used before: of an
// arena that hardly anything is put into, most need not be zeroed.
static struct arena_chunk *chunk_new(size_t size) {
    bool large = size > CHUNK_BYTES;
    size_t bytes = large ? size : CHUNK_BYTES;
    struct arena_chunk *chunk =
        check(large ? calloc(1, sizeof *chunk + bytes) : malloc(sizeof *chunk + bytes));
    chunk->next = NULL;
    chunk->used = 0;
    chunk->size = bytes;
    chunk->zeroed = large;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size) {
    const size_t align = _Alignof(max_align_t);
    if (size > SIZE_MAX / 2) check(NULL);
    size = (size + align - 1) & ~(align - 1);
    struct arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        chunk = chunk_new(size);
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    void *p = chunk->data + chunk->used;
    chunk->used += size;
    return chunk->zeroed ? p : memset(p, 0, size);
}

void *arena_memdup(struct arena *arena, const void *p, size_t size) {
    return memcpy(arena_alloc(arena, size), p, size);
}

char *arena_strndup(struct arena *arena, const char *s, size_t n) {
    n = strnlen(s, n);
    char *copy = arena_alloc(arena, n + 1);
    return memcpy(copy, s, n);
}

char *arena_strdup(struct arena *arena, const char *s) {
    return s ? arena_memdup(arena, s, strlen(s) + 1) : NULL;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    char some[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(some, sizeof some, format, args);
    va_end(args);
    char *text = arena_alloc(arena, (size_t)n + 1);
    if ((size_t)n < sizeof some)
        memcpy(text, some, (size_t)n);
    else
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

// The capacity is always the next power of two, so it need not be kept.
size_t arena_room(size_t count) {
    size_t room = 1;
    while (room < count) room *= 2;
    return room;
}

void *arena_grow_(struct arena *arena, void *items, size_t count, size_t size) {
    if (count & (count - 1)) return items;
    void *grown = arena_alloc(arena, (count ? count * 2 : 1) * size);
    return count ? memcpy(grown, items, count * size) : grown;
}

void strings_add(struct arena *arena, struct strings *list, const char *s) {
    *arena_push(arena, list) = s;
}

bool strings_have(const struct strings *list, const char *s) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], s) == 0) return true;
    return false;
}

bool strings_repeat(const struct strings *list, size_t i) {
    return strings_have(&(struct strings){list->items, i}, list->items[i]);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void strings_sort(struct strings *list) {
    if (list->count) qsort(list->items, list->count, sizeof *list->items, by_text);
}

const char *strings_join(struct arena *arena, const struct strings *list, const char *separator) {
    size_t size = 1;
    for (size_t i = 0; i < list->count; i++) size += strlen(list->items[i]) + strlen(separator);
    char *text = arena_alloc(arena, size), *end = text;
    for (size_t i = 0; i < list->count; i++) end = stpcpy(stpcpy(end, i ? separator : ""), list->items[i]);
    return text;
}
