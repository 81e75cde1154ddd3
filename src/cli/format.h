// SPDX-License-Identifier: Apache-2.0
// --format: Go templates, as far as people use them with docker. Text and {{actions}} over a JSON document:
//   {{.State.Pid}}  {{json .Mounts}}  {{index .Config.Labels "a"}}  {{.Name | upper}}  {{$.Id}}
//   {{if .State.Running}} … {{else}} … {{end}}   {{range .Mounts}} … {{end}}   {{range $k, $v := .X}} …
//   {{end}}
//   {{with .X}} … {{end}}
// Functions: json, index, len, join, split, lower, upper, title, print, println, eq, ne, and, or, not. What
// else Go has is refused in a sentence that names it.
#pragma once

#include "base/err.h"
#include "base/json.h"

#include <stdio.h>

#define FORMAT_HELP \
    "Format output using a custom template: 'json' prints JSON, anything else is a Go template"
#define FORMAT_HELP_TABLE \
    "Format output using a custom template: 'table TEMPLATE' with column headers, 'json', or a Go template"

// The template over one document, into text.
int format_template(const char *template, const struct json *document, struct str *text, struct err *err);

// The columns of a listing: its headings, and the fields of a row's document. Up to the first NULL the ones
// that are shown by themselves, up to the second those that only a template names.
struct format_column {
    const char *heading, *field;
};

// Prints rows (the JSON text of an array of objects whose members are all strings). format NULL or "table":
// the columns; "table TEMPLATE": columns of a template whose cells have tabs between; "json": an object a
// line; else a template a line.
int format_rows(const char *format, const struct format_column *columns, const char *rows, FILE *out,
                struct err *err);

// Prints documents (the JSON text of an array): format NULL as the array, indented; "json" on one line;
// else a template a document.
int format_documents(const char *format, const char *documents, FILE *out, struct err *err);
