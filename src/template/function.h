// SPDX-License-Identifier: Apache-2.0
// The functions of templates: Go's own, and those that Docker adds.
#pragma once

#include "template/value.h"

struct call {
    struct arena *arena; // of what is returned
    const struct value *arguments;
    size_t count;
    const char *message; // what is wrong, when the function returns -1
};

// Returns -1.
static inline int call_fail(struct call *call, const char *message) {
    call->message = message;
    return -1;
}

struct function {
    const char *name;
    // A letter a parameter: s string, i int, l []string, v any value, r a value that may be none at all. Of a
    // variadic function the last one may come any number of times.
    const char *parameters;
    bool variadic;
    int (*call)(struct call *call, struct value *ret); // NULL: and, or, call (execute.c)
};

const struct function *function_find(const char *name);
// Headings go through a template as rows do: there the functions that change texts leave them.
const struct function *function_of_headings(const struct function *function);
const char *parameter_type(char letter);

// compare.c
int call_eq(struct call *call, struct value *ret), call_ne(struct call *call, struct value *ret),
    call_lt(struct call *call, struct value *ret), call_le(struct call *call, struct value *ret),
    call_gt(struct call *call, struct value *ret), call_ge(struct call *call, struct value *ret);
