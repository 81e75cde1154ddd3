// SPDX-License-Identifier: Apache-2.0
#include "template/function.h"

#include "template/print.h"
#include "template/rune.h"

#include <string.h>

static int give_text(struct call *call, const struct str *text, struct value *ret) {
    if (text->len > PRINT_MAX) return call_fail(call, "the text is too long");
    *ret = value_text_n(arena_memdup(call->arena, str_get(text), text->len + 1), text->len);
    return 0;
}

// index, slice, len

// most: what an index may be.
static int index_of(struct call *call, const struct value *index, size_t most, size_t *ret_index) {
    if (value_is_nothing(index)) return call_fail(call, "cannot index slice/array with nil");
    if (index->kind != VALUE_INTEGER)
        return call_fail(call,
                         arena_printf(call->arena, "cannot index slice/array with type %s", index->type));
    if (index->integer < 0 || (uint64_t)index->integer > most)
        return call_fail(call,
                         arena_printf(call->arena, "index out of range: %lld", (long long)index->integer));
    *ret_index = (size_t)index->integer;
    return 0;
}

static int index_map(struct call *call, const struct value *map, const struct value *key, struct value *ret) {
    const char *type = map->type + strlen("map[");
    type = arena_strndup(call->arena, type, strcspn(type, "]"));
    if (value_is_nothing(key))
        return call_fail(call, arena_printf(call->arena, "value is nil; should be of type %s", type));
    if (!value_is(key, type))
        return call_fail(call, arena_printf(call->arena, "value has type %s; should be %s", key->type, type));
    const struct value_member *member = value_member(map, key->text, key->size);
    *ret = member ? member->value : value_zero(value_element_type(map->type));
    return 0;
}

static int index_one(struct call *call, const struct value *value, const struct value *index,
                     struct value *ret) {
    bool text = value->kind == VALUE_TEXT;
    size_t i;
    if (value->kind == VALUE_NIL || value->kind == VALUE_NONE) return call_fail(call, "index of nil pointer");
    if (value->kind == VALUE_MAP) return index_map(call, value, index, ret);
    if (!text && value->kind != VALUE_LIST)
        return call_fail(call, arena_printf(call->arena, "can't index item of type %s", value->type));
    if (index_of(call, index, value_count(value), &i) < 0) return -1;
    if (i == value_count(value))
        return call_fail(call,
                         text ? "reflect: string index out of range" : "reflect: slice index out of range");
    *ret = text ? value_integer((unsigned char)value->text[i]) : value->items[i];
    if (text) ret->type = "uint8";
    return 0;
}

static int call_index(struct call *call, struct value *ret) {
    struct value value = call->arguments[0];
    if (value_is_nothing(&value)) return call_fail(call, "index of untyped nil");
    for (size_t i = 1; i < call->count; i++)
        if (index_one(call, &value, &call->arguments[i], &value) < 0) return -1;
    *ret = value;
    return 0;
}

static int check_slice(struct call *call, size_t low, size_t high) {
    if (low <= high) return 0;
    return call_fail(call, arena_printf(call->arena, "invalid slice index: %zu > %zu", low, high));
}

static int call_slice(struct call *call, struct value *ret) {
    const struct value *value = &call->arguments[0];
    bool text = value->kind == VALUE_TEXT;
    if (value_is_nothing(value)) return call_fail(call, "slice of untyped nil");
    if (call->count > 4)
        return call_fail(call, arena_printf(call->arena, "too many slice indexes: %zu", call->count - 1));
    if (!text && value->kind != VALUE_LIST)
        return call_fail(call, arena_printf(call->arena, "can't slice item of type %s", value->type));
    if (text && call->count == 4) return call_fail(call, "cannot 3-index slice a string");
    size_t at[3] = {0, value_count(value), value_count(value)};
    for (size_t i = 1; i < call->count; i++)
        if (index_of(call, &call->arguments[i], value_count(value), &at[i - 1]) < 0) return -1;
    if (check_slice(call, at[0], at[1]) < 0 || check_slice(call, at[1], at[2]) < 0) return -1;
    *ret = *value;
    if (text) {
        ret->text += at[0];
        ret->size = at[1] - at[0];
    } else {
        ret->items += at[0];
        ret->count = at[1] - at[0];
    }
    return 0;
}

