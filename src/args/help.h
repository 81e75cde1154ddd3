// SPDX-License-Identifier: Apache-2.0
// The rows of option tables as --help prints them.
#pragma once

#include "args/options.h"

#include <stdio.h>

#define OPTIONS_SHOWN_MAX 160

// The rows of some tables that are shown, by name.
struct options_shown {
    const struct option *rows[OPTIONS_SHOWN_MAX];
    size_t count;
};
void options_shown_add(struct options_shown *shown, option_tables tables);

// "Options:" and a line each, by name, wrapped to the terminal's width; nothing where no row is shown.
void options_print(const char *title, option_tables tables, FILE *out);
bool options_any(option_tables tables);
