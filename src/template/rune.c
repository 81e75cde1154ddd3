// SPDX-License-Identifier: Apache-2.0
#include "template/rune.h"

#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

// UTF-8

uint32_t rune_decode(const char *text, size_t size, size_t *ret_bytes) {
    const unsigned char *p = (const unsigned char *)text;
    size_t n = utf8_length(p, size);
    *ret_bytes = n ? n : 1;
    if (n < 2) return n ? p[0] : RUNE_ERROR;
    uint32_t rune = p[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) rune = rune << 6 | (p[i] & 0x3F);
    return rune;
}

void rune_add(struct str *out, uint32_t rune) {
    char bytes[4];
    str_add_n(out, bytes, utf8_put(bytes, rune));
}

size_t rune_prefix(const char *text, size_t size, size_t runes) {
    size_t at = 0, bytes;
    for (; at < size && runes; runes--) {
        rune_decode(text + at, size - at, &bytes);
        at += bytes;
    }
    return at;
}

size_t rune_count(const char *text, size_t size) {
    size_t count = 0, bytes;
    for (size_t at = 0; at < size; at += bytes, count++) rune_decode(text + at, size - at, &bytes);
    return count;
}

// Classes

struct range {
    uint32_t first, last;
};

static bool within(const struct range *ranges, size_t count, uint32_t rune) {
    for (size_t i = 0; i < count; i++)
        if (rune >= ranges[i].first && rune <= ranges[i].last) return true;
    return false;
}

bool rune_printable(uint32_t rune) {
    // Controls, spaces other than ' ', marks of direction, surrogates, private use, what is no character.
    static const struct range not [] = {
        {0x80, 0xA0},     {0xAD, 0xAD},     {0x61C, 0x61C},     {0x1680, 0x1680},
        {0x180E, 0x180E}, {0x2000, 0x200F}, {0x2028, 0x202F},   {0x205F, 0x206F},
        {0x3000, 0x3000}, {0xD800, 0xF8FF}, {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},
        {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE00FF}, {0xF0000, 0x10FFFF}};
    if (rune < 0x80) return rune >= 0x20 && rune < 0x7F;
    return !within(not, ARRAY_SIZE(not ), rune) && (rune & 0xFFFE) != 0xFFFE;
}

bool rune_in_word(uint32_t rune) {
    static const struct range not [] = {
        {0xA1, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB9},      {0xBB, 0xBF},     {0xD7, 0xD7},
        {0xF7, 0xF7},     {0x300, 0x36F},   {0x2010, 0x2070},  {0x207A, 0x207E}, {0x20A0, 0x2101},
        {0x2190, 0x2BFF}, {0x2E00, 0x2E2E}, {0x3001, 0x3004},  {0x3008, 0x3020}, {0xFE10, 0xFE6F},
        {0xFF01, 0xFF0F}, {0xFFFC, 0xFFFD}, {0x1F000, 0x1FAFF}};
    if (rune < 0x80) return isalnum((int)rune) || rune == '_';
    return rune_printable(rune) && !within(not, ARRAY_SIZE(not ), rune);
}

static uint32_t lower_by(uint32_t rune) {
    if (rune >= 'A' && rune <= 'Z') return 32;
    if (rune >= 0xC0 && rune <= 0xDE && rune != 0xD7) return 32;
    if (rune >= 0x391 && rune <= 0x3A9 && rune != 0x3A2) return 32;
    if (rune >= 0x410 && rune <= 0x42F) return 32;
    return rune >= 0x400 && rune <= 0x40F ? 80 : 0;
}

uint32_t rune_lower(uint32_t rune) {
    return rune + lower_by(rune);
}

uint32_t rune_upper(uint32_t rune) {
    if (rune >= 32 && lower_by(rune - 32) == 32) return rune - 32;
    return rune >= 80 && lower_by(rune - 80) == 80 ? rune - 80 : rune;
}

// Quoting

