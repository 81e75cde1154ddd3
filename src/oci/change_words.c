// SPDX-License-Identifier: Apache-2.0
#include "oci/change_words.h"

#include "base/str.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 16 // of ${A:-${B:-…}}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

// Where the word ends.
static const char *word_end(const char *p) {
    for (char quote = 0; *p && (quote || !is_space(*p)); p++) {
        if (*p == '\\' && quote != '\'' && p[1])
            p++;
        else if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? 0 : *p;
    }
    return p;
}

void change_words_split(struct arena *arena, const char *text, struct strings *ret_words) {
    for (const char *p = text;;) {
        while (is_space(*p)) p++;
        if (!*p) return;
        const char *end = word_end(p);
        strings_add(arena, ret_words, arena_strndup(arena, p, (size_t)(end - p)));
        p = end;
    }
}

// Expanding

struct expansion {
    const char *at;
    const struct strings *env;
    struct arena *arena;
    unsigned depth;
    struct err *err;
};

static int fail(struct expansion *x, const char *what) {
    return err_set(x->err, ERR_INVALID, 0, "%s", what);
}

static const char *env_find(const struct strings *env, const char *name, size_t length) {
    for (size_t i = 0; i < env->count; i++)
        if (!strncmp(env->items[i], name, length) && env->items[i][length] == '=')
            return env->items[i] + length + 1;
    return NULL;
}

// A name, or one of the shell's own of one character or of digits.
static size_t name_length(const char *p) {
    size_t n = 0;
    if (isalpha((unsigned char)*p) || *p == '_') {
        while (isalnum((unsigned char)p[n]) || p[n] == '_') n++;
        return n;
    }
    while (isdigit((unsigned char)p[n])) n++;
    return n ? n : *p && strchr("@*#?-$!", *p) ? 1 : 0;
}

static int expand_until(struct expansion *x, char stop, struct str *out);

// After "${NAME": what comes up to the brace.
static int expand_modified(struct expansion *x, const char *name, size_t length, struct str *out) {
    const char *value = env_find(x->env, name, length);
    bool colon = *x->at == ':';
    if (colon) x->at++;
    char how = *x->at;
    if (how == '}' && !colon) return x->at++, str_add(out, value ? value : ""), 0;
    if (!how || !strchr("-+?", how))
        return fail(x, "a variable's name in braces is followed by what hoy does not know");
    x->at++;
    _cleanup_(str_finish) struct str word = {0};
    if (++x->depth > DEPTH_MAX) return fail(x, "braces are nested too deep");
    if (expand_until(x, '}', &word)) return -1;
    x->depth--;
    if (*x->at != '}') return fail(x, "a variable's closing brace is missing");
    x->at++;
    bool set = value && (!colon || *value);
    if (how == '?' && !set)
        return err_set(x->err, ERR_INVALID, 0, "%.*s: %s", (int)length, name,
                       word.len ? str_get(&word) : "not allowed to be unset");
    str_add(out, how == '+' ? (set ? str_get(&word) : "") : set ? value : str_get(&word));
    return 0;
}

static int expand_dollar(struct expansion *x, struct str *out) {
    x->at++;
    bool brace = *x->at == '{';
    const char *name = x->at + brace;
    size_t length = name_length(name);
    if (brace && !length) return fail(x, "bad substitution: braces without a variable's name");
    x->at = name + length;
    if (brace) return expand_modified(x, name, length, out);
    const char *value = length ? env_find(x->env, name, length) : "$";
    str_add(out, value ? value : "");
    return 0;
}

static int expand_single(struct expansion *x, struct str *out) {
    const char *end = strchr(++x->at, '\'');
    if (!end) return fail(x, "unexpected end of statement while looking for matching single-quote");
    str_add_n(out, x->at, (size_t)(end - x->at));
    x->at = end + 1;
    return 0;
}

static int expand_double(struct expansion *x, struct str *out) {
    for (x->at++; *x->at != '"';) {
        if (!*x->at) return fail(x, "unexpected end of statement while looking for matching double-quote");
        if (*x->at == '$') {
            if (expand_dollar(x, out)) return -1;
            continue;
        }
        if (*x->at == '\\' && x->at[1] && strchr("\"$\\", x->at[1])) x->at++;
        str_add_char(out, *x->at++);
    }
    x->at++;
    return 0;
}

static int expand_until(struct expansion *x, char stop, struct str *out) {
    while (*x->at && *x->at != stop) {
        int r = 0;
        switch (*x->at) {
        case '\'': r = expand_single(x, out); break;
        case '"': r = expand_double(x, out); break;
        case '$': r = expand_dollar(x, out); break;
        case '\\':
            if (!*++x->at) break;
            __attribute__((fallthrough));
        default: str_add_char(out, *x->at++);
        }
        if (r) return -1;
    }
    return 0;
}

int change_word_expand(struct arena *arena, const char *word, const struct strings *env,
                       const char **ret_text, struct err *err) {
    struct expansion x = {.at = word, .env = env, .arena = arena, .err = err};
    _cleanup_(str_finish) struct str text = {0};
    if (expand_until(&x, 0, &text)) return err_wrap(err, "failed to process \"%.200s\"", word);
    *ret_text = arena_strdup(arena, str_get(&text));
    return 0;
}
