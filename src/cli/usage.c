// SPDX-License-Identifier: Apache-2.0
// system df and system check: what takes the disk, and whether it is sound. The sizes are what the file
// system gave, so that they add up.
#include "engine/usage.h"

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/words.h"
#include "registry/reference.h"

#include <stdio.h>
#include <string.h>

struct usage_flags {
    bool verbose;
    const char *format;
};

static const struct option rows[] = {
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, offsetof(struct usage_flags, format)},
    {"verbose", 'v', NULL, "Show detailed information on space usage", store_flag,
     offsetof(struct usage_flags, verbose)},
};
const struct option_table usage_options_table = OPTIONS(rows, struct usage_flags);

static void put_size(struct json_writer *w, const char *key, uint64_t bytes) {
    char size[16];
    json_put_string(w, key, format_size(bytes, size));
}

static void put_count(struct arena *arena, struct json_writer *w, const char *key, size_t count) {
    json_put_string(w, key, arena_printf(arena, "%zu", count));
}

// In short

struct kind {
    const char *name;
    size_t count, active;
    uint64_t bytes, reclaimable;
};

FORMAT_COLUMN(kind_name) {
    return ((const struct kind *)data)->name;
}

FORMAT_COLUMN(kind_count) {
    return arena_printf(arena, "%zu", ((const struct kind *)data)->count);
}

FORMAT_COLUMN(kind_active) {
    return arena_printf(arena, "%zu", ((const struct kind *)data)->active);
}

FORMAT_COLUMN(kind_size) {
    char size[16];
    return arena_strdup(arena, format_size(((const struct kind *)data)->bytes, size));
}

FORMAT_COLUMN(kind_reclaimable) {
    const struct kind *kind = data;
    char size[16];
    format_size(kind->reclaimable, size);
    if (!kind->bytes) return arena_strdup(arena, size);
    return arena_printf(arena, "%s (%d%%)", size,
                        (int)(100.0 * (double)kind->reclaimable / (double)kind->bytes));
}

static const struct value_method kind_columns[] = {
    {"Type", "TYPE", kind_name, false},
    {"TotalCount", "TOTAL", kind_count, false},
    {"Active", "ACTIVE", kind_active, false},
    {"Size", "SIZE", kind_size, false},
    {"Reclaimable", "RECLAIMABLE", kind_reclaimable, false},
};
static const struct format_listing kind_listing = {
    .rows = {"*formatter.diskUsageImagesContext", kind_columns, ARRAY_SIZE(kind_columns)},
    .table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    .raw = "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n"
           "reclaimable: {{.Reclaimable}}\n",
};

static int print_kinds(const struct disk_usage *usage, struct format *format, struct err *err) {
    struct kind images = {"Images", usage->images.count, 0, usage->layers + usage->kept, usage->reclaimable};
    struct kind containers = {"Containers", usage->containers.count, 0, usage->containers_bytes,
                              usage->stopped};
    struct kind volumes = {"Local Volumes", usage->volumes.count, 0, usage->volumes_bytes, usage->unused};
    struct kind own = {.name = "Engine"}, orphans = {.name = "Orphans"};
    for (size_t i = 0; i < usage->images.count; i++) images.active += usage->images.items[i].containers > 0;
    for (size_t i = 0; i < usage->containers.count; i++)
        containers.active += container_runs(&usage->containers.items[i].container);
    for (size_t i = 0; i < usage->volumes.count; i++)
        volumes.active += usage->volumes.items[i].containers > 0;
    for (size_t i = 0; i < usage->others.count; i++) {
        const struct other_usage *other = &usage->others.items[i];
        struct kind *kind = other->orphan ? &orphans : &own;
        kind->count++;
        kind->bytes += other->bytes;
        if (other->orphan) kind->reclaimable += other->bytes;
    }
    own.active = own.count;
    const struct kind *const kinds[] = {&images, &containers, &volumes, &own, &orphans};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (format_add(format, kinds[i], err)) return -1;
    format_print(format, stdout);
    return 0;
}

// At length

static void write_image(struct arena *arena, const struct image_usage *usage, struct json_writer *w) {
    const struct image *image = &usage->image;
    struct reference reference = {0};
    struct err ignored;
    bool named = image->names.count && !reference_parse(arena, image->names.items[0], &reference, &ignored);
    json_begin_object(w, NULL);
    put_count(arena, w, "Containers", usage->containers);
    json_put_string(w, "CreatedSince", words_ago(arena, image_created(image, CLOCK_NEVER)));
    json_put_string(w, "ID", words_id(arena, image->id, false));
    json_put_string(w, "Repository", named ? reference_familiar_repository(arena, &reference) : "<none>");
    put_size(w, "SharedSize", usage->shared);
    put_size(w, "Size", usage->layers);
    json_put_string(w, "Tag", named ? reference.tag : "<none>");
    put_size(w, "UniqueSize", usage->layers - usage->shared);
    json_end_object(w);
}

static const struct format_column image_columns[] = {
    {"REPOSITORY", "Repository"},
    {"TAG", "Tag"},
    {"IMAGE ID", "ID"},
    {"CREATED", "CreatedSince"},
    {"SIZE", "Size"},
    {"SHARED SIZE", "SharedSize"},
    {"UNIQUE SIZE", "UniqueSize"},
    {"CONTAINERS", "Containers"},
    {NULL, NULL},
    {NULL, NULL},
};

