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

struct row {
    const struct found_repository *found;
    bool whole; // --no-trunc
};

FORMAT_COLUMN(row_name) {
    return words_line(arena, ((const struct row *)data)->found->name);
}

FORMAT_COLUMN(row_description) {
    const struct row *row = data;
    const char *description = words_line(arena, row->found->description);
    return row->whole ? description : words_cut(arena, description, 45);
}

FORMAT_COLUMN(row_stars) {
    return arena_printf(arena, "%" PRId64, ((const struct row *)data)->found->stars);
}

FORMAT_COLUMN(row_official) {
    bool official = ((const struct row *)data)->found->official;
    if (argument) return official ? "true" : "false"; // for JSON
    return official ? "[OK]" : "";
}

static const struct value_method columns[] = {
    {"Name", "NAME", row_name, false},
    {"Description", "DESCRIPTION", row_description, false},
    {"StarCount", "STARS", row_stars, false},
    {"IsOfficial", "OFFICIAL", row_official, false},
};
static const struct format_listing listing = {
    .rows = {"*search.searchContext", columns, ARRAY_SIZE(columns)},
    .table = "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
};

int run_search(struct invocation *invocation, struct err *err) {
    const struct search_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct found_repositories found;
    int64_t limit = flags->limit.set ? flags->limit.value : 25;
    if (limit < 1 || limit > LIMIT_MAX)
        return err_set(err, ERR_INVALID, 0, "Limit %" PRId64 " is outside the range of [1, %d]", limit,
                       LIMIT_MAX);
    _cleanup_(format_finish) struct format format = {0};
    if (format_begin(&format, &listing, flags->format, false, err)) return -1;
    if (image_search(arena, invocation->arguments.items[0], (unsigned)limit, &found, err)) return -1;
    for (size_t i = 0; i < found.count; i++) {
        struct row row = {&found.items[i], flags->no_trunc};
        if (wanted(row.found, flags) && format_add(&format, &row, err)) return -1;
    }
    format_print(&format, stdout);
    return 0;
}
