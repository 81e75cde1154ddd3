// SPDX-License-Identifier: Apache-2.0
#include "shim/jsonlog.h"

#include "base/macro.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S   1000000000LL
#define ENTRY_MORE 128 // an entry beyond its text

// Whole entries only: when the disk is full, what was written of the last one is taken back, so that the log
// stays readable once there is room again. The output itself is lost to the log, not to attached clients.
static void flush(struct json_log *log) {
    size_t done = 0;
    while (done < log->used) {
        ssize_t n = write(log->fd, log->out + done, log->used - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += (size_t)n;
    }
    if (done && done < log->used) {
        const char *newline = memrchr(log->out, '\n', done);
        off_t torn = (off_t)(done - (newline ? (size_t)(newline + 1 - log->out) : 0));
        off_t end = lseek(log->fd, 0, SEEK_END);
        if (end < torn || ftruncate(log->fd, end - torn)) log->fd = -1;
    }
    log->used = 0;
}

static void put(struct json_log *log, const void *bytes, size_t size) {
    memcpy(log->out + log->used, bytes, size);
    log->used += size;
}

// How many bytes the UTF-8 character at s has; 0 when it is none. As strict as Go: no surrogates, nothing
// written longer than it needs to be.
static size_t utf8_size(const uint8_t *s, size_t left) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = *s >= 0xf0 && *s < 0xf8 ? 4 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xc0 && *s < 0xe0 ? 2 : 0;
    if (!size || size > left) return 0;
    uint32_t c = *s & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    return c < smallest[size] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : size;
}

// Bytes that stand for themselves.
static bool is_plain(uint8_t c) {
    static const uint32_t plain[8] = {0, 0xafffffbb, 0xefffffff, 0xffffffff};
    return plain[c >> 5] >> (c & 31) & 1;
}

// Everything else: one escape or one character of several bytes. Returns how many bytes it took.
static size_t put_special(struct json_log *log, const uint8_t *s, size_t left) {
    static const char hex[] = "0123456789abcdef";
    uint8_t c = *s;
    if (c >= 0x80) {
        size_t size = utf8_size(s, left);
        if (!size) return put(log, "\\ufffd", 6), 1;
        if (size == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] & 0xfe) == 0xa8)
            put(log, s[2] & 1 ? "\\u2029" : "\\u2028", 6);
        else
            put(log, s, size);
        return size;
    }
    if (c == '"' || c == '\\') {
        put(log, (char[]){'\\', (char)c}, 2);
    } else if (c == '\n' || c == '\r') {
        put(log, c == '\n' ? "\\n" : "\\r", 2);
    } else {
        put(log, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
    return 1;
}

static void put_escaped(struct json_log *log, const uint8_t *s, size_t size) {
    for (size_t i = 0; i < size;) {
        size_t start = i;
        while (i < size && is_plain(s[i])) i++;
        put(log, s + start, i - start);
        if (i < size) i += put_special(log, s + i, size - i);
    }
}

static void put_digits(char *at, int64_t value, int digits) {
    for (int i = digits - 1; i >= 0; i--, value /= 10) at[i] = (char)('0' + value % 10);
}

// "2026-11-23T21:44:38". Not by gmtime and strftime: those bring time zones and locales into a program that
// is meant to be small, and this is done for every block of output.
static void stamp_set(struct json_log *log, int64_t second) {
    int64_t days = second / 86400, rest = second % 86400;
    // Days since 0000-03-01, in eras of 400 years: leap days then come last in a year.
    int64_t z = days + 719468, era = z / 146097, day = z % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    int64_t month = (5 * day + 2) / 153;
    memcpy(log->stamp, "0000-00-00T00:00:00", sizeof log->stamp);
    put_digits(log->stamp, year + era * 400 + (month >= 10), 4);
    put_digits(log->stamp + 5, month < 10 ? month + 3 : month - 9, 2);
    put_digits(log->stamp + 8, day - (153 * month + 2) / 5 + 1, 2);
    put_digits(log->stamp + 11, rest / 3600, 2);
    put_digits(log->stamp + 14, rest / 60 % 60, 2);
    put_digits(log->stamp + 17, rest % 60, 2);
    log->second = second;
}

static void put_time(struct json_log *log, int64_t wall_ns) {
    if (wall_ns / NS_PER_S != log->second || !log->stamp[0]) stamp_set(log, wall_ns / NS_PER_S);
    put(log, log->stamp, 19);
    char fraction[10] = ".";
    put_digits(fraction + 1, wall_ns % NS_PER_S, 9);
    size_t n = 10;
    while (n && (fraction[n - 1] == '0' || fraction[n - 1] == '.')) n--;
    put(log, fraction, n);
}

static void put_entry(struct json_log *log, enum json_log_stream stream, const uint8_t *text, size_t size,
                      int64_t wall_ns) {
    if (log->used + size * 6 + ENTRY_MORE > sizeof log->out) flush(log);
    put(log, "{\"log\":\"", 8);
    put_escaped(log, text, size);
    put(log,
        stream == JSON_LOG_STDERR ? "\",\"stream\":\"stderr\",\"time\":\""
                                  : "\",\"stream\":\"stdout\",\"time\":\"",
        28);
    put_time(log, wall_ns);
    put(log, "Z\"}\n", 4);
}

// How much of a full buffer becomes an entry: not half a character.
static size_t whole_characters(const uint8_t *s, size_t size) {
    for (size_t back = 1; back <= 3 && back < size; back++) {
        uint8_t c = s[size - back];
        if (c < 0x80) break;
        if (c >= 0xc0) return back < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? size - back : size;
    }
    return size;
}

// A piece without its end: kept until the rest comes.
static void hold(struct json_log *log, enum json_log_stream stream, const uint8_t *s, size_t size,
                 int64_t wall_ns) {
    typeof(log->lines[0]) *line = &log->lines[stream];
    while (size) {
        size_t n = size < JSON_LOG_LINE - line->used ? size : JSON_LOG_LINE - line->used;
        memcpy(line->bytes + line->used, s, n);
        line->used += n, s += n, size -= n;
        if (line->used < JSON_LOG_LINE) continue;
        n = whole_characters(line->bytes, JSON_LOG_LINE);
        put_entry(log, stream, line->bytes, n, wall_ns);
        line->used -= n;
        memmove(line->bytes, line->bytes + n, line->used);
    }
}

void json_log_add(struct json_log *log, enum json_log_stream stream, const void *bytes, size_t size,
                  int64_t wall_ns) {
    const uint8_t *s = bytes, *end = s + size;
    if (log->fd < 0) return;
    while (s < end) {
        const uint8_t *newline = memchr(s, '\n', (size_t)(end - s));
        size_t n = (size_t)((newline ? newline + 1 : end) - s);
        if (newline && !log->lines[stream].used && n <= JSON_LOG_LINE) {
            put_entry(log, stream, s, n, wall_ns);
        } else {
            hold(log, stream, s, newline ? n - 1 : n, wall_ns);
            if (newline) {
                hold(log, stream, newline, 1, wall_ns);
                if (log->lines[stream].used)
                    put_entry(log, stream, log->lines[stream].bytes, log->lines[stream].used, wall_ns);
                log->lines[stream].used = 0;
            }
        }
        s += n;
    }
    if (log->used) flush(log);
}

void json_log_end(struct json_log *log, enum json_log_stream stream, int64_t wall_ns) {
    if (log->fd < 0) return;
    if (log->lines[stream].used)
        put_entry(log, stream, log->lines[stream].bytes, log->lines[stream].used, wall_ns);
    log->lines[stream].used = 0;
    if (log->used) flush(log);
}
