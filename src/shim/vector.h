// SPDX-License-Identifier: Apache-2.0
// Sixteen bytes at a time, for any machine: the compiler knows what its own has for it.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VECTOR 16
typedef uint8_t vector __attribute__((vector_size(VECTOR)));
typedef int8_t signed_vector __attribute__((vector_size(VECTOR)));

static inline vector vector_load(const void *from) {
    vector v;
    __builtin_memcpy(&v, from, VECTOR);
    return v;
}
static inline void vector_store(void *to, vector v) {
    __builtin_memcpy(to, &v, VECTOR);
}

// The first byte that is set (0xff) in the answer of a comparison; VECTOR when there is none.
static inline size_t vector_first(vector mask) {
    uint64_t half[2];
    __builtin_memcpy(half, &mask, VECTOR);
    if (!(half[0] | half[1])) return VECTOR;
    uint64_t h = half[0] ? half[0] : half[1];
    size_t bits =
        __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? (size_t)__builtin_ctzll(h) : (size_t)__builtin_clzll(h);
    return bits / 8 + (half[0] ? 0 : 8);
}

// For short texts, which memcpy is slow to begin with here.
static inline char *vector_copy_exact(char *to, const void *from, size_t size) {
    const uint8_t *s = from;
    size_t i = 0;
    for (; size - i >= VECTOR; i += VECTOR) vector_store(to + i, vector_load(s + i));
    for (; i < size; i++) to[i] = (char)s[i];
    return to + size;
}

// Copies in whole steps: up to VECTOR - 1 bytes more are read and written than size says.
static inline char *vector_copy(char *to, const char *from, size_t size) {
    for (size_t i = 0; i < size; i += VECTOR) vector_store(to + i, vector_load(from + i));
    return to + size;
}

// The first newline, or NULL.
static inline const uint8_t *vector_newline(const uint8_t *s, size_t size) {
    size_t i = 0;
    for (; size - i >= VECTOR; i += VECTOR) {
        size_t first = vector_first((vector)(vector_load(s + i) == '\n'));
        if (first < VECTOR) return s + i + first;
    }
    for (; i < size; i++)
        if (s[i] == '\n') return s + i;
    return NULL;
}
