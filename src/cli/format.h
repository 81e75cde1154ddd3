// SPDX-License-Identifier: Apache-2.0
// --format, as Docker has it: a Go template (template/template.h) over what a command has found.
//
// A listing gives its columns, each with its name in templates, its heading and the function that makes its
// text out of a row, and is shown in any of Docker's ways:
//
//     FORMAT_COLUMN(row_names) { return ((const struct row *)data)->names; }
//
//     static const struct value_method columns[] = {{"Names", "NAMES", row_names, false}, …};
//     static const struct format_listing listing = {
//         .rows = {"*formatter.ContainerContext", columns, ARRAY_SIZE(columns)},
//         .table = "{{.ID}}\t{{.Names}}",
//     };
//
//     _cleanup_(format_finish) struct format format = {0};
//     if (format_begin(&format, &listing, flags->format, flags->quiet, err)) return -1;
//     for (…) if (format_add(&format, &row, err)) return -1;
//     format_print(&format, stdout);
//
// A column's function is only called when a template names it: it may cost something.
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "cli/invocation.h"
#include "template/document.h"
#include "template/template.h"

#include <stdio.h>

#define FORMAT_HELP \
    "Format output using a custom template: 'json' prints JSON, anything else is a Go template"
#define FORMAT_HELP_TABLE \
    "Format output using a custom template: 'table TEMPLATE' with column headers, 'json', or a Go template"

// What format_options_table (inspect.c) fills: all that a command's structure has, or its beginning.
struct format_flags {
    const char *format;
};

// A column's function: the row is data, argument as struct value_method has it.
#define FORMAT_COLUMN(function)                                                          \
    static const char *function(_unused_ struct arena *arena, _unused_ const void *data, \
                                _unused_ const char *argument)

struct format_listing {
    struct value_row rows; // type: what Go's messages call a row
    const char *table;     // the columns that are shown by themselves, tabs between
    const char *raw;       // of --format raw; NULL: there is none
    const char *raw_quiet; // the same with --quiet
    const char *quiet;     // what --quiet shows; NULL: {{.ID}}
    const char *setting;   // the format's name in ~/.docker/config.json: "psFormat"; or NULL
    bool quiet_wins;       // over a template; then a warning says so
    bool checked;          // the format is tried before there are rows
};

// A listing in the making. Zero it before; format_finish when done.
struct format {
    const struct format_listing *listing;
    struct arena arena;
    const struct template *template;
    bool table;
    struct value headings; // what a table's first line is made from
    struct str text;       // of the rows so far, a line each
};

// format: NULL or "" for the listing's own way; "table", "table TEMPLATE", "json", "raw", or a template.
// quiet: ids alone.
int format_begin(struct format *format, const struct format_listing *listing, const char *text, bool quiet,
                 struct err *err);
int format_add(struct format *format, const void *row, struct err *err);
// Prints the rows, under their headings where there are some. Rows that are added then begin anew.
void format_print(struct format *format, FILE *out);
void format_finish(struct format *format);

// Rows that are JSON: the text of an array of objects whose members are all strings. The columns up to the
// first NULL are shown by themselves, those up to the second only when a template names them. type: what Go's
// messages call a row.
struct format_column {
    const char *heading, *field;
};
int format_rows(const char *format, const char *type, const struct format_column *columns, const char *rows,
                FILE *out, struct err *err);

// What inspect prints: documents (the JSON text of an array) as they are, indented; with "json" on one line;
// else a template a document, its fields named as in Go or, failing that, as in the JSON. What can be printed
// is, whatever goes wrong with others. format_check first: a template that can't be read is found before
// anything is looked up, and ends with Docker's exit code for it.
int format_check(struct invocation *invocation, const char *format, struct err *err);
int format_documents(const char *format, const char *documents, FILE *out, struct err *err);

// One document (JSON text) that is of a known type. name is the template's, for messages.
int format_object(struct invocation *invocation, const char *name, const char *format,
                  const struct document_type *type, const char *document, FILE *out, struct err *err);

// document_types.c: what inspect's documents have that their JSON does not say.
extern const struct document_type format_inspected;
