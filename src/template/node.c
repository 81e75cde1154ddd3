// SPDX-License-Identifier: Apache-2.0
#include "template/node.h"

#include "template/rune.h"

#include <string.h>

static void write_all(const struct node *node, const char *between, struct str *out) {
    for (const struct node *n = node; n; n = n->next) {
        if (n != node) str_add(out, between);
        bool parentheses = n->kind == NODE_PIPE;
        if (parentheses) str_add_char(out, '(');
        node_write(n, out);
        if (parentheses) str_add_char(out, ')');
    }
}

static void write_names(const struct node *node, struct str *out) {
    for (size_t i = 0; i < node->names.count; i++) {
        if (i || node->kind != NODE_VARIABLE) str_add_char(out, '.');
        str_add(out, node->names.items[i]);
    }
}

static void write_pipe(const struct node *node, struct str *out) {
    write_all(node->variables, ", ", out);
    if (node->variables) str_add(out, node->assigns ? " = " : " := ");
    write_all(node->first, " | ", out);
}

static void write_template(const struct node *node, struct str *out) {
    str_add(out, "{{template ");
    rune_quote(out, node->text, strlen(node->text), '"', false);
    if (node->first) str_add_char(out, ' ');
    if (node->first) node_write(node->first, out);
    str_add(out, "}}");
}

void node_write(const struct node *node, struct str *out) {
    switch (node->kind) {
    case NODE_PIPE: return write_pipe(node, out);
    case NODE_COMMAND: return write_all(node->first, " ", out);
    case NODE_TEMPLATE: return write_template(node, out);
    case NODE_CHAIN: write_all(node->first, "", out); return write_names(node, out);
    case NODE_FIELD:
    case NODE_VARIABLE: return write_names(node, out);
    case NODE_END: return str_add(out, "{{end}}");
    case NODE_ELSE: return str_add(out, "{{else}}");
    case NODE_ACTION: return node_write(node->first, out);
    default: return str_add(out, node->text ? node->text : "");
    }
}
