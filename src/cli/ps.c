// SPDX-License-Identifier: Apache-2.0
// ps: the containers, a row each.
#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ps_flags {
    bool all, quiet, no_trunc, latest;
    struct spec_i64 last;
    struct strings filters;
    const char *format;
};

#define AT(member) offsetof(struct ps_flags, member)

static int store_filter(struct parse *parse, const char *text, void *field, struct err *err) {
    static const char *const known[] = {"id=", "name=", "status=", "label=", "ancestor=", "exited="};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (str_has_prefix(text, known[i])) return store_list(parse, text, field, err);
    size_t length = strcspn(text, "=");
    if (!text[length]) return err_set(err, ERR_INVALID, 0, "it is not of the form KEY=VALUE");
    return err_set(err, ERR_INVALID, 0, "the filter '%.*s' is not supported yet", (int)length, text);
}

static const struct option rows[] = {
    {"all", 'a', NULL, "Show all containers (default shows just running)", store_flag, AT(all)},
    {"filter", 'f', "filter", "Filter output based on conditions: id, name, status, label, ancestor, exited",
     store_filter, AT(filters)},
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, AT(format)},
    {"last", 'n', "int", "Show n last created containers (includes all states)", store_i64, AT(last)},
    {"latest", 'l', NULL, "Show the latest created container (includes all states)", store_flag, AT(latest)},
    {"no-trunc", 0, NULL, "Don't truncate output", store_flag, AT(no_trunc)},
    {"quiet", 'q', NULL, "Only display container IDs", store_flag, AT(quiet)},
    OPTION_LATER("size", 's'),
};
const struct option_table ps_options_table = OPTIONS(rows, struct ps_flags);

// Filters: of one key any has to match, of different keys all.

static bool match_label(const struct container *container, const char *wanted) {
    size_t key = strcspn(wanted, "=");
    for (size_t i = 0; i < container->config.labels.count; i++) {
        const struct spec_key_value *label = &container->config.labels.items[i];
        if (strncmp(label->key, wanted, key) != 0 || label->key[key]) continue;
        if (!wanted[key] || str_eq(label->value, wanted + key + 1)) return true;
    }
    return false;
}

static bool match_ancestor(struct arena *arena, const struct container *container, const char *wanted) {
    const char *hex = str_after(container->image_id, "sha256:");
    return str_eq(words_image(arena, container->image_name), words_image(arena, wanted)) ||
           str_eq(container->image_id, wanted) || (hex && strlen(wanted) >= 4 && str_has_prefix(hex, wanted));
}

static bool match(struct arena *arena, const struct container *container, const char *filter) {
    const char *value;
    if ((value = str_after(filter, "id="))) return str_has_prefix(container->id, value);
    if ((value = str_after(filter, "name=")))
        return strstr(container->name, *value == '/' ? value + 1 : value);
    if ((value = str_after(filter, "status="))) return str_eq(container->state, value);
    if ((value = str_after(filter, "label="))) return match_label(container, value);
    if ((value = str_after(filter, "ancestor="))) return match_ancestor(arena, container, value);
    if ((value = str_after(filter, "exited=")))
        return str_eq(container->state, "exited") &&
               str_eq(arena_printf(arena, "%d", container->exit_code), value);
    return false;
}

static bool wanted(struct arena *arena, const struct ps_flags *flags, const struct container *container) {
    for (size_t i = 0; i < flags->filters.count; i++) {
        size_t key = strcspn(flags->filters.items[i], "=") + 1;
        bool any = false;
        for (size_t j = 0; j < flags->filters.count && !any; j++)
            any = !strncmp(flags->filters.items[i], flags->filters.items[j], key) &&
                  match(arena, container, flags->filters.items[j]);
        // Labels are all wanted, as Docker has it.
        if (str_has_prefix(flags->filters.items[i], "label="))
            any = match(arena, container, flags->filters.items[i]);
        if (!any) return false;
    }
    return true;
}

// A row, and its columns.

struct row {
    const struct container *container;
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

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

FORMAT_COLUMN(row_labels) {
    const struct container *container = ((const struct row *)data)->container;
    struct strings labels = {0};
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < container->config.labels.count; i++)
        strings_add(arena, &labels,
                    arena_printf(arena, "%s=%s", container->config.labels.items[i].key,
                                 container->config.labels.items[i].value));
    if (labels.count) qsort(labels.items, labels.count, sizeof *labels.items, by_text);
    for (size_t i = 0; i < labels.count; i++) str_printf(&text, "%s%s", i ? "," : "", labels.items[i]);
    return arena_strdup(arena, str_get(&text));
}

FORMAT_COLUMN(row_label) {
    const struct container *container = ((const struct row *)data)->container;
    for (size_t i = 0; i < container->config.labels.count; i++)
        if (str_eq(container->config.labels.items[i].key, argument))
            return container->config.labels.items[i].value;
    return "";
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
    return "0";
}

FORMAT_COLUMN(row_names) {
    return ((const struct row *)data)->container->name;
}

FORMAT_COLUMN(row_networks) {
    return ((const struct row *)data)->container->config.network_mode;
}

FORMAT_COLUMN(row_ports) {
    return "";
}

FORMAT_COLUMN(row_state) {
    return ((const struct row *)data)->container->state;
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
    {"Label", NULL, row_label, true},
};

static const struct format_listing listing = {
    .rows = {"*formatter.ContainerContext", columns, ARRAY_SIZE(columns)},
    .table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    .raw = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n"
           "state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\n"
           "labels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n",
    .raw_quiet = "container_id: {{.ID}}",
    .setting = "psFormat",
    .quiet_wins = true,
    .checked = true,
};

static int ps(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct ps_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    bool filters_state = false;
    for (size_t i = 0; i < flags->filters.count; i++)
        filters_state |= str_has_prefix(flags->filters.items[i], "status=") ||
                         str_has_prefix(flags->filters.items[i], "exited=");
    _cleanup_(format_finish) struct format format = {0};
    if (format_begin(&format, &listing, flags->format, flags->quiet, err) < 0) return -1;
    bool last = flags->latest || flags->last.value > 0;
    struct containers containers;
    struct err ignored;
    (void)engine_recover(engine, true, &ignored); // what is in the way of that shows with its container
    if (container_list(engine, arena, flags->all || last || filters_state, &containers, err) < 0) return -1;

    size_t left = flags->latest ? 1 : last ? (size_t)flags->last.value : SIZE_MAX;
    for (size_t i = 0; i < containers.count && left; i++) {
        if (!wanted(arena, flags, &containers.items[i])) continue;
        struct row row = {&containers.items[i], flags->no_trunc};
        if (format_add(&format, &row, err) < 0) return -1;
        left--;
    }
    format_print(&format, stdout);
    return 0;
}

int run_ps(struct invocation *invocation, struct err *err) {
    return cli_with_engine(invocation, ps, err);
}
