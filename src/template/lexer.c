// SPDX-License-Identifier: Apache-2.0
// As text/template/parse/lex.go reads, message by message. "{{- " takes the spaces before it away, " -}}"
// those after it.
#include "template/lexer.h"

#include "base/str.h"
#include "template/rune.h"

#include <string.h>

#define SPACES " \t\r\n"

static bool is_space(char c) {
    return c && strchr(SPACES, c);
}

static size_t left(const struct lexer *lexer) {
    return lexer->size - lexer->position;
}

// The byte so far ahead, 0 at the end.
static char ahead(const struct lexer *lexer, size_t n) {
    return n < left(lexer) ? lexer->text[lexer->position + n] : 0;
}

static bool at(const struct lexer *lexer, const char *word) {
    size_t n = strlen(word);
    return left(lexer) >= n && !memcmp(lexer->text + lexer->position, word, n);
}

static uint32_t peek(const struct lexer *lexer, size_t *ret_bytes) {
    *ret_bytes = 0;
    return left(lexer) ? rune_decode(lexer->text + lexer->position, left(lexer), ret_bytes) : 0;
}

static void skip_word(struct lexer *lexer) {
    size_t bytes;
    while (rune_in_word(peek(lexer, &bytes))) lexer->position += bytes;
}

static size_t find(const struct lexer *lexer, const char *word) {
    const char *found = memmem(lexer->text + lexer->position, left(lexer), word, strlen(word));
    return found ? (size_t)(found - lexer->text) : SIZE_MAX;
}

static struct token token(struct lexer *lexer, enum token_kind kind, size_t start) {
    struct token t = {kind, lexer->text + start, lexer->position - start, start, lexer->line};
    for (size_t i = 0; i < t.size; i++) lexer->line += t.text[i] == '\n';
    return t;
}

static struct token fail(struct lexer *lexer, size_t start, const char *message) {
    lexer->failed = true;
    return (struct token){TOKEN_ERROR, message, strlen(message), start, lexer->line};
}

// "U+007D '}'"
static struct token fail_at(struct lexer *lexer, size_t start, const char *message) {
    _cleanup_(str_finish) struct str text = {0};
    size_t bytes;
    bool end = !left(lexer);
    uint32_t rune = peek(lexer, &bytes);
    str_printf(&text, "%s U+%04X", message, end ? 0xFFFFFFFFu : rune);
    if (!end && rune_printable(rune)) {
        str_add(&text, " '");
        rune_add(&text, rune);
        str_add_char(&text, '\'');
    }
    return fail(lexer, start, arena_strdup(lexer->arena, str_get(&text)));
}

// What may come after a word.
static bool terminated(const struct lexer *lexer) {
    char c = ahead(lexer, 0);
    return !left(lexer) || (c && strchr(SPACES ".,|:)(", c)) || at(lexer, "}}");
}

// Outside

static void skip_spaces(struct lexer *lexer) {
    while (is_space(ahead(lexer, 0))) lexer->line += lexer->text[lexer->position++] == '\n';
}

static bool trims_right(const struct lexer *lexer) {
    return is_space(ahead(lexer, 0)) && ahead(lexer, 1) == '-' && ahead(lexer, 2) == '}' &&
           ahead(lexer, 3) == '}';
}

// Is a space for those outside.
static struct token comment(struct lexer *lexer) {
    size_t start = lexer->position;
    lexer->position += 2;
    size_t end = find(lexer, "*/");
    if (end == SIZE_MAX) return fail(lexer, start, "unclosed comment");
    lexer->position = end + 2;
    bool trim = trims_right(lexer);
    if (!trim && !at(lexer, "}}")) return fail(lexer, start, "comment ends before closing delimiter");
    lexer->position += trim ? 4 : 2;
    lexer->trim = trim;
    return token(lexer, TOKEN_SPACE, start);
}