static int call_len(struct call *call, struct value *ret) {
    const struct value *value = call->arguments;
    if (value->kind == VALUE_NONE)
        return call_fail(call, "reflect: call of reflect.Value.Type on zero Value");
    if (value->kind == VALUE_NIL) return call_fail(call, "len of nil pointer");
    if (value->kind != VALUE_TEXT && value->kind != VALUE_LIST && value->kind != VALUE_MAP)
        return call_fail(call, arena_printf(call->arena, "len of type %s", value->type));
    *ret = value_integer((int64_t)value_count(value));
    return 0;
}

static int call_not(struct call *call, struct value *ret) {
    *ret = value_flag(!value_true(call->arguments));
    return 0;
}

// print and escape

static int call_print(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    print_all(call->arguments, call->count, &text);
    return give_text(call, &text, ret);
}

static int call_println(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    print_line(call->arguments, call->count, &text);
    return give_text(call, &text, ret);
}

static int call_printf(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    const struct value *format = &call->arguments[0];
    print_format(format->text, format->size, call->arguments + 1, call->count - 1, &text);
    return give_text(call, &text, ret);
}

// What html, js and urlquery work on.
static void escape_of(const struct call *call, struct str *text) {
    struct value *values = arena_array(call->arena, struct value, call->count + 1);
    for (size_t i = 0; i < call->count; i++)
        values[i] = value_is_nothing(&call->arguments[i]) ? value_text("<no value>") : call->arguments[i];
    print_all(values, call->count, text);
}

static int call_html(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0}, out = {0};
    escape_of(call, &text);
    for (size_t i = 0; i < text.len; i++) switch (text.data[i]) {
        case 0: str_add(&out, "\xEF\xBF\xBD"); break;
        case '"': str_add(&out, "&#34;"); break;
        case '\'': str_add(&out, "&#39;"); break;
        case '&': str_add(&out, "&amp;"); break;
        case '<': str_add(&out, "&lt;"); break;
        case '>': str_add(&out, "&gt;"); break;
        default: str_add_char(&out, text.data[i]);
        }
    return give_text(call, &out, ret);
}

static int call_js(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0}, out = {0};
    size_t bytes;
    escape_of(call, &text);
    for (size_t at = 0; at < text.len; at += bytes) {
        uint32_t rune = rune_decode(text.data + at, text.len - at, &bytes);
        if (rune == '\\' || rune == '\'' || rune == '"')
            str_printf(&out, "\\%c", (char)rune);
        else if (rune == '<' || rune == '>' || rune == '&' || rune == '=' || rune < ' ' ||
                 (rune >= 0x80 && !rune_printable(rune)))
            str_printf(&out, "\\u%04X", rune);
        else
            str_add_n(&out, text.data + at, bytes);
    }
    return give_text(call, &out, ret);
}

static int call_urlquery(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0}, out = {0};
    escape_of(call, &text);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = c < 0x80 && (rune_in_word(c) || (c && strchr("-.~", c)));
        if (plain)
            str_add_char(&out, (char)c);
        else
            str_printf(&out, c == ' ' ? "+" : "%%%02X", c);
    }
    return give_text(call, &out, ret);
}

// Docker's

static int call_json(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    value_json(call->arguments, &text);
    return give_text(call, &text, ret);
}

#define PARTS_MAX (1 << 20) // of a text that is split

static int call_split(struct call *call, struct value *ret) {
    const struct value *text = &call->arguments[0], *mark = &call->arguments[1];
    struct {
        struct value *items;
        size_t count;
    } parts = {0};
    size_t at = 0, bytes;
    for (; !mark->size && at < text->size && parts.count < PARTS_MAX; at += bytes) { // into its characters
        rune_decode(text->text + at, text->size - at, &bytes);
        *arena_push(call->arena, &parts) = value_text_n(text->text + at, bytes);
    }
    while (mark->size && parts.count < PARTS_MAX) {
        const char *next = memmem(text->text + at, text->size - at, mark->text, mark->size);
        size_t end = next ? (size_t)(next - text->text) : text->size;
        *arena_push(call->arena, &parts) = value_text_n(text->text + at, end - at);
        if (!next) break;
        at = end + mark->size;
    }
    if (parts.count == PARTS_MAX) return call_fail(call, "the text has too many parts");
    *ret = value_list("[]string", parts.items, parts.count);
    return 0;
}

