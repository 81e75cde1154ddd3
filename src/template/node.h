// SPDX-License-Identifier: Apache-2.0
// A template that has been read: a tree in an arena.
#pragma once

#include "template/function.h"
#include "template/template.h"
#include "template/value.h"

enum node_kind {
    NODE_LIST, // first: what follows one another
    NODE_TEXT,
    NODE_ACTION,   // first: a pipe
    NODE_IF,       // first: a pipe; then, otherwise: lists
    NODE_WITH,     // the same
    NODE_RANGE,    // the same
    NODE_TEMPLATE, // text: its name; first: a pipe or NULL
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_END,      // while reading
    NODE_ELSE,     // while reading
    NODE_PIPE,     // first: commands; variables
    NODE_COMMAND,  // first: operands
    NODE_FIELD,    // names
    NODE_VARIABLE, // names, the first one with its $
    NODE_CHAIN,    // first: a value; names
    NODE_FUNCTION,
    NODE_DOT,
    NODE_NIL,
    NODE_FLAG,
    NODE_NUMBER, // value; VALUE_NONE: too large for an int
    NODE_STRING,
};

struct node {
    enum node_kind kind;
    size_t position; // in the template's text
    struct node *next;
    struct node *first, *variables, *then, *otherwise;
    const char *text; // as it is written, or of NODE_TEMPLATE the name
    size_t size;      // of NODE_TEXT
    struct strings names;
    struct value value;
    const struct function *function;
    bool assigns; // = instead of :=
};

struct definition {
    const char *name;
    struct node *root;
};

struct template {
    const char *name, *text;
    struct {
        struct definition *items;
        size_t count;
    } definitions; // the template itself is one of them
};

// The definition of that name, or NULL.
struct definition *template_find(const struct template *template, const char *name);
// A node as text, for messages.
void node_write(const struct node *node, struct str *out);
