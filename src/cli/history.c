// SPDX-License-Identifier: Apache-2.0
// history: how an image was made, the last step first.
#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct history_flags {
    bool plain, no_trunc, quiet;
    const char *format, *platform;
};

#define AT(member) offsetof(struct history_flags, member)

static const struct option rows[] = {
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, AT(format)},
    {"human", 'H', NULL, "Print sizes and dates in human readable format (default true)", store_off,
     AT(plain)},
    {"no-trunc", 0, NULL, "Don't truncate output", store_flag, AT(no_trunc)},
    {"quiet", 'q', NULL, "Only show image IDs", store_flag, AT(quiet)},
    {"platform", 0, "string", "Only of an image that is for this platform", store_string, AT(platform)},
};
const struct option_table history_options_table = OPTIONS(rows, struct history_flags);

// The steps before the last have no image of their own.
struct row {
    const struct image_step *step;
    const char *id;
    const struct history_flags *flags;
};

FORMAT_COLUMN(row_id) {
    return ((const struct row *)data)->id;
}

FORMAT_COLUMN(row_created_at) {
    int64_t created = ((const struct row *)data)->step->created;
    char at[CLOCK_RFC3339_SIZE];
    struct tm tm;
    if (created == CLOCK_NEVER) return "0001-01-01T00:00:00Z";
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&(time_t){created / 1000000000}, &tm));
    return arena_strdup(arena, at);
}

FORMAT_COLUMN(row_created_since) {
    const struct row *row = data;
    if (row->flags->plain) return row_created_at(arena, data, argument);
    return words_ago(arena, row->step->created);
}

FORMAT_COLUMN(row_created_by) {
    const struct row *row = data;
    const char *line = words_line(arena, row->step->created_by);
    return row->flags->no_trunc ? line : words_cut(arena, line, 45);
}

FORMAT_COLUMN(row_size) {
    const struct row *row = data;
    char size[16];
    if (row->flags->plain) return arena_printf(arena, "%" PRIu64, row->step->size);
    return arena_strdup(arena, format_size(row->step->size, size));
}

FORMAT_COLUMN(row_comment) {
    return words_line(arena, ((const struct row *)data)->step->comment);
}

static const struct value_method columns[] = {
    {"ID", "IMAGE", row_id, false},
    {"CreatedSince", "CREATED", row_created_since, false},
    {"CreatedAt", "CREATED AT", row_created_at, false},
    {"CreatedBy", "CREATED BY", row_created_by, false},
    {"Size", "SIZE", row_size, false},
    {"Comment", "COMMENT", row_comment, false},
};
static const struct format_listing listing = {
    .rows = {"*image.historyContext", columns, ARRAY_SIZE(columns)},
    .table = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
};

int run_history(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct history_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct image image;
    struct image_history steps;
    const char *name = invocation->arguments.items[0];
    if (image_find(&engine->store, arena, name, &image, err) ||
        platform_check(arena, flags->platform, name, &image.config, err) ||
        image_history(&engine->store, arena, &image, &steps, err))
        return -1;
    _cleanup_(format_finish) struct format format = {0};
    if (format_begin(&format, &listing, flags->format, flags->quiet, err)) return -1;
    for (size_t i = steps.count; i-- > 0;) {
        bool last = i == steps.count - 1;
        struct row row = {&steps.items[i], last ? words_id(arena, image.id, flags->no_trunc) : "<missing>",
                          flags};
        if (format_add(&format, &row, err)) return -1;
    }
    format_print(&format, stdout);
    return 0;
}
