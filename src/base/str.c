// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include "base/arena.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void str_finish(struct str *s) {
    free(s->data);
    *s = (struct str){0};
}

static void reserve(struct str *s, size_t more) {
    if (s->size - s->len > more) return;
    while (s->size - s->len <= more) s->size = s->size ? s->size * 2 : 128;
    s->data = xrealloc(s->data, s->size);
}

char *str_extend(struct str *s, size_t n) {
    reserve(s, n);
    char *end = s->data + s->len;
    s->len += n;
    s->data[s->len] = 0;
    return end;
}

void str_add_n(struct str *s, const void *bytes, size_t n) {
    memcpy(str_extend(s, n), bytes, n);
}

void str_add(struct str *s, const char *text) {
    str_add_n(s, text, strlen(text));
}

void str_add_char(struct str *s, char c) {
    reserve(s, 1);
    s->data[s->len++] = c;
    s->data[s->len] = 0;
}

void str_printf(struct str *s, const char *format, ...) {
    va_list args, again;
    reserve(s, 0);
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(s->data + s->len, s->size - s->len, format, args);
    va_end(args);
    if ((size_t)n >= s->size - s->len) {
        reserve(s, (size_t)n);
        vsnprintf(s->data + s->len, (size_t)n + 1, format, again);
    }
    va_end(again);
    s->len += (size_t)n;
}

const char *str_get(const struct str *s) {
    return s->data ? s->data : "";
}

char *str_take(struct str *s) {
    char *data = s->data ? s->data : xstrdup("");
    *s = (struct str){0};
    return data;
}

const char *str_after(const char *s, const char *prefix) {
    size_t n = strlen(prefix);
    return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

char *str_make_plain(char *text) {
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        bool c1 = *p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
        if (c1) *p++ = '?';
        if (c1 || *p < 0x20 || *p == 0x7f) *p = '?';
    }
    return text;
}

char *str_make_line(char *text) {
    for (char *p = text; (p = strpbrk(p, "\n\r\t"));) *p = ' ';
    return str_make_plain(text);
}

bool str_has_prefix(const char *s, const char *prefix) {
    return str_after(s, prefix);
}

bool str_has_suffix(const char *s, const char *suffix) {
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int parse_u64(const char *s, uint64_t *ret_value) {
    uint64_t value = 0;
    if (str_empty(s)) return -EINVAL;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return -EINVAL;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
            return -ERANGE;
    }
    *ret_value = value;
    return 0;
}

int parse_i64(const char *s, int64_t *ret_value) {
    if (str_empty(s)) return -EINVAL;
    bool negative = *s == '-';
    uint64_t value;
    int r = parse_u64(s + negative, &value);
    if (r) return r;
    if (value > (uint64_t)INT64_MAX + negative) return -ERANGE;
    *ret_value = negative ? (int64_t)-value : (int64_t)value;
    return 0;
}

int parse_u32(const char *s, uint32_t *ret_value) {
    uint64_t value;
    int r = parse_u64(s, &value);
    if (r) return r;
    if (value > UINT32_MAX) return -ERANGE;
    *ret_value = (uint32_t)value;
    return 0;
}

int parse_bool(const char *s, bool *ret_value) {
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False",
                                        "1", "t", "T", "true",  "TRUE",  "True"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(s, words[i])) return *ret_value = i >= ARRAY_SIZE(words) / 2, 0;
    return -EINVAL;
}

static int parse_units(const char *s, long double step, uint64_t *ret_bytes) {
    static const char units[] = "kmgtp";
    if (str_empty(s) || !isdigit((unsigned char)*s)) return -EINVAL;
    char *end;
    size_t digits = strspn(s, "0123456789.");
    errno = 0;
    long double value = strtold(s, &end);
    if (errno || end != s + digits) return -EINVAL;
    while (*end == ' ') end++;
    const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
    if (unit && *unit) {
        for (const char *u = units; u <= unit; u++) value *= step;
        end++;
        if (tolower((unsigned char)*end) == 'i' && tolower((unsigned char)end[1]) == 'b') end++;
    }
    if (tolower((unsigned char)*end) == 'b') end++;
    if (*end) return -EINVAL;
    if (value > (long double)INT64_MAX) return -ERANGE;
    *ret_bytes = (uint64_t)value;
    return 0;
}

int parse_size(const char *s, uint64_t *ret_bytes) {
    return parse_units(s, 1024, ret_bytes);
}

int parse_size_decimal(const char *s, uint64_t *ret_bytes) {
    return parse_units(s, 1000, ret_bytes);
}

const char *format_size(uint64_t bytes, char buffer[static 16]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < ARRAY_SIZE(units)) value /= 1000, unit++;
    snprintf(buffer, 16, "%.4g%s", value, units[unit]);
    return buffer;
}