static int call_join(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    const struct value *list = &call->arguments[0], *mark = &call->arguments[1];
    for (size_t i = 0; i < list->count; i++) {
        if (i) str_add_n(&text, mark->text, mark->size);
        str_add_n(&text, list->items[i].text, list->items[i].size);
    }
    return give_text(call, &text, ret);
}

static int change_case(struct call *call, uint32_t (*change)(uint32_t), bool first_only, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    const struct value *value = call->arguments;
    bool within = false;
    size_t bytes;
    for (size_t at = 0; at < value->size; at += bytes) {
        uint32_t rune = rune_decode(value->text + at, value->size - at, &bytes);
        rune_add(&text, first_only && within ? rune : change(rune));
        within = rune_in_word(rune);
    }
    return give_text(call, &text, ret);
}

static int call_lower(struct call *call, struct value *ret) {
    return change_case(call, rune_lower, false, ret);
}

static int call_upper(struct call *call, struct value *ret) {
    return change_case(call, rune_upper, false, ret);
}

static int call_title(struct call *call, struct value *ret) {
    return change_case(call, rune_upper, true, ret);
}

static int call_truncate(struct call *call, struct value *ret) {
    const struct value *text = &call->arguments[0];
    int64_t length = call->arguments[1].integer;
    if (length < 0)
        return call_fail(call, arena_printf(call->arena, "runtime error: slice bounds out of range [:%lld]",
                                            (long long)length));
    *ret = value_text_n(text->text, (uint64_t)length < text->size ? (size_t)length : text->size);
    return 0;
}

static int call_pad(struct call *call, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    const struct value *value = &call->arguments[0];
    int64_t before = call->arguments[1].integer, after = call->arguments[2].integer;
    if (before < 0 || after < 0) return call_fail(call, "strings: negative Repeat count");
    if (before > PRINT_MAX || after > PRINT_MAX) return call_fail(call, "the text is too long");
    if (!value->size) return *ret = *value, 0;
    for (; before; before--) str_add_char(&text, ' ');
    str_add_n(&text, value->text, value->size);
    for (; after; after--) str_add_char(&text, ' ');
    return give_text(call, &text, ret);
}

static const struct function functions[] = {
    {"and", "rr", true, NULL},
    {"call", "rr", true, NULL},
    {"eq", "rr", true, call_eq},
    {"ge", "rr", false, call_ge},
    {"gt", "rr", false, call_gt},
    {"html", "v", true, call_html},
    {"index", "rr", true, call_index},
    {"join", "ls", false, call_join},
    {"js", "v", true, call_js},
    {"json", "v", false, call_json},
    {"le", "rr", false, call_le},
    {"len", "r", false, call_len},
    {"lower", "s", false, call_lower},
    {"lt", "rr", false, call_lt},
    {"ne", "rr", false, call_ne},
    {"not", "r", false, call_not},
    {"or", "rr", true, NULL},
    {"pad", "sii", false, call_pad},
    {"print", "v", true, call_print},
    {"printf", "sv", true, call_printf},
    {"println", "v", true, call_println},
    {"slice", "rr", true, call_slice},
    {"split", "ss", false, call_split},
    {"title", "s", false, call_title},
    {"truncate", "si", false, call_truncate},
    {"upper", "s", false, call_upper},
    {"urlquery", "v", true, call_urlquery},
};

const struct function *function_find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
        if (str_eq(functions[i].name, name)) return &functions[i];
    return NULL;
}

static int leave(struct call *call, struct value *ret) {
    *ret = call->arguments[0];
    return 0;
}

const struct function *function_of_headings(const struct function *function) {
    static const struct function headings[] = {
        {"join", "ss", false, leave},  {"json", "s", false, leave},  {"lower", "s", false, leave},
        {"split", "ss", false, leave}, {"title", "s", false, leave}, {"truncate", "si", false, leave},
        {"upper", "s", false, leave},
    };
    for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
        if (str_eq(headings[i].name, function->name)) return &headings[i];
    return function;
}

const char *parameter_type(char letter) {
    return letter == 's' ? "string" : letter == 'i' ? "int" : letter == 'l' ? "[]string" : "interface {}";
}
