// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/fd.h"
#include "base/json_tree.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int json_read_file(const char *path, size_t limit, struct json **ret_json) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    int r = file_read_at(AT_FDCWD, path, limit, &text);
    if (r < 0 && r != -ENOENT && r != -ENOTDIR) return r;
    bool blank = strspn(str_get(&text), " \t\r\n") == text.len;
    if (!blank && (json_parse(text.data, text.len, &json) || !json_is_object(json))) return -EINVAL;
    *ret_json = take_ptr(json);
    return 0;
}

void json_freep(struct json **json) {
    json_free(*json);
}

static bool is(const struct json *json, enum json_type type) {
    return json && json->type == type;
}

static int by_key(const void *key, const void *member) {
    return strcmp(key, (*(const struct json_member *const *)member)->key);
}

static const struct json_member *find(const struct json *object, const char *key) {
    if (object->sorted) {
        struct json_member **found =
            bsearch(key, object->sorted, object->size, sizeof(struct json_member *), by_key);
        return found ? *found : NULL;
    }
    for (uint32_t i = 0; i < object->size; i++)
        if (str_eq(object->members[i].key, key)) return &object->members[i];
    return NULL;
}

// null is as good as nothing.
static const struct json *there(const struct json *value) {
    return value->type == JSON_NULL ? NULL : value;
}

bool json_has_repeated_keys(const struct json *root) {
    return root && root->document->repeated_keys;
}

const struct json *json_get(const struct json *object, const char *key) {
    const struct json_member *member = json_is_object(object) ? find(object, key) : NULL;
    return member ? there(&member->value) : NULL;
}

const char *json_string(const struct json *json) {
    // With \u0000 in it the rest would be lost without a word.
    return is(json, JSON_STRING) && strlen(json->text) == json->size ? json->text : NULL;
}

bool json_boolean(const struct json *json) {
    return is(json, JSON_TRUE);
}

bool json_is_object(const struct json *json) {
    return is(json, JSON_OBJECT);
}

bool json_is_array(const struct json *json) {
    return is(json, JSON_ARRAY);
}

bool json_is_null(const struct json *json) {
    return !json;
}

// The longest that fits into any type has 20 characters.
static int integer(const struct json *json, char buffer[static 32]) {
    if (!is(json, JSON_INTEGER)) return -EINVAL;
    if (json->size >= 32) return -ERANGE;
    memcpy(buffer, json->text, json->size);
    buffer[json->size] = 0;
    return 0;
}

int json_i64(const struct json *json, int64_t *ret_value) {
    char text[32];
    int r = integer(json, text);
    return r ? r : parse_i64(text, ret_value);
}

int json_u64(const struct json *json, uint64_t *ret_value) {
    char text[32];
    int r = integer(json, text);
    if (r) return r;
    return *text == '-' ? -ERANGE : parse_u64(text, ret_value);
}

size_t json_length(const struct json *array) {
    return json_is_array(array) ? array->size : 0;
}

const struct json *json_at(const struct json *array, size_t index) {
    return index < json_length(array) ? there(&array->members[index].value) : NULL;
}

const char *json_text(const struct json *json) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    if (!json) return "null";
    json_put_value(&w, NULL, json);
    return arena_strdup(&json->document->arena, w.text.data);
}

int json_each(const struct json *object, int (*each)(const char *key, const struct json *value, void *data),
              void *data) {
    for (uint32_t i = 0; json_is_object(object) && i < object->size; i++) {
        int r = each(object->members[i].key, there(&object->members[i].value), data);
        if (r) return r;
    }
    return 0;
}

// Writing

void json_writer_finish(struct json_writer *w) {
    str_finish(&w->text);
}

static void newline(struct json_writer *w) {
    if (!w->indent) return;
    str_add_char(&w->text, '\n');
    for (int i = 0; i < w->depth * w->indent; i++) str_add_char(&w->text, ' ');
}

