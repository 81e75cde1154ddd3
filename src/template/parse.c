// SPDX-License-Identifier: Apache-2.0
// As text/template/parse/parse.go reads, with the same looks ahead, since messages show what they found.
#include "template/lexer.h"
#include "template/node.h"
#include "template/number.h"
#include "template/rune.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 400

struct parser {
    struct arena *arena;
    struct template *template;
    struct lexer lexer;
    struct token tokens[3]; // looked at and put back, the next one last
    int peeked;
    struct strings variables;
    int ranges;      // around the position
    int action_line; // where the action began, 0 outside
    int depth;
    struct err *err;
};

// Tokens

static struct token next(struct parser *p) {
    if (p->peeked)
        p->peeked--;
    else
        p->tokens[0] = lexer_next(&p->lexer);
    return p->tokens[p->peeked];
}

static void back(struct parser *p) {
    p->peeked++;
}

static struct token peek(struct parser *p) {
    if (p->peeked) return p->tokens[p->peeked - 1];
    p->peeked = 1;
    return p->tokens[0] = lexer_next(&p->lexer);
}

static struct token next_word(struct parser *p) {
    struct token token;
    do token = next(p);
    while (token.kind == TOKEN_SPACE);
    return token;
}

static struct token peek_word(struct parser *p) {
    struct token token = next_word(p);
    back(p);
    return token;
}

static char *text_of(struct parser *p, const struct token *token) {
    return arena_strndup(p->arena, token->text, token->size);
}

// Messages

#define fail(p, ...) fail_(p, arena_printf((p)->arena, __VA_ARGS__))

static void *fail_(struct parser *p, const char *message) {
    err_set(p->err, ERR_INVALID, 0, "template: %s:%d: %s", p->template->name, p->tokens[0].line, message);
    return NULL;
}

static const char *quoted(struct parser *p, const char *text, size_t size) {
    _cleanup_(str_finish) struct str out = {0};
    rune_quote(&out, text, size, '"', false);
    return arena_strdup(p->arena, str_get(&out));
}

static const char *token_text(struct parser *p, const struct token *token) {
    if (token->kind == TOKEN_END_OF_TEXT) return "EOF";
    if (token->kind == TOKEN_ERROR) return token->text;
    if (token->kind >= TOKEN_DOT) return arena_printf(p->arena, "<%s>", text_of(p, token));
    if (token->size <= 10) return quoted(p, token->text, token->size);
    return arena_printf(p->arena, "%s...", quoted(p, token->text, rune_prefix(token->text, token->size, 10)));
}

static void *unexpected(struct parser *p, const struct token *token, const char *context) {
    if (token->kind != TOKEN_ERROR) return fail(p, "unexpected %s in %s", token_text(p, token), context);
    if (!p->action_line || p->action_line == token->line) return fail(p, "%s", token->text);
    const char *in = str_has_suffix(token->text, " action") ? "" : " in action";
    return fail(p, "%s%s started at %s:%d", token->text, in, p->template->name, p->action_line);
}

static bool expect(struct parser *p, enum token_kind kind, const char *context) {
    struct token token = next_word(p);
    if (token.kind != kind) unexpected(p, &token, context);
    return token.kind == kind;
}

// Nodes

static struct node *node_new(struct parser *p, enum node_kind kind, size_t position) {
    struct node *node = arena_new(p->arena, struct node);
    node->kind = kind;
    node->position = position;
    return node;
}

static struct node *word_node(struct parser *p, enum node_kind kind, const struct token *token) {
    struct node *node = node_new(p, kind, token->position);
    node->text = text_of(p, token);
    return node;
}

static void append(struct node *list, struct node **end, struct node *node) {
    if (*end)
        (*end)->next = node;
    else
        list->first = node;
    *end = node;
}

static struct node *pipeline(struct parser *p, const char *context, enum token_kind end);

// Operands

static int unquote(struct parser *p, const struct token *token, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    if (rune_unquote(token->text, token->size, &text) < 0) return fail(p, "invalid syntax"), -1;
    *ret = value_text_n(arena_memdup(p->arena, str_get(&text), text.len + 1), text.len);
    return 0;
}

