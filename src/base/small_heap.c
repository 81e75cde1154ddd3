// SPDX-License-Identifier: Apache-2.0
// malloc for programs that are linked with musl and live for one command. musl's own gives memory back to the
// kernel as soon as it can, which takes sixty system calls in a start; this one keeps what it has in lists by
// size, and lets the end of the process give it back. No threads.
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HEAD       16 // before each block: its class, and keeps what follows aligned
#define SMALLEST   32
#define CLASSES    13 // up to 128 KiB; what is larger is the kernel's business
#define CHUNK      (256u << 10)
#define SIZE_OF(c) ((size_t)SMALLEST << (c))

struct block {
    size_t class; // or, with CLASSES added, the size of a mapping of its own
    struct block *next;
};

static struct block *unused[CLASSES];
static char *chunk, *chunk_end;

static void *map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static size_t class_of(size_t size) {
    size_t class = 0;
    while (class < CLASSES && SIZE_OF(class) < size) class ++;
    return class;
}

static size_t room_in(const struct block *block) {
    return (block->class < CLASSES ? SIZE_OF(block->class) : block->class - CLASSES) - HEAD;
}

static struct block *carve(size_t class) {
    size_t size = SIZE_OF(class);
    if ((size_t)(chunk_end - chunk) < size) {
        char *more = map(CHUNK);
        if (!more) return NULL;
        chunk = more;
        chunk_end = more + CHUNK;
    }
    struct block *block = (struct block *)chunk;
    chunk += size;
    block->class = class;
    return block;
}

static struct block *own_mapping(size_t size) {
    struct block *block = map(size);
    if (block) block->class = CLASSES + size;
    return block;
}

void *malloc(size_t size) {
    if (size > PTRDIFF_MAX - 4096) return errno = ENOMEM, NULL;
    size_t class = class_of(size + HEAD);
    struct block *block = class < CLASSES ? unused[class] : own_mapping((size + HEAD + 4095) & ~(size_t)4095);
    if (class < CLASSES && block) unused[class] = block->next;
    if (class < CLASSES && !block) block = carve(class);
    if (!block) return errno = ENOMEM, NULL;
    return (char *)block + HEAD;
}

void free(void *memory) {
    if (!memory) return;
    struct block *block = (struct block *)((char *)memory - HEAD);
    if (block->class >= CLASSES) {
        munmap(block, block->class - CLASSES);
        return;
    }
    block->next = unused[block->class];
    unused[block->class] = block;
}

void *calloc(size_t count, size_t size) {
    size_t all;
    if (__builtin_mul_overflow(count, size, &all)) return errno = ENOMEM, NULL;
    void *memory = malloc(all);
    __asm__("" : "+r"(memory)); // or the compiler would make a call of calloc of this
    return memory ? memset(memory, 0, all) : NULL;
}

void *realloc(void *memory, size_t size) {
    if (!memory) return malloc(size);
    size_t room = room_in((struct block *)((char *)memory - HEAD));
    if (size <= room) return memory;
    void *larger = malloc(size);
    if (!larger) return NULL;
    memcpy(larger, memory, room);
    free(memory);
    return larger;
}

// Nothing here asks for more than malloc's own alignment; musl wants the name to be there.
void *aligned_alloc(size_t alignment, size_t size) {
    return alignment <= HEAD ? malloc(size) : (errno = EINVAL, NULL);
}
