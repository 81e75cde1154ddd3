// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/fd.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#define DEPTH_MAX 64

// struct json is json-c's object by another name.
static json_object *in(const struct json *json) {
    return (json_object *)json;
}

static bool is(const struct json *json, enum json_type type) {
    return json && json_object_is_type(in(json), type);
}

static bool is_number_part(char c) {
    return (c >= '0' && c <= '9') || strchr("+-.eE", c);
}

// An integer that neither of the widest types holds.
static bool is_too_large(const char *text, size_t size) {
    char digits[32];
    int64_t i;
    uint64_t u;
    if (size < 19 || memchr(text, '.', size) || memchr(text, 'e', size) || memchr(text, 'E', size))
        return false;
    if (size >= sizeof digits) return true;
    memcpy(digits, text, size);
    digits[size] = 0;
    return *digits == '-' ? parse_i64(digits, &i) : parse_u64(digits, &u);
}

// json-c takes an integer that does not fit for the largest that does. With an exponent it is no integer
// to json-c, and nobody takes it for one. Returns whether text is needed: what came in with such exponents.
static bool mark_too_large(const char *in_text, size_t size, struct str *text) {
    const char *end = in_text + size, *copied = in_text;
    for (const char *p = in_text; p < end;) {
        const char *start = p++;
        if (*start == '"') {
            while (p < end && *p != '"') p += *p == '\\' && p + 1 < end ? 2 : 1;
            p += p < end;
        } else if (is_number_part(*start)) {
            while (p < end && is_number_part(*p)) p++;
            if (!is_too_large(start, (size_t)(p - start))) continue;
            str_add_n(text, copied, (size_t)(p - copied));
            str_add(text, "e0");
            copied = p;
        }
    }
    if (copied == in_text) return false;
    str_add_n(text, copied, (size_t)(end - copied));
    return true;
}

int json_parse(const char *text, size_t size, struct json **ret_json) {
    _cleanup_(str_finish) struct str marked = {0};
    if (size > INT_MAX || memchr(text, 0, size)) return -EINVAL;
    if (mark_too_large(text, size, &marked)) {
        text = marked.data;
        size = marked.len;
    }
    if (size > INT_MAX) return -EINVAL;
    json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    if (!tokener) return -ENOMEM;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object *object = json_tokener_parse_ex(tokener, text, (int)size);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    if (error == json_tokener_continue) { // a bare number or a cut document: only the end tells
        object = json_tokener_parse_ex(tokener, "", -1);
        error = json_tokener_get_error(tokener);
    }
    size_t end = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    while (error == json_tokener_success && end < size && strchr(" \t\r\n", text[end])) end++;
    if (error != json_tokener_success || end < size || !object) {
        json_object_put(object);
        return -EINVAL;
    }
    *ret_json = (struct json *)object;
    return 0;
}

int json_read_file(const char *path, size_t limit, struct json **ret_json) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    int r = file_read_at(AT_FDCWD, path, limit, &text);
    if (r < 0 && r != -ENOENT && r != -ENOTDIR) return r;
    if (text.len && (json_parse(text.data, text.len, &json) || !json_is_object(json))) return -EINVAL;
    *ret_json = take_ptr(json);
    return 0;
}

void json_free(struct json *json) {
    json_object_put(in(json));
}

void json_freep(struct json **json) {
    json_free(*json);
}

const struct json *json_get(const struct json *object, const char *key) {
    json_object *value = NULL;
    if (is(object, json_type_object)) json_object_object_get_ex(in(object), key, &value);
    return (const struct json *)value;
}

const char *json_string(const struct json *json) {
    if (!is(json, json_type_string)) return NULL;
    const char *text = json_object_get_string(in(json));
    // With \u0000 in it the rest would be lost without a word.
    return strlen(text) == (size_t)json_object_get_string_len(in(json)) ? text : NULL;
}

bool json_boolean(const struct json *json) {
    return is(json, json_type_boolean) && json_object_get_boolean(in(json));
}

bool json_is_object(const struct json *json) {
    return is(json, json_type_object);
}

bool json_is_array(const struct json *json) {
    return is(json, json_type_array);
}

bool json_is_null(const struct json *json) {
    return !json;
}

// json-c's own conversions saturate; its text does not.
static int number(const struct json *json, char buffer[static 32]) {
    if (!is(json, json_type_int)) return -EINVAL;
    const char *text = json_object_to_json_string_ext(in(json), JSON_C_TO_STRING_PLAIN);
    if (strlen(text) >= 32) return -ERANGE;
    strcpy(buffer, text);
    return 0;
}

int json_i64(const struct json *json, int64_t *ret_value) {
    char text[32];
    int r = number(json, text);
    return r ? r : parse_i64(text, ret_value);
}

int json_u64(const struct json *json, uint64_t *ret_value) {
    char text[32];
    int r = number(json, text);
    if (r) return r;
    return *text == '-' ? -ERANGE : parse_u64(text, ret_value);
}

size_t json_length(const struct json *array) {
    return json_is_array(array) ? json_object_array_length(in(array)) : 0;
}

const struct json *json_at(const struct json *array, size_t index) {
    if (index >= json_length(array)) return NULL;
    return (const struct json *)json_object_array_get_idx(in(array), index);
}

const char *json_text(const struct json *json) {
    return json_object_to_json_string_ext(in(json), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

int json_each(const struct json *object, int (*each)(const char *key, const struct json *value, void *data),
              void *data) {
    if (!json_is_object(object)) return 0;
    json_object_object_foreach(in(object), key, value) {
        int r = each(key, (const struct json *)value, data);
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
    } else {
        json_put_raw(w, key, value ? json_text(value) : "null");
    }
}

// The length of the UTF-8 sequence at p, 0 where there is none (overlong forms, surrogates, cut, too large).
static size_t utf8_length(const unsigned char *p, size_t left) {
    size_t n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    if (!n || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

// How many bytes from p on stand for themselves.
static size_t plain_length(const unsigned char *p, const unsigned char *stop) {
    const unsigned char *end = p;
    while (end < stop && *end >= 0x20 && *end < 0x7f && *end != '"' && *end != '\\') end++;
    return (size_t)(end - p);
}

void json_quote(struct str *text, const char *bytes, size_t size) {
    static const char escapes[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    str_add_char(text, '"');
    for (const unsigned char *p = (const unsigned char *)bytes, *stop = p + size; p < stop;) {
        size_t plain = plain_length(p, stop);
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