static struct node *string(struct parser *p, const struct token *token) {
    struct node *node = word_node(p, NODE_STRING, token);
    return unquote(p, token, &node->value) < 0 ? NULL : node;
}

static struct node *rune(struct parser *p, const struct token *token) {
    struct node *node = word_node(p, NODE_NUMBER, token);
    uint32_t value;
    int r = rune_unquote_one(token->text, token->size, &value);
    if (r == -ERANGE) return fail(p, "malformed character constant: %s", node->text);
    if (r < 0) return fail(p, "invalid syntax");
    node->value = value_integer(value);
    return node;
}

static struct node *number(struct parser *p, const struct token *token) {
    struct node *node = word_node(p, NODE_NUMBER, token);
    const char *wrong = number_parse(node->text, &node->value);
    if (wrong) return fail(p, "%s: %s", wrong, quoted(p, token->text, token->size));
    return node;
}

static struct node *function(struct parser *p, const struct token *token) {
    struct node *node = word_node(p, NODE_FUNCTION, token);
    node->function = function_find(node->text);
    if (!node->function) return fail(p, "function %s not defined", quoted(p, token->text, token->size));
    return node;
}

static struct node *named(struct parser *p, enum node_kind kind, const struct token *token) {
    struct node *node = node_new(p, kind, token->position);
    strings_add(p->arena, &node->names, text_of(p, token) + (kind == NODE_FIELD));
    return node;
}

static struct node *variable(struct parser *p, const struct token *token) {
    struct node *node = named(p, NODE_VARIABLE, token);
    for (size_t i = 0; i < p->variables.count; i++)
        if (str_eq(p->variables.items[i], node->names.items[0])) return node;
    return fail(p, "undefined variable %s", quoted(p, token->text, token->size));
}

// NULL without a message where no operand begins: *ret_none.
static struct node *term(struct parser *p, bool *ret_none) {
    struct token token = next_word(p);
    switch (token.kind) {
    case TOKEN_IDENTIFIER: return function(p, &token);
    case TOKEN_DOT: return word_node(p, NODE_DOT, &token);
    case TOKEN_NIL: return word_node(p, NODE_NIL, &token);
    case TOKEN_VARIABLE: return variable(p, &token);
    case TOKEN_FIELD: return named(p, NODE_FIELD, &token);
    case TOKEN_RUNE: return rune(p, &token);
    case TOKEN_NUMBER: return number(p, &token);
    case TOKEN_LEFT: return pipeline(p, "parenthesized pipeline", TOKEN_RIGHT);
    case TOKEN_STRING:
    case TOKEN_RAW_STRING: return string(p, &token);
    case TOKEN_FLAG: {
        struct node *node = word_node(p, NODE_FLAG, &token);
        node->value = value_flag(token.size == 4);
        return node;
    }
    default: back(p); return *ret_none = true, NULL;
    }
}

static bool is_literal(const struct node *node) {
    return node->kind == NODE_FLAG || node->kind == NODE_STRING || node->kind == NODE_NUMBER ||
           node->kind == NODE_NIL || node->kind == NODE_DOT;
}

// A term with the fields that follow it.
static struct node *operand(struct parser *p, bool *ret_none) {
    struct node *node = term(p, ret_none);
    struct token field = node ? peek(p) : (struct token){0};
    if (!node || field.kind != TOKEN_FIELD) return node;
    if (is_literal(node)) {
        _cleanup_(str_finish) struct str text = {0};
        node_write(node, &text);
        return fail(p, "unexpected . after term %s", quoted(p, str_get(&text), text.len));
    }
    if (node->kind != NODE_FIELD && node->kind != NODE_VARIABLE) {
        struct node *chain = node_new(p, NODE_CHAIN, field.position);
        chain->first = node;
        node = chain;
    }
    node->position = field.position;
    for (; peek(p).kind == TOKEN_FIELD;) {
        field = next(p);
        strings_add(p->arena, &node->names, text_of(p, &field) + 1);
    }
    return node;
}

// Commands and pipelines

