// SPDX-License-Identifier: Apache-2.0
// A value is a node; tables and arrays have theirs in a list, in order. A header ([a.b], [[a.b]]) walks from
// the root to the table that the following lines fill; in an array of tables it goes through the last one.
#include "registry/toml.h"

#include "base/str.h"

#include <string.h>

#define DEPTH_MAX 16
#define BARE      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

struct toml {
    enum { TABLE, ARRAY, STRING, BOOLEAN, OTHER } kind;
    bool closed;            // written in one piece: nothing can be added
    bool header;            // a table that had its own header
    const char *key, *text; // of a member; of a string or a number
    bool truth;
    struct toml *first, *last, *next;
    size_t count;
};

struct reader {
    struct arena *arena;
    const char *path, *at, *end;
    unsigned line;
    struct err *err;
};

static int wrong(struct reader *r, const char *what) {
    return err_set(r->err, ERR_INVALID, 0, "%s:%u: %s", r->path, r->line, what);
}

static struct toml *node_new(struct reader *r, int kind) {
    struct toml *node = arena_new(r->arena, struct toml);
    node->kind = kind;
    return node;
}

static void node_append(struct toml *parent, struct toml *node) {
    if (parent->last) parent->last->next = node;
    if (!parent->first) parent->first = node;
    parent->last = node;
    parent->count++;
}

static struct toml *find(const struct toml *table, const char *key) {
    for (struct toml *node = table->first; node; node = node->next)
        if (str_eq(node->key, key)) return node;
    return NULL;
}

// Text

static void skip_blanks(struct reader *r) {
    while (*r->at == ' ' || *r->at == '\t') r->at++;
}

static void skip_comment(struct reader *r) {
    skip_blanks(r);
    if (*r->at == '#')
        while (*r->at && *r->at != '\n') r->at++;
    if (r->at[0] == '\r' && r->at[1] == '\n') r->at++;
}

// Blanks, comments and ends of lines, as they may stand inside an array.
static void skip_lines(struct reader *r) {
    for (skip_comment(r); *r->at == '\n'; skip_comment(r)) r->at++, r->line++;
}

static bool eat(struct reader *r, char c) {
    skip_blanks(r);
    if (*r->at != c) return false;
    r->at++;
    return true;
}

