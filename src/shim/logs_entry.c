// SPDX-License-Identifier: Apache-2.0
// Each entry is scanned by hand: Docker writes one fixed form.
// In a text every quote has a backslash before it, so `{"log":"` can only be where an entry begins: what a
// crash left before it in the same line is passed over.
#include "shim/logs_entry.h"

#include "base/clock.h"
#include "base/macro.h"
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

struct reader {
    const char *at, *end;
};

static bool read_varint(struct reader *r, uint64_t *ret) {
    uint64_t value = 0;
    for (int shift = 0; r->at < r->end && shift < 64; shift += 7) {
        uint8_t byte = (uint8_t)*r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return *ret = value, true;
    }
    return false;
}

// The next field: its number; bytes for texts and messages, a number for the rest.
static bool read_field(struct reader *r, uint64_t *ret_number, struct reader *ret_bytes,
                       uint64_t *ret_value) {
    uint64_t tag, size;
    if (!read_varint(r, &tag)) return false;
    *ret_number = tag >> 3;
    *ret_bytes = (struct reader){NULL, NULL};
    if ((tag & 7) == 0) return read_varint(r, ret_value);
    if ((tag & 7) != 2 || !read_varint(r, &size) || size > (uint64_t)(r->end - r->at)) return false;
    *ret_bytes = (struct reader){r->at, r->at + size};
    r->at += size;
    return true;
}

static bool is_last(struct reader r) {
    uint64_t number, value = 0;
    struct reader bytes;
    while (r.at < r.end && read_field(&r, &number, &bytes, &value))
        if (number == 1) return value != 0;
    return false;
}

size_t logs_local_length(const char *bytes) {
    const uint8_t *b = (const uint8_t *)bytes;
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

bool logs_scan_local(char *bytes, size_t size, struct logs_entry *ret_entry) {
    struct logs_entry entry = {.text = bytes, .local = true};
    struct reader r = {bytes, bytes + size}, field;
    bool partial = false, last = false;
    uint64_t number, value = 0;
    while (r.at < r.end) {
        char *begin = (char *)r.at;
        if (!read_field(&r, &number, &field, &value)) return false;
        if (number == 1) entry.is_stderr = field.end - field.at == 6 && !memcmp(field.at, "stderr", 6);
        if (number == 2) entry.time_ns = (int64_t)value;
        if (number == 3 && field.at)
            entry.text = (char *)field.at, entry.size = (size_t)(field.end - field.at);
        if (number == 4) partial = value != 0;
        if (number == 5) last = is_last(field);
        if (number != 6) continue;
        if (!entry.attributes) entry.attributes = begin;
        entry.attributes_size = (size_t)(r.at - entry.attributes);
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
    struct reader r = {entry->attributes, entry->attributes + entry->attributes_size}, pair, field;
    uint64_t number, value = 0;
    for (bool first = true; r.at < r.end && read_field(&r, &number, &pair, &value); first = false) {
        struct reader parts[2] = {{"", ""}, {"", ""}};
        while (pair.at < pair.end && read_field(&pair, &number, &field, &value))
            if ((number == 1 || number == 2) && field.at) parts[number - 1] = field;
        add_pair(out, first, parts[0].at, (size_t)(parts[0].end - parts[0].at), parts[1].at,
                 (size_t)(parts[1].end - parts[1].at));
    }
}

void logs_entry_details(const struct logs_entry *entry, struct str *out) {
    if (!entry->attributes) return;
    (entry->local ? local_details : json_details)(entry, out);
}
