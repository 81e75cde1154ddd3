// SPDX-License-Identifier: Apache-2.0
// A template's words.
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
    TOKEN_ERROR, // text is what is wrong
    TOKEN_END_OF_TEXT,
    TOKEN_TEXT, // outside of actions
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_SPACE,
    TOKEN_CHARACTER, // punctuation: ','
    TOKEN_ASSIGN,    // =
    TOKEN_DECLARE,   // :=
    TOKEN_PIPE,
    TOKEN_LEFT,  // (
    TOKEN_RIGHT, // )
    TOKEN_FLAG,  // true, false
    TOKEN_RUNE,  // 'x'
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_RAW_STRING,
    TOKEN_IDENTIFIER,
    TOKEN_FIELD,    // .x
    TOKEN_VARIABLE, // $x
    // Keywords; messages show them as <if>
    TOKEN_DOT,
    TOKEN_NIL,
    TOKEN_BLOCK,
    TOKEN_BREAK,
    TOKEN_CONTINUE,
    TOKEN_DEFINE,
    TOKEN_ELSE,
    TOKEN_END,
    TOKEN_IF,
    TOKEN_RANGE,
    TOKEN_TEMPLATE,
    TOKEN_WITH,
};

struct token {
    enum token_kind kind;
    const char *text; // in the template, but for errors
    size_t size;
    size_t position; // where it begins
    int line;
};

struct lexer {
    struct arena *arena; // for messages
    const char *text;
    size_t size, position;
    int line, depth; // of parentheses
    bool inside;     // an action
    bool trim;       // the text that follows begins after its spaces
    bool failed;     // after an error there is nothing more
};

struct token lexer_next(struct lexer *lexer);
