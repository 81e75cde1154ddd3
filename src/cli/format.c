// SPDX-License-Identifier: Apache-2.0
// The template is executed while it is read: there is no tree. A part that is not wanted (the other branch of
// an if) is read without being evaluated, and a range reads its body once for every item.
#include "cli/format.h"

#include "base/arena.h"
#include "base/str.h"
#include "base/table.h"
#include "cli/value.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX     32
#define VARIABLES_MAX 16

struct variable {
    const char *name;
    size_t length;
    struct value value;
};

struct template {
    struct arena *arena;
    const char *text; // whole, for messages
    const char *p;
    struct value root;
    struct str *out;
    struct err *err;
    struct variable variables[VARIABLES_MAX];
    size_t variable_count;
    int depth;
};

static int fail(struct template *t, const char *what) {
    return err_set(t->err, ERR_INVALID, 0, "the template '%s': %s", t->text, what);
}

// Words of an action

static void skip_space(struct template *t) {
    while (isspace((unsigned char)*t->p)) t->p++;
}

// Where "}}" or "-}}" begins, or the end of the text.
static bool at_end(struct template *t) {
    skip_space(t);
    return !*t->p || !strncmp(t->p, "}}", 2) || !strncmp(t->p, "-}}", 3);
}

static int end_action(struct template *t) {
    if (!at_end(t)) return fail(t, arena_printf(t->arena, "unexpected '%s'", t->p));
    if (!*t->p) return fail(t, "an action is not closed by }}");
    bool trim = *t->p == '-';
    t->p += trim ? 3 : 2;
    if (trim) skip_space(t);
    return 0;
}

static size_t word_length(const char *p) {
    size_t n = 0;
    while (isalnum((unsigned char)p[n]) || p[n] == '_') n++;
    return n;
}

static bool take_word(struct template *t, const char *word) {
    skip_space(t);
    size_t n = strlen(word);
    if (strncmp(t->p, word, n) != 0 || word_length(t->p) > n) return false;
    t->p += n;
    return true;
}

// Expressions

static int pipeline(struct template *t, const struct value *dot, struct value *ret);

// .a.b after a value; the position is at a dot or it is the value itself.
static int fields(struct template *t, struct value value, struct value *ret) {
    while (*t->p == '.') {
        t->p++;
        size_t n = word_length(t->p);
        if (!n) break; // "." alone
        const char *name = arena_strndup(t->arena, t->p, n);
        if (!value_field(&value, name, &value))
            return fail(t, arena_printf(t->arena, "there is no field .%s", name));
        t->p += n;
    }
    *ret = value;
    return 0;
}

static int variable(struct template *t, struct value *ret) {
    size_t n = word_length(++t->p);
    const char *name = t->p;
    t->p += n;
    if (!n) return fields(t, t->root, ret);
    for (size_t i = t->variable_count; i-- > 0;)
        if (t->variables[i].length == n && !memcmp(t->variables[i].name, name, n))
            return fields(t, t->variables[i].value, ret);
    return fail(t, arena_printf(t->arena, "there is no variable $%.*s", (int)n, name));
}

static int literal(struct template *t, struct value *ret) {
    _cleanup_(str_finish) struct str text = {0};
    char quote = *t->p++;
    for (; *t->p && *t->p != quote; t->p++) {
        char c = *t->p;
        if (quote == '"' && c == '\\' && t->p[1]) {
            c = *++t->p;
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
        }
        str_add_char(&text, c);
    }
    if (!*t->p++) return fail(t, "a quote is not closed");
    *ret = value_text(arena_strdup(t->arena, str_get(&text)));
    return 0;
}

