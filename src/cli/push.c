// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"
#include "cli/cli.h"
#include "cli/parse_modes.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ZSTD_LEVEL_MAX 19 // the levels above want more memory of whoever pulls

struct compression {
    const char *name; // NULL: not given
    int level;
};

struct push_flags {
    bool all_tags, quiet, force;
    const char *platform;
    struct compression compression;
};

// gzip, zstd, zstd:LEVEL
static int store_compression(struct parse *parse, const char *text, void *field, struct err *err) {
    struct compression *c = field;
    const char *level = str_after(text, "zstd:");
    uint32_t number = 0;
    (void)parse;
    if (level ? parse_u32(level, &number) || number < 1 || number > ZSTD_LEVEL_MAX
              : !str_eq(text, "gzip") && !str_eq(text, "zstd"))
        return err_set(err, ERR_INVALID, 0,
                       "\"%s\" is no compression: it is gzip, zstd, or zstd:LEVEL with a level from 1 to %d",
                       text, ZSTD_LEVEL_MAX);
    *c = (struct compression){level ? "zstd" : text, (int)number};
    return 0;
}

#define AT(member) offsetof(struct push_flags, member)

static const struct option push_rows[] = {
    {"all-tags", 'a', NULL, "Push all tags of an image to the repository", store_flag, AT(all_tags)},
    {"compression", 0, "string",
     "Compress layers that are compressed otherwise: gzip, zstd, zstd:LEVEL (default: as they were pulled)",
     store_compression, AT(compression), "gzip|zstd"},
    {"disable-content-trust", 0, NULL, "Skip image verification (default true)", store_content_trust, 0},
    {"force-compression", 0, NULL, "Compress all layers, also those that are compressed so already",
     store_flag, AT(force)},
    {"platform", 0, "string", "Push the image only if it is for this platform", store_string, AT(platform)},
    {"quiet", 'q', NULL, "Suppress verbose output", store_flag, AT(quiet)},
};
const struct option_table push_options_table = OPTIONS(push_rows, struct push_flags);

int run_push(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct push_flags *flags = invocation->options;
    const char *name = invocation->arguments.items[0];
    const struct push_options options = {.reference = name,
                                         .platform = flags->platform,
                                         .compression = flags->compression.name,
                                         .level = flags->compression.level,
                                         .force = flags->force,
                                         .all_tags = flags->all_tags,
                                         .quiet = flags->quiet,
                                         .out = stdout};
    if (image_load_base(&engine->store, name, false, err) < 0) return -1;
    return image_push(&engine->store, &invocation->arena, &options, err);
}
