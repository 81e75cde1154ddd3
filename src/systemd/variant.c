// SPDX-License-Identifier: Apache-2.0
// Two walks over the same text: D-Bus wants the type before the value, and a text tells its type as it goes.
#include "systemd/variant.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8
#define TYPE_MAX  64

static const struct {
    const char *word, *type;
} type_words[] = {
    {"boolean", "b"}, {"byte", "y"},   {"int16", "n"},      {"uint16", "q"},
    {"int32", "i"},   {"uint32", "u"}, {"int64", "x"},      {"uint64", "t"},
    {"double", "d"},  {"string", "s"}, {"objectpath", "o"}, {"signature", "g"},
};

static void skip_space(const char **at) {
    while (**at == ' ' || **at == '\t' || **at == '\n') ++*at;
}

static bool take(const char **at, char c) {
    skip_space(at);
    if (**at != c) return false;
    ++*at;
    return true;
}

static size_t word_length(const char *at) {
    return strcspn(at, " \t\n,[]()");
}

static bool is_word(const char *at, const char *word) {
    return word_length(at) == strlen(word) && strncmp(at, word, strlen(word)) == 0;
}

// A type in front of a value: "uint64 " or "@as ". NULL: there is none.
static const char *take_type(const char **at, char buffer[static TYPE_MAX]) {
    skip_space(at);
    if (**at == '@') {
        size_t n = strcspn(*at, " \t\n"); // a tuple's type has parentheses
        if (n < 2 || n > TYPE_MAX) return NULL;
        memcpy(buffer, *at + 1, n - 1);
        buffer[n - 1] = '\0';
        *at += n;
        return buffer;
    }
    for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++) {
        if (!is_word(*at, type_words[i].word)) continue;
        *at += strlen(type_words[i].word);
        return type_words[i].type;
    }
    return NULL;
}

// Text between quotes of either kind, unescaped as far as a property needs it; out may be NULL.
static int take_string(const char **at, struct str *out) {
    char quote = *(*at)++;
    for (; **at && **at != quote; ++*at) {
        if (**at == '\\' && !*++*at) return -EINVAL;
        if (out) str_add_char(out, **at);
    }
    return take(at, quote) ? 0 : -EINVAL;
}

static int infer(const char **at, struct str *type, int depth);

static int infer_items(const char **at, struct str *type, char end, bool same, int depth) {
    _cleanup_(str_finish) struct str others = {0};
    for (size_t i = 0; !take(at, end); i++) {
        if (i && !take(at, ',')) return -EINVAL;
        if (i && take(at, end)) return 0; // "('a',)"
        int r = infer(at, same && i ? &others : type, depth + 1);
        if (r < 0) return r;
    }
    return 0;
}

static int infer_number(const char **at, struct str *type) {
    size_t n = word_length(*at);
    if (!n || !strchr("+-.0123456789", **at)) return -EINVAL;
    bool hex = strncmp(*at, "0x", 2) == 0;
    str_add(type, !hex && memchr(*at, '.', n) ? "d" : "i");
    *at += n;
    return 0;
}

// Adds the type of the value at *at, and goes past it.
static int infer(const char **at, struct str *type, int depth) {
    char buffer[TYPE_MAX];
    if (depth > DEPTH_MAX) return -EINVAL;
    const char *given = take_type(at, buffer);
    if (given) {
        _cleanup_(str_finish) struct str inferred = {0};
        str_add(type, given);
        return infer(at, &inferred, depth + 1);
    }
    skip_space(at);
    if (**at == '\'' || **at == '"') return str_add_char(type, 's'), take_string(at, NULL);
    if (**at == '{' || **at == '<') return -EOPNOTSUPP;
    if (take(at, '[')) {
        str_add_char(type, 'a');
        return infer_items(at, type, ']', true, depth);
    }
    if (take(at, '(')) {
        str_add_char(type, '(');
        int r = infer_items(at, type, ')', false, depth);
        str_add_char(type, ')');
        return r;
    }
    if (is_word(*at, "true") || is_word(*at, "false")) {
        *at += word_length(*at);
        str_add_char(type, 'b');
        return 0;
    }
    return infer_number(at, type);
}

// Numbers

