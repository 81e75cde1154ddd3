// SPDX-License-Identifier: Apache-2.0
// JSON: reading with limits (json_read.c), and writing straight into text.
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A parsed value. The root is owned (json_free); everything reached from it is borrowed.
struct json;

// Depth is limited to 64; the size is the caller's to limit before. Text after the value, NUL bytes and
// invalid UTF-8 are errors. -EINVAL.
int json_parse(const char *text, size_t size, struct json **ret_json);
// The object in a file of at most limit bytes. NULL when the file is not there, or blank. -EINVAL when it is
// no object, else what the kernel says.
int json_read_file(const char *path, size_t limit, struct json **ret_json);
void json_free(struct json *json);
void json_freep(struct json **json);

// Did an object anywhere in it have a key twice? The last one's value is what is read.
bool json_has_repeated_keys(const struct json *root);

// What is not there or of another type reads as NULL, 0, false. All take NULL.
const struct json *json_get(const struct json *object, const char *key);
const char *json_string(const struct json *json);
bool json_boolean(const struct json *json);
bool json_is_object(const struct json *json);
bool json_is_array(const struct json *json);
bool json_is_null(const struct json *json); // also when absent
// 0, or -EINVAL when it is no integer, -ERANGE. Exact for the whole of int64 and uint64.
int json_i64(const struct json *json, int64_t *ret_value);
int json_u64(const struct json *json, uint64_t *ret_value);
size_t json_length(const struct json *array);
const struct json *json_at(const struct json *array, size_t index);
// The value as JSON text again, compact. Good as long as the value; each call costs memory until then.
const char *json_text(const struct json *json);

static inline const char *json_get_string(const struct json *object, const char *key) {
    return json_string(json_get(object, key));
}

// Calls each(key, value, data) for the members of an object, in their order; stops when it returns non-zero
// and returns that.
int json_each(const struct json *object, int (*each)(const char *key, const struct json *value, void *data),
              void *data);

// Writing: calls in the order of the document. key is NULL inside an array and for the root.
struct json_writer {
    struct str text;
    int indent; // spaces a level; 0 writes compact text
    int depth;
    bool comma;
};

void json_writer_finish(struct json_writer *w);
void json_begin_object(struct json_writer *w, const char *key);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *key);
void json_end_array(struct json_writer *w);
void json_put_string(struct json_writer *w, const char *key, const char *value); // NULL writes null
void json_put_i64(struct json_writer *w, const char *key, int64_t value);
void json_put_u64(struct json_writer *w, const char *key, uint64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_null(struct json_writer *w, const char *key);
void json_put_raw(struct json_writer *w, const char *key, const char *json_text); // is JSON already
void json_put_value(struct json_writer *w, const char *key, const struct json *value);

// A string with the quotes and escapes of JSON, appended to text. Bytes that are not UTF-8 become U+FFFD.
void json_quote(struct str *text, const char *bytes, size_t size);