static void write_blob(struct arena *arena, const struct blob_usage *usage, struct json_writer *w) {
    json_begin_object(w, NULL);
    json_put_string(w, "Digest", usage->digest);
    put_count(arena, w, "Images", usage->images);
    put_size(w, "Size", usage->bytes);
    json_end_object(w);
}

static const struct format_column blob_columns[] = {
    {"DIGEST", "Digest"}, {"IMAGES", "Images"}, {"SIZE", "Size"}, {NULL, NULL}, {NULL, NULL},
};

static void write_container(struct arena *arena, const struct container_usage *usage, struct json_writer *w) {
    const struct container *container = &usage->container;
    json_begin_object(w, NULL);
    json_put_string(w, "CreatedSince", words_ago(arena, container->created));
    json_put_string(w, "ID", arena_strndup(arena, container->id, SHORT_ID));
    json_put_string(w, "Image", container->image_name);
    put_size(w, "Log", usage->log);
    json_put_string(w, "Names", container->name);
    put_size(w, "Other", usage->other);
    put_size(w, "Size", usage->writable);
    json_put_string(w, "Status", words_status(arena, container));
    json_end_object(w);
}

static const struct format_column container_columns[] = {
    {"CONTAINER ID", "ID"},      {"IMAGE", "Image"},   {"SIZE", "Size"},   {"LOG", "Log"}, {"OTHER", "Other"},
    {"CREATED", "CreatedSince"}, {"STATUS", "Status"}, {"NAMES", "Names"}, {NULL, NULL},   {NULL, NULL},
};

static void write_volume(struct arena *arena, const struct volume_usage *usage, struct json_writer *w) {
    json_begin_object(w, NULL);
    put_count(arena, w, "Links", usage->containers);
    json_put_string(w, "Name", usage->name);
    put_size(w, "Size", usage->bytes);
    json_end_object(w);
}

static const struct format_column volume_columns[] = {
    {"VOLUME NAME", "Name"}, {"LINKS", "Links"}, {"SIZE", "Size"}, {NULL, NULL}, {NULL, NULL},
};

static void write_other(const struct other_usage *usage, struct json_writer *w) {
    json_begin_object(w, NULL);
    json_put_string(w, "Kind", usage->orphan ? "orphan" : "engine");
    json_put_string(w, "Name", usage->name);
    put_size(w, "Size", usage->bytes);
    json_end_object(w);
}

static const struct format_column other_columns[] = {
    {"NAME", "Name"}, {"KIND", "Kind"}, {"SIZE", "Size"}, {NULL, NULL}, {NULL, NULL},
};

static int print_part(const char *title, struct json_writer *w, const struct format_column *columns,
                      struct err *err) {
    json_end_array(w);
    printf("%s space usage:\n\n", title);
    int r = format_rows(NULL, "row", columns, str_get(&w->text), stdout, err);
    putchar('\n');
    json_writer_finish(w);
    *w = (struct json_writer){0};
    json_begin_array(w, NULL);
    return r;
}

static int print_all(struct engine *engine, struct arena *arena, const struct disk_usage *usage,
                     struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    char total[16];
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < usage->images.count; i++) write_image(arena, &usage->images.items[i], &w);
    if (print_part("Images", &w, image_columns, err)) return -1;
    for (size_t i = 0; i < usage->blobs.count; i++) write_blob(arena, &usage->blobs.items[i], &w);
    if (usage->blobs.count && print_part("Kept Blobs", &w, blob_columns, err)) return -1;
    for (size_t i = 0; i < usage->containers.count; i++)
        write_container(arena, &usage->containers.items[i], &w);
    if (print_part("Containers", &w, container_columns, err)) return -1;
    for (size_t i = 0; i < usage->volumes.count; i++) write_volume(arena, &usage->volumes.items[i], &w);
    if (print_part("Local Volumes", &w, volume_columns, err)) return -1;
    for (size_t i = 0; i < usage->others.count; i++) write_other(&usage->others.items[i], &w);
    if (print_part("Other", &w, other_columns, err)) return -1;
    printf("Total: %s (%llu bytes) in %s\n", format_size(usage->total, total),
           (unsigned long long)usage->total, engine->store.root);
    return 0;
}

int run_system_df(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct usage_flags *flags = invocation->options;
    struct disk_usage usage;
    struct err ignored;
    _cleanup_(format_finish) struct format format = {0};
    if (flags->verbose && flags->format)
        return err_set(err, ERR_INVALID, 0, "--verbose has a form of its own: without --format");
    if (!flags->verbose && format_begin(&format, &kind_listing, flags->format, false, err)) return -1;
    (void)engine_recover(engine, true, &ignored);
    if (engine_disk_usage(engine, &invocation->arena, &usage, err)) return -1;
    return flags->verbose ? print_all(engine, &invocation->arena, &usage, err)
                          : print_kinds(&usage, &format, err);
}

int run_system_check(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct strings problems;
    if (engine_check(engine, &invocation->arena, &problems, err)) return -1;
    for (size_t i = 0; i < problems.count; i++) puts(problems.items[i]);
    if (problems.count)
        return err_set(err, ERR_INVALID, 0, "%zu problem%s in %s", problems.count,
                       problems.count > 1 ? "s" : "", engine->store.root);
    puts("No problems");
    return 0;
}