static int operand(struct template *t, const struct value *dot, struct value *ret) {
    skip_space(t);
    if (*t->p == '.') return fields(t, *dot, ret);
    if (*t->p == '$') return variable(t, ret);
    if (*t->p == '"' || *t->p == '`') return literal(t, ret);
    if (isdigit((unsigned char)*t->p) || (*t->p == '-' && isdigit((unsigned char)t->p[1]))) {
        const char *start = t->p++;
        while (isdigit((unsigned char)*t->p)) t->p++;
        int64_t number;
        if (parse_i64(arena_strndup(t->arena, start, (size_t)(t->p - start)), &number) < 0)
            return fail(t, "a number is out of range");
        return *ret = value_number(number), 0;
    }
    if (*t->p == '(') {
        t->p++;
        if (pipeline(t, dot, ret) < 0) return -1;
        skip_space(t);
        if (*t->p != ')') return fail(t, "a parenthesis is not closed");
        t->p++;
        return fields(t, *ret, ret);
    }
    if (take_word(t, "true")) return *ret = value_flag(true), 0;
    if (take_word(t, "false")) return *ret = value_flag(false), 0;
    return fail(t, arena_printf(t->arena, "can't make sense of '%s'", t->p));
}

static bool at_command_end(struct template *t) {
    return at_end(t) || *t->p == '|' || *t->p == ')';
}

// A function with its arguments, or a value. piped: what stood before the bar, the last argument.
static int command(struct template *t, const struct value *dot, const struct value *piped,
                   struct value *ret) {
    struct value arguments[VALUE_ARGUMENTS_MAX];
    size_t count = 0, n = (skip_space(t), word_length(t->p));
    const struct value_function *function = NULL;
    bool constant = n && (take_word(t, "true") || take_word(t, "false"));
    if (constant) t->p -= n;
    if (n && !constant && !isdigit((unsigned char)*t->p)) {
        const char *name = arena_strndup(t->arena, t->p, n);
        function = value_function_find(name);
        if (!function) return fail(t, arena_printf(t->arena, "the function '%s' is not supported", name));
        t->p += n;
    }
    while (!at_command_end(t)) {
        if (count == (function ? VALUE_ARGUMENTS_MAX - 1u : 1u)) return fail(t, "too many arguments");
        if (operand(t, dot, &arguments[count++]) < 0) return -1;
    }
    if (piped && !function) return fail(t, "what follows a bar must be a function");
    if (piped) arguments[count++] = *piped;
    if (!function && !count) return fail(t, "a value is missing");
    if (!function) return *ret = arguments[0], 0;
    const char *what = value_call(t->arena, function, arguments, count, ret);
    return what ? fail(t, arena_printf(t->arena, "%s: %s", function->name, what)) : 0;
}

static int pipeline(struct template *t, const struct value *dot, struct value *ret) {
    struct value value;
    if (++t->depth > DEPTH_MAX) return fail(t, "it is nested too deep");
    if (command(t, dot, NULL, &value) < 0) return -1;
    while (skip_space(t), *t->p == '|') {
        t->p++;
        struct value piped = value;
        if (command(t, dot, &piped, &value) < 0) return -1;
    }
    t->depth--;
    *ret = value;
    return 0;
}

// Blocks

enum stop { STOP_FAILED = -1, STOP_TEXT_END, STOP_ELSE, STOP_END };

static enum stop block(struct template *t, const struct value *dot, bool wanted);

// Past the rest of an action that is not evaluated.
static int skip_action(struct template *t) {
    char quote = 0;
    for (; *t->p; t->p++) {
        if (quote) {
            if (*t->p == '\\' && quote == '"' && t->p[1])
                t->p++;
            else if (*t->p == quote)
                quote = 0;
        } else if (*t->p == '"' || *t->p == '`') {
            quote = *t->p;
        } else if (at_end(t)) {
            break;
        }
    }
    return end_action(t);
}

static int expect_end(struct template *t, enum stop stop) {
    if (stop == STOP_END) return 0;
    return stop == STOP_FAILED ? -1 : fail(t, stop == STOP_ELSE ? "a second {{else}}" : "{{end}} is missing");
}

// The else part of an if, a with or a range, when there is one; "else if" is an if inside of it.
static int branch(struct template *t, const struct value *dot, bool wanted, bool with);

static int otherwise(struct template *t, const struct value *dot, enum stop stop, bool wanted) {
    if (stop != STOP_ELSE) return expect_end(t, stop);
    if (take_word(t, "if")) return branch(t, dot, wanted, false);
    if (end_action(t) < 0) return -1;
    return expect_end(t, block(t, dot, wanted));
}

