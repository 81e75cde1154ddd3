// SPDX-License-Identifier: Apache-2.0
// Go's package fmt over values.
#pragma once

#include "template/value.h"

#define PRINT_MAX (16u << 20) // of a text that a function makes

// One value as %v, added to out; a pointer to a struct is shown as the struct.
void print_value(const struct value *value, struct str *out);
// The others add nothing once out is longer than PRINT_MAX: a width is a few characters, what it makes is
// not. fmt.Sprint (spaces between neighbours that are both no text), Sprintln, and Sprintf.
void print_all(const struct value *values, size_t count, struct str *out);
void print_line(const struct value *values, size_t count, struct str *out);
void print_format(const char *format, size_t size, const struct value *values, size_t count, struct str *out);