static struct node *command(struct parser *p) {
    struct node *node = node_new(p, NODE_COMMAND, peek_word(p).position), *end = NULL;
    for (;;) {
        bool none = false;
        peek_word(p);
        struct node *argument = operand(p, &none);
        if (!argument && !none) return NULL;
        if (argument) append(node, &end, argument);
        struct token token = next(p);
        if (token.kind == TOKEN_SPACE) continue;
        if (token.kind == TOKEN_CLOSE || token.kind == TOKEN_RIGHT)
            back(p);
        else if (token.kind != TOKEN_PIPE)
            return unexpected(p, &token, "operand");
        break;
    }
    return node->first ? node : fail(p, "empty command");
}

static void declare(struct parser *p, struct node *pipe, const struct token *token) {
    struct node *name = named(p, NODE_VARIABLE, token), **end = &pipe->variables;
    while (*end) end = &(*end)->next;
    *end = name;
    strings_add(p->arena, &p->variables, name->names.items[0]);
}

// "$x :=", "$x =", "$i, $x :=". A variable that is none of these is put back.
static int declarations(struct parser *p, struct node *pipe, const char *context) {
    for (bool again = true; again;) {
        again = false;
        struct token token = peek_word(p);
        if (token.kind != TOKEN_VARIABLE) return 0;
        next(p);
        struct token after = peek(p), word = peek_word(p);
        if (word.kind == TOKEN_ASSIGN || word.kind == TOKEN_DECLARE) {
            pipe->assigns = word.kind == TOKEN_ASSIGN;
            next_word(p);
            declare(p, pipe, &token);
        } else if (word.kind == TOKEN_CHARACTER && *word.text == ',') {
            next_word(p);
            declare(p, pipe, &token);
            if (!str_eq(context, "range") || pipe->variables->next)
                return fail(p, "too many declarations in %s", context), -1;
            enum token_kind kind = peek_word(p).kind;
            if (kind != TOKEN_VARIABLE && kind != TOKEN_CLOSE && kind != TOKEN_RIGHT)
                return fail(p, "range can only initialize variables"), -1;
            again = true;
        } else if (after.kind == TOKEN_SPACE) {
            p->tokens[1] = after; // the space, and before it the variable
            p->tokens[2] = token;
            p->peeked = 3;
        } else {
            p->tokens[1] = token;
            p->peeked = 2;
        }
    }
    return 0;
}

static struct node *check_pipeline(struct parser *p, struct node *pipe, const char *context) {
    if (!pipe->first) return fail(p, "missing value for %s", context);
    int stage = 2;
    for (const struct node *n = pipe->first->next; n; n = n->next, stage++)
        if (is_literal(n->first)) return fail(p, "non executable command in pipeline stage %d", stage);
    return pipe;
}

static bool begins_operand(enum token_kind kind) {
    return kind == TOKEN_LEFT || (kind >= TOKEN_FLAG && kind <= TOKEN_NIL);
}

static struct node *pipeline(struct parser *p, const char *context, enum token_kind end) {
    struct node *pipe = node_new(p, NODE_PIPE, peek_word(p).position), *last = NULL;
    if (++p->depth > DEPTH_MAX) return fail(p, "nested deeper than %d", DEPTH_MAX);
    if (declarations(p, pipe, context) < 0) return NULL;
    for (struct token token; (token = next_word(p)).kind != end;) {
        if (!begins_operand(token.kind)) return unexpected(p, &token, context);
        back(p);
        struct node *node = command(p);
        if (!node) return NULL;
        append(pipe, &last, node);
    }
    p->depth--;
    return check_pipeline(p, pipe, context);
}

// Control

static struct node *action(struct parser *p);

static struct node *text_or_action(struct parser *p) {
    struct token token = next_word(p);
    if (token.kind == TOKEN_TEXT) {
        struct node *node = node_new(p, NODE_TEXT, token.position);
        node->text = token.text;
        node->size = token.size;
        return node;
    }
    if (token.kind != TOKEN_OPEN) return unexpected(p, &token, "input");
    p->action_line = token.line;
    struct node *node = action(p);
    p->action_line = 0;
    return node;
}

