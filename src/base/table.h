// SPDX-License-Identifier: Apache-2.0
// Columns of text, as docker prints them: as wide as their widest cell and three spaces, ten characters at
// least.
#pragma once

#include <stddef.h>
#include <stdio.h>

struct text_table {
    size_t columns;
    char **cells; // row after row; owned copies
    size_t count;
};

void text_table_add(struct text_table *table, const char *cell); // the next cell, left to right, row by row
void text_table_print(const struct text_table *table, FILE *out);
void text_table_finish(struct text_table *table);
