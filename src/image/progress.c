// SPDX-License-Identifier: Apache-2.0
// Redrawing goes up to the layer's line and down again. It needs a terminal that all lines fit on; on a
// smaller one, or a very narrow one, plain lines are shown. On one that was made narrower, lines may have
// become two: what was drawn is left behind, and all lines are drawn once more below it.
#include "image/progress.h"

#include "base/str.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINES_MAX   256 // of a load
#define COLUMNS_MIN 44
#define BAR_MAX     50
#define NUMBERS     22 // of a bar's ends and what stands behind it, and a column that stays free

static const char waiting[] = "Pulling fs layer", loading[] = "Downloading", exists[] = "Already exists",
                  complete[] = "Pull complete", preparing[] = "Preparing", pushing[] = "Pushing",
                  archived[] = "Loading layer", extracting[] = "Extracting";

static void bar_format(const struct progress *p, const struct progress_layer *layer, struct str *line) {
    char current[16], size[16];
    size_t width = p->columns > line->len + NUMBERS + 8 ? p->columns - line->len - NUMBERS : 0;
    if (width > BAR_MAX) width = BAR_MAX;
    if (width) {
        size_t done = layer->size ? (size_t)(layer->current * width / layer->size) : width;
        str_add(line, " [");
        for (size_t i = 0; i < width; i++) str_add_char(line, i < done ? '=' : i == done ? '>' : ' ');
        str_add_char(line, ']');
    }
    str_printf(line, " %8s/%s", format_size(layer->current, current), format_size(layer->size, size));
}

static void line_format(const struct progress *p, const struct progress_layer *layer, struct str *line) {
    str_printf(line, "%s: %s", layer->id, layer->state);
    if (layer->state == p->moving || layer->state == extracting) bar_format(p, layer, line);
    if (p->redraw && line->len >= p->columns) line->len = p->columns - 1;
}

static void line_print(const struct progress *p, size_t index) {
    _cleanup_(str_finish) struct str line = {0};
    line_format(p, &p->layers[index], &line);
    fprintf(p->out, "%.*s\n", (int)line.len, line.data);
}

static bool can_redraw(const struct progress *p, unsigned *ret_columns) {
    struct winsize size = {0};
    int fd = fileno(p->out);
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) || size.ws_col < COLUMNS_MIN ||
        size.ws_row <= p->count + 1)
        return false;
    *ret_columns = size.ws_col;
    return true;
}

// Where plain lines were shown there is no going back up: no larger terminal changes that.
static void measure_again(struct progress *p) {
    unsigned before = p->columns;
    p->redraw = p->redraw && can_redraw(p, &p->columns);
    if (p->redraw && p->columns < before)
        for (size_t i = 0; i < p->count; i++) line_print(p, i);
}

static void line_draw(struct progress *p, size_t index) {
    _cleanup_(str_finish) struct str line = {0};
    measure_again(p);
    if (p->redraw) {
        size_t up = p->count - index;
        line_format(p, &p->layers[index], &line);
        fprintf(p->out, "\033[%zuA\r\033[2K%.*s\r\033[%zuB", up, (int)line.len, line.data, up);
    } else
        line_print(p, index);
    fflush(p->out);
}

void progress_begin(struct progress *p, struct arena *arena, FILE *out, const struct descriptors *layers,
                    const bool *have) {
    *p = (struct progress){.out = out, .count = layers->count, .moving = loading};
    if (!out) return;
    p->layers = arena_array(arena, struct progress_layer, layers->count);
    p->redraw = can_redraw(p, &p->columns);
    for (size_t i = 0; i < p->count; i++) {
        struct progress_layer *layer = &p->layers[i];
        snprintf(layer->id, sizeof layer->id, "%s", digest_hex(layers->items[i].digest));
        layer->size = layers->items[i].size;
        layer->state = have[i] ? exists : waiting;
        fprintf(out, "%s: %s\n", layer->id, layer->state);
    }
    fflush(out);
}

void progress_begin_push(struct progress *p, struct arena *arena, FILE *out, const struct strings *ids) {
    *p = (struct progress){.out = out, .count = ids->count, .moving = pushing};
    if (!out) return;
    p->layers = arena_array(arena, struct progress_layer, ids->count + 1);
    p->redraw = can_redraw(p, &p->columns);
    for (size_t i = 0; i < p->count; i++) {
        snprintf(p->layers[i].id, sizeof p->layers[i].id, "%s", digest_hex(ids->items[i]));
        p->layers[i].state = preparing;
        fprintf(out, "%s: %s\n", p->layers[i].id, preparing);
    }
    fflush(out);
}

void progress_begin_load(struct progress *p, struct arena *arena, FILE *out) {
    *p = (struct progress){.out = out, .moving = archived};
    if (!out) return;
    p->layers = arena_array(arena, struct progress_layer, LINES_MAX);
    p->redraw = can_redraw(p, &p->columns);
}

size_t progress_add(struct progress *p, const char *id, uint64_t size) {
    if (!p->out || p->count == LINES_MAX) return SIZE_MAX;
    struct progress_layer *layer = &p->layers[p->count];
    snprintf(layer->id, sizeof layer->id, "%s", id);
    layer->size = size;
    layer->state = archived;
    measure_again(p);
    fprintf(p->out, "%s: %s\n", layer->id, archived);
    fflush(p->out);
    return p->count++;
}

void progress_extracting(struct progress *p, size_t index, uint64_t current, uint64_t size) {
    if (!p->out || index >= p->count || !p->redraw) return;
    struct progress_layer *layer = &p->layers[index];
    layer->state = extracting;
    layer->size = size;
    layer->current = current < size ? current : size;
    line_draw(p, index);
}

void progress_size(struct progress *p, size_t index, uint64_t size) {
    if (p->out && index < p->count) p->layers[index].size = size;
}

void progress_bytes(struct progress *p, size_t index, uint64_t current) {
    if (!p->out || index >= p->count || !p->redraw) return;
    struct progress_layer *layer = &p->layers[index];
    layer->state = p->moving;
    layer->current = current < layer->size ? current : layer->size;
    line_draw(p, index);
}

// A layer that an image has twice comes once.
void progress_complete(struct progress *p, size_t index) {
    if (!p->out || index >= p->count) return;
    for (size_t i = 0; i < p->count; i++)
        if (str_eq(p->layers[i].id, p->layers[index].id)) progress_say(p, i, complete);
}

void progress_say(struct progress *p, size_t index, const char *state) {
    if (!p->out || index >= p->count) return;
    p->layers[index].state = state;
    line_draw(p, index);
}
