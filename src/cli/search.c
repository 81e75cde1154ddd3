// SPDX-License-Identifier: Apache-2.0
// search: repositories on Docker Hub, or another registry that can be searched.
#include "image/search.h"

#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/words.h"

#include <inttypes.h>
#include <stdio.h>

#define LIMIT_MAX 100

struct search_flags {
    struct strings filters;
    struct spec_i64 limit;
    const char *format;
    bool no_trunc;
};

#define AT(member) offsetof(struct search_flags, member)

static int store_filter(struct parse *parse, const char *text, void *field, struct err *err) {
    int64_t stars;
    bool official;
    const char *value;
    bool good = ((value = str_after(text, "stars=")) && !parse_i64(value, &stars)) ||
                ((value = str_after(text, "is-official=")) && !parse_bool(value, &official));
    if (!good) return err_set(err, ERR_INVALID, 0, "it is neither stars=NUMBER nor is-official=true|false");
    return store_list(parse, text, field, err);
}

static const struct option rows[] = {
    {"filter", 'f', "filter", "Filter output based on conditions: stars, is-official", store_filter,
     AT(filters)},
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, AT(format)},
    {"limit", 0, "int", "Max number of search results (default 25)", store_i64, AT(limit)},
    {"no-trunc", 0, NULL, "Don't truncate output", store_flag, AT(no_trunc)},
};
const struct option_table search_options_table = OPTIONS(rows, struct search_flags);

static bool wanted(const struct found_repository *found, const struct search_flags *flags) {
    for (size_t i = 0; i < flags->filters.count; i++) {
        const char *value = str_after(flags->filters.items[i], "stars=");
        int64_t stars = 0;
        bool official = false;
        if (value && !parse_i64(value, &stars) && found->stars < stars) return false;
        value = str_after(flags->filters.items[i], "is-official=");
        if (value && !parse_bool(value, &official) && found->official != official) return false;
    }
    return true;
}

// On one line, without what would do something to a terminal.
static const char *plain(struct arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text ? text : "");
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = ' ';
    return copy;
}

static void write_row(struct arena *arena, const struct found_repository *found,
                      const struct search_flags *flags, struct json_writer *w) {
    const char *description = plain(arena, found->description);
    json_begin_object(w, NULL);
    json_put_string(w, "Description", flags->no_trunc ? description : words_cut(arena, description, 45));
    json_put_string(w, "IsOfficial", found->official ? "[OK]" : "");
    json_put_string(w, "Name", plain(arena, found->name));
    json_put_string(w, "StarCount", arena_printf(arena, "%" PRId64, found->stars));
    json_end_object(w);
}

static const struct format_column columns[] = {
    {"NAME", "Name"},       {"DESCRIPTION", "Description"},
    {"STARS", "StarCount"}, {"OFFICIAL", "IsOfficial"},
    {NULL, NULL},           {NULL, NULL},
};

int run_search(struct invocation *invocation, struct err *err) {
    const struct search_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct found_repositories found;
    int64_t limit = flags->limit.set ? flags->limit.value : 25;
    if (limit < 1 || limit > LIMIT_MAX)
        return err_set(err, ERR_INVALID, 0, "Limit %" PRId64 " is outside the range of [1, %d]", limit,
                       LIMIT_MAX);
    if (image_search(arena, invocation->arguments.items[0], (unsigned)limit, &found, err)) return -1;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < found.count; i++)
        if (wanted(&found.items[i], flags)) write_row(arena, &found.items[i], flags, &w);
    json_end_array(&w);
    return format_rows(flags->format, columns, str_get(&w.text), stdout, err);
}
