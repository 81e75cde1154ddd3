// SPDX-License-Identifier: Apache-2.0
// Each entry is scanned by hand: Docker writes one fixed form.
// In a text every quote has a backslash before it, so `{"log":"` can only be where an entry begins: what a
// crash left before it in the same line is passed over.
#include "shim/logs_entry.h"

#include "base/clock.h"
#include "base/macro.h"
#include "base/protobuf.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BEGIN "{\"log\":\""

// JSON

static bool take_hex(const char *s, uint32_t *ret_value) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;
        if (digit < 0) return false;
        value = value << 4 | (uint32_t)digit;
    }
    *ret_value = value;
    return true;
}

// One escape behind its backslash. Yields where the text goes on, or NULL.
static const char *take_escape(const char *s, const char *end, char **to) {
    static const char from[] = "\"\\/nrtbf", into[] = "\"\\/\n\r\t\b\f";
    const char *simple;
    uint32_t c;
    if (s == end) return NULL;
    if (*s == 'u') {
        if (end - s < 5 || !take_hex(s + 1, &c)) return NULL;
        *to += utf8_put(*to, c);
        return s + 5;
    }
    simple = *s ? strchr(from, *s) : NULL;
    if (!simple) return NULL;
    *(*to)++ = into[simple - from];
    return s + 1;
}

// A string up to its closing quote, unescaped where it stands (it never grows). Yields what comes after the
// quote, or NULL.
static char *take_string(char *s, char *end, char **ret_text, size_t *ret_size) {
    char *to = s, *from = s;
    while (from < end && *from != '"') {
        char *special = from;
        while (special < end && *special != '"' && *special != '\\') special++;
        memmove(to, from, (size_t)(special - from));
        to += special - from;
        from = special;
        if (from == end || *from == '"') break;
        from = (char *)take_escape(from + 1, end, &to);
        if (!from) return NULL;
    }
    if (from >= end) return NULL;
    *ret_text = s;
    *ret_size = (size_t)(to - s);
    return from + 1;
}

static char *skip(char *s, const char *end, const char *word) {
    size_t n = strlen(word);
    return s && (size_t)(end - s) >= n && !memcmp(s, word, n) ? s + n : NULL;
}

static bool scan_entry(char *s, char *end, struct logs_entry *ret_entry) {
    char *text, *stream, *time, *attributes;
    size_t size, stream_size, time_size;
    s = skip(s, end, BEGIN);
    if (!s || !(s = take_string(s, end, &text, &size))) return false;
    if (!(s = skip(s, end, ",\"stream\":\"")) || !(s = take_string(s, end, &stream, &stream_size)))
        return false;
    // What may be between: attributes, as one object. One of them may be called "time".
    attributes = s;
    char *found = NULL;
    for (char *at = s; (at = memmem(at, (size_t)(end - at), ",\"time\":\"", 9)); at++) found = at;
    if (!(s = found ? found + 9 : NULL) || !(s = take_string(s, end, &time, &time_size))) return false;
    if (s != end - 1 || *s != '}') return false;
    time[time_size] = 0;
    bool ends = size && text[size - 1] == '\n', has = found - attributes > 11;
    *ret_entry = (struct logs_entry){.text = text,
                                     .size = size - ends,
                                     .is_stderr = stream_size == 6 && !memcmp(stream, "stderr", 6),
                                     .ends = ends,
                                     .time = time,
                                     .attributes = has ? attributes + 10 : NULL,
                                     .attributes_size = has ? (size_t)(found - attributes - 11) : 0};
    return true;
}

bool logs_scan_json(char *s, size_t size, struct logs_entry *ret_entry) {
    char *end = s + size;
    // Several beginnings: the last one is whole if any is.
    for (char *next; (next = memmem(s + 1, size ? size - 1 : 0, BEGIN, strlen(BEGIN)));)
        size -= (size_t)(next - s), s = next;
    return size && scan_entry(s, end, ret_entry);
}

// Protocol buffers

static bool is_last(const struct protobuf_field *metadata) {
    struct protobuf_reader reader = {metadata->bytes, metadata->size};
    struct protobuf_field field;
    while (protobuf_next(&reader, &field) > 0)
        if (field.number == 1) return field.value != 0;
    return false;
}