static int branch(struct template *t, const struct value *dot, bool wanted, bool with) {
    struct value condition = {0};
    if (wanted ? pipeline(t, dot, &condition) < 0 || end_action(t) < 0 : skip_action(t) < 0) return -1;
    bool holds = wanted && value_true(&condition);
    enum stop stop = block(t, with && holds ? &condition : dot, holds);
    return otherwise(t, dot, stop, wanted && !holds);
}

// "$k, $v :=" or "$v :="; how many names there were.
static size_t range_names(struct template *t) {
    const char *start = t->p;
    size_t count = 0;
    while (count < 2 && (skip_space(t), *t->p == '$')) {
        if (t->variable_count + count == VARIABLES_MAX) break;
        struct variable *v = &t->variables[t->variable_count + count++];
        v->name = ++t->p;
        v->length = word_length(t->p);
        t->p += v->length;
        skip_space(t);
        if (*t->p == ',') t->p++;
        if (!strncmp(t->p, ":=", 2)) {
            t->p += 2;
            return count;
        }
    }
    t->p = start;
    return 0;
}

static int range(struct template *t, const struct value *dot, bool wanted) {
    if (!wanted) {
        if (skip_action(t) < 0) return -1;
        return otherwise(t, dot, block(t, dot, false), false);
    }
    struct value list;
    size_t names = range_names(t);
    if (pipeline(t, dot, &list) < 0 || end_action(t) < 0) return -1;
    size_t count = value_length(&list);
    if (!value_is_list(&list) && !value_is_empty(&list)) return fail(t, "range wants a list or a map");
    const char *body = t->p;
    enum stop stop = STOP_END;
    for (size_t i = 0; i < count; i++) {
        struct value key, item;
        value_at(t->arena, &list, i, &key, &item);
        if (names) t->variables[t->variable_count + names - 1].value = item;
        if (names == 2) t->variables[t->variable_count].value = key;
        t->variable_count += names;
        t->p = body;
        stop = block(t, &item, true);
        t->variable_count -= names;
        if (stop != STOP_END && stop != STOP_ELSE) return expect_end(t, stop);
    }
    if (!count) stop = block(t, dot, false);
    return otherwise(t, dot, stop, !count);
}

static int action(struct template *t, const struct value *dot, bool wanted, enum stop *ret_stop) {
    if (take_word(t, "end")) return *ret_stop = STOP_END, end_action(t);
    if (take_word(t, "else")) return *ret_stop = STOP_ELSE, 0;
    if (take_word(t, "if")) return branch(t, dot, wanted, false);
    if (take_word(t, "with")) return branch(t, dot, wanted, true);
    if (take_word(t, "range")) return range(t, dot, wanted);
    if (!wanted || !strncmp(t->p, "/*", 2)) return skip_action(t);
    struct value value;
    if (pipeline(t, dot, &value) < 0 || end_action(t) < 0) return -1;
    value_print(&value, t->out);
    return 0;
}

// Text and actions up to an else, an end, or the end of the text.
static enum stop block(struct template *t, const struct value *dot, bool wanted) {
    if (++t->depth > DEPTH_MAX) return fail(t, "it is nested too deep");
    enum stop stop = STOP_TEXT_END;
    while (stop == STOP_TEXT_END && *t->p) {
        const char *open = strstr(t->p, "{{");
        size_t length = open ? (size_t)(open - t->p) : strlen(t->p), shown = length;
        bool trim = open && open[2] == '-' && isspace((unsigned char)open[3]);
        while (trim && shown && isspace((unsigned char)t->p[shown - 1])) shown--;
        if (wanted) str_add_n(t->out, t->p, shown);
        t->p += length;
        if (!open) break;
        t->p += trim ? 3 : 2;
        if (action(t, dot, wanted, &stop) < 0) return STOP_FAILED;
    }
    t->depth--;
    return stop;
}

int format_template(const char *template, const struct json *document, struct str *text, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct template t = {.arena = &arena,
                         .text = template,
                         .p = template,
                         .root = value_json(document, ""),
                         .out = text,
                         .err = err};
    enum stop stop = block(&t, &t.root, true);
    if (stop == STOP_FAILED) return -1;
    return stop == STOP_TEXT_END ? 0 : fail(&t, "an {{else}} or {{end}} has nothing that it belongs to");
}

