// SPDX-License-Identifier: Apache-2.0
#include "registry/base64.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const char *base64_encode(struct arena *arena, const void *bytes, size_t size) {
    const unsigned char *in = bytes;
    char *out = arena_alloc(arena, 4 * (size / 3 + 1) + 1);
    size_t n = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned bits = (unsigned)in[i] << 16;
        if (left > 1) bits |= (unsigned)in[i + 1] << 8;
        if (left > 2) bits |= in[i + 2];
        out[n++] = letters[bits >> 18 & 63];
        out[n++] = letters[bits >> 12 & 63];
        out[n++] = left > 1 ? letters[bits >> 6 & 63] : '=';
        out[n++] = left > 2 ? letters[bits & 63] : '=';
    }
    return out;
}

char *base64_decode(struct arena *arena, const char *text, size_t *ret_size) {
    size_t size = strlen(text), n = 0;
    char *out = arena_alloc(arena, size + 1);
    unsigned bits = 0, have = 0;
    while (size && text[size - 1] == '=') size--;
    for (size_t i = 0; i < size; i++) {
        const char *at = strchr(letters, text[i]);
        if (!at) return NULL;
        bits = bits << 6 | (unsigned)(at - letters);
        have += 6;
        if (have >= 8) out[n++] = (char)(bits >> (have -= 8));
    }
    if (ret_size) *ret_size = n;
    return out;
}