// Up to the end or else that is not its own.
static struct node *item_list(struct parser *p, struct node **ret_stop) {
    struct node *list = node_new(p, NODE_LIST, peek_word(p).position), *end = NULL;
    while (peek_word(p).kind != TOKEN_END_OF_TEXT) {
        struct node *node = text_or_action(p);
        if (!node) return NULL;
        if (node->kind == NODE_END || node->kind == NODE_ELSE) return *ret_stop = node, list;
        append(list, &end, node);
    }
    return fail(p, "unexpected EOF");
}

static struct node *control(struct parser *p, enum node_kind kind);

static struct node *otherwise(struct parser *p, enum node_kind kind) {
    enum token_kind word = kind == NODE_IF ? TOKEN_IF : kind == NODE_WITH ? TOKEN_WITH : TOKEN_ERROR;
    struct node *stop;
    if (peek(p).kind == word) {
        next(p);
        struct node *list = node_new(p, NODE_LIST, 0);
        list->first = control(p, kind);
        return list->first ? list : NULL;
    }
    struct node *list = item_list(p, &stop);
    if (list && stop->kind != NODE_END) return fail(p, "expected end; found {{else}}");
    return list;
}

static struct node *control(struct parser *p, enum node_kind kind) {
    const char *context = kind == NODE_IF ? "if" : kind == NODE_WITH ? "with" : "range";
    size_t variables = p->variables.count;
    struct node *node = node_new(p, kind, 0), *stop;
    if (++p->depth > DEPTH_MAX) return fail(p, "nested deeper than %d", DEPTH_MAX);
    node->first = pipeline(p, context, TOKEN_CLOSE);
    if (!node->first) return NULL;
    node->position = node->first->position;
    p->ranges += kind == NODE_RANGE;
    node->then = item_list(p, &stop);
    p->ranges -= kind == NODE_RANGE;
    if (!node->then) return NULL;
    if (stop->kind == NODE_ELSE && !(node->otherwise = otherwise(p, kind))) return NULL;
    p->variables.count = variables;
    p->depth--;
    return node;
}

static struct node *jump(struct parser *p, enum node_kind kind, size_t position) {
    const char *word = kind == NODE_BREAK ? "{{break}}" : "{{continue}}";
    if (!expect(p, TOKEN_CLOSE, word)) return NULL;
    return p->ranges ? node_new(p, kind, position) : fail(p, "%s outside {{range}}", word);
}

static struct node *end_or_else(struct parser *p, enum node_kind kind) {
    enum token_kind word = kind == NODE_ELSE ? peek_word(p).kind : TOKEN_ERROR;
    bool chained = word == TOKEN_IF || word == TOKEN_WITH; // which reads on from there
    if (!chained && !expect(p, TOKEN_CLOSE, kind == NODE_END ? "end" : "else")) return NULL;
    return node_new(p, kind, 0);
}

// Templates in templates

static bool is_empty(const struct node *node) {
    if (node->kind == NODE_TEXT) {
        for (size_t i = 0; i < node->size; i++)
            if (!strchr(" \t\r\n\v\f", node->text[i])) return false;
        return true;
    }
    if (node->kind != NODE_LIST) return false;
    for (const struct node *n = node->first; n; n = n->next)
        if (!is_empty(n)) return false;
    return true;
}

static int add_definition(struct parser *p, const char *name, struct node *root) {
    struct definition *known = template_find(p->template, name);
    if (!known) *arena_push(p->arena, &p->template->definitions) = (struct definition){name, root};
    if (!known) return 0;
    if (!is_empty(known->root) && !is_empty(root))
        return fail(p, "template: multiple definition of template %s", quoted(p, name, strlen(name))), -1;
    if (is_empty(known->root)) known->root = root;
    return 0;
}

// A body has variables and ranges of its own.
static int definition(struct parser *p, const char *name, const char *context) {
    struct strings outer = p->variables;
    int ranges = p->ranges, line = p->action_line;
    struct node *stop;
    p->variables = (struct strings){0};
    strings_add(p->arena, &p->variables, "$");
    p->ranges = p->action_line = 0;
    if (++p->depth > DEPTH_MAX) return fail(p, "nested deeper than %d", DEPTH_MAX), -1;
    struct node *root = item_list(p, &stop);
    if (!root) return -1;
    if (stop->kind != NODE_END) return fail(p, "unexpected {{else}} in %s", context), -1;
    p->depth--;
    p->variables = outer;
    p->ranges = ranges;
    p->action_line = line;
    return add_definition(p, name, root);
}

