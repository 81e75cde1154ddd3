// SPDX-License-Identifier: Apache-2.0
// The few macros that every file may use.
#pragma once

#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))

// What a macro stands for, as a string.
#define TEXT_OF(x)  TEXT_OF_(x)
#define TEXT_OF_(x) #x

// Runs fn(&variable) when the variable goes out of scope, which may be all that it is for.
#define _cleanup_(fn) __attribute__((cleanup(fn), unused))
#define _unused_      __attribute__((unused)) // but for its cleanup

#define _printf_(text, first) __attribute__((__format__(printf, text, first)))

// Hands a pointer over: yields it and leaves NULL behind.
#define take_ptr(p)                     \
    ({                                  \
        typeof(p) *take_from_ = &(p);   \
        typeof(p) taken_ = *take_from_; \
        *take_from_ = NULL;             \
        taken_;                         \
    })
