// SPDX-License-Identifier: Apache-2.0
// TOML (toml.io, 1.0) as settings files use it: tables, arrays of tables, strings, booleans, arrays, inline
// tables. Numbers and dates are read as their text. Strings of several lines are refused; a key that is set
// twice is an error, as in all of TOML.
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct toml;

// Everything is in the arena. The error's sentence begins with the path and the line.
int toml_parse(struct arena *arena, const char *path, const char *text, size_t size, const struct toml **ret,
               struct err *err);

// All take NULL and other types, and answer NULL, 0, false then.
const struct toml *toml_get(const struct toml *table, const char *key);
const char *toml_string(const struct toml *value);
bool toml_true(const struct toml *value);
bool toml_is_bool(const struct toml *value);
bool toml_is_array(const struct toml *value);
size_t toml_length(const struct toml *array);
const struct toml *toml_at(const struct toml *array, size_t index);
