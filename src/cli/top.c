// SPDX-License-Identifier: Apache-2.0
// top: the processes of a container.
#include "engine/top.h"

#include "cli/cli.h"

#include <stdio.h>

#define CELL_MIN 20 // Docker's columns are this wide, with the three spaces after the text
#define CELL_GAP 3

static int cell_width(const char *text) {
    int width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_row(const struct strings *row, const int *widths) {
    for (size_t i = 0; i < row->count; i++) {
        fputs(row->items[i], stdout);
        if (i + 1 < row->count) printf("%*s", widths[i] - cell_width(row->items[i]), "");
    }
    putchar('\n');
}

static void widen(const struct strings *row, int *widths) {
    for (size_t i = 0; i < row->count; i++) {
        int width = cell_width(row->items[i]) + CELL_GAP;
        if (width > widths[i]) widths[i] = width;
    }
}

int run_top(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct strings *words = &invocation->arguments;
    struct strings options = {.items = words->items + 1, .count = words->count - 1};
    struct process_table table;
    struct container container;
    if (container_find(engine, &invocation->arena, words->items[0], &container, err) ||
        container_top(engine, &invocation->arena, &container, &options, &table, err))
        return -1;
    int *widths = arena_array(&invocation->arena, int, table.titles.count + 1);
    for (size_t i = 0; i < table.titles.count; i++) widths[i] = CELL_MIN;
    widen(&table.titles, widths);
    for (size_t i = 0; i < table.rows.count; i++) widen(&table.rows.items[i], widths);
    print_row(&table.titles, widths);
    for (size_t i = 0; i < table.rows.count; i++) print_row(&table.rows.items[i], widths);
    return 0;
}
