// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include "base/arena.h"
#include "base/str.h"
#include "base/table.h"
#include "registry/credentials.h"

#include <ctype.h>
#include <string.h>

#define TEMPLATE_FAILURE 64 // the exit code for a template that can't be read

static const char parsing[] = "template parsing error";

// Which template

// Docker's listings take \t and \n in a template for the characters, and no spaces around it.
static const char *trim(struct arena *arena, const char *text) {
    while (*text == ' ') text++;
    char *copy = arena_strdup(arena, text), *out = copy;
    for (const char *p = text; *p; p++) {
        bool tab = p[0] == '\\' && p[1] == 't', newline = p[0] == '\\' && p[1] == 'n';
        *out++ = tab ? '\t' : newline ? '\n' : *p;
        if (tab || newline) p++;
    }
    while (out > copy && out[-1] == ' ') out--;
    *out = 0;
    return copy;
}

static const char *choose(struct format *f, const struct format_listing *listing, const char *text,
                          bool quiet) {
    if (str_empty(text) && !quiet && listing->setting)
        text = credentials_file_string(&f->arena, listing->setting);
    const char *ids = listing->quiet ? listing->quiet : "{{.ID}}";
    if (str_empty(text)) text = "table";
    if (str_eq(text, "table") && quiet) return ids;
    if (str_eq(text, "table")) return arena_printf(&f->arena, "table %s", listing->table);
    if (str_eq(text, "raw") && listing->raw) return quiet ? listing->raw_quiet : listing->raw;
    if (quiet && listing->quiet_wins) return ids;
    return str_eq(text, "json") ? "{{json .}}" : text;
}

// Over a row of nothing, so that a mistake is found even where there are no rows.
static int check(struct format *f, const char *text, struct err *err) {
    const struct template *template;
    _cleanup_(str_finish) struct str ignored = {0};
    struct value row = value_of_row(&f->listing->rows, NULL);
    if (template_parse(&f->arena, "", text, &template, err)) return err_wrap(err, "failed to parse template");
    if (template_execute(template, &row, NULL, &ignored, err))
        return err_wrap(err, "failed to execute template");
    return 0;
}

static int use(struct format *f, const char *text, struct err *err) {
    const char *columns = str_after(text, "table");
    f->table = columns;
    if (template_parse(&f->arena, "", trim(&f->arena, columns ? columns : text), &f->template, err))
        return err_wrap(err, parsing);
    return 0;
}

int format_begin(struct format *f, const struct format_listing *listing, const char *text, bool quiet,
                 struct err *err) {
    f->listing = listing;
    if (listing->checked && !str_empty(text) && check(f, text, err)) return -1;
    if (listing->quiet_wins && quiet && !str_empty(text))
        fputs("WARNING: Ignoring custom format, because both --format and --quiet are set.\n", stderr);
    f->headings = value_of_row(&listing->rows, NULL);
    return use(f, choose(f, listing, text, quiet), err);
}

// Rows

static int add(struct format *f, const struct value *row, struct err *err) {
    if (template_execute(f->template, row, NULL, &f->text, err)) return err_wrap(err, parsing);
    str_add_char(&f->text, '\n');
    return 0;
}

int format_add(struct format *f, const void *row, struct err *err) {
    struct value value = value_of_row(&f->listing->rows, row);
    return add(f, &value, err);
}

// A table's lines have their cells between tabs. A value with a tab of its own may not shift the columns: the
// headings say how many there are. Nor does a stranger's word do anything to a terminal.
static void add_line(struct text_table *table, char *line) {
    size_t cells = 0;
    for (char *rest = line, *cell; (cell = strsep(&rest, "\t"));) {
        if (table->columns && cells == table->columns) break;
        text_table_add(table, str_make_plain(cell));
        cells++;
    }
    for (; cells < table->columns; cells++) text_table_add(table, "");
    if (!table->columns) table->columns = cells;
}

static void add_lines(struct text_table *table, struct str *text) {
    _cleanup_(freep) char *lines = str_take(text);
    for (char *rest = lines, *line; (line = strsep(&rest, "\n")) && rest;) add_line(table, line);
}

static void print_table(struct format *f, FILE *out) {
    static const struct template_options options = {.headings = true};
    _cleanup_(text_table_finish) struct text_table table = {0};
    _cleanup_(str_finish) struct str headings = {0};
    struct err ignored; // a template that is right for rows need not be for headings
    (void)template_execute(f->template, &f->headings, &options, &headings, &ignored);
    str_add_char(&headings, '\n');
    add_lines(&table, &headings);
    add_lines(&table, &f->text);
    text_table_print(&table, out);
}

void format_print(struct format *f, FILE *out) {
    if (f->table)
        print_table(f, out);
    else
        fwrite(str_get(&f->text), 1, f->text.len, out);
    str_finish(&f->text);
}

