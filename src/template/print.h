// SPDX-License-Identifier: Apache-2.0
// Go's package fmt over values.
#pragma once

#include "template/value.h"

#define PRINT_MAX (64u << 20) // what makes a text longer than this is left out

// One value as %v; a pointer to a struct is shown as the struct.
void print_value(const struct value *value, struct str *out);
// fmt.Sprint (spaces between neighbours that are both no text), Sprintln, and Sprintf.
void print_all(const struct value *values, size_t count, struct str *out);
void print_line(const struct value *values, size_t count, struct str *out);
void print_format(const char *format, size_t size, const struct value *values, size_t count, struct str *out);
