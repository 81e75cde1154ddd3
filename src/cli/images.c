// SPDX-License-Identifier: Apache-2.0
// pull, images, tag and rmi.
#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/parse_modes.h"
#include "cli/settings.h"
#include "cli/store_filter.h"
#include "cli/words.h"
#include "image/filter.h"
#include "image/tags.h"
#include "registry/reference.h"

#include <stdio.h>
#include <string.h>

// pull

struct pull_flags {
    bool all_tags, quiet, keep_blobs;
    const char *platform;
};

static const struct option pull_rows[] = {
    {"all-tags", 'a', NULL, "Download all tagged images in the repository", store_flag,
     offsetof(struct pull_flags, all_tags)},
    {"disable-content-trust", 0, NULL, "Skip image verification (default true)", store_content_trust, 0},
    {"keep-blobs", 0, NULL,
     "Keep the layers as they are served, too: push sends them again (HOY_KEEP_BLOBS=1: always)", store_flag,
     offsetof(struct pull_flags, keep_blobs)},
    {"platform", 0, "string", "Set the image's platform, when it is for several", store_string,
     offsetof(struct pull_flags, platform)},
    {"quiet", 'q', NULL, "Suppress verbose output", store_flag, offsetof(struct pull_flags, quiet)},
};
const struct option_table pull_options_table = OPTIONS(pull_rows, struct pull_flags);

static int pull_all(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    const struct pull_flags *flags = invocation->options;
    struct arena *arena = &invocation->arena;
    struct reference reference;
    struct strings tags;
    struct image image;
    bool downloaded = false;
    if (reference_parse(arena, name, &reference, err)) return -1;
    const char *repository = reference_repository(arena, &reference), *slash = strrchr(name, '/');
    if (strpbrk(slash ? slash : name, ":@"))
        return err_set(err, ERR_INVALID, 0, "tag can't be used with --all-tags/-a");
    if (image_tags(arena, &reference, &tags, err)) return -1;
    for (size_t i = 0; i < tags.count; i++) {
        const struct pull_options options = {.reference =
                                                 arena_printf(arena, "%s:%s", repository, tags.items[i]),
                                             .platform = flags->platform,
                                             .quiet = flags->quiet,
                                             .keep_blobs = flags->keep_blobs,
                                             .out = stdout,
                                             .downloaded = &downloaded};
        if (image_pull(&engine->store, arena, &options, &image, err)) return -1;
    }
    if (!flags->quiet)
        image_pull_status(stdout, reference_familiar_repository(arena, &reference), downloaded);
    return puts(repository), 0;
}

static int pull(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct pull_flags *flags = invocation->options;
    const char *name = invocation->arguments.items[0];
    struct image image;
    if (flags->all_tags) return pull_all(invocation, engine, name, err);
    int r = image_load_base(&engine->store, name, true, err);
    if (r < 0) return -1;
    if (r == 1) return puts(name), 0;
    struct pull_options options = {.reference = name,
                                   .platform = flags->platform,
                                   .quiet = flags->quiet,
                                   .keep_blobs = flags->keep_blobs,
                                   .out = stdout};
    struct reference reference;
    if (image_pull(&engine->store, &invocation->arena, &options, &image, err) ||
        reference_parse(&invocation->arena, name, &reference, err))
        return -1;
    return puts(reference_full(&invocation->arena, &reference)), 0;
}

int run_pull(struct invocation *invocation, struct err *err) {
    struct pull_flags *flags = invocation->options;
    if (platform_default(&invocation->arena, &flags->platform, err)) return -1;
    return cli_with_engine(invocation, pull, err);
}

// images

struct images_flags {
    bool all, digests, no_trunc, quiet, tree;
    struct strings filters;
    const char *format;
};

#define AT(member) offsetof(struct images_flags, member)

static const struct option images_rows[] = {
    {"all", 'a', NULL, "Show all images (default hides intermediate images)", store_flag, AT(all)},
    {"digests", 0, NULL, "Show digests", store_flag, AT(digests)},
    {"filter", 'f', "filter",
     "Filter output based on conditions: dangling, label, before, since, until, reference", store_filter,
     AT(filters)},
    {"format", 0, "string", FORMAT_HELP_TABLE, store_string, AT(format)},
    {"no-trunc", 0, NULL, "Don't truncate output", store_flag, AT(no_trunc)},
    {"quiet", 'q', NULL, "Only show image IDs", store_flag, AT(quiet)},
    {"tree", 0, NULL, "List each image with its platform and what it takes", store_flag, AT(tree)},
};
const struct option_table images_options_table = OPTIONS(images_rows, struct images_flags);

// A listing in the making.
struct listing {
    struct arena *arena;
    const struct images_flags *flags;
    struct format format;
    struct json_writer w; // of --tree
    struct err *err;
    bool failed;
};

struct row {
    const struct image *image;
    const char *repository, *tag, *digest;
    bool whole; // --no-trunc
};

FORMAT_COLUMN(row_unknown) {
    return "N/A";
}