static void add_escaped(struct str *out, uint32_t rune, char quote, bool ascii) {
    static const char letters[] = {
        ['\a'] = 'a', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\v'] = 'v'};
    if (rune == (unsigned char)quote || rune == '\\')
        str_printf(out, "\\%c", (char)rune);
    else if (rune_printable(rune) && (rune < 0x80 || !ascii))
        rune_add(out, rune);
    else if (rune < sizeof letters && letters[rune])
        str_printf(out, "\\%c", letters[rune]);
    else
        str_printf(out, rune < 0x80 ? "\\x%02x" : rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
}

void rune_quote(struct str *out, const char *text, size_t size, char quote, bool ascii) {
    size_t bytes;
    str_add_char(out, quote);
    for (size_t at = 0; at < size; at += bytes) {
        uint32_t rune = rune_decode(text + at, size - at, &bytes);
        if (rune == RUNE_ERROR && bytes == 1)
            str_printf(out, "\\x%02x", (unsigned char)text[at]);
        else
            add_escaped(out, rune, quote, ascii);
    }
    str_add_char(out, quote);
}

void rune_quote_one(struct str *out, uint32_t rune, bool ascii) {
    if (rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) rune = RUNE_ERROR;
    str_add_char(out, '\'');
    add_escaped(out, rune, '\'', ascii);
    str_add_char(out, '\'');
}

// Unquoting

static int digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

// So many digits of a base; -1.
static int64_t digits(const char **p, const char *end, size_t count, int base) {
    int64_t value = 0;
    for (size_t i = 0; i < count; i++, (*p)++) {
        if (*p == end || digit(**p) >= base) return -1;
        value = value * base + digit(**p);
    }
    return value;
}

// A character, or an escape: \xNN and \NNN are bytes.
static int unescape(const char **p, const char *end, char quote, uint32_t *ret_rune, bool *ret_byte) {
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    size_t bytes;
    *ret_byte = false;
    if (**p != '\\') {
        *ret_rune = rune_decode(*p, (size_t)(end - *p), &bytes);
        *ret_byte = *ret_rune == RUNE_ERROR && bytes == 1;
        if (*ret_byte) *ret_rune = (unsigned char)**p;
        *p += bytes;
        return 0;
    }
    if (++*p == end) return -EINVAL;
    char c = *(*p)++;
    const char *letter = strchr(from, c);
    int64_t value = -1;
    if (c && letter) value = (unsigned char)to[letter - from];
    if (c == quote) value = (unsigned char)c;
    if (c == 'x') value = digits(p, end, 2, 16);
    if (c == 'u') value = digits(p, end, 4, 16);
    if (c == 'U') value = digits(p, end, 8, 16);
    if (c >= '0' && c <= '7') {
        --*p;
        value = digits(p, end, 3, 8);
        if (value > 255) return -EINVAL;
    }
    *ret_byte = c == 'x' || (c >= '0' && c <= '7');
    if (value < 0 || value > 0x10FFFF || (!*ret_byte && value >= 0xD800 && value < 0xE000)) return -EINVAL;
    *ret_rune = (uint32_t)value;
    return 0;
}

static int unquote_raw(const char *text, size_t size, struct str *out) {
    for (size_t i = 1; i + 1 < size; i++)
        if (text[i] != '\r') str_add_char(out, text[i]);
    return 0;
}

int rune_unquote(const char *text, size_t size, struct str *out) {
    if (size < 2 || text[size - 1] != text[0]) return -EINVAL;
    if (text[0] == '`') return unquote_raw(text, size, out);
    const char *p = text + 1, *end = text + size - 1;
    while (p < end) {
        uint32_t rune;
        bool byte;
        if (*p == '"' || *p == '\n' || unescape(&p, end, '"', &rune, &byte) < 0) return -EINVAL;
        if (byte)
            str_add_char(out, (char)rune);
        else
            rune_add(out, rune);
    }
    return 0;
}

int rune_unquote_one(const char *text, size_t size, uint32_t *ret_rune) {
    const char *p = text + 1, *end = text + size - 1;
    uint32_t rune;
    bool byte;
    if (size < 3 || text[0] != '\'' || *end != '\'' || *p == '\'') return -EINVAL;
    if (unescape(&p, end, '\'', &rune, &byte) < 0) return -EINVAL;
    if (p != end) return -ERANGE;
    *ret_rune = rune;
    return 0;
}
