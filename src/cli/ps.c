// SPDX-License-Identifier: Apache-2.0
// ps: the containers, a row each. The rows are JSON documents with Docker's field names first; the columns
// and
// --format read those.
#include "base/clock.h"
#include "base/str.h"
#include "base/table.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/ps_filter.h"
#include "cli/store_filter.h"
#include "cli/words.h"
#include "engine/prune.h"

#include <stdio.h>
#include <string.h>

struct ps_flags {
    bool all, quiet, no_trunc, latest, size;
    struct spec_i64 last;
    struct strings filters;
    const char *format;
};

#define AT(member) offsetof(struct ps_flags, member)

static const struct option rows[] = {
    {"all", 'a', NULL, "Show all containers (default shows just running)", store_flag, AT(all)},
    {"filter", 'f', "filter", "Filter output based on conditions provided", store_filter, AT(filters),
     "id=|name=|label=|exited=|status=|ancestor=|before=|since=|volume=|network=|publish=|expose=|health=|is-"
     "task="},
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, AT(format)},
    {"last", 'n', "int", "Show n last created containers (includes all states)", store_i64, AT(last)},
    {"latest", 'l', NULL, "Show the latest created container (includes all states)", store_flag, AT(latest)},
    {"no-trunc", 0, NULL, "Don't truncate output", store_flag, AT(no_trunc)},
    {"quiet", 'q', NULL, "Only display container IDs", store_flag, AT(quiet)},
    {"size", 's', NULL, "Display total file sizes", store_flag, AT(size)},
};
const struct option_table ps_options_table = OPTIONS(rows, struct ps_flags);

// A row as Docker's document of it.

static const char *command_text(struct arena *arena, const struct container *container, bool whole) {
    _cleanup_(str_finish) struct str text = {0}, quoted = {0};
    const struct strings *parts[] = {&container->config.entrypoint, &container->config.cmd};
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < parts[p]->count; i++) {
            const char *word = parts[p]->items[i];
            bool spaces = text.len && strchr(word, ' ');
            str_printf(&text, spaces ? "%s'%s'" : "%s%s", text.len ? " " : "", word);
        }
    const char *shown = whole ? str_get(&text) : words_cut(arena, str_get(&text), 20);
    json_quote(&quoted, shown, strlen(shown));
    return arena_strdup(arena, str_get(&quoted));
}

static const char *labels_text(struct arena *arena, const struct container *container) {
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < container->config.labels.count; i++)
        str_printf(&text, "%s%s=%s", i ? "," : "", container->config.labels.items[i].key,
                   container->config.labels.items[i].value);
    return arena_strdup(arena, str_get(&text));
}

static const char *mounts_text(struct arena *arena, const struct container *container, bool whole) {
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < container->config.mounts.count; i++) {
        const struct container_mount *mount = &container->config.mounts.items[i];
        if (mount->type == CONTAINER_MOUNT_TMPFS || str_empty(mount->source)) continue;
        str_printf(&text, "%s%s", text.len ? "," : "",
                   whole ? mount->source : words_cut(arena, mount->source, 15));
    }
    return arena_strdup(arena, str_get(&text));
}

static const char *volumes_text(struct arena *arena, const struct container *container) {
    size_t count = 0;
    for (size_t i = 0; i < container->config.mounts.count; i++)
        count += container->config.mounts.items[i].type == CONTAINER_MOUNT_VOLUME;
    return arena_printf(arena, "%zu", count);
}

// What a listing looks up once for all its rows.
struct listing {
    struct engine *engine;
    struct arena *arena;
    const struct ps_flags *flags;
    struct images images; // for --size
};

static const char *size_text(const struct listing *listing, const struct container *container) {
    char written[16], whole[16];
    if (!listing->flags->size) return "0B";
    uint64_t size = container_size(listing->engine, container), image = 0;
    for (size_t i = 0; i < listing->images.count; i++)
        if (str_eq(listing->images.items[i].id, container->image_id)) image = listing->images.items[i].size;
    return arena_printf(listing->arena, "%s (virtual %s)", format_size(size, written),
                        format_size(image + size, whole));
}

