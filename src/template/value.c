// SPDX-License-Identifier: Apache-2.0
#include "template/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct value value_none(void) {
    return (struct value){.kind = VALUE_NONE, .type = ""};
}

static struct value nil(const char *type) {
    return (struct value){.kind = VALUE_NIL, .type = type};
}

struct value value_flag(bool flag) {
    return (struct value){.kind = VALUE_FLAG, .type = "bool", .flag = flag};
}

struct value value_integer(int64_t integer) {
    return (struct value){.kind = VALUE_INTEGER, .type = "int", .integer = integer};
}

struct value value_real(double real) {
    return (struct value){.kind = VALUE_REAL, .type = "float64", .real = real};
}

struct value value_text_n(const char *text, size_t size) {
    return (struct value){.kind = VALUE_TEXT, .type = "string", .text = text, .size = size};
}

struct value value_text(const char *text) {
    return value_text_n(text, strlen(text));
}

struct value value_list(const char *type, const struct value *items, size_t count) {
    return (struct value){.kind = VALUE_LIST, .type = type, .items = items, .count = count};
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct value_member *)a)->name, ((const struct value_member *)b)->name);
}

struct value value_map(const char *type, struct value_member *members, size_t count) {
    if (count) qsort(members, count, sizeof *members, by_name);
    return (struct value){.kind = VALUE_MAP, .type = type, .members = members, .member_count = count};
}

struct value value_of_row(const struct value_row *type, const void *row) {
    return (struct value){.kind = VALUE_ROW, .type = type->type, .row_type = type, .row = row};
}

// Types by their names

bool value_is(const struct value *value, const char *type) {
    return str_eq(value->type, type);
}

const char *value_element_type(const char *type) {
    const char *bracket = strchr(type, ']');
    if (!bracket || (*type != '[' && !str_has_prefix(type, "map["))) return "";
    return bracket + 1;
}

struct value value_zero(const char *type) {
    if (str_eq(type, "string") || str_eq(type, "json.Number"))
        return (struct value){.kind = VALUE_TEXT, .type = type, .text = "", .size = 0};
    if (str_eq(type, "bool")) return value_flag(false);
    if (str_eq(type, "float64")) return value_real(0);
    if (str_has_prefix(type, "int") && type[3] != 'e')
        return (struct value){.kind = VALUE_INTEGER, .type = type};
    if (str_has_prefix(type, "[]")) return value_list(type, NULL, 0);
    if (str_has_prefix(type, "map[")) return value_map(type, NULL, 0);
    if (*type == '*' || !*type || str_eq(type, "interface {}")) return nil(*type ? type : "interface {}");
    return (struct value){.kind = VALUE_STRUCT, .type = type};
}

// Members