static void before(struct json_writer *w, const char *key) {
    if (w->comma) str_add_char(&w->text, ',');
    if (w->depth) newline(w);
    if (key) {
        json_quote(&w->text, key, strlen(key));
        str_add(&w->text, w->indent ? ": " : ":");
    }
    w->comma = true;
}

static void begin(struct json_writer *w, const char *key, char bracket) {
    before(w, key);
    str_add_char(&w->text, bracket);
    w->depth++;
    w->comma = false;
}

static void end(struct json_writer *w, char bracket) {
    w->depth--;
    if (w->comma) newline(w);
    str_add_char(&w->text, bracket);
    w->comma = true;
}

void json_begin_object(struct json_writer *w, const char *key) {
    begin(w, key, '{');
}

void json_end_object(struct json_writer *w) {
    end(w, '}');
}

void json_begin_array(struct json_writer *w, const char *key) {
    begin(w, key, '[');
}

void json_end_array(struct json_writer *w) {
    end(w, ']');
}

void json_put_string(struct json_writer *w, const char *key, const char *value) {
    if (!value) return json_put_null(w, key);
    before(w, key);
    json_quote(&w->text, value, strlen(value));
}

void json_put_i64(struct json_writer *w, const char *key, int64_t value) {
    before(w, key);
    str_printf(&w->text, "%lld", (long long)value);
}

void json_put_u64(struct json_writer *w, const char *key, uint64_t value) {
    before(w, key);
    str_printf(&w->text, "%llu", (unsigned long long)value);
}

void json_put_bool(struct json_writer *w, const char *key, bool value) {
    json_put_raw(w, key, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *key) {
    json_put_raw(w, key, "null");
}

void json_put_raw(struct json_writer *w, const char *key, const char *json_text) {
    before(w, key);
    str_add(&w->text, json_text);
}

static int put_member(const char *key, const struct json *value, void *data) {
    json_put_value(data, key, value);
    return 0;
}

void json_put_value(struct json_writer *w, const char *key, const struct json *value) {
    if (json_is_object(value)) {
        json_begin_object(w, key);
        json_each(value, put_member, w);
        json_end_object(w);
    } else if (json_is_array(value)) {
        json_begin_array(w, key);
        for (size_t i = 0; i < json_length(value); i++) json_put_value(w, NULL, json_at(value, i));
        json_end_array(w);
    } else if (is(value, JSON_STRING)) {
        before(w, key);
        json_quote(&w->text, value->text, value->size);
    } else if (is(value, JSON_INTEGER) || is(value, JSON_REAL)) {
        before(w, key);
        str_add_n(&w->text, value->text, value->size);
    } else {
        json_put_raw(w, key, is(value, JSON_TRUE) ? "true" : is(value, JSON_FALSE) ? "false" : "null");
    }
}

// How many bytes from p on stand for themselves: what is printable but for the quote and the backslash.
static size_t plain_length(const unsigned char *p, const unsigned char *stop) {
    static const bool plain[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};
    const unsigned char *end = p;
    while (end < stop && plain[*end]) end++;
    return (size_t)(end - p);
}

void json_quote(struct str *text, const char *bytes, size_t size) {
    static const char escapes[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    const unsigned char *p = (const unsigned char *)bytes, *stop = p + size;
    size_t plain = plain_length(p, stop);
    char *all = str_extend(text, plain + 2);
    *all = '"';
    memcpy(all + 1, bytes, plain);
    all[plain + 1] = '"';
    if (plain == size) return;
    text->len--;
    for (p += plain; p < stop;) {
        plain = plain_length(p, stop);
        if (plain) {
            str_add_n(text, p, plain);
            p += plain;
        } else if (*p < sizeof escapes && escapes[*p]) {
            str_add_char(text, '\\');
            str_add_char(text, escapes[*p++]);
        } else if (*p < 0x20 || *p == 0x7f) {
            str_printf(text, "\\u%04x", *p++);
        } else {
            size_t n = utf8_length(p, (size_t)(stop - p));
            if (n)
                str_add_n(text, p, n);
            else
                str_add(text, "\\ufffd");
            p += n ? n : 1;
        }
    }
    str_add_char(text, '"');
}