static struct token open(struct lexer *lexer) {
    size_t start = lexer->position;
    lexer->position += 2;
    bool trim = ahead(lexer, 0) == '-' && is_space(ahead(lexer, 1));
    size_t skip = trim ? 2 : 0;
    if (ahead(lexer, skip) == '/' && ahead(lexer, skip + 1) == '*') {
        for (; skip; skip--) lexer->line += lexer->text[lexer->position++] == '\n';
        return comment(lexer);
    }
    struct token t = token(lexer, TOKEN_OPEN, start);
    for (; skip; skip--) lexer->line += lexer->text[lexer->position++] == '\n';
    lexer->inside = true;
    lexer->depth = 0;
    return t;
}

static struct token text(struct lexer *lexer) {
    if (lexer->trim) skip_spaces(lexer);
    lexer->trim = false;
    size_t start = lexer->position, next = find(lexer, "{{");
    if (next == start) return open(lexer);
    lexer->position = next == SIZE_MAX ? lexer->size : next;
    if (lexer->position == start) return token(lexer, TOKEN_END_OF_TEXT, start);
    struct token t = token(lexer, TOKEN_TEXT, start);
    bool trim = next != SIZE_MAX && ahead(lexer, 2) == '-' && is_space(ahead(lexer, 3));
    while (trim && t.size && is_space(t.text[t.size - 1])) t.size--;
    return t.size ? t : open(lexer);
}

// Inside

static struct token close(struct lexer *lexer) {
    lexer->trim = is_space(ahead(lexer, 0));
    if (lexer->trim)
        for (int i = 0; i < 2; i++) lexer->line += lexer->text[lexer->position++] == '\n';
    lexer->position += 2;
    lexer->inside = false;
    return token(lexer, TOKEN_CLOSE, lexer->position - 2);
}

static struct token space(struct lexer *lexer) {
    size_t start = lexer->position;
    while (is_space(ahead(lexer, 0)) && !trims_right(lexer)) lexer->position++;
    return token(lexer, TOKEN_SPACE, start);
}

static struct token quoted(struct lexer *lexer, enum token_kind kind, char quote, const char *unclosed) {
    size_t start = lexer->position++;
    for (;; lexer->position++) {
        char c = ahead(lexer, 0);
        bool raw = quote == '`';
        if (!left(lexer) || (c == '\n' && !raw)) return fail(lexer, start, unclosed);
        if (c == quote) break;
        if (c != '\\' || raw) continue;
        lexer->position++;
        if (!left(lexer) || ahead(lexer, 0) == '\n') return fail(lexer, start, unclosed);
    }
    lexer->position++;
    return token(lexer, kind, start);
}

static bool accept(struct lexer *lexer, const char *set) {
    if (!ahead(lexer, 0) || !strchr(set, ahead(lexer, 0))) return false;
    lexer->position++;
    return true;
}

// Generously: what it means is found out later.
static bool scan_number(struct lexer *lexer) {
    const char *digits = "0123456789_", *exponent = "eE";
    size_t bytes;
    accept(lexer, "+-");
    if (accept(lexer, "0")) {
        if (accept(lexer, "xX"))
            digits = "0123456789abcdefABCDEF_", exponent = "pP";
        else if (accept(lexer, "oO"))
            digits = "01234567_", exponent = NULL;
        else if (accept(lexer, "bB"))
            digits = "01_", exponent = NULL;
    }
    while (accept(lexer, digits)) {}
    if (accept(lexer, "."))
        while (accept(lexer, digits)) {}
    if (exponent && accept(lexer, exponent)) {
        accept(lexer, "+-");
        while (accept(lexer, "0123456789_")) {}
    }
    accept(lexer, "i");
    if (!rune_in_word(peek(lexer, &bytes))) return true;
    lexer->position += bytes;
    return false;
}

static struct token number(struct lexer *lexer) {
    size_t start = lexer->position;
    bool good = scan_number(lexer);
    char sign = ahead(lexer, 0);
    if (good && (sign == '+' || sign == '-'))
        good = scan_number(lexer) && lexer->text[lexer->position - 1] == 'i';
    if (good) return token(lexer, TOKEN_NUMBER, start);
    _cleanup_(str_finish) struct str message = {0};
    str_add(&message, "bad number syntax: ");
    rune_quote(&message, lexer->text + start, lexer->position - start, '"', false);
    return fail(lexer, start, arena_strdup(lexer->arena, str_get(&message)));
}

