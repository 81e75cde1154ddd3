// SPDX-License-Identifier: Apache-2.0
// This is done for every byte that a container writes, by a C library whose memcpy and memchr are simple:
// text is copied sixteen bytes at a time and looked at meanwhile, and what all entries of one block of output
// have behind their text is made once.
#include "shim/log_json.h"

#include "base/utf8.h"
#include "shim/log_time.h"
#include "shim/vector.h"

#include <string.h>

// Bytes that stand for themselves.
static bool is_plain(uint8_t c) {
    static const uint32_t plain[8] = {0, 0xafffffbb, 0xefffffff, 0xffffffff};
    return plain[c >> 5] >> (c & 31) & 1;
}

static inline char *put(char *to, const void *bytes, size_t size) {
    memcpy(to, bytes, size);
    return to + size;
}

// A character of several bytes. Returns how many it took.
static size_t put_character(char **to, const uint8_t *s, size_t left) {
    size_t size = utf8_length(s, left);
    if (!size) return *to = put(*to, "\\ufffd", 6), 1;
    if (size == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8)
        *to = put(*to, s[2] & 1 ? "\\u2029" : "\\u2028", 6);
    else
        for (size_t i = 0; i < size; i++) *(*to)++ = (char)s[i];
    return size;
}

// Everything that is not plain: one escape or one character. Returns how many bytes it took.
static size_t put_special(char **to, const uint8_t *s, size_t left) {
    static const char hex[] = "0123456789abcdef";
    uint8_t c = *s;
    if (c >= 0x80) return put_character(to, s, left);
    if (c == '"' || c == '\\')
        *to = put(*to, (char[]){'\\', (char)c}, 2);
    else if (c == '\n' || c == '\r')
        *to = put(*to, c == '\n' ? "\\n" : "\\r", 2);
    else
        *to = put(*to, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    return 1;
}

static inline vector special(vector v) {
    return (vector)((signed_vector)v < 0x20) | (vector)(v == '"') | (vector)(v == '\\') | (vector)(v == '<') |
           (vector)(v == '>') | (vector)(v == '&');
}

// Copies what is plain; returns how much that was.
static inline size_t put_plain(char *to, const uint8_t *s, size_t size) {
    size_t i = 0;
    for (; size - i >= VECTOR; i += VECTOR) {
        vector v = vector_load(s + i);
        vector_store(to + i, v);
        size_t first = vector_first(special(v));
        if (first < VECTOR) return i + first;
    }
    for (; i < size && is_plain(s[i]); i++) to[i] = (char)s[i];
    return i;
}

static char *put_escaped(char *to, const uint8_t *s, size_t size) {
    for (size_t i = 0;;) {
        size_t n = put_plain(to, s + i, size - i);
        to += n, i += n;
        if (i == size) return to;
        i += put_special(&to, s + i, size - i);
    }
}

static void tails_make(struct log_json *json, int64_t wall_ns) {
    static const char *const names[] = {"\",\"stream\":\"stdout\"", "\",\"stream\":\"stderr\""};
    char time[LOG_TIME_SIZE];
    size_t time_size = log_time_fraction(wall_ns, time);
    for (int i = 0; i < 2; i++) {
        char *to = put(json->tails[i], names[i], 19);
        to = put(to, json->attributes, json->attributes_size);
        to = put(to, ",\"time\":\"", 9);
        to = put(put(to, time, time_size), "Z\"}\n", 4);
        json->tail_size[i] = (size_t)(to - json->tails[i]);
    }
    json->wall_ns = wall_ns;
}

char *log_json_put(struct log_json *json, const struct log_piece *piece, char *to) {
    if (piece->wall_ns != json->wall_ns) tails_make(json, piece->wall_ns);
    memcpy(to, "{\"log\":\"", 8);
    to = put_escaped(to + 8, piece->text, piece->size);
    if (piece->ends) to = put(to, "\\n", 2);
    return vector_copy(to, json->tails[piece->stream], json->tail_size[piece->stream]);
}