static void write_row(const struct listing *listing, const struct container *container,
                      struct json_writer *w) {
    struct arena *arena = listing->arena;
    const struct ps_flags *flags = listing->flags;
    char created[64];
    json_begin_object(w, NULL);
    json_put_string(w, "Command", command_text(arena, container, flags->no_trunc));
    json_put_string(w, "CreatedAt", words_time(container->created, created));
    json_put_string(w, "ID", flags->no_trunc ? container->id : arena_strndup(arena, container->id, SHORT_ID));
    json_put_string(w, "Image", container->image_name);
    json_put_string(w, "Labels", labels_text(arena, container));
    json_put_string(w, "LocalVolumes", volumes_text(arena, container));
    json_put_string(w, "Mounts", mounts_text(arena, container, flags->no_trunc));
    json_put_string(w, "Names", container->name);
    json_put_string(w, "Networks", container->config.network_mode);
    json_put_string(w, "Ports", "");
    json_put_string(w, "RunningFor", words_ago(arena, container->created));
    json_put_string(w, "Size", size_text(listing, container));
    json_put_string(w, "State", container_state(container));
    json_put_string(w, "Status", words_status(arena, container));
    json_end_object(w);
}

static const struct format_column columns[] = {
    {"CONTAINER ID", "ID"},
    {"IMAGE", "Image"},
    {"COMMAND", "Command"},
    {"CREATED", "RunningFor"},
    {"STATUS", "Status"},
    {"PORTS", "Ports"},
    {"NAMES", "Names"},
    // for table templates only
    {NULL, NULL},
    {"CREATED AT", "CreatedAt"},
    {"STATE", "State"},
    {"LABELS", "Labels"},
    {"LOCAL VOLUMES", "LocalVolumes"},
    {"MOUNTS", "Mounts"},
    {"NETWORKS", "Networks"},
    {"SIZE", "Size"},
    {NULL, NULL},
};
static const struct format_column size_columns[] = {
    {"CONTAINER ID", "ID"},
    {"IMAGE", "Image"},
    {"COMMAND", "Command"},
    {"CREATED", "RunningFor"},
    {"STATUS", "Status"},
    {"PORTS", "Ports"},
    {"NAMES", "Names"},
    {"SIZE", "Size"},
    {NULL, NULL},
    {"CREATED AT", "CreatedAt"},
    {"STATE", "State"},
    {"LABELS", "Labels"},
    {"LOCAL VOLUMES", "LocalVolumes"},
    {"MOUNTS", "Mounts"},
    {"NETWORKS", "Networks"},
    {NULL, NULL},
};

// What a template wants that costs a walk over files is only looked at when it is in it.
static bool wants_size(const struct ps_flags *flags) {
    return flags->size || (flags->format && strstr(flags->format, ".Size"));
}

static int64_t rows_left(const struct ps_flags *flags) {
    if (flags->last.set && flags->last.value > 0) return flags->last.value;
    return flags->latest && (!flags->last.set || flags->last.value == -1) ? 1 : 0;
}

static int list(struct listing *listing, const struct ps_filters *filters, struct json_writer *w,
                struct err *err) {
    const struct ps_flags *flags = listing->flags;
    int64_t left = rows_left(flags);
    bool all = flags->all || left || filters->all, limited = left > 0;
    struct containers containers;
    struct err ignored;
    (void)engine_recover(listing->engine, true,
                         &ignored); // what is in the way of that shows with its container
    if (container_list(listing->engine, listing->arena, all, &containers, err)) return -1;
    if (flags->size && image_list(&listing->engine->store, listing->arena, &listing->images, err)) return -1;
    for (size_t i = 0; i < containers.count && (!limited || left); i++) {
        if (!ps_filters_match(filters, listing->arena, &containers.items[i])) continue;
        write_row(listing, &containers.items[i], w);
        left--;
    }
    return 0;
}

static int ps(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct ps_flags *flags = invocation->options;
    struct listing listing = {.engine = engine, .arena = &invocation->arena, .flags = flags};
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    struct ps_filters filters;
    bool quiet = flags->quiet && !flags->format;
    flags->size = wants_size(flags) && !quiet;
    if (ps_filters_read(engine, &invocation->arena, &flags->filters, &filters, err)) return -1;
    json_begin_array(&w, NULL);
    if (list(&listing, &filters, &w, err)) return -1;
    json_end_array(&w);
    return format_rows(quiet ? "{{.ID}}" : flags->format, flags->size ? size_columns : columns,
                       str_get(&w.text), stdout, err);
}

int run_ps(struct invocation *invocation, struct err *err) {
    return cli_with_engine(invocation, ps, err);
}
