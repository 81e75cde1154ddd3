// SPDX-License-Identifier: Apache-2.0
// As text/template/exec.go does it: the tree is walked with a dot, variables live on a stack.
#include "template/node.h"
#include "template/print.h"
#include "template/rune.h"

#include <string.h>

#define DEPTH_MAX   2000      // of what is walked: lists in lists, templates in templates, parentheses
#define WORK_MAX    (1 << 20) // calls of functions, and pieces of 64 bytes that they made
#define CONTEXT_MAX 240       // of an error

struct variable {
    const char *name;
    struct value value;
};

struct execution {
    const struct template *template;
    const struct template_options *options;
    const char *definition;  // whose body it is in
    const struct node *node; // where, for messages
    struct arena *arena;
    struct {
        struct variable *items;
        size_t count;
    } variables;
    size_t first_variable; // that the definition sees
    int depth;
    size_t work;
    struct str *out;
    struct err *err;
};

enum flow { FLOW_FAILED = -1, FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

// Values that do not come out of a pipeline: what it was given from the stage before.
static const struct value no_final = {.kind = VALUE_NONE, .type = "missing"};

static bool is_final(const struct value *value) {
    return value != &no_final;
}

#define fail(e, ...) fail_(e, arena_printf((e)->arena, __VA_ARGS__))

static int fail_(struct execution *e, const char *message) {
    _cleanup_(str_finish) struct str context = {0}, name = {0};
    const char *text = e->template->text;
    size_t position = e->node->position, line = 1, start = 0;
    node_write(e->node, &context);
    if (context.len > CONTEXT_MAX) { // so that what is wrong has room
        for (context.len = CONTEXT_MAX; ((unsigned char)context.data[context.len] & 0xC0) == 0x80;)
            context.len--;
        str_add(&context, "...");
    }
    rune_quote(&name, e->definition, strlen(e->definition), '"', false);
    for (size_t i = 0; i < position; i++)
        if (text[i] == '\n') line++, start = i + 1;
    return err_set(e->err, ERR_INVALID, 0, "template: %s:%zu:%zu: executing %s at <%s>: %s",
                   e->template->name, line, position - start, str_get(&name), str_get(&context), message);
}

static const char *quoted(struct execution *e, const char *text) {
    _cleanup_(str_finish) struct str out = {0};
    rune_quote(&out, text, strlen(text), '"', false);
    return arena_strdup(e->arena, str_get(&out));
}

static const char *printed(struct execution *e, const struct value *value) {
    _cleanup_(str_finish) struct str out = {0};
    print_value(value, &out);
    return arena_strdup(e->arena, str_get(&out));
}

static const char *written(struct execution *e, const struct node *node) {
    _cleanup_(str_finish) struct str out = {0};
    node_write(node, &out);
    return arena_strdup(e->arena, str_get(&out));
}

static int enter(struct execution *e) {
    if (++e->depth <= DEPTH_MAX) return 0;
    return fail(e, "exceeded maximum template depth (%d)", DEPTH_MAX);
}

// Variables

static struct variable *find_variable(struct execution *e, const char *name) {
    for (size_t i = e->variables.count; i-- > e->first_variable;)
        if (str_eq(e->variables.items[i].name, name)) return &e->variables.items[i];
    return NULL;
}

static void push_variable(struct execution *e, const char *name, const struct value *value) {
    *arena_push(e->arena, &e->variables) = (struct variable){name, *value};
}

static int set_variable(struct execution *e, const char *name, const struct value *value) {
    struct variable *variable = find_variable(e, name);
    if (!variable) return fail(e, "undefined variable: %s", name);
    variable->value = *value;
    return 0;
}

// Fields

static int pipeline(struct execution *e, const struct value *dot, const struct node *pipe, struct value *ret);
static int argument(struct execution *e, const struct value *dot, const struct node *node, char parameter,
                    struct value *ret);
static int validate(struct execution *e, const struct value *value, char parameter, struct value *ret);

// A command's operands after the first.
struct arguments {
    const struct node *nodes;
    const struct value *final; // what stands before the bar, or &no_final
};

static size_t count_nodes(const struct node *node) {
    size_t count = 0;
    for (; node; node = node->next) count++;
    return count;
}

// All evaluated, for the parameters.
static int evaluate(struct execution *e, const struct value *dot, const struct arguments *arguments,
                    const char *parameters, struct value *ret_values) {
    size_t last = strlen(parameters) - 1, i = 0;
    for (const struct node *n = arguments->nodes; n; n = n->next, i++)
        if (argument(e, dot, n, parameters[i < last ? i : last], &ret_values[i]) < 0) return -1;
    if (!is_final(arguments->final)) return 0;
    return validate(e, arguments->final, parameters[i < last ? i : last], &ret_values[i]);
}

// What a column of .Label "com.example.some-name" is called: "some name".
static const char *label_heading(struct execution *e, const char *label) {
    const char *dot = strrchr(label, '.');
    char *heading = arena_strdup(e->arena, dot ? dot + 1 : label);
    for (char *p = heading; *p; p++)
        if (*p == '-' || *p == '_') *p = ' ';
    return heading;
}

static const char *method_text(struct execution *e, const struct value *row,
                               const struct value_method *method, const char *argument) {
    if (e->options->headings) return argument ? label_heading(e, argument) : method->heading;
    return row->row ? method->text(e->arena, row->row, argument) : "";
}

static int call_method(struct execution *e, const struct value *dot, const struct value *receiver,
                       const struct value_method *method, const struct arguments *arguments,
                       struct value *ret) {
    size_t count = count_nodes(arguments->nodes) + is_final(arguments->final);
    struct value value = {0};
    if (count != method->takes_argument)
        return fail(e, "wrong number of args for %s: want %d got %zu", method->name, method->takes_argument,
                    count);
    if (count && evaluate(e, dot, arguments, "s", &value) < 0) return -1;
    const char *text = method_text(e, receiver, method, value.text);
    *ret = value_text(text ? text : "");
    return 0;
}

static int member(struct execution *e, const struct value *receiver, const char *name, bool has_arguments,
                  struct value *ret) {
    const struct value_member *member = value_member(receiver, name, strlen(name));
    const char *type = receiver->boxed ? "interface {}" : receiver->type;
    bool map = receiver->kind == VALUE_MAP;
    if (!member && !map) return fail(e, "can't evaluate field %s in type %s", name, type);
    if (has_arguments)
        return fail(e,
                    map ? "%s is not a method but has arguments"
                        : "%s has arguments but cannot be invoked as function",
                    name);
    if (!member && e->options->missing_key_fails)
        return fail(e, "map has no entry for key %s", quoted(e, name));
    *ret = member ? member->value : value_none();
    return 0;
}

static int field(struct execution *e, const struct value *dot, const struct value *receiver, const char *name,
                 const struct arguments *arguments, struct value *ret) {
    bool has_arguments = arguments->nodes || is_final(arguments->final);
    const struct value_method *method;
    switch (receiver->kind) {
    case VALUE_NONE:
        if (e->options->missing_key_fails) return fail(e, "nil data; no entry for key %s", quoted(e, name));
        return *ret = value_none(), 0;
    case VALUE_NIL: return fail(e, "nil pointer evaluating %s.%s", receiver->type, name);
    case VALUE_ROW:
        method = value_method(receiver->row_type, name);
        if (method) return call_method(e, dot, receiver, method, arguments, ret);
        if (e->options->headings) return *ret = value_none(), 0;
        return fail(e, "can't evaluate field %s in type %s", name, receiver->type);
    default: return member(e, receiver, name, has_arguments, ret);
    }
}

// .A.B.C; the last one gets the arguments.
static int fields(struct execution *e, const struct value *dot, const struct value *receiver,
                  const char *const *names, size_t count, const struct arguments *arguments,
                  struct value *ret) {
    static const struct arguments none = {NULL, &no_final};
    struct value value = *receiver;
    for (size_t i = 0; i < count; i++)
        if (field(e, dot, &value, names[i], i + 1 < count ? &none : arguments, &value) < 0) return -1;
    *ret = value;
    return 0;
}

static int not_a_function(struct execution *e, const struct node *node, const struct arguments *arguments) {
    if (!arguments->nodes && !is_final(arguments->final)) return 0;
    return fail(e, "can't give argument to non-function %s", written(e, node));
}

static int variable(struct execution *e, const struct value *dot, const struct node *node,
                    const struct arguments *arguments, struct value *ret) {
    const struct variable *found = find_variable(e, node->names.items[0]);
    e->node = node;
    if (!found) return fail(e, "undefined variable: %s", node->names.items[0]);
    struct value value = found->value;
    if (node->names.count > 1)
        return fields(e, dot, &value, node->names.items + 1, node->names.count - 1, arguments, ret);
    if (not_a_function(e, node, arguments) < 0) return -1;
    *ret = value;
    return 0;
}

static int chain(struct execution *e, const struct value *dot, const struct node *node,
                 const struct arguments *arguments, struct value *ret) {
    struct value value;
    e->node = node;
    if (node->first->kind == NODE_NIL)
        return fail(e, "indirection through explicit nil in %s", written(e, node));
    if (argument(e, dot, node->first, 'r', &value) < 0) return -1;
    return fields(e, dot, &value, node->names.items, node->names.count, arguments, ret);
}

// Functions

// and, or: as many arguments as it takes.
static int call_logic(struct execution *e, const struct value *dot, const struct function *function,
                      const struct arguments *arguments, struct value *ret) {
    struct value value = value_none();
    bool wanted = str_eq(function->name, "or");
    for (const struct node *n = arguments->nodes; n; n = n->next) {
        if (argument(e, dot, n, 'r', &value) < 0) return -1;
        if (value_true(&value) == wanted) return *ret = value, 0;
    }
    *ret = is_final(arguments->final) ? *arguments->final : value;
    return 0;
}

// Docker's values have no functions in them.
static int call_value(struct execution *e, const struct value *dot, const struct node *whole,
                      const struct arguments *arguments) {
    struct value value = value_none();
    if (arguments->nodes && argument(e, dot, arguments->nodes, 'r', &value) < 0) return -1;
    e->node = whole;
    if (value.kind == VALUE_NONE) return fail(e, "error calling call: call of nil");
    return fail(e, "error calling call: non-function %s of type %s", written(e, arguments->nodes),
                value.type);
}

static int check_count(struct execution *e, const struct function *function, size_t nodes, size_t count) {
    size_t wanted = strlen(function->parameters) - function->variadic;
    if (function->variadic && count < wanted)
        return fail(e, "wrong number of args for %s: want at least %zu got %zu", function->name, wanted,
                    nodes);
    if (!function->variadic && count != wanted)
        return fail(e, "wrong number of args for %s: want %zu got %zu", function->name, wanted, count);
    return 0;
}

// whole: what messages show.
static int call_function(struct execution *e, const struct value *dot, const struct node *node,
                         const struct node *whole, const struct arguments *arguments, struct value *ret) {
    size_t nodes = count_nodes(arguments->nodes), count = nodes + is_final(arguments->final);
    const struct function *function = node->function;
    e->node = node;
    if (e->options->headings) function = function_of_headings(function);
    if (check_count(e, function, nodes, count) < 0) return -1;
    if (str_eq(function->name, "call")) return call_value(e, dot, whole, arguments);
    if (!function->call) return call_logic(e, dot, function, arguments, ret);
    struct value *values = arena_array(e->arena, struct value, count + 1);
    if (evaluate(e, dot, arguments, function->parameters, values) < 0) return -1;
    struct call call = {.arena = e->arena, .arguments = values, .count = count};
    int r = function->call(&call, ret);
    e->work += 1 + count;
    if (r == 0 && ret->kind == VALUE_TEXT) e->work += ret->size / 64;
    if (r == 0 && ret->kind == VALUE_LIST) e->work += ret->count;
    if (e->work > WORK_MAX) return fail(e, "it takes too much");
    if (r == 0) return 0;
    e->node = whole;
    return fail(e, "error calling %s: %s", function->name, call.message);
}

// Arguments

static int validate(struct execution *e, const struct value *value, char parameter, struct value *ret) {
    const char *type = parameter_type(parameter);
    if (parameter == 'r' || parameter == 'v') return *ret = *value, 0;
    if (value->kind == VALUE_NONE) {
        if (parameter == 'l') return *ret = value_zero(type), 0;
        return fail(e, "invalid value; expected %s", type);
    }
    if (!value_is(value, type))
        return fail(e, "wrong type for value; expected %s; got %s", type, value->type);
    *ret = *value;
    return 0;
}

static int constant(struct execution *e, const struct node *node, struct value *ret) {
    e->node = node;
    if (node->value.kind == VALUE_NONE) return fail(e, "%s overflows int", node->text);
    *ret = node->value;
    return 0;
}

static bool as_integer(const struct value *value, struct value *ret) {
    double real = value->real;
    if (value->kind == VALUE_INTEGER) return *ret = *value, true;
    if (value->kind != VALUE_REAL || real < -4e18 || real > 4e18 || (double)(int64_t)real != real)
        return false;
    return *ret = value_integer((int64_t)real), true;
}

static int literal(struct execution *e, const struct node *node, char parameter, struct value *ret) {
    e->node = node;
    if (parameter == 'l') return fail(e, "can't handle %s for arg of type []string", node->text);
    if (parameter == 's' && node->kind != NODE_STRING)
        return fail(e, "expected string; found %s", node->text);
    if (parameter == 'i')
        return node->kind == NODE_NUMBER && as_integer(&node->value, ret)
                   ? 0
                   : fail(e, "expected integer; found %s", node->text);
    return constant(e, node, ret);
}

static int argument(struct execution *e, const struct value *dot, const struct node *node, char parameter,
                    struct value *ret) {
    static const struct arguments none = {NULL, &no_final};
    struct value value = value_none();
    int r = 0;
    e->node = node;
    switch (node->kind) {
    case NODE_DOT: value = *dot; break;
    case NODE_NIL:
        if (parameter == 's' || parameter == 'i')
            return fail(e, "cannot assign nil to %s", parameter_type(parameter));
        break;
    case NODE_FIELD: r = fields(e, dot, dot, node->names.items, node->names.count, &none, &value); break;
    case NODE_VARIABLE: r = variable(e, dot, node, &none, &value); break;
    case NODE_PIPE: r = pipeline(e, dot, node, &value); break;
    case NODE_FUNCTION: r = call_function(e, dot, node, node, &none, &value); break;
    case NODE_CHAIN: r = chain(e, dot, node, &none, &value); break;
    default: return literal(e, node, parameter, ret);
    }
    return r < 0 ? -1 : validate(e, &value, parameter, ret);
}

// Pipelines

static int command(struct execution *e, const struct value *dot, const struct node *node,
                   const struct value *final, struct value *ret) {
    const struct node *first = node->first;
    struct arguments arguments = {first->next, final};
    switch (first->kind) {
    case NODE_FIELD:
        e->node = first;
        return fields(e, dot, dot, first->names.items, first->names.count, &arguments, ret);
    case NODE_CHAIN: return chain(e, dot, first, &arguments, ret);
    case NODE_FUNCTION: return call_function(e, dot, first, node, &arguments, ret);
    case NODE_VARIABLE: return variable(e, dot, first, &arguments, ret);
    case NODE_PIPE: return not_a_function(e, first, &arguments) < 0 ? -1 : pipeline(e, dot, first, ret);
    default: break;
    }
    e->node = first;
    if (not_a_function(e, first, &arguments) < 0) return -1;
    if (first->kind == NODE_NIL) return fail(e, "nil is not a command");
    if (first->kind == NODE_DOT) return *ret = *dot, 0;
    return constant(e, first, ret);
}

static int bind(struct execution *e, const struct node *pipe, const struct value *value) {
    for (const struct node *n = pipe->variables; n; n = n->next) {
        if (!pipe->assigns)
            push_variable(e, n->names.items[0], value);
        else if (set_variable(e, n->names.items[0], value) < 0)
            return -1;
    }
    return 0;
}

static int commands(struct execution *e, const struct value *dot, const struct node *pipe,
                    struct value *ret) {
    struct value value = value_none();
    const struct value *final = &no_final;
    e->node = pipe;
    if (enter(e) < 0) return -1;
    for (const struct node *n = pipe->first; n; n = n->next) {
        struct value before = value;
        if (command(e, dot, n, is_final(final) ? &before : final, &value) < 0) return -1;
        // An interface that holds nothing is no value.
        if (value.kind == VALUE_NIL && value_is(&value, "interface {}")) value = value_none();
        value.boxed = false;
        final = &value;
    }
    e->depth--;
    *ret = value;
    return 0;
}

static int pipeline(struct execution *e, const struct value *dot, const struct node *pipe,
                    struct value *ret) {
    struct value value;
    if (commands(e, dot, pipe, &value) < 0 || bind(e, pipe, &value) < 0) return -1;
    *ret = value;
    return 0;
}

// Walking

static enum flow walk_list(struct execution *e, const struct value *dot, const struct node *list);

static enum flow walk_branch(struct execution *e, const struct value *dot, const struct node *node) {
    struct value value;
    size_t mark = e->variables.count;
    if (pipeline(e, dot, node->first, &value) < 0) return FLOW_FAILED;
    enum flow flow = FLOW_ON;
    if (value_true(&value))
        flow = walk_list(e, node->kind == NODE_WITH ? &value : dot, node->then);
    else if (node->otherwise)
        flow = walk_list(e, dot, node->otherwise);
    e->variables.count = mark;
    return flow;
}

// One turn of a range.
static enum flow turn(struct execution *e, const struct node *node, const struct value *key,
                      const struct value *item) {
    const struct node *names = node->first->variables;
    size_t mark = e->variables.count;
    if (names && node->first->assigns) {
        if (set_variable(e, names->names.items[0], names->next ? key : item) < 0) return FLOW_FAILED;
        if (names->next && set_variable(e, names->next->names.items[0], item) < 0) return FLOW_FAILED;
    } else if (names) {
        e->variables.items[mark - 1].value = *item;
        if (names->next) e->variables.items[mark - 2].value = *key;
    }
    enum flow flow = walk_list(e, item, node->then);
    e->variables.count = mark;
    return flow;
}

static enum flow turn_at(struct execution *e, const struct node *node, const struct value *over,
                         size_t index) {
    struct value key = value_integer((int64_t)index);
    if (over->kind == VALUE_LIST) return turn(e, node, &key, &over->items[index]);
    if (over->kind == VALUE_INTEGER) {
        key.type = over->type;
        return turn(e, node, &key, &key);
    }
    key = value_text(over->members[index].name);
    return turn(e, node, &key, &over->members[index].value);
}

static int turns(struct execution *e, const struct node *node, const struct value *over, size_t *ret_count) {
    *ret_count = 0;
    switch (over->kind) {
    case VALUE_NONE:
    case VALUE_NIL: return 0;
    case VALUE_LIST:
    case VALUE_MAP: *ret_count = value_count(over); return 0;
    case VALUE_INTEGER:
        if (node->first->variables && node->first->variables->next)
            return fail(e, "can't use %s to iterate over more than one variable", printed(e, over));
        *ret_count = over->integer > 0 ? (size_t)over->integer : 0;
        return 0;
    default: return fail(e, "range can't iterate over %s", printed(e, over));
    }
}

static enum flow walk_range(struct execution *e, const struct value *dot, const struct node *node) {
    size_t mark = e->variables.count, count;
    struct value over;
    // What is assigned to is assigned in the turns.
    if (commands(e, dot, node->first, &over) < 0) return FLOW_FAILED;
    if (!node->first->assigns && bind(e, node->first, &over) < 0) return FLOW_FAILED;
    if (turns(e, node, &over, &count) < 0) return FLOW_FAILED;
    enum flow flow = FLOW_ON;
    for (size_t i = 0; i < count && flow != FLOW_BREAK; i++) {
        flow = turn_at(e, node, &over, i);
        if (flow == FLOW_FAILED) return flow;
    }
    flow = FLOW_ON;
    if (!count && node->otherwise) flow = walk_list(e, dot, node->otherwise);
    e->variables.count = mark;
    return flow;
}

// A template inside sees no variables but $.
static enum flow walk_template(struct execution *e, const struct value *dot, const struct node *node) {
    const struct definition *definition = template_find(e->template, node->text);
    struct value value = value_none();
    e->node = node;
    if (!definition) return (enum flow)fail(e, "template %s not defined", quoted(e, node->text));
    if (node->first && pipeline(e, dot, node->first, &value) < 0) return FLOW_FAILED;
    const char *outer = e->definition;
    size_t mark = e->variables.count, first = e->first_variable;
    e->definition = definition->name;
    e->first_variable = mark;
    push_variable(e, "$", &value);
    e->node = node;
    enum flow flow = walk_list(e, &value, definition->root);
    if (flow == FLOW_FAILED) return flow;
    e->definition = outer;
    e->first_variable = first;
    e->variables.count = mark;
    return flow;
}

static enum flow walk_action(struct execution *e, const struct value *dot, const struct node *node) {
    struct value value;
    if (pipeline(e, dot, node->first, &value) < 0) return FLOW_FAILED;
    if (!node->first->variables) print_value(&value, e->out);
    return FLOW_ON;
}

static enum flow walk(struct execution *e, const struct value *dot, const struct node *node) {
    switch (node->kind) {
    case NODE_TEXT: str_add_n(e->out, node->text, node->size); return FLOW_ON;
    case NODE_ACTION: return walk_action(e, dot, node);
    case NODE_IF:
    case NODE_WITH: return walk_branch(e, dot, node);
    case NODE_RANGE: return walk_range(e, dot, node);
    case NODE_TEMPLATE: return walk_template(e, dot, node);
    case NODE_BREAK: return FLOW_BREAK;
    case NODE_CONTINUE: return FLOW_CONTINUE;
    default: return FLOW_ON;
    }
}

static enum flow walk_list(struct execution *e, const struct value *dot, const struct node *list) {
    enum flow flow = FLOW_ON;
    if (enter(e) < 0) return FLOW_FAILED;
    for (const struct node *n = list->first; n && flow == FLOW_ON; n = n->next) {
        flow = walk(e, dot, n);
        if (flow == FLOW_FAILED) return flow;
        if (e->out->len > TEMPLATE_OUTPUT_MAX)
            return (enum flow)fail(e, "more than %u MiB come out of it", TEMPLATE_OUTPUT_MAX >> 20);
    }
    e->depth--;
    return flow;
}

int template_execute(const struct template *template, const struct value *dot,
                     const struct template_options *options, struct str *out, struct err *err) {
    static const struct template_options plain = {0};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct execution e = {.template = template,
                          .options = options ? options : &plain,
                          .definition = template->name,
                          .arena = &arena,
                          .out = out,
                          .err = err};
    push_variable(&e, "$", dot);
    const struct node *root = template_find(template, template->name)->root;
    e.node = root;
    return walk_list(&e, dot, root) == FLOW_FAILED ? -1 : 0;
}