static enum token_kind keyword(const char *word, size_t size) {
    static const struct {
        const char *word;
        enum token_kind kind;
    } words[] = {{"true", TOKEN_FLAG},     {"false", TOKEN_FLAG},  {"nil", TOKEN_NIL},
                 {"block", TOKEN_BLOCK},   {"break", TOKEN_BREAK}, {"continue", TOKEN_CONTINUE},
                 {"define", TOKEN_DEFINE}, {"else", TOKEN_ELSE},   {"end", TOKEN_END},
                 {"if", TOKEN_IF},         {"range", TOKEN_RANGE}, {"template", TOKEN_TEMPLATE},
                 {"with", TOKEN_WITH}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i].word) == size && !memcmp(words[i].word, word, size)) return words[i].kind;
    return TOKEN_IDENTIFIER;
}

static struct token word(struct lexer *lexer) {
    size_t start = lexer->position;
    skip_word(lexer);
    if (!terminated(lexer)) return fail_at(lexer, start, "bad character");
    return token(lexer, keyword(lexer->text + start, lexer->position - start), start);
}

// .x or $x; alone: the kind that it is then.
static struct token name(struct lexer *lexer, enum token_kind kind, enum token_kind alone) {
    size_t start = lexer->position++;
    if (terminated(lexer)) return token(lexer, alone, start);
    skip_word(lexer);
    if (!terminated(lexer)) return fail_at(lexer, start, "bad character");
    return token(lexer, kind, start);
}

static struct token one(struct lexer *lexer, enum token_kind kind) {
    lexer->position++;
    return token(lexer, kind, lexer->position - 1);
}

static struct token parenthesis(struct lexer *lexer, bool right) {
    lexer->depth += right ? -1 : 1;
    if (lexer->depth < 0) return fail(lexer, lexer->position, "unexpected right paren");
    return one(lexer, right ? TOKEN_RIGHT : TOKEN_LEFT);
}

static struct token inside(struct lexer *lexer) {
    size_t start = lexer->position, bytes;
    if (trims_right(lexer) || at(lexer, "}}"))
        return lexer->depth ? fail(lexer, start, "unclosed left paren") : close(lexer);
    if (!left(lexer)) return fail(lexer, start, "unclosed action");
    char c = ahead(lexer, 0), next = ahead(lexer, 1);
    if (is_space(c)) return space(lexer);
    switch (c) {
    case '=': return one(lexer, TOKEN_ASSIGN);
    case '|': return one(lexer, TOKEN_PIPE);
    case '(':
    case ')': return parenthesis(lexer, c == ')');
    case '"': return quoted(lexer, TOKEN_STRING, c, "unterminated quoted string");
    case '`': return quoted(lexer, TOKEN_RAW_STRING, c, "unterminated raw quoted string");
    case '\'': return quoted(lexer, TOKEN_RUNE, c, "unterminated character constant");
    case '$': return name(lexer, TOKEN_VARIABLE, TOKEN_VARIABLE);
    case ':':
        if (next != '=') return fail(lexer, start, "expected :=");
        lexer->position += 2;
        return token(lexer, TOKEN_DECLARE, start);
    }
    bool fraction = c == '.' && (left(lexer) == 1 || (next >= '0' && next <= '9')); // a last '.' as well
    if (c == '+' || c == '-' || (c >= '0' && c <= '9') || fraction) return number(lexer);
    if (c == '.') return name(lexer, TOKEN_FIELD, TOKEN_DOT);
    if (rune_in_word(peek(lexer, &bytes))) return word(lexer);
    if (c > ' ' && c < 0x7F) return one(lexer, TOKEN_CHARACTER);
    return fail_at(lexer, start, "unrecognized character in action:");
}

struct token lexer_next(struct lexer *lexer) {
    if (lexer->failed) return (struct token){TOKEN_END_OF_TEXT, "", 0, lexer->position, lexer->line};
    if (lexer->inside) return inside(lexer);
    struct token t;
    do t = text(lexer);
    while (t.kind == TOKEN_SPACE); // a comment
    return t;
}
