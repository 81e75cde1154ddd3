// SPDX-License-Identifier: Apache-2.0
// ps: the containers, a row each. The rows are JSON documents with Docker's field names first; the columns
// and
// --format read those.
#include "base/clock.h"
#include "base/str.h"
#include "base/table.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/words.h"

#include <stdio.h>
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

static void write_row(struct arena *arena, const struct container *container, const struct ps_flags *flags,
                      struct json_writer *w) {
    char created[64];
    json_begin_object(w, NULL);
    json_put_string(w, "Command", command_text(arena, container, flags->no_trunc));
    json_put_string(w, "CreatedAt", words_time(container->created, created));
    json_put_string(w, "ID", flags->no_trunc ? container->id : arena_strndup(arena, container->id, SHORT_ID));
    json_put_string(w, "Image", container->image_name);
    json_put_string(w, "Labels", labels_text(arena, container));
    json_put_string(w, "LocalVolumes", "0");
    json_put_string(w, "Mounts", mounts_text(arena, container, flags->no_trunc));
    json_put_string(w, "Names", container->name);
    bool joined = str_has_prefix(container->config.network_mode, "container:");
    json_put_string(w, "Networks", joined ? "" : container->config.network_mode);
    bool running = str_eq(container->state, "running");
    json_put_string(w, "Ports", running ? words_ports(arena, &container->config.exposed_ports) : "");
    json_put_string(w, "RunningFor", words_ago(arena, container->created));
    json_put_string(w, "State", container->state);
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
    {NULL, NULL},
};

static int ps(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct ps_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    bool filters_state = false;
    for (size_t i = 0; i < flags->filters.count; i++)
        filters_state |= str_has_prefix(flags->filters.items[i], "status=") ||
                         str_has_prefix(flags->filters.items[i], "exited=");
    bool last = flags->latest || flags->last.value > 0;
    struct containers containers;
    struct err ignored;
    (void)engine_recover(engine, true, &ignored); // what is in the way of that shows with its container
    if (container_list(engine, arena, flags->all || last || filters_state, &containers, err) < 0) return -1;

    size_t left = flags->latest ? 1 : last ? (size_t)flags->last.value : SIZE_MAX;
    struct json_writer w = {0};
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < containers.count && left; i++) {
        if (!wanted(arena, flags, &containers.items[i])) continue;
        write_row(arena, &containers.items[i], flags, &w);
        left--;
    }
    json_end_array(&w);
    const char *format = flags->quiet && !flags->format ? "{{.ID}}" : flags->format;
    int r = format_rows(format, columns, str_get(&w.text), stdout, err);
    json_writer_finish(&w);
    return r;
}

int run_ps(struct invocation *invocation, struct err *err) {
    return cli_with_engine(invocation, ps, err);
}
