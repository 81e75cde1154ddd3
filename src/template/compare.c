// SPDX-License-Identifier: Apache-2.0
// eq, ne, lt, le, gt, ge: of basic types, each with its own kind.
#include "template/function.h"
#include "template/print.h"

#include <string.h>

static bool is_basic(const struct value *value) {
    return value->kind == VALUE_FLAG || value->kind == VALUE_INTEGER || value->kind == VALUE_REAL ||
           value->kind == VALUE_TEXT;
}

// A nil of any type.
static bool is_nil(const struct value *value) {
    return value->kind == VALUE_NONE || value->kind == VALUE_NIL ||
           (value->kind == VALUE_LIST && !value->items) || (value->kind == VALUE_MAP && !value->members);
}

static int order_of_texts(const struct value *a, const struct value *b) {
    int order = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static bool same(const struct value *a, const struct value *b) {
    switch (a->kind) {
    case VALUE_FLAG: return a->flag == b->flag;
    case VALUE_INTEGER: return a->integer == b->integer;
    case VALUE_REAL: return a->real <= b->real && a->real >= b->real;
    default: return order_of_texts(a, b) == 0;
    }
}

static int same_others(struct call *call, const struct value *a, const struct value *b, bool *ret_same) {
    _cleanup_(str_finish) struct str text = {0};
    if (is_nil(a) || is_nil(b)) return *ret_same = is_nil(a) == is_nil(b), 0;
    print_format("non-comparable type %s", strlen("non-comparable type %s"), b, 1, &text);
    str_printf(&text, ": %s", b->type);
    return call_fail(call, arena_strdup(call->arena, str_get(&text)));
}

static int equal(struct call *call, const struct value *a, const struct value *b, bool *ret_same) {
    bool basic_a = is_basic(a), basic_b = is_basic(b);
    if (!basic_a && !basic_b) return same_others(call, a, b, ret_same);
    if (basic_a && basic_b && a->kind == b->kind) return *ret_same = same(a, b), 0;
    if (!value_is_nothing(a) && !value_is_nothing(b))
        return call_fail(call, "incompatible types for comparison");
    return *ret_same = false, 0;
}

int call_eq(struct call *call, struct value *ret) {
    bool any = false;
    if (call->count < 2) return call_fail(call, "missing argument for comparison");
    for (size_t i = 1; i < call->count && !any; i++)
        if (equal(call, &call->arguments[0], &call->arguments[i], &any) < 0) return -1;
    *ret = value_flag(any);
    return 0;
}

int call_ne(struct call *call, struct value *ret) {
    if (call_eq(call, ret) < 0) return -1;
    ret->flag = !ret->flag;
    return 0;
}

int call_lt(struct call *call, struct value *ret) {
    const struct value *a = &call->arguments[0], *b = &call->arguments[1];
    if (!is_basic(a) || !is_basic(b)) return call_fail(call, "invalid type for comparison");
    if (a->kind != b->kind) return call_fail(call, "incompatible types for comparison");
    if (a->kind == VALUE_FLAG) return call_fail(call, "invalid type for comparison");
    *ret = value_flag(a->kind == VALUE_INTEGER ? a->integer < b->integer
                      : a->kind == VALUE_REAL  ? a->real < b->real
                                               : order_of_texts(a, b) < 0);
    return 0;
}

int call_le(struct call *call, struct value *ret) {
    if (call_lt(call, ret) < 0) return -1;
    return ret->flag ? 0 : call_eq(call, ret);
}

int call_gt(struct call *call, struct value *ret) {
    if (call_le(call, ret) < 0) return -1;
    ret->flag = !ret->flag;
    return 0;
}

int call_ge(struct call *call, struct value *ret) {
    if (call_lt(call, ret) < 0) return -1;
    ret->flag = !ret->flag;
    return 0;
}
