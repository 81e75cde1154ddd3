// SPDX-License-Identifier: Apache-2.0
// ps: the containers, a row each.
#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/ps_filter.h"
#include "cli/store_filter.h"
#include "cli/words.h"
#include "engine/prune.h"
#include "oci/key_values.h"

#include <stdio.h>
#include <stdlib.h>
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

// What a listing looks up once for all its rows.
struct listing {
    struct engine *engine;
    struct arena *arena;
    const struct ps_flags *flags;
    struct images images; // for sizes
    bool has_images;
    struct format format;
};

// A row, and its columns.

struct row {
    const struct container *container;
    struct listing *listing;
    bool whole; // --no-trunc
};

FORMAT_COLUMN(row_id) {
    const struct row *row = data;
    return row->whole ? row->container->id : arena_strndup(arena, row->container->id, SHORT_ID);
}

FORMAT_COLUMN(row_image) {
    return ((const struct row *)data)->container->image_name;
}

FORMAT_COLUMN(row_command) {
    const struct row *row = data;
    const struct container *container = row->container;
    _cleanup_(str_finish) struct str text = {0}, quoted = {0};
    const struct strings *parts[] = {&container->config.entrypoint, &container->config.cmd};
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < parts[p]->count; i++) {
            const char *word = parts[p]->items[i];
            bool spaces = text.len && strchr(word, ' ');
            str_printf(&text, spaces ? "%s'%s'" : "%s%s", text.len ? " " : "", word);
        }
    const char *shown = row->whole ? str_get(&text) : words_cut(arena, str_get(&text), 20);
    json_quote(&quoted, shown, strlen(shown));
    return arena_strdup(arena, str_get(&quoted));
}

FORMAT_COLUMN(row_labels) {
    const struct container *container = ((const struct row *)data)->container;
    struct strings labels = {0};
    for (size_t i = 0; i < container->config.labels.count; i++)
        strings_add(arena, &labels,
                    arena_printf(arena, "%s=%s", container->config.labels.items[i].key,
                                 container->config.labels.items[i].value));
    strings_sort(&labels);
    return strings_join(arena, &labels, ",");
}

FORMAT_COLUMN(row_label) {
    return key_values_value(&((const struct row *)data)->container->config.labels, argument);
}

FORMAT_COLUMN(row_mounts) {
    const struct row *row = data;
    const struct container *container = row->container;
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < container->config.mounts.count; i++) {
        const struct container_mount *mount = &container->config.mounts.items[i];
        if (mount->type == CONTAINER_MOUNT_TMPFS || str_empty(mount->source)) continue;
        str_printf(&text, "%s%s", text.len ? "," : "",
                   row->whole ? mount->source : words_cut(arena, mount->source, 15));
    }
    return arena_strdup(arena, str_get(&text));
}

FORMAT_COLUMN(row_created) {
    char created[64];
    return arena_strdup(arena, words_time(((const struct row *)data)->container->created, created));
}

FORMAT_COLUMN(row_running_for) {
    return words_ago(arena, ((const struct row *)data)->container->created);
}

FORMAT_COLUMN(row_local_volumes) {
    const struct container_config *config = &((const struct row *)data)->container->config;
    size_t count = 0;
    for (size_t i = 0; i < config->mounts.count; i++)
        count += config->mounts.items[i].type == CONTAINER_MOUNT_VOLUME;
    return arena_printf(arena, "%zu", count);
}

static uint64_t image_size(struct listing *listing, const char *id) {
    struct err ignored;
    if (!listing->has_images)
        (void)image_list(&listing->engine->store, listing->arena, &listing->images, &ignored);
    listing->has_images = true;
    for (size_t i = 0; i < listing->images.count; i++)
        if (str_eq(listing->images.items[i].id, id)) return listing->images.items[i].size;
    return 0;
}

// Costs a walk over files. As one of all columns in JSON Docker does not look, unless it was asked to.
FORMAT_COLUMN(row_size) {
    const struct row *row = data;
    if (str_eq(argument, "json") && !row->listing->flags->size) return "0B";
    char written[16], whole[16];
    uint64_t size = container_size(row->listing->engine, row->container);
    uint64_t image = image_size(row->listing, row->container->image_id);
    return arena_printf(arena, "%s (virtual %s)", format_size(size, written),
                        format_size(image + size, whole));
}

