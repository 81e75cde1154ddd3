// SPDX-License-Identifier: Apache-2.0
#include "args/help.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int by_name(const void *a, const void *b) {
    return strcmp((*(const struct option *const *)a)->name, (*(const struct option *const *)b)->name);
}

void options_shown_add(struct options_shown *shown, option_tables tables) {
    for (; *tables; tables++)
        for (size_t i = 0; i < (*tables)->count; i++)
            if ((*tables)->rows[i].help && shown->count < OPTIONS_SHOWN_MAX)
                shown->rows[shown->count++] = &(*tables)->rows[i];
    qsort(shown->rows, shown->count, sizeof *shown->rows, by_name);
}

static int terminal_width(FILE *out) {
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
    return 80;
}

// The text in lines that fit between the column and the width, the first one where the cursor is.
static void print_wrapped(const char *text, int column, int width, FILE *out) {
    int room = width - column - 1, used = 0;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (used && used + 1 + length > room) {
            fprintf(out, "\n%*s", column, "");
            used = 0;
        }
        used += fprintf(out, "%s%.*s", used ? " " : "", length, text);
        text += length;
        while (*text == ' ') text++;
    }
    fputc('\n', out);
}

// "  -v, --volume list", "      --rm"
static const char *option_column(const struct option *option, char buffer[static 64]) {
    char letter[6] = "    ";
    if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(buffer, 64, "  %s--%s%s%s", letter, option->name, option->value ? " " : "",
             option->value ? option->value : "");
    return buffer;
}

void options_print(const char *title, option_tables tables, FILE *out) {
    struct options_shown shown = {0};
    options_shown_add(&shown, tables);
    if (!shown.count) return;
    char text[64];
    int widest = 0, width = terminal_width(out);
    for (size_t i = 0; i < shown.count; i++) {
        int length = (int)strlen(option_column(shown.rows[i], text));
        if (length > widest) widest = length;
    }
    fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; i < shown.count; i++) {
        fprintf(out, "%-*s   ", widest, option_column(shown.rows[i], text));
        print_wrapped(shown.rows[i]->help, widest + 3, width, out);
    }
}

bool options_any(option_tables tables) {
    struct options_shown shown = {0};
    options_shown_add(&shown, tables);
    return shown.count;
}