// Listings

// Docker's listings take \t and \n in a template for the characters.
static const char *unescape(struct arena *arena, const char *template) {
    char *text = arena_strdup(arena, template), *out = text;
    for (const char *p = text; *p; p++) {
        bool tab = p[0] == '\\' && p[1] == 't', newline = p[0] == '\\' && p[1] == 'n';
        *out++ = tab ? '\t' : newline ? '\n' : *p;
        if (tab || newline) p++;
    }
    *out = 0;
    return text;
}

// The headings as a row's document.
static void headings(const struct format_column *columns, struct json_writer *w) {
    int blocks = 0;
    json_begin_object(w, NULL);
    for (const struct format_column *c = columns; blocks < 2; c++) {
        if (c->field) json_put_string(w, c->field, c->heading);
        blocks += !c->field;
    }
    json_end_object(w);
}

// A template for the columns that are shown by themselves.
static const char *default_template(struct arena *arena, const struct format_column *columns) {
    _cleanup_(str_finish) struct str text = {0};
    for (const struct format_column *c = columns; c->field; c++)
        str_printf(&text, "%s{{.%s}}", c == columns ? "" : "\t", c->field);
    return arena_strdup(arena, str_get(&text));
}

static int table_row(struct text_table *table, const char *template, const struct json *row,
                     struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    if (format_template(template, row, &text, err) < 0) return -1;
    _cleanup_(freep) char *line = str_take(&text);
    size_t cells = 0;
    for (char *rest = line, *cell; (cell = strsep(&rest, "\t"));) {
        // A value with a tab of its own may not shift the columns.
        if (table->columns && cells == table->columns) break;
        text_table_add(table, cell);
        cells++;
    }
    for (; cells < table->columns; cells++) text_table_add(table, "");
    if (!table->columns) table->columns = cells;
    return 0;
}

static int print_table(const char *template, const struct format_column *columns, const struct json *rows,
                       FILE *out, struct err *err) {
    _cleanup_(text_table_finish) struct text_table table = {0};
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    _cleanup_(json_freep) struct json *heading = NULL;
    headings(columns, &w);
    if (json_parse(w.text.data, w.text.len, &heading) < 0 || table_row(&table, template, heading, err) < 0)
        return -1;
    for (size_t i = 0; i < json_length(rows); i++)
        if (table_row(&table, template, json_at(rows, i), err) < 0) return -1;
    text_table_print(&table, out);
    return 0;
}

static int print_each(const char *template, const struct json *documents, FILE *out, struct err *err) {
    for (size_t i = 0; i < json_length(documents); i++) {
        _cleanup_(str_finish) struct str text = {0};
        if (format_template(template, json_at(documents, i), &text, err) < 0) return -1;
        fprintf(out, "%s\n", str_get(&text));
    }
    return 0;
}

static int parse(const char *text, struct json **ret_json, struct err *err) {
    int r = json_parse(text, strlen(text), ret_json);
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "read back our own JSON") : 0;
}

int format_rows(const char *format, const struct format_column *columns, const char *rows, FILE *out,
                struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_freep) struct json *json = NULL;
    if (parse(rows, &json, err) < 0) return -1;
    if (str_eq(format, "json")) return print_each("{{json .}}", json, out, err);
    const char *template = format ? str_after(format, "table") : "";
    if (template && (!*template || isspace((unsigned char)*template))) {
        while (isspace((unsigned char)*template)) template ++;
        template = *template ? unescape(&arena, template) : default_template(&arena, columns);
        return print_table(template, columns, json, out, err);
    }
    return print_each(unescape(&arena, format), json, out, err);
}

int format_documents(const char *format, const char *documents, FILE *out, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (parse(documents, &json, err) < 0) return -1;
    if (str_eq(format, "json")) return fprintf(out, "%s\n", json_text(json)), 0;
    if (format) return print_each(format, json, out, err);
    _cleanup_(json_writer_finish) struct json_writer w = {.indent = 4};
    json_put_value(&w, NULL, json);
    fprintf(out, "%s\n", str_get(&w.text));
    return 0;
}