size_t logs_local_length(const char *bytes) {
    const uint8_t *b = (const uint8_t *)bytes;
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

bool logs_scan_local(char *bytes, size_t size, struct logs_entry *ret_entry) {
    struct logs_entry entry = {.text = bytes, .local = true};
    struct protobuf_reader reader = {bytes, size};
    struct protobuf_field field;
    bool partial = false, last = false;
    for (;;) {
        char *begin = (char *)reader.at;
        int r = protobuf_next(&reader, &field);
        if (r < 0) return false;
        if (!r) break;
        if (field.number == 1) entry.is_stderr = field.size == 6 && !memcmp(field.bytes, "stderr", 6);
        if (field.number == 2) entry.time_ns = (int64_t)field.value;
        if (field.number == 3 && field.bytes) entry.text = (char *)field.bytes, entry.size = field.size;
        if (field.number == 4) partial = field.value != 0;
        if (field.number == 5) last = is_last(&field);
        if (field.number != 6) continue;
        if (!entry.attributes) entry.attributes = begin;
        entry.attributes_size = (size_t)(reader.at - entry.attributes);
    }
    entry.ends = !partial || last;
    *ret_entry = entry;
    return size > 0;
}

// What is said of an entry

int logs_entry_ns(const struct logs_entry *entry, int64_t *ret_ns) {
    if (entry->time) return clock_parse_rfc3339(entry->time, ret_ns);
    *ret_ns = entry->time_ns;
    return 0;
}

void logs_entry_time(const struct logs_entry *entry, struct str *out) {
    char buffer[CLOCK_RFC3339_SIZE];
    const char *time = entry->time ? entry->time : clock_rfc3339(entry->time_ns, buffer);
    int seconds = (int)strcspn(time, ".Z+");
    const char *fraction = time[seconds] == '.' ? time + seconds + 1 : "";
    int digits = (int)strspn(fraction, "0123456789");
    const char *zone = *fraction ? fraction + digits : time + seconds;
    str_printf(out, "%.*s.%.*s%.*s%s", seconds, time, digits < 9 ? digits : 9, fraction,
               digits < 9 ? 9 - digits : 0, "000000000", zone);
}

static void add_query(struct str *out, const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr("-_.~", c)))
            str_add_char(out, c);
        else if (c == ' ')
            str_add_char(out, '+');
        else
            str_printf(out, "%%%02X", (unsigned char)c);
    }
}

static void add_pair(struct str *out, bool first, const char *key, size_t key_size, const char *value,
                     size_t value_size) {
    if (!first) str_add_char(out, ',');
    add_query(out, key, key_size);
    str_add_char(out, '=');
    add_query(out, value, value_size);
}

static void json_details(const struct logs_entry *entry, struct str *out) {
    char *s = entry->attributes, *end = s + entry->attributes_size, *key, *value;
    size_t key_size, value_size;
    for (bool first = true; s < end && *s == '"'; first = false) {
        s = take_string(s + 1, end, &key, &key_size);
        if (!(s = skip(s, end, ":\"")) || !(s = take_string(s, end, &value, &value_size))) return;
        add_pair(out, first, key, key_size, value, value_size);
        if (s < end && *s == ',') s++;
    }
}

static void local_details(const struct logs_entry *entry, struct str *out) {
    struct protobuf_reader all = {entry->attributes, entry->attributes_size};
    struct protobuf_field pair, field;
    for (bool first = true; protobuf_next(&all, &pair) > 0; first = false) {
        struct protobuf_reader reader = {pair.bytes, pair.size};
        struct protobuf_field parts[2] = {{.bytes = ""}, {.bytes = ""}};
        while (protobuf_next(&reader, &field) > 0)
            if ((field.number == 1 || field.number == 2) && field.bytes) parts[field.number - 1] = field;
        add_pair(out, first, parts[0].bytes, parts[0].size, parts[1].bytes, parts[1].size);
    }
}

void logs_entry_details(const struct logs_entry *entry, struct str *out) {
    if (!entry->attributes) return;
    (entry->local ? local_details : json_details)(entry, out);
}
