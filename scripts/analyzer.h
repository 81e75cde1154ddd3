// SPDX-License-Identifier: Apache-2.0
// What clang's analyzer cannot know by itself, included before every file it reads: errno is positive after a
// call that failed, err_set() and err_wrap() return -1, and a test that has failed goes no further. Never
// compiled.
#pragma once

#include "base/err.h"

#include <errno.h>

// One value stands for all: clang 14 does not follow a minus sign in front of an unknown one.
static inline int *errno_after_failure(void) {
    static int value;
    value = EIO;
    return &value;
}
#undef errno
#define errno (*errno_after_failure())

#undef err_set
#define err_set(err, kind, code, ...) (err_set_at(__FILE__, __LINE__, err, kind, code, __VA_ARGS__), -1)
#define err_wrap(err, ...)            (err_wrap(err, __VA_ARGS__), -1)

// cmocka's fail(), skip(), and what compares numbers.
_Noreturn void _fail(const char *file, int line);
_Noreturn void _skip(const char *file, int line);
static inline void _assert_true(unsigned long result, const char *expression, const char *file, int line) {
    (void)expression;
    if (!result) _fail(file, line);
}
static inline void _assert_int_equal(unsigned long a, unsigned long b, const char *file, int line) {
    if (a != b) _fail(file, line);
}
static inline void _assert_int_not_equal(unsigned long a, unsigned long b, const char *file, int line) {
    if (a == b) _fail(file, line);
}