FORMAT_COLUMN(row_created_at) {
    const struct image *image = ((const struct row *)data)->image;
    int64_t built = image_created(image, CLOCK_NEVER);
    char created[64];
    return built == CLOCK_NEVER ? "N/A" : arena_strdup(arena, words_time(built, created));
}

FORMAT_COLUMN(row_created_since) {
    return words_ago(arena, image_created(((const struct row *)data)->image, CLOCK_NEVER));
}

FORMAT_COLUMN(row_digest) {
    return ((const struct row *)data)->digest;
}

FORMAT_COLUMN(row_id) {
    const struct row *row = data;
    return words_id(arena, row->image->id, row->whole);
}

FORMAT_COLUMN(row_repository) {
    return ((const struct row *)data)->repository;
}

FORMAT_COLUMN(row_size) {
    char size[16];
    return arena_strdup(arena, format_size(((const struct row *)data)->image->size, size));
}

FORMAT_COLUMN(row_tag) {
    return ((const struct row *)data)->tag;
}

static const struct value_method columns[] = {
    {"ID", "IMAGE ID", row_id, false},
    {"Repository", "REPOSITORY", row_repository, false},
    {"Tag", "TAG", row_tag, false},
    {"Digest", "DIGEST", row_digest, false},
    {"CreatedSince", "CREATED", row_created_since, false},
    {"CreatedAt", "CREATED AT", row_created_at, false},
    {"Size", "SIZE", row_size, false},
    {"Containers", "CONTAINERS", row_unknown, false},
    {"VirtualSize", "SIZE", row_size, false},
    {"SharedSize", "SHARED SIZE", row_unknown, false},
    {"UniqueSize", "UNIQUE SIZE", row_unknown, false},
};

#define LISTING(digest_column, digest_line)                                                           \
    {                                                                                                 \
        .rows = {"*formatter.imageContext", columns, ARRAY_SIZE(columns)},                            \
        .table = "{{.Repository}}\t{{.Tag}}\t" digest_column "{{.ID}}\t{{.CreatedSince}}\t{{.Size}}", \
        .raw = "repository: {{.Repository}}\n"                                                        \
               "tag: {{.Tag}}\n" digest_line "image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\n"        \
               "virtual_size: {{.Size}}\n",                                                           \
        .raw_quiet = "image_id: {{.ID}}", .setting = "imagesFormat",                                  \
    }
static const struct format_listing plain_listing = LISTING("", "");
static const struct format_listing digest_listing = LISTING("{{.Digest}}\t", "digest: {{.Digest}}\n");

static void write_row(struct listing *listing, const struct image *image, const char *repository,
                      const char *tag, const char *digest) {
    struct row row = {image, repository, tag, digest, listing->flags->no_trunc};
    if (!listing->failed) listing->failed = format_add(&listing->format, &row, listing->err) < 0;
}

// "sha256:…" that the image was pulled by from a repository, "<none>" where there is none.
static const char *digest_in(const struct image *image, const char *repository) {
    size_t length = strlen(repository);
    for (size_t i = 0; i < image->digests.count; i++)
        if (!strncmp(image->digests.items[i], repository, length) && image->digests.items[i][length] == '@')
            return image->digests.items[i] + length + 1;
    return "<none>";
}

static void write_names(struct listing *listing, const struct image *image) {
    struct arena *arena = listing->arena;
    for (size_t i = 0; i < image->names.count; i++) {
        struct reference reference;
        struct err ignored;
        if (reference_parse(arena, image->names.items[i], &reference, &ignored) < 0) continue;
        write_row(listing, image, reference_familiar_repository(arena, &reference), reference.tag,
                  digest_in(image, reference_repository(arena, &reference)));
    }
    if (image->names.count) return;
    const char *digest = image->digests.count ? image->digests.items[0] : NULL;
    const char *repository = "<none>";
    struct reference reference;
    struct err ignored;
    if (digest && reference_parse(arena, digest, &reference, &ignored) == 0)
        repository = reference_familiar_repository(arena, &reference);
    write_row(listing, image, repository, "<none>", digest ? strchr(digest, '@') + 1 : "<none>");
}

// --tree: what an image takes on the disk, and took on its way here.

static const struct format_column tree_columns[] = {
    {"IMAGE", "Image"},
    {"ID", "ID"},
    {"DISK USAGE", "DiskUsage"},
    {"CONTENT SIZE", "ContentSize"},
    {"EXTRA", "Extra"},
    {NULL, NULL},
    {NULL, NULL},
};

static uint64_t content_size(struct arena *arena, const struct image *image) {
    struct manifest manifest;
    struct err ignored;
    uint64_t size = strlen(image->config_text);
    if (manifest_parse(arena, image->manifest, strlen(image->manifest), image->media_type, &manifest,
                       &ignored))
        return 0;
    for (size_t i = 0; i < manifest.layers.count; i++) size += manifest.layers.items[i].size;
    return size;
}

