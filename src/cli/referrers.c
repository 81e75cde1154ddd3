// SPDX-License-Identifier: Apache-2.0
// image referrers: what a registry has that refers to an image.
#include "image/referrers.h"

#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"

#include <stdio.h>

struct referrers_flags {
    const char *format;
    bool quiet;
};

static const struct option rows[] = {
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, offsetof(struct referrers_flags, format)},
    {"quiet", 'q', NULL, "Only show digests", store_flag, offsetof(struct referrers_flags, quiet)},
};
const struct option_table referrers_options_table = OPTIONS(rows, struct referrers_flags);

// A stranger's word does nothing to a terminal.
static const char *plain(struct arena *arena, const char *text) {
    return str_make_plain(arena_strdup(arena, str_empty(text) ? "<none>" : text));
}

static void write_row(struct arena *arena, const struct referrers *list, const struct referrer *one,
                      struct json_writer *w) {
    char size[16];
    json_begin_object(w, NULL);
    json_put_string(w, "ArtifactType", plain(arena, one->artifact_type));
    json_put_string(w, "Digest", one->digest);
    json_put_string(w, "MediaType", plain(arena, one->media_type));
    json_put_string(w, "Size", format_size(one->size, size));
    json_put_string(w, "Subject", list->subject);
    json_end_object(w);
}

static const struct format_column columns[] = {
    {"ARTIFACT TYPE", "ArtifactType"}, {"DIGEST", "Digest"},   {"SIZE", "Size"}, {NULL, NULL},
    {"MEDIA TYPE", "MediaType"},       {"SUBJECT", "Subject"}, {NULL, NULL},
};

int run_image_referrers(struct invocation *invocation, struct err *err) {
    const struct referrers_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct reference reference;
    struct referrers list;
    if (reference_parse(arena, invocation->arguments.items[0], &reference, err) ||
        image_referrers(arena, &reference, &list, err))
        return -1;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < list.count; i++) write_row(arena, &list, &list.items[i], &w);
    json_end_array(&w);
    const char *format = flags->format ? flags->format : flags->quiet ? "{{.Digest}}" : NULL;
    return format_rows(format, "referrer", columns, str_get(&w.text), stdout, err);
}