void format_finish(struct format *f) {
    str_finish(&f->text);
    arena_finish(&f->arena);
}

// Rows that are JSON

static int parse(const char *text, struct json **ret_json, struct err *err) {
    int r = json_parse(text, strlen(text), ret_json);
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "read back our own JSON") : 0;
}

// The template of the columns that are shown by themselves, and the headings of all.
static const char *read_columns(struct arena *arena, const struct format_column *columns,
                                struct value *ret_headings) {
    _cleanup_(str_finish) struct str table = {0};
    struct {
        struct value_member *items;
        size_t count;
    } headings = {0};
    int blocks = 0;
    for (const struct format_column *c = columns; blocks < 2; c++) {
        if (!c->field) {
            blocks++;
            continue;
        }
        if (!blocks) str_printf(&table, "%s{{.%s}}", table.len ? "\t" : "", c->field);
        *arena_push(arena, &headings) =
            (struct value_member){.name = c->field, .value = value_text(c->heading)};
    }
    *ret_headings = value_map("formatter.SubHeaderContext", headings.items, headings.count);
    return arena_strdup(arena, str_get(&table));
}

int format_rows(const char *format, const char *type, const struct format_column *columns, const char *rows,
                FILE *out, struct err *err) {
    const struct document_type row_type = {.type = type};
    _cleanup_(format_finish) struct format f = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    struct format_listing listing = {.table = read_columns(&f.arena, columns, &f.headings)};
    if (parse(rows, &json, err) < 0 || use(&f, choose(&f, &listing, format, false), err) < 0) return -1;
    for (size_t i = 0; i < json_length(json); i++) {
        struct value row = document_typed(&f.arena, json_at(json, i), &row_type);
        if (add(&f, &row, err) < 0) return -1;
    }
    format_print(&f, out);
    return 0;
}

// Documents

static int read_template(struct arena *arena, const char *name, const char *format,
                         const struct template **ret_template, struct err *err) {
    if (str_eq(format, "json")) format = "{{json .}}";
    return template_parse(arena, name, format, ret_template, err) ? err_wrap(err, parsing) : 0;
}

int format_check(struct invocation *invocation, const char *format, struct err *err) {
    const struct template *template;
    if (str_empty(format) || read_template(&invocation->arena, "", format, &template, err) == 0) return 0;
    invocation->failure = TEMPLATE_FAILURE;
    return -1;
}

// With the fields that Go knows; where that fails, over the bare JSON, in which nothing may be missing.
static int inspect(const struct template *template, const struct json *document, struct str *text,
                   struct err *err) {
    static const struct template_options strict = {.missing_key_fails = true};
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    size_t before = text->len;
    struct value typed = document_typed(&arena, document, &format_inspected);
    if (template_execute(template, &typed, NULL, text, err)) {
        struct value raw = document_raw(&arena, document);
        text->len = before;
        if (template_execute(template, &raw, &strict, text, err)) {
            text->len = before;
            return err_wrap(err, parsing);
        }
    }
    str_add_char(text, '\n');
    return 0;
}

static int inspect_each(const char *format, const struct json *documents, FILE *out, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str text = {0};
    const struct template *template;
    struct err one;
    int r = 0;
    if (read_template(&arena, "", format, &template, err)) return -1;
    for (size_t i = 0; i < json_length(documents); i++) {
        if (inspect(template, json_at(documents, i), &text, &one) == 0) continue;
        if (r == 0) *err = one;
        r = -1;
    }
    if (!text.len) str_add_char(&text, '\n');
    fwrite(text.data, 1, text.len, out);
    return r;
}

int format_documents(const char *format, const char *documents, FILE *out, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    if (parse(documents, &json, err) < 0) return -1;
    if (str_eq(format, "json")) return fprintf(out, "%s\n", json_text(json)), 0;
    if (!str_empty(format)) return inspect_each(format, json, out, err);
    _cleanup_(json_writer_finish) struct json_writer w = {.indent = 4};
    json_put_value(&w, NULL, json);
    fprintf(out, "%s\n", str_get(&w.text));
    return 0;
}

int format_object(struct invocation *invocation, const char *name, const char *format,
                  const struct document_type *type, const char *document, FILE *out, struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    _cleanup_(str_finish) struct str text = {0};
    const struct template *template;
    if (parse(document, &json, err) < 0) return -1;
    if (read_template(&invocation->arena, name, format, &template, err)) {
        invocation->failure = TEMPLATE_FAILURE;
        return -1;
    }
    struct value value = document_typed(&invocation->arena, json, type);
    int r = template_execute(template, &value, NULL, &text, err);
    fwrite(str_get(&text), 1, text.len, out);
    fputc('\n', out);
    return r;
}