static struct node *template_name(struct parser *p, const char *context) {
    struct token token = next_word(p);
    if (token.kind != TOKEN_STRING && token.kind != TOKEN_RAW_STRING) return unexpected(p, &token, context);
    struct node *node = node_new(p, NODE_TEMPLATE, token.position);
    if (unquote(p, &token, &node->value) < 0) return NULL;
    node->text = node->value.text;
    return node;
}

static struct node *call_template(struct parser *p) {
    static const char context[] = "template clause";
    struct node *node = template_name(p, context);
    if (!node || next_word(p).kind == TOKEN_CLOSE) return node;
    back(p);
    node->first = pipeline(p, context, TOKEN_CLOSE);
    return node->first ? node : NULL;
}

static struct node *block(struct parser *p) {
    static const char context[] = "block clause";
    struct node *node = template_name(p, context);
    if (!node || !(node->first = pipeline(p, context, TOKEN_CLOSE))) return NULL;
    return definition(p, node->text, context) < 0 ? NULL : node;
}

static int define(struct parser *p) {
    static const char context[] = "define clause";
    struct node *name = template_name(p, context);
    if (!name || !expect(p, TOKEN_CLOSE, context)) return -1;
    return definition(p, name->text, context);
}

static struct node *action(struct parser *p) {
    struct token token = next_word(p);
    switch (token.kind) {
    case TOKEN_BLOCK: return block(p);
    case TOKEN_BREAK: return jump(p, NODE_BREAK, token.position);
    case TOKEN_CONTINUE: return jump(p, NODE_CONTINUE, token.position);
    case TOKEN_ELSE: return end_or_else(p, NODE_ELSE);
    case TOKEN_END: return end_or_else(p, NODE_END);
    case TOKEN_IF: return control(p, NODE_IF);
    case TOKEN_RANGE: return control(p, NODE_RANGE);
    case TOKEN_TEMPLATE: return call_template(p);
    case TOKEN_WITH: return control(p, NODE_WITH);
    default: break;
    }
    back(p);
    struct node *node = node_new(p, NODE_ACTION, peek(p).position);
    node->first = pipeline(p, "command", TOKEN_CLOSE);
    return node->first ? node : NULL;
}

// The whole

// Of "{{define" the first half is read: true when it was one, and else nothing was.
static bool at_define(struct parser *p) {
    struct token open = next(p), word = next_word(p);
    if (word.kind == TOKEN_DEFINE) return true;
    p->tokens[0] = word;
    p->tokens[1] = open;
    p->peeked = 2;
    return false;
}

static struct node *top(struct parser *p) {
    struct node *list = node_new(p, NODE_LIST, 0), *end = NULL;
    while (peek(p).kind != TOKEN_END_OF_TEXT) {
        if (peek(p).kind == TOKEN_OPEN && at_define(p)) {
            if (define(p) < 0) return NULL;
            continue;
        }
        struct node *node = text_or_action(p);
        if (!node) return NULL;
        if (node->kind == NODE_END) return fail(p, "unexpected {{end}}");
        if (node->kind == NODE_ELSE) return fail(p, "unexpected {{else}}");
        append(list, &end, node);
    }
    return list;
}

struct definition *template_find(const struct template *template, const char *name) {
    for (size_t i = 0; i < template->definitions.count; i++)
        if (str_eq(template->definitions.items[i].name, name)) return &template->definitions.items[i];
    return NULL;
}

int template_parse(struct arena *arena, const char *name, const char *text,
                   const struct template **ret_template, struct err *err) {
    struct template *template = arena_new(arena, struct template);
    template->name = name;
    template->text = text;
    struct parser p = {
        .arena = arena,
        .template = template,
        .lexer = {.arena = arena, .text = text, .size = strlen(text), .line = 1},
        .err = err,
    };
    strings_add(arena, &p.variables, "$");
    struct node *root = top(&p);
    if (!root || add_definition(&p, name, root) < 0) return -1;
    *ret_template = template;
    return 0;
}