static const struct value_member *find_sorted(const struct value *map, const char *name, size_t size) {
    size_t low = 0, high = map->member_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct value_member *member = &map->members[middle];
        int order = strncmp(member->name, name, size);
        if (!order && !member->name[size]) return member;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct value_member *value_member(const struct value *value, const char *name, size_t size) {
    if (value->kind == VALUE_MAP) return find_sorted(value, name, size);
    if (value->kind != VALUE_STRUCT) return NULL;
    for (size_t i = 0; i < value->member_count; i++)
        if (!strncmp(value->members[i].name, name, size) && !value->members[i].name[size])
            return &value->members[i];
    return NULL;
}

const struct value_method *value_method(const struct value_row *row, const char *name) {
    for (size_t i = 0; i < row->count; i++)
        if (str_eq(row->methods[i].name, name)) return &row->methods[i];
    return NULL;
}

size_t value_count(const struct value *value) {
    switch (value->kind) {
    case VALUE_TEXT: return value->size;
    case VALUE_LIST: return value->count;
    case VALUE_MAP:
    case VALUE_STRUCT: return value->member_count;
    default: return 0;
    }
}

bool value_true(const struct value *value) {
    switch (value->kind) {
    case VALUE_NONE:
    case VALUE_NIL: return false;
    case VALUE_FLAG: return value->flag;
    case VALUE_INTEGER: return value->integer;
    case VALUE_REAL: return value->real < 0 || value->real > 0;
    case VALUE_STRUCT:
    case VALUE_ROW: return true;
    default: return value_count(value);
    }
}

// Numbers

void value_real_text(double real, int least, int most, struct str *out) {
    char text[40], plain[400];
    if (real != real) return str_add(out, "NaN");
    if (real - real != 0) return str_add(out, real < 0 ? "-Inf" : "+Inf");
    int precision = 0;
    do snprintf(text, sizeof text, "%.*e", precision, real);
    while (precision++ < 17 && strtod(text, NULL) != real);
    const char *mark = strchr(text, 'e');
    long exponent = strtol(mark + 1, NULL, 10);
    if (exponent < least || exponent >= most) return str_add(out, text);
    long decimals = precision - 1 - exponent;
    snprintf(plain, sizeof plain, "%.*f", (int)(decimals > 0 ? decimals : 0), real);
    str_add(out, plain);
}

// JSON

// 1e-7, where %v has 1e-07.
static void json_real(double real, struct str *out) {
    _cleanup_(str_finish) struct str text = {0};
    value_real_text(real, -6, 21, &text);
    char *zero = text.len > 4 ? text.data + text.len - 2 : NULL;
    if (zero && *zero == '0' && zero[-2] == 'e') memmove(zero, zero + 1, 2);
    str_add(out, str_get(&text));
}

static void json_members(const struct value *value, struct str *out) {
    bool any = false;
    str_add_char(out, '{');
    for (size_t i = 0; i < value->member_count; i++) {
        const struct value_member *member = &value->members[i];
        const char *name = value->kind == VALUE_MAP ? member->name : member->json_name;
        if (!name) continue;
        if (any) str_add_char(out, ',');
        any = true;
        json_quote(out, name, strlen(name));
        str_add_char(out, ':');
        value_json(&member->value, out);
    }
    str_add_char(out, '}');
}

static int by_method(const void *a, const void *b) {
    return strcmp((*(const struct value_method *const *)a)->name,
                  (*(const struct value_method *const *)b)->name);
}

// Docker's rows are written by Go's usual encoder, which has < > & escaped.
static void quote_html(const char *text, struct str *out) {
    _cleanup_(str_finish) struct str quoted = {0};
    json_quote(&quoted, text, strlen(text));
    for (const char *p = quoted.data; *p; p++) {
        size_t plain = strcspn(p, "<>&");
        str_add_n(out, p, plain);
        p += plain;
        if (!*p) break;
        str_printf(out, "\\u%04x", (unsigned)*p);
    }
}

// Docker makes a map of a row's members, and Go writes a map by the order of its keys.
static void json_row(const struct value *value, struct str *out) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const struct value_row *row = value->row_type;
    const struct value_method **methods = arena_array(&arena, const struct value_method *, row->count);
    size_t count = 0;
    for (size_t i = 0; i < row->count; i++)
        if (!row->methods[i].takes_argument) methods[count++] = &row->methods[i];
    if (count) qsort(methods, count, sizeof *methods, by_method);
    for (size_t i = 0; i < count; i++) {
        const char *text = value->row ? methods[i]->text(&arena, value->row, "json") : "";
        str_add(out, i ? ",\"" : "{\"");
        str_add(out, methods[i]->name);
        str_add(out, "\":");
        quote_html(text ? text : "", out);
    }
    str_add(out, count ? "}" : "{}");
}

static void json_list(const struct value *value, struct str *out) {
    str_add_char(out, '[');
    for (size_t i = 0; i < value->count; i++) {
        if (i) str_add_char(out, ',');
        value_json(&value->items[i], out);
    }
    str_add_char(out, ']');
}

void value_json(const struct value *value, struct str *out) {
    switch (value->kind) {
    case VALUE_NONE:
    case VALUE_NIL: return str_add(out, "null");
    case VALUE_FLAG: return str_add(out, value->flag ? "true" : "false");
    case VALUE_INTEGER: return str_printf(out, "%lld", (long long)value->integer);
    case VALUE_REAL: return json_real(value->real, out);
    case VALUE_TEXT:
        if (value_is(value, "json.Number")) return str_add_n(out, value->text, value->size);
        return json_quote(out, value->text, value->size);
    case VALUE_LIST: return value->items ? json_list(value, out) : str_add(out, "null");
    case VALUE_MAP: return value->members ? json_members(value, out) : str_add(out, "null");
    case VALUE_STRUCT: return json_members(value, out);
    case VALUE_ROW: return json_row(value, out);
    }
}
