// SPDX-License-Identifier: Apache-2.0
// volume create, ls, inspect, rm, prune.
#include "engine/volume.h"

#include "base/str.h"
#include "cli/cli.h"
#include "cli/confirm.h"
#include "cli/format.h"
#include "cli/inspect.h"
#include "cli/parse_value.h"
#include "cli/store_filter.h"
#include "oci/key_values.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// create

struct create_flags {
    const char *driver;
    struct strings labels, options;
};

#define OF_A_SWARM "it is about the volumes of a Docker swarm's cluster, and hoy's are of this machine"

#define CREATE(member) offsetof(struct create_flags, member)
static const struct option create_rows[] = {
    {"driver", 'd', "string", "Specify volume driver name (default \"local\")", store_string, CREATE(driver),
     "local"},
    {"label", 0, "list", "Set metadata for a volume", store_list, CREATE(labels)},
    {"opt", 'o', "map", "Set driver specific options: type=, device=, o=, size=", store_list,
     CREATE(options)},
    OPTION_REFUSED("availability", 0, OF_A_SWARM),
    OPTION_REFUSED("group", 0, OF_A_SWARM),
    OPTION_REFUSED("limit-bytes", 0, OF_A_SWARM),
    OPTION_REFUSED("required-bytes", 0, OF_A_SWARM),
    OPTION_REFUSED("scope", 0, OF_A_SWARM),
    OPTION_REFUSED("secret", 0, OF_A_SWARM),
    OPTION_REFUSED("sharing", 0, OF_A_SWARM),
    OPTION_REFUSED("topology-preferred", 0, OF_A_SWARM),
    OPTION_REFUSED("topology-required", 0, OF_A_SWARM),
    OPTION_REFUSED("type", 0, OF_A_SWARM),
};
const struct option_table volume_create_options_table = OPTIONS(create_rows, struct create_flags);

int run_volume_create(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct create_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct volume volume = {0};
    const char *name;
    if (invocation->arguments.count && *invocation->arguments.items[0])
        volume.name = invocation->arguments.items[0];
    if (flags->driver && *flags->driver && !str_eq(flags->driver, "local"))
        return err_set(err, ERR_INVALID, 0,
                       "create %s: error looking up volume plugin %s: plugin \"%s\" not found",
                       volume.name ? volume.name : "volume", flags->driver, flags->driver);
    if (read_key_values(arena, &flags->labels, &volume.labels, err) ||
        read_key_values(arena, &flags->options, &volume.options, err) ||
        volume_create(engine, arena, &volume, &name, err))
        return -1;
    puts(name);
    return 0;
}

// ls

struct ls_flags {
    bool quiet;
    struct strings filters;
    const char *format;
};

static const struct option ls_rows[] = {
    {"filter", 'f', "filter", "Provide filter values: dangling, driver, label, name", store_filter,
     offsetof(struct ls_flags, filters)},
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, offsetof(struct ls_flags, format)},
    {"quiet", 'q', NULL, "Only display volume names", store_flag, offsetof(struct ls_flags, quiet)},
    OPTION_REFUSED("cluster", 0, OF_A_SWARM),
};
const struct option_table volume_ls_options_table = OPTIONS(ls_rows, struct ls_flags);

struct row {
    struct engine *engine;
    const struct volume *volume;
};

FORMAT_COLUMN(row_driver) {
    return "local";
}

FORMAT_COLUMN(row_name) {
    return ((const struct row *)data)->volume->name;
}

FORMAT_COLUMN(row_labels) {
    return key_values_text(arena, &((const struct row *)data)->volume->labels);
}

FORMAT_COLUMN(row_label) {
    return key_values_value(&((const struct row *)data)->volume->labels, argument);
}

FORMAT_COLUMN(row_mountpoint) {
    const struct row *row = data;
    return volume_path(row->engine, arena, row->volume->name);
}

FORMAT_COLUMN(row_unknown) {
    return "N/A";
}

