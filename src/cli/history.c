// SPDX-License-Identifier: Apache-2.0
// history: how an image was made, the last step first.
#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/words.h"

#include <inttypes.h>
#include <stdio.h>

struct history_flags {
    bool plain, no_trunc, quiet;
    const char *format;
};

#define AT(member) offsetof(struct history_flags, member)

static const struct option rows[] = {
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, AT(format)},
    {"human", 'H', NULL, "Print sizes and dates in human readable format (default true)", store_off,
     AT(plain)},
    {"no-trunc", 0, NULL, "Don't truncate output", store_flag, AT(no_trunc)},
    {"quiet", 'q', NULL, "Only show image IDs", store_flag, AT(quiet)},
    OPTION_LATER("platform", 0),
};
const struct option_table history_options_table = OPTIONS(rows, struct history_flags);

static const struct format_column columns[] = {
    {"IMAGE", "ID"},
    {"CREATED", "CreatedSince"},
    {"CREATED BY", "CreatedBy"},
    {"SIZE", "Size"},
    {"COMMENT", "Comment"},
    {NULL, NULL},
    {"CREATED AT", "CreatedAt"},
    {NULL, NULL},
};

// The steps before the last have no image of their own.
static void write_step(struct arena *arena, const struct image_step *step, const char *id,
                       const struct history_flags *flags, struct json_writer *w) {
    char at[CLOCK_RFC3339_SIZE], size[16];
    clock_rfc3339(step->created, at);
    json_begin_object(w, NULL);
    json_put_string(w, "Comment", step->comment);
    json_put_string(w, "CreatedAt", at);
    json_put_string(w, "CreatedBy",
                    flags->no_trunc ? step->created_by : words_cut(arena, step->created_by, 45));
    json_put_string(w, "CreatedSince",
                    flags->plain    ? at
                    : step->created ? words_ago(arena, step->created)
                                    : "N/A");
    json_put_string(w, "ID", id);
    json_put_string(w, "Size",
                    flags->plain ? arena_printf(arena, "%" PRIu64, step->size)
                                 : format_size(step->size, size));
    json_end_object(w);
}

static int history(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct history_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct image image;
    struct image_history steps;
    if (image_find(&engine->store, arena, invocation->arguments.items[0], &image, err) ||
        image_history(&engine->store, arena, &image, &steps, err))
        return -1;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_array(&w, NULL);
    for (size_t i = steps.count; i-- > 0;)
        write_step(arena, &steps.items[i],
                   i == steps.count - 1 ? words_id(arena, image.id, flags->no_trunc) : "<missing>", flags,
                   &w);
    json_end_array(&w);
    return format_rows(flags->quiet && !flags->format ? "{{.ID}}" : flags->format, columns, str_get(&w.text),
                       stdout, err);
}

int run_history(struct invocation *invocation, struct err *err) {
    return cli_with_engine(invocation, history, err);
}
