// SPDX-License-Identifier: Apache-2.0
#include "template/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
}

static unsigned base_of(const char **p) {
    if (**p != '0' || !(*p)[1]) return 10;
    char mark = (*p)[1] | 32;
    unsigned base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    *p += base ? 2 : 1;
    return base ? base : 8;
}

// With underscores between digits, as in Go's sources. -EINVAL, -ERANGE.
static int parse_integer(const char *text, bool *ret_negative, uint64_t *ret_number) {
    const char *p = text;
    uint64_t number = 0;
    *ret_negative = *p == '-';
    p += *p == '-' || *p == '+';
    bool prefixed = *p == '0' && p[1], between = prefixed;
    unsigned base = base_of(&p);
    if (!*p) return -EINVAL;
    for (; *p; p++) {
        if (*p == '_' && between && p[1] && p[1] != '_') {
            between = false;
            continue;
        }
        if (digit(*p) >= (int)base) return -EINVAL;
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, (unsigned)digit(*p), &number))
            return -ERANGE;
        between = true;
    }
    *ret_number = number;
    return 0;
}

const char *number_parse(const char *text, struct value *ret) {
    bool negative;
    uint64_t number;
    if (!parse_integer(text, &negative, &number)) {
        if (number <= INT64_MAX || (negative && number == (uint64_t)INT64_MAX + 1))
            return *ret = value_integer((int64_t)(negative ? -number : number)), NULL;
        if (!negative) return *ret = value_none(), NULL;
    }
    char *end;
    errno = 0;
    double real = strtod(text, &end);
    if (*end || (errno == ERANGE && isinf(real))) return "illegal number syntax";
    if (!strpbrk(text, ".eEpP")) return "integer overflow";
    return *ret = value_real(real), NULL;
}
