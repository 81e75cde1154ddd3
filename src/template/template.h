// SPDX-License-Identifier: Apache-2.0
// Go's text/template, as Docker's --format has it: read once, executed over any number of values. Messages
// are Go's, with their positions.
//
// Not there: complex numbers, the functions of a value's own type (but those of a struct value_row), the
// verbs %p, and %b and %x of floating point numbers. Nesting, the depth of templates in templates and the
// size of what comes out are limited.
#pragma once

#include "base/err.h"
#include "template/value.h"

#define TEMPLATE_OUTPUT_MAX (64u << 20)

struct template;

// name is for messages ("template: name:1: …"). Lives in the arena; text is borrowed. ERR_INVALID.
int template_parse(struct arena *arena, const char *name, const char *text,
                   const struct template **ret_template, struct err *err);

struct template_options {
    bool missing_key_fails; // Go's missingkey=error
    bool headings;          // a row's members are their columns' headings (function.h)
};

// Adds to out; what came before an error stays in it. options may be NULL.
int template_execute(const struct template *template, const struct value *dot,
                     const struct template_options *options, struct str *out, struct err *err);