static const struct value_method columns[] = {
    {"Driver", "DRIVER", row_driver, false}, {"Name", "VOLUME NAME", row_name, false},
    {"Scope", "SCOPE", row_driver, false},   {"Mountpoint", "MOUNTPOINT", row_mountpoint, false},
    {"Labels", "LABELS", row_labels, false}, {"Links", "LINKS", row_unknown, false},
    {"Size", "SIZE", row_unknown, false},    {"Availability", "AVAILABILITY", row_unknown, false},
    {"Group", "GROUP", row_unknown, false},  {"Status", "STATUS", row_unknown, false},
    {"Label", NULL, row_label, true},
};
static const struct format_listing listing = {
    .rows = {"*formatter.volumeContext", columns, ARRAY_SIZE(columns)},
    .table = "{{.Driver}}\t{{.Name}}",
    .raw = "name: {{.Name}}\ndriver: {{.Driver}}\n",
    .raw_quiet = "name: {{.Name}}",
    .quiet = "{{.Name}}",
};

int run_volume_ls(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct ls_flags *flags = invocation->options;
    _cleanup_(format_finish) struct format format = {0};
    struct volumes volumes;
    if (volume_list(engine, &invocation->arena, &flags->filters, &volumes, err) ||
        format_begin(&format, &listing, flags->format, flags->quiet, err))
        return -1;
    for (size_t i = 0; i < volumes.count; i++) {
        const struct row row = {engine, &volumes.items[i]};
        if (format_add(&format, &row, err)) return -1;
    }
    format_print(&format, stdout);
    return 0;
}

// inspect

static void put_words(struct json_writer *w, const char *key, const struct spec_key_values *words) {
    if (!words->count) return json_put_null(w, key);
    key_values_write(w, key, words);
}

int inspect_volume(struct engine *engine, struct arena *arena, const char *name, struct json_writer *w,
                   struct err *err) {
    struct volume volume;
    struct tm tm;
    char created[40];
    if (volume_find(engine, arena, name, &volume, err)) return -1;
    time_t seconds = (time_t)(volume.created / 1000000000);
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
    json_begin_object(w, NULL);
    json_put_string(w, "CreatedAt", created);
    json_put_string(w, "Driver", "local");
    put_words(w, "Labels", &volume.labels);
    json_put_string(w, "Mountpoint", volume_path(engine, arena, volume.name));
    json_put_string(w, "Name", volume.name);
    put_words(w, "Options", &volume.options);
    json_put_string(w, "Scope", "local");
    json_end_object(w);
    return 0;
}

// rm

struct rm_flags {
    bool force;
};

static const struct option rm_rows[] = {
    {"force", 'f', NULL, "Force the removal of one or more volumes", store_flag,
     offsetof(struct rm_flags, force)},
};
const struct option_table volume_rm_options_table = OPTIONS(rm_rows, struct rm_flags);

// With --force one that is not there counts as removed.
int run_volume_rm(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    const struct rm_flags *flags = invocation->options;
    if (volume_remove(engine, name, err) && !(flags->force && err->kind == ERR_NOT_FOUND)) return -1;
    puts(name);
    return 0;
}

// prune

struct prune_flags {
    struct volume_prune_options options;
    bool force;
};

static const struct option prune_rows[] = {
    {"all", 'a', NULL, "Remove all unused volumes, not just anonymous ones", store_flag,
     offsetof(struct prune_flags, options.all)},
    {"filter", 0, "filter", "Provide filter values: label, label!, all", store_filter,
     offsetof(struct prune_flags, options.filters)},
    {"force", 'f', NULL, "Do not prompt for confirmation", store_flag, offsetof(struct prune_flags, force)},
};
const struct option_table volume_prune_options_table = OPTIONS(prune_rows, struct prune_flags);

int run_volume_prune(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct prune_flags *flags = invocation->options;
    struct volume_pruned pruned;
    char size[16];
    const char *warning =
        flags->options.all ? "This will remove all local volumes not used by at least one container."
                           : "This will remove anonymous local volumes not used by at least one container.";
    if (!flags->force && !confirm(warning)) return 0;
    if (volume_prune(engine, &invocation->arena, &flags->options, &pruned, err)) return -1;
    print_pruned("Deleted Volumes:", &pruned.names);
    printf("Total reclaimed space: %s\n", format_size(pruned.bytes, size));
    return 0;
}

// Cluster volumes, which are swarm's, are all that Docker can update.
int run_volume_update(struct invocation *invocation, struct err *err) {
    (void)invocation;
    return err_set(err, ERR_INVALID, 0,
                   "This node is not a swarm manager: only cluster volumes can be updated, and hoy has none");
}
