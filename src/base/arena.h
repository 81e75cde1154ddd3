// SPDX-License-Identifier: Apache-2.0
// Memory that is freed all at once. Documents (a config.json, a manifest, a container's settings) live in one
// arena each: nothing in them has an owner of its own.
//
// Running out of memory ends the process with a sentence: on Linux a small allocation that fails has no
// better answer. Sizes that a stranger chooses are bounded before they reach malloc.
#pragma once

#include "base/macro.h"

#include <stdbool.h>
#include <stddef.h>

struct arena {
    struct arena_chunk *chunks;
};

#define ARENA_INIT     \
    (struct arena) {   \
        .chunks = NULL \
    }

void arena_finish(struct arena *arena);
// The memory of another arena becomes this one's, where it is.
void arena_join(struct arena *arena, struct arena *other);

// Zeroed, aligned for any type. Never NULL.
void *arena_alloc(struct arena *arena, size_t size);
#define arena_new(arena, type)          ((type *)arena_alloc(arena, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc(arena, sizeof(type) * (count)))

char *arena_strdup(struct arena *arena, const char *s); // NULL for NULL
char *arena_strndup(struct arena *arena, const char *s, size_t n);
void *arena_memdup(struct arena *arena, const void *p, size_t size);
char *arena_printf(struct arena *arena, const char *format, ...) _printf_(2, 3);

// malloc and friends that never return NULL.
void *xmalloc(size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
void freep(void *p); // for _cleanup_(freep)

// A growing array in an arena: `struct list_of_x { struct x *items; size_t count; }`.
// Yields a pointer to a new zeroed item at the end. Doubling copies within the arena.
#define arena_push(arena, list)                                                                  \
    ({                                                                                           \
        (list)->items = arena_grow_(arena, (list)->items, (list)->count, sizeof *(list)->items); \
        &(list)->items[(list)->count++];                                                         \
    })
// How many items of a list that is allocated at once need room, so that more can be pushed later.
size_t arena_room(size_t count);
void *arena_grow_(struct arena *arena, void *items, size_t count, size_t size);

struct strings {
    const char **items;
    size_t count;
};
void strings_add(struct arena *arena, struct strings *list, const char *s); // s is borrowed, not copied
bool strings_have(const struct strings *list, const char *s);
bool strings_repeat(const struct strings *list, size_t i); // an earlier one is the same
void strings_sort(struct strings *list);                   // by their bytes
// One text of all of them, with the separator between.
const char *strings_join(struct arena *arena, const struct strings *list, const char *separator);