static void add_code_point(struct str *text, unsigned long c) {
    if (c < 0x80) {
        str_add_char(text, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    str_add_char(text, (char)(lead[more] | c >> 6 * more));
    while (more--) str_add_char(text, (char)(0x80 | (c >> 6 * more & 0x3f)));
}

static int eat_unicode(struct reader *r, struct str *text, int digits) {
    unsigned long c = 0;
    for (int i = 0; i < digits; i++, r->at++) {
        const char *hex = "0123456789abcdef", *digit = *r->at ? strchr(hex, *r->at | 0x20) : NULL;
        if (!digit) return wrong(r, "a \\u without its digits");
        c = c << 4 | (unsigned long)(digit - hex);
    }
    if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return wrong(r, "a \\u that is no character");
    add_code_point(text, c);
    return 0;
}

static int eat_escape(struct reader *r, struct str *text) {
    static const char letters[] = "btnfr\"\\", means[] = "\b\t\n\f\r\"\\";
    char c = *r->at++;
    if (c == 'u' || c == 'U') return eat_unicode(r, text, c == 'u' ? 4 : 8);
    const char *at = c ? strchr(letters, c) : NULL;
    if (!at) return wrong(r, "an unknown escape in a string");
    str_add_char(text, means[at - letters]);
    return 0;
}

// "…" or '…'.
static int eat_string(struct reader *r, const char **ret) {
    _cleanup_(str_finish) struct str text = {0};
    char quote = *r->at++;
    if (r->at[0] == quote && r->at[1] == quote) return wrong(r, "strings of several lines are not supported");
    while (*r->at != quote) {
        if ((unsigned char)*r->at < 0x20 && *r->at != '\t') return wrong(r, "a string without an end");
        char c = *r->at++;
        if (c == '\\' && quote == '"') {
            if (eat_escape(r, &text)) return -1;
        } else {
            str_add_char(&text, c);
        }
    }
    r->at++;
    *ret = arena_strdup(r->arena, str_get(&text));
    return 0;
}

static int eat_key(struct reader *r, const char **ret) {
    skip_blanks(r);
    if (*r->at == '"' || *r->at == '\'') return eat_string(r, ret);
    size_t n = strspn(r->at, BARE);
    if (!n) return wrong(r, "no key where one is expected");
    *ret = arena_strndup(r->arena, r->at, n);
    r->at += n;
    return 0;
}

// Values

static int eat_value(struct reader *r, int depth, struct toml **ret);
static int eat_pair(struct reader *r, struct toml *table, int depth);

static int eat_array(struct reader *r, int depth, struct toml *array) {
    for (;;) {
        struct toml *item;
        skip_lines(r);
        if (eat(r, ']')) return 0;
        if (eat_value(r, depth, &item)) return -1;
        node_append(array, item);
        skip_lines(r);
        if (eat(r, ',')) continue;
        return eat(r, ']') ? 0 : wrong(r, "an array without its end");
    }
}

static int eat_inline_table(struct reader *r, int depth, struct toml *table) {
    if (eat(r, '}')) return 0;
    do
        if (eat_pair(r, table, depth)) return -1;
    while (eat(r, ','));
    return eat(r, '}') ? 0 : wrong(r, "an inline table without its end");
}

static void close_all(struct toml *node) {
    node->closed = true;
    for (struct toml *child = node->first; child; child = child->next) close_all(child);
}

static int eat_value(struct reader *r, int depth, struct toml **ret) {
    skip_blanks(r);
    if (depth > DEPTH_MAX) return wrong(r, "values are nested too deeply");
    struct toml *node = node_new(r, OTHER);
    *ret = node;
    if (*r->at == '"' || *r->at == '\'') return node->kind = STRING, eat_string(r, &node->text);
    if (*r->at == '[' || *r->at == '{') {
        node->kind = *r->at == '[' ? ARRAY : TABLE;
        r->at++;
        if (node->kind == ARRAY ? eat_array(r, depth + 1, node) : eat_inline_table(r, depth + 1, node))
            return -1;
        return close_all(node), 0;
    }
    size_t n = strspn(r->at, BARE ".:+");
    if (!n) return wrong(r, "no value where one is expected");
    node->text = arena_strndup(r->arena, r->at, n);
    r->at += n;
    node->truth = str_eq(node->text, "true");
    if (node->truth || str_eq(node->text, "false"))
        node->kind = BOOLEAN;
    else if (!strchr("0123456789+-in", *node->text))
        return wrong(r, "a value that is none");
    return 0;
}

// a.b.c = value
static int eat_pair(struct reader *r, struct toml *table, int depth) {
    const char *key;
    struct toml *value;
    if (eat_key(r, &key)) return -1;
    for (int i = 0; eat(r, '.'); i++) {
        struct toml *inner = find(table, key);
        if (i > DEPTH_MAX || (inner && (inner->kind != TABLE || inner->closed || inner->header)))
            return wrong(r, "a key that has another meaning already");
        if (!inner) {
            inner = node_new(r, TABLE);
            inner->key = key;
            node_append(table, inner);
        }
        table = inner;
        if (eat_key(r, &key)) return -1;
    }
    if (!eat(r, '=')) return wrong(r, "a key without \"=\"");
    if (find(table, key)) return wrong(r, "a key that is set twice");
    if (eat_value(r, depth, &value)) return -1;
    value->key = key;
    node_append(table, value);
    return 0;
}

// Headers

static struct toml *step(struct reader *r, struct toml *table, const char *key) {
    struct toml *inner = find(table, key);
    if (!inner) {
        inner = node_new(r, TABLE);
        inner->key = key;
        node_append(table, inner);
    }
    if (inner->closed) return NULL;
    if (inner->kind == ARRAY) return inner->last;
    return inner->kind == TABLE ? inner : NULL;
}

static struct toml *open_table(struct reader *r, struct toml *parent, const char *key) {
    struct toml *table = find(parent, key);
    if (table && (table->kind != TABLE || table->closed || table->header)) return NULL;
    table = step(r, parent, key);
    table->header = true;
    return table;
}

static struct toml *open_array_item(struct reader *r, struct toml *parent, const char *key) {
    struct toml *array = find(parent, key);
    if (array && (array->kind != ARRAY || array->closed)) return NULL;
    if (!array) {
        array = node_new(r, ARRAY);
        array->key = key;
        node_append(parent, array);
    }
    struct toml *table = node_new(r, TABLE);
    node_append(array, table);
    return table;
}

static int eat_header(struct reader *r, struct toml *root, struct toml **ret) {
    bool array = r->at[1] == '[';
    struct toml *table = root;
    const char *key;
    r->at += array ? 2 : 1;
    if (eat_key(r, &key)) return -1;
    for (int i = 0; eat(r, '.'); i++) {
        table = i < DEPTH_MAX ? step(r, table, key) : NULL;
        if (!table) return wrong(r, "a header for what is no table");
        if (eat_key(r, &key)) return -1;
    }
    table = array ? open_array_item(r, table, key) : open_table(r, table, key);
    if (!table) return wrong(r, "a table that is there already");
    if (!eat(r, ']') || (array && *r->at++ != ']')) return wrong(r, "a header without its end");
    *ret = table;
    return 0;
}

int toml_parse(struct arena *arena, const char *path, const char *text, size_t size, const struct toml **ret,
               struct err *err) {
    const char *copy = arena_strndup(arena, text, size);
    struct reader r = {arena, path, copy, copy + size, 1, err};
    struct toml *root = node_new(&r, TABLE), *table = root;
    if (memchr(text, 0, size)) return wrong(&r, "it is no text");
    for (skip_lines(&r); r.at < r.end; skip_lines(&r)) {
        if (*r.at == '[' ? eat_header(&r, root, &table) : eat_pair(&r, table, 0)) return -1;
        skip_comment(&r);
        if (r.at < r.end && *r.at != '\n') return wrong(&r, "more on the line than there can be");
    }
    *ret = root;
    return 0;
}

const struct toml *toml_get(const struct toml *table, const char *key) {
    return table && table->kind == TABLE ? find(table, key) : NULL;
}

const char *toml_string(const struct toml *value) {
    return value && value->kind == STRING ? value->text : NULL;
}

bool toml_true(const struct toml *value) {
    return value && value->kind == BOOLEAN && value->truth;
}

bool toml_is_bool(const struct toml *value) {
    return value && value->kind == BOOLEAN;
}

bool toml_is_array(const struct toml *value) {
    return value && value->kind == ARRAY;
}

size_t toml_length(const struct toml *array) {
    return toml_is_array(array) ? array->count : 0;
}

const struct toml *toml_at(const struct toml *array, size_t index) {
    if (index >= toml_length(array)) return NULL;
    const struct toml *item = array->first;
    while (index--) item = item->next;
    return item;
}
