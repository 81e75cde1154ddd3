// SPDX-License-Identifier: Apache-2.0
#include "shim/log_local.h"

#include "shim/vector.h"

#include <string.h>

static char *put_varint(char *to, uint64_t value) {
    for (; value >= 0x80; value >>= 7) *to++ = (char)(0x80 | (value & 0x7f));
    *to++ = (char)value;
    return to;
}

static char *put_length(char *to, size_t size) {
    for (int shift = 24; shift >= 0; shift -= 8) *to++ = (char)(size >> shift);
    return to;
}

// The id is the same for all parts of a line, and another one for each line.
static char *put_part(char *to, const struct log_piece *piece) {
    static const char hex[] = "0123456789abcdef";
    char *size = to + 3;
    memcpy(to, "\x20\x01\x2a", 3);
    to += 4;
    if (piece->ends) *to++ = 0x08, *to++ = 1;
    *to++ = 0x12, *to++ = 16;
    for (int shift = 60; shift >= 0; shift -= 4) *to++ = hex[(uint64_t)piece->wall_ns >> shift & 15];
    *to++ = 0x18;
    to = put_varint(to, piece->part);
    *size = (char)(to - size - 1);
    return to;
}

char *log_local_put(const struct log_local *local, const struct log_piece *piece, char *to) {
    char *begin = to + 4;
    memcpy(begin, piece->stream == LOG_STDERR ? "\x0a\x06stderr\x10" : "\x0a\x06stdout\x10", 9);
    to = put_varint(begin + 9, (uint64_t)piece->wall_ns);
    if (piece->size) {
        *to++ = 0x1a;
        to = put_varint(to, piece->size);
        to = vector_copy_exact(to, piece->text, piece->size);
    }
    if (piece->part) to = put_part(to, piece);
    to = vector_copy_exact(to, local->attributes, local->attributes_size);
    size_t size = (size_t)(to - begin);
    put_length(begin - 4, size);
    return put_length(to, size);
}
