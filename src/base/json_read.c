// SPDX-License-Identifier: Apache-2.0
// Reading JSON (RFC 8259, and no more than it) into a tree.
//
// The text is copied once, and strings are decoded where they stand in the copy; numbers stay the text that
// they are, so that none loses anything. While an array or an object is read its members are on a stack that
// all levels share; at its closing bracket they move, as one piece, to the arena. The copy, the members and
// the root are freed with the arena.
#include "base/json_tree.h"
#include "base/utf8.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

struct reader {
    char *at;  // the text ends with NUL, which no value has in it
    int depth; // of brackets that are open
    struct json_document *document;
    struct {
        struct json_member *items;
        size_t count, room;
    } stack;
};

static struct json_member *push(struct reader *r) {
    if (r->stack.count == r->stack.room) {
        r->stack.room = r->stack.room ? 2 * r->stack.room : 64;
        r->stack.items = xrealloc(r->stack.items, r->stack.room * sizeof *r->stack.items);
    }
    return &r->stack.items[r->stack.count++];
}

static void skip_space(struct reader *r) {
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r') r->at++;
}

static bool take(struct reader *r, char c) {
    skip_space(r);
    if (*r->at != c) return false;
    r->at++;
    return true;
}

// Strings

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The four digits at p, or -1.
static int32_t hex4(const char *p) {
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high(int32_t unit) {
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int32_t unit) {
    return unit >= 0xdc00 && unit < 0xe000;
}

// What stands after "\u". Half a pair becomes U+FFFD.
static int read_unit(struct reader *r, char **out) {
    int32_t unit = hex4(r->at);
    if (unit < 0) return -EINVAL;
    r->at += 4;
    uint32_t rune = (uint32_t)unit;
    int32_t low = is_high(unit) && r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r->at + 2) : -1;
    if (is_low(low)) {
        rune = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        r->at += 6;
    }
    *out += utf8_put(*out, rune);
    return 0;
}

// What stands after a backslash. It is never shorter than what it stands for.
static int read_escape(struct reader *r, char **out) {
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = *r->at;
    if (!c) return -EINVAL;
    r->at++;
    if (c == 'u') return read_unit(r, out);
    const char *letter = strchr(letters, c);
    if (!letter) return -EINVAL;
    *(*out)++ = meant[letter - letters];
    return 0;
}

// Behind the quote that opens it.
static int read_string(struct reader *r, const char **ret_text, uint32_t *ret_size) {
    char *start = r->at, *out = start;
    while (*r->at != '"') {
        unsigned char c = (unsigned char)*r->at;
        if (c == '\\') {
            r->at++;
            if (read_escape(r, &out)) return -EINVAL;
        } else if (c < 0x20) { // also the end
            return -EINVAL;
        } else if (c < 0x80) {
            *out++ = *r->at++;
        } else {
            size_t n = utf8_length(r->at, (size_t)(r->document->end - r->at));
            if (!n) return -EINVAL;
            memmove(out, r->at, n);
            out += n;
            r->at += n;
        }
    }
    r->at++;
    *out = 0;
    *ret_text = start;
    *ret_size = (uint32_t)(out - start);
    return 0;
}

// Numbers

static bool skip_digits(struct reader *r) {
    const char *start = r->at;
    while (*r->at >= '0' && *r->at <= '9') r->at++;
    return r->at > start;
}

static int read_number(struct reader *r, struct json *ret_value) {
    const char *start = r->at;
    bool integer = true;
    if (*r->at == '-') r->at++;
    if (*r->at == '0')
        r->at++;
    else if (!skip_digits(r))
        return -EINVAL;
    if (*r->at == '.') {
        integer = false;
        r->at++;
        if (!skip_digits(r)) return -EINVAL;
    }
    if (*r->at == 'e' || *r->at == 'E') {
        integer = false;
        r->at++;
        if (*r->at == '+' || *r->at == '-') r->at++;
        if (!skip_digits(r)) return -EINVAL;
    }
    ret_value->type = integer ? JSON_INTEGER : JSON_REAL;
    ret_value->text = start;
    ret_value->size = (uint32_t)(r->at - start);
    return 0;
}

// Arrays and objects

static int read_value(struct reader *r, struct json *ret_value);

// The members since `first` leave the stack.
static void move_members(struct reader *r, size_t first, struct json *value) {
    size_t count = r->stack.count - first;
    value->size = (uint32_t)count;
    r->stack.count = first;
    if (!count) return;
    value->members =
        arena_memdup(&r->document->arena, r->stack.items + first, count * sizeof *value->members);
}

static int read_array(struct reader *r, struct json *ret_value) {
    size_t first = r->stack.count;
    if (!take(r, ']')) {
        do {
            struct json_member item = {0};
            if (read_value(r, &item.value)) return -EINVAL;
            *push(r) = item;
        } while (take(r, ','));
        if (!take(r, ']')) return -EINVAL;
    }
    ret_value->type = JSON_ARRAY;
    move_members(r, first, ret_value);
    return 0;
}

