// SPDX-License-Identifier: Apache-2.0
#include "base/table.h"

#include "base/arena.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

void text_table_add(struct text_table *table, const char *cell) {
    table->cells = xrealloc(table->cells, (table->count + 1) * sizeof *table->cells);
    table->cells[table->count++] = xstrdup(cell);
}

// Characters, not bytes: names may be in any script.
static int width(const char *s) {
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

void text_table_print(const struct text_table *table, FILE *out) {
    struct str text = {0};
    int *widths = xmalloc(table->columns * sizeof *widths);
    memset(widths, 0, table->columns * sizeof *widths);
    for (size_t i = 0; i < table->count; i++) {
        int w = width(table->cells[i]);
        if (w > widths[i % table->columns]) widths[i % table->columns] = w;
    }
    for (size_t i = 0; i < table->columns; i++) widths[i] = widths[i] + 3 < 10 ? 10 : widths[i] + 3;
    for (size_t i = 0, column = 0; i < table->count; i++) {
        str_add(&text, table->cells[i]);
        if (++column < table->columns)
            for (int n = widths[column - 1] - width(table->cells[i]); n > 0; n--) str_add_char(&text, ' ');
        else
            str_add_char(&text, '\n'), column = 0;
    }
    fwrite(str_get(&text), 1, text.len, out);
    str_finish(&text);
    free(widths);
}

void text_table_finish(struct text_table *table) {
    for (size_t i = 0; i < table->count; i++) free(table->cells[i]);
    free(table->cells);
    *table = (struct text_table){0};
}