static int append_integer(sd_bus_message *m, char type, const char *text) {
    char *end;
    bool negative = *text == '-';
    errno = 0;
    uint64_t u = strtoull(text, &end, 0);
    int64_t s = negative ? strtoll(text, NULL, 0) : (int64_t)u;
    if (errno || end == text || *end) return -EINVAL;
    static const struct {
        char type;
        int64_t min;
        uint64_t max;
    } ranges[] = {{'y', 0, UINT8_MAX},         {'n', INT16_MIN, INT16_MAX}, {'q', 0, UINT16_MAX},
                  {'i', INT32_MIN, INT32_MAX}, {'u', 0, UINT32_MAX},        {'x', INT64_MIN, INT64_MAX},
                  {'t', 0, UINT64_MAX}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (ranges[i].type != type) continue;
        if (negative ? s < ranges[i].min : u > ranges[i].max) return -ERANGE;
        return sd_bus_message_append_basic(m, type, &s); // little endian: the low bytes come first
    }
    return -EINVAL;
}

static int append_word(sd_bus_message *m, char type, const char **at) {
    char word[64];
    size_t n = word_length(*at);
    if (!n || n >= sizeof word) return -EINVAL;
    memcpy(word, *at, n);
    word[n] = '\0';
    *at += n;
    if (type == 'b') {
        int value = strcmp(word, "true") == 0;
        if (!value && strcmp(word, "false") != 0) return -EINVAL;
        return sd_bus_message_append_basic(m, type, &value);
    }
    if (type != 'd') return append_integer(m, type, word);
    char *end;
    double value = strtod(word, &end);
    return *end ? -EINVAL : sd_bus_message_append_basic(m, type, &value);
}

// Values

static int append(sd_bus_message *m, const char **at, const char *type);

// The length of the first complete type in a signature.
static size_t type_length(const char *type) {
    if (*type == 'a') return 1 + type_length(type + 1);
    if (*type != '(') return *type != '\0';
    size_t n = 1;
    while (type[n] && type[n] != ')') n += type_length(type + n);
    return n + (type[n] == ')');
}

static int append_array(sd_bus_message *m, const char **at, const char *type) {
    int r = take(at, '[') ? sd_bus_message_open_container(m, 'a', type + 1) : -EINVAL;
    for (size_t i = 0; r >= 0 && !take(at, ']'); i++) {
        if (i && !take(at, ',')) return -EINVAL;
        r = append(m, at, type + 1);
    }
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_tuple(sd_bus_message *m, const char **at, const char *type) {
    char inner[TYPE_MAX];
    size_t n = strlen(type);
    if (n < 3 || n >= sizeof inner || !take(at, '(')) return -EINVAL;
    memcpy(inner, type + 1, n - 2);
    inner[n - 2] = '\0';
    int r = sd_bus_message_open_container(m, 'r', inner);
    for (const char *item = inner; r >= 0 && *item; item += type_length(item)) {
        char one[TYPE_MAX] = "";
        if (item != inner && !take(at, ',')) return -EINVAL;
        memcpy(one, item, type_length(item));
        r = append(m, at, one);
    }
    (void)take(at, ',');
    if (r >= 0 && !take(at, ')')) return -EINVAL;
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append(sd_bus_message *m, const char **at, const char *type) {
    char ignored[TYPE_MAX];
    (void)take_type(at, ignored); // it went into type, or an item's is its array's
    skip_space(at);
    if (*type == 'a') return append_array(m, at, type);
    if (*type == '(') return append_tuple(m, at, type);
    if (!strchr("sog", *type)) return append_word(m, *type, at);
    _cleanup_(str_finish) struct str text = {0};
    if (**at != '\'' && **at != '"') return -EINVAL;
    int r = take_string(at, &text);
    return r < 0 ? r : sd_bus_message_append_basic(m, *type, str_get(&text));
}

int variant_append(sd_bus_message *m, const char *text) {
    _cleanup_(str_finish) struct str type = {0};
    const char *at = text;
    int r = infer(&at, &type, 0);
    skip_space(&at);
    if (r < 0 || *at || type.len >= TYPE_MAX) return r < 0 ? r : -EINVAL;
    const char *signature = str_get(&type);
    // "a" alone: an empty list without a type in front; and one type, not several.
    if (type_length(signature) != type.len || signature[type.len - 1] == 'a') return -EINVAL;
    at = text;
    r = sd_bus_message_open_container(m, 'v', signature);
    if (r >= 0) r = append(m, &at, signature);
    return r < 0 ? r : sd_bus_message_close_container(m);
}