static void write_tree_row(struct listing *listing, const struct image *image, const char *name, bool used) {
    struct json_writer *w = &listing->w;
    char disk[16], content[16];
    json_begin_object(w, NULL);
    json_put_string(w, "Image", name);
    json_put_string(w, "ID", words_id(listing->arena, image->id, listing->flags->no_trunc));
    json_put_string(w, "DiskUsage", format_size(image->size, disk));
    json_put_string(w, "ContentSize", format_size(content_size(listing->arena, image), content));
    json_put_string(w, "Extra", used ? "U" : "");
    json_end_object(w);
}

static void write_tree(struct listing *listing, const struct image *image,
                       const struct containers *containers) {
    struct arena *arena = listing->arena;
    const struct image_config *config = &image->config;
    bool used = false, any = false;
    for (size_t i = 0; i < containers->count; i++) used |= str_eq(containers->items[i].image_id, image->id);
    for (size_t i = 0; i < image->names.count; i++) {
        struct reference reference;
        struct err ignored;
        if (reference_parse(arena, image->names.items[i], &reference, &ignored) < 0) continue;
        write_tree_row(listing, image, reference_familiar(arena, &reference), used);
        any = true;
    }
    if (!any && image->names.count) return;
    if (!any) write_tree_row(listing, image, "<untagged>", used);
    write_tree_row(listing, image,
                   arena_printf(arena, "└─ %s/%s%s%s", config->os ? config->os : "unknown",
                                config->architecture ? config->architecture : "unknown",
                                config->variant ? "/" : "", config->variant ? config->variant : ""),
                   used);
}

static int print_tree(struct listing *listing, const struct images *images,
                      const struct containers *containers) {
    json_begin_array(&listing->w, NULL);
    for (size_t i = 0; i < images->count; i++) write_tree(listing, &images->items[i], containers);
    json_end_array(&listing->w);
    return format_rows(NULL, "image", tree_columns, str_get(&listing->w.text), stdout, listing->err);
}

static int print_rows(struct listing *listing, const struct images *images) {
    const struct images_flags *flags = listing->flags;
    bool once = flags->quiet && str_empty(flags->format); // however many names it has
    if (format_begin(&listing->format, flags->digests ? &digest_listing : &plain_listing, flags->format,
                     flags->quiet, listing->err) < 0)
        return -1;
    for (size_t i = 0; i < images->count; i++)
        if (once)
            write_row(listing, &images->items[i], "", "", "");
        else
            write_names(listing, &images->items[i]);
    if (listing->failed) return -1;
    format_print(&listing->format, stdout);
    return 0;
}

// Those that the filters let through; the argument is one of them.
static int list(struct invocation *invocation, struct engine *engine, struct images *ret_images,
                struct err *err) {
    struct images_flags *flags = invocation->options;
    const struct strings *names = &invocation->arguments;
    struct images images;
    if (names->count && *names->items[0])
        strings_add(&invocation->arena, &flags->filters,
                    arena_printf(&invocation->arena, "reference=%s", names->items[0]));
    if (image_list(&engine->store, &invocation->arena, &images, err) ||
        images_filter(&engine->store, &invocation->arena, &flags->filters, &images, err))
        return -1;
    *ret_images = images;
    return 0;
}

int run_images(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct images_flags *flags = invocation->options;
    struct images images;
    struct containers containers = {0};
    if (flags->tree && (flags->quiet || flags->format || flags->digests))
        return err_set(err, ERR_INVALID, 0,
                       "--tree has a form of its own: without --quiet, --digests and --format");
    image_try_recover(&engine->store);
    if (list(invocation, engine, &images, err)) return -1;
    if (flags->tree && container_list(engine, &invocation->arena, true, &containers, err)) return -1;
    struct listing listing = {.arena = &invocation->arena, .flags = flags, .err = err};
    int r = flags->tree ? print_tree(&listing, &images, &containers) : print_rows(&listing, &images);
    format_finish(&listing.format);
    json_writer_finish(&listing.w);
    return r;
}

// tag

int run_tag(struct invocation *invocation, struct engine *engine, struct err *err) {
    const char *const *words = invocation->arguments.items;
    return image_tag(&engine->store, words[0], words[1], err);
}

// rmi

struct rmi_flags {
    bool force;
};

static const struct option rmi_rows[] = {
    {"force", 'f', NULL, "Force removal of the image", store_flag, offsetof(struct rmi_flags, force)},
    OPTION_REFUSED("no-prune", 0, "no image has parents without a name that would be left or go"),
    OPTION_REFUSED("platform", 0, "an image has one platform here: it is removed by its name or id"),
};
const struct option_table rmi_options_table = OPTIONS(rmi_rows, struct rmi_flags);

static void print_removed(const char *line, void *data) {
    (void)data;
    puts(line);
}

int run_rmi(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    const struct rmi_flags *flags = invocation->options;
    int r = image_remove(&engine->store, name, flags->force, print_removed, NULL, err);
    if (!r || !flags->force || err->kind != ERR_NOT_FOUND) return r;
    cli_print_error(invocation, err); // what is to be gone is gone
    return 0;
}