// Of members with the same key the last one's value counts, where the first one stands. The others lose their
// keys.

static void merge_few(struct json *object) {
    for (uint32_t i = 1; i < object->size; i++)
        for (uint32_t j = 0; j < i; j++) {
            if (!str_eq(object->members[j].key, object->members[i].key)) continue;
            object->members[j].value = object->members[i].value;
            object->members[i].key = NULL;
        }
}

static int by_key(const void *a, const void *b) {
    const struct json_member *x = *(const struct json_member *const *)a,
                             *y = *(const struct json_member *const *)b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x > y) - (x < y);
}

static void merge_many(struct json *object, struct json_member **sorted) {
    for (uint32_t i = 0; i < object->size; i++) sorted[i] = &object->members[i];
    qsort(sorted, object->size, sizeof *sorted, by_key);
    for (uint32_t i = 0, next; i < object->size; i = next)
        for (next = i + 1; next < object->size && str_eq(sorted[next]->key, sorted[i]->key); next++) {
            sorted[i]->value = sorted[next]->value;
            sorted[next]->key = NULL;
        }
}

static bool drop_merged(struct json *object) {
    uint32_t kept = 0, before = object->size;
    for (uint32_t i = 0; i < before; i++)
        if (object->members[i].key) object->members[kept++] = object->members[i];
    object->size = kept;
    object->document->repeated_keys |= kept < before;
    return kept < before;
}

static void settle_members(struct arena *arena, struct json *object) {
    if (object->size <= JSON_FEW) {
        merge_few(object);
        drop_merged(object);
        return;
    }
    object->sorted = arena_array(arena, struct json_member *, object->size);
    do merge_many(object, object->sorted);
    while (drop_merged(object)); // then they have moved
}

// A key with a NUL would be read as another: {"a\u0000b":1} as {"a":1}.
static int read_member(struct reader *r) {
    struct json_member member = {0};
    uint32_t size;
    if (!take(r, '"') || read_string(r, &member.key, &size) || memchr(member.key, 0, size) || !take(r, ':') ||
        read_value(r, &member.value))
        return -EINVAL;
    *push(r) = member;
    return 0;
}

static int read_object(struct reader *r, struct json *ret_value) {
    size_t first = r->stack.count;
    if (!take(r, '}')) {
        do
            if (read_member(r)) return -EINVAL;
        while (take(r, ','));
        if (!take(r, '}')) return -EINVAL;
    }
    ret_value->type = JSON_OBJECT;
    move_members(r, first, ret_value);
    settle_members(&r->document->arena, ret_value);
    return 0;
}

// Values

static int read_word(struct reader *r, const char *word, enum json_type type, struct json *ret_value) {
    size_t n = strlen(word);
    if (strncmp(r->at, word, n)) return -EINVAL;
    r->at += n;
    ret_value->type = type;
    return 0;
}

static int read_nested(struct reader *r, struct json *ret_value) {
    bool object = *r->at++ == '{';
    if (r->depth == DEPTH_MAX) return -EINVAL;
    r->depth++;
    int result = object ? read_object(r, ret_value) : read_array(r, ret_value);
    r->depth--;
    return result;
}

static int read_value(struct reader *r, struct json *ret_value) {
    skip_space(r);
    *ret_value = (struct json){.document = r->document};
    switch (*r->at) {
    case '{':
    case '[': return read_nested(r, ret_value);
    case '"':
        r->at++;
        ret_value->type = JSON_STRING;
        return read_string(r, &ret_value->text, &ret_value->size);
    case 't': return read_word(r, "true", JSON_TRUE, ret_value);
    case 'f': return read_word(r, "false", JSON_FALSE, ret_value);
    case 'n': return read_word(r, "null", JSON_NULL, ret_value);
    }
    return read_number(r, ret_value);
}

int json_parse(const char *text, size_t size, struct json **ret_json) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    if (size > INT_MAX || memchr(text, 0, size)) return -EINVAL;
    struct json_document *document = arena_new(&arena, struct json_document);
    char *copy = arena_alloc(&arena, size + 1);
    struct reader r = {.at = memcpy(copy, text, size), .document = document};
    document->end = copy + size;
    document->arena = arena;
    int result = read_value(&r, &document->root);
    skip_space(&r);
    free(r.stack.items);
    arena = document->arena;
    if (result || r.at != document->end || document->root.type == JSON_NULL) return -EINVAL;
    arena = ARENA_INIT;
    *ret_json = &document->root;
    return 0;
}

void json_free(struct json *json) {
    if (!json) return;
    struct arena arena = json->document->arena; // which the document is in
    arena_finish(&arena);
}
