// SPDX-License-Identifier: Apache-2.0
// Text: a growing buffer, and the strict readers of numbers and sizes (every number that a person or a
// document gives goes through one of these: whole string, range checked).
#pragma once

#include "base/macro.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A growing text. Always NUL-terminated once something was added; data is NULL before.
struct str {
    char *data;
    size_t len, size;
};

void str_finish(struct str *s);
void str_add(struct str *s, const char *text);
void str_add_n(struct str *s, const void *bytes, size_t n);
void str_add_char(struct str *s, char c);
// n more bytes at the end, for the caller to fill; good until the next call.
char *str_extend(struct str *s, size_t n);
void str_printf(struct str *s, const char *format, ...) _printf_(2, 3);
const char *str_get(const struct str *s); // "" when empty; borrowed
char *str_take(struct str *s);            // the caller frees

static inline bool str_eq(const char *a, const char *b) {
    return a && b && __builtin_strcmp(a, b) == 0;
}
static inline bool str_empty(const char *s) {
    return !s || !*s;
}
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
// The rest of s after prefix, or NULL when it does not start with it.
const char *str_after(const char *s, const char *prefix);

// What a terminal would obey becomes '?', in place: control characters, C1's as UTF-8 writes them among them.
// Yields the text.
char *str_make_plain(char *text);
// The same on one line: line ends and tabs become spaces.
char *str_make_line(char *text);

// 0 or -EINVAL, -ERANGE. Decimal digits only, no sign for u64, no white space, the whole string.
int parse_u64(const char *s, uint64_t *ret_value);
int parse_i64(const char *s, int64_t *ret_value);
int parse_u32(const char *s, uint32_t *ret_value);
// 1, true, t, yes …, as Go's strconv.ParseBool: 1 t T true TRUE True 0 f F false FALSE False.
int parse_bool(const char *s, bool *ret_value);
// Docker's sizes: a number, may be with a fraction, and b, k, m, g, t, p (powers of 1024; kb, kib and upper
// case too).
int parse_size(const char *s, uint64_t *ret_bytes);
// The same with powers of 1000, as Docker reads the sizes of logs.
int parse_size_decimal(const char *s, uint64_t *ret_bytes);

// "12.3MB", "7.34kB": powers of 1000 and four significant digits, as Docker prints sizes. buffer of >= 16.
const char *format_size(uint64_t bytes, char buffer[static 16]);
