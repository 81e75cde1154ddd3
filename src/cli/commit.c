// SPDX-License-Identifier: Apache-2.0
// commit and import: images that are made here.
#include "base/fd.h"
#include "base/id.h"
#include "cli/cli.h"
#include "image/import.h"
#include "registry/reference.h"

#include <stdio.h>
#include <unistd.h>

// The name that the new image is to have, in full. No argument: NULL.
static int read_name(struct invocation *invocation, const char **ret_name, struct err *err) {
    const struct strings *arguments = &invocation->arguments;
    struct reference reference;
    *ret_name = NULL;
    if (arguments->count < 2 || !*arguments->items[1]) return 0;
    if (reference_parse(&invocation->arena, arguments->items[1], &reference, err)) return -1;
    if (reference.digest)
        return err_set(err, ERR_INVALID, 0, "refusing to create a tag with a digest reference");
    *ret_name = reference_full(&invocation->arena, &reference);
    return 0;
}

// commit

struct commit_flags {
    struct strings changes;
    const char *author, *message;
    bool no_pause;
};

static const struct option commit_rows[] = {
    {"author", 'a', "string", "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")", store_string,
     offsetof(struct commit_flags, author)},
    {"change", 'c', "list", "Apply Dockerfile instruction to the created image", store_list,
     offsetof(struct commit_flags, changes)},
    {"message", 'm', "string", "Commit message", store_string, offsetof(struct commit_flags, message)},
    {"no-pause", 0, NULL, "Disable pausing container during commit", store_flag,
     offsetof(struct commit_flags, no_pause)},
    {"pause", 'p', NULL, NULL, store_off, offsetof(struct commit_flags, no_pause)}, // Docker's older way
};
const struct option_table commit_options_table = OPTIONS(commit_rows, struct commit_flags);

int run_commit(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct commit_flags *flags = invocation->options;
    struct container container;
    char id[DIGEST_SIZE];
    struct commit_options options = {.author = flags->author,
                                     .message = flags->message,
                                     .changes = flags->changes,
                                     .pause = !flags->no_pause};
    if (read_name(invocation, &options.name, err) ||
        container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err) ||
        container_commit(engine, &container, &options, id, err))
        return -1;
    puts(id);
    return 0;
}

// import

struct import_flags {
    struct strings changes;
    const char *message, *platform;
};

static const struct option import_rows[] = {
    {"change", 'c', "list", "Apply Dockerfile instruction to the created image", store_list,
     offsetof(struct import_flags, changes)},
    {"message", 'm', "string", "Set commit message for imported image", store_string,
     offsetof(struct import_flags, message)},
    {"platform", 0, "string", "Set the platform that the image is for", store_string,
     offsetof(struct import_flags, platform)},
};
const struct option_table import_options_table = OPTIONS(import_rows, struct import_flags);

static bool is_url(const char *source) {
    return str_has_prefix(source, "http://") || str_has_prefix(source, "https://");
}

int run_import(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct import_flags *flags = invocation->options;
    const char *source = invocation->arguments.items[0];
    char id[DIGEST_SIZE];
    _cleanup_(fd_closep) int file = -1;
    struct import_options options = {.source = source,
                                     .tar = STDIN_FILENO,
                                     .platform = flags->platform,
                                     .message = flags->message,
                                     .changes = flags->changes};
    if (read_name(invocation, &options.name, err)) return -1;
    if (is_url(source)) {
        options.url = source;
    } else if (str_eq(source, "-")) {
        options.source = "standard input";
    } else {
        options.tar = file = fd_open_at(AT_FDCWD, source, O_RDONLY, 0);
        if (file < 0) return err_set(err, ERR_SYSTEM, -file, "open %s", source);
    }
    if (image_import(&engine->store, &options, id, err)) return -1;
    puts(id);
    return 0;
}