FORMAT_COLUMN(row_names) {
    return ((const struct row *)data)->container->name;
}

FORMAT_COLUMN(row_networks) {
    const struct container_config *config = &((const struct row *)data)->container->config;
    return words_networks(arena, config);
}

FORMAT_COLUMN(row_ports) {
    const struct row *row = data;
    const struct container *container = row->container;
    struct port_runs ports;
    struct err ignored;
    if (!str_eq(container->state, "running") ||
        container_ports(row->listing->engine, arena, container, &ports, &ignored))
        return "";
    return words_ports(arena, &container->config.exposed_ports, &ports);
}

FORMAT_COLUMN(row_state) {
    return container_state(((const struct row *)data)->container);
}

FORMAT_COLUMN(row_status) {
    return words_status(arena, ((const struct row *)data)->container);
}

static const struct value_method columns[] = {
    {"ID", "CONTAINER ID", row_id, false},
    {"Names", "NAMES", row_names, false},
    {"Image", "IMAGE", row_image, false},
    {"Command", "COMMAND", row_command, false},
    {"CreatedAt", "CREATED AT", row_created, false},
    {"RunningFor", "CREATED", row_running_for, false},
    {"Ports", "PORTS", row_ports, false},
    {"State", "STATE", row_state, false},
    {"Status", "STATUS", row_status, false},
    {"Labels", "LABELS", row_labels, false},
    {"Mounts", "MOUNTS", row_mounts, false},
    {"LocalVolumes", "LOCAL VOLUMES", row_local_volumes, false},
    {"Networks", "NETWORKS", row_networks, false},
    {"Size", "SIZE", row_size, false},
    {"Label", NULL, row_label, true},
};

#define LISTING(size_column, size_line)                                                                     \
    {                                                                                                       \
        .rows = {"*formatter.ContainerContext", columns, ARRAY_SIZE(columns)},                              \
        .table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}"   \
                 "}" size_column,                                                                           \
        .raw =                                                                                              \
            "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n" \
            "state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\n"               \
            "labels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n" size_line,                       \
        .raw_quiet = "container_id: {{.ID}}", .setting = "psFormat", .quiet_wins = true, .checked = true,   \
    }
static const struct format_listing plain_listing = LISTING("", "");
static const struct format_listing size_listing = LISTING("\t{{.Size}}", "size: {{.Size}}\n");

static int64_t rows_left(const struct ps_flags *flags) {
    if (flags->last.set && flags->last.value > 0) return flags->last.value;
    return flags->latest && (!flags->last.set || flags->last.value == -1) ? 1 : 0;
}

static int list(struct listing *listing, const struct filters *filters, struct err *err) {
    const struct ps_flags *flags = listing->flags;
    int64_t left = rows_left(flags);
    bool all = flags->all || left || ps_filters_mean_all(filters), limited = left > 0;
    struct containers containers;
    struct err ignored;
    (void)engine_recover(listing->engine, true,
                         &ignored); // what is in the way of that shows with its container
    if (container_list(listing->engine, listing->arena, all, &containers, err)) return -1;
    for (size_t i = 0; i < containers.count && (!limited || left); i++) {
        if (!ps_filters_match(filters, listing->arena, &containers.items[i])) continue;
        struct row row = {&containers.items[i], listing, flags->no_trunc};
        if (format_add(&listing->format, &row, err) < 0) return -1;
        left--;
    }
    return 0;
}

int run_ps(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct ps_flags *flags = invocation->options;
    struct listing listing = {.engine = engine, .arena = &invocation->arena, .flags = flags};
    struct filters filters;
    const struct format_listing *columns_of = flags->size ? &size_listing : &plain_listing;
    int r = format_begin(&listing.format, columns_of, flags->format, flags->quiet, err);
    if (!r) r = ps_filters_read(engine, &invocation->arena, &flags->filters, &filters, err);
    if (!r) r = list(&listing, &filters, err);
    if (!r) format_print(&listing.format, stdout);
    format_finish(&listing.format);
    return r;
}
