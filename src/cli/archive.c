// SPDX-License-Identifier: Apache-2.0
// save and load.
#include "image/archive.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/output_file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// save

struct save_flags {
    const char *output, *platform;
};

static const struct option save_rows[] = {
    {"output", 'o', "string", "Write to a file, instead of STDOUT", store_string,
     offsetof(struct save_flags, output)},
    {"platform", 0, "string", "Save only when the image is for this platform", store_string,
     offsetof(struct save_flags, platform)},
};
const struct option_table save_options_table = OPTIONS(save_rows, struct save_flags);

static int save_to(struct invocation *invocation, struct engine *engine, int out, struct err *err) {
    const struct save_flags *flags = invocation->options;
    const struct save_options options = {
        .names = invocation->arguments, .platform = flags->platform, .out = out};
    for (size_t i = 0; i < options.names.count; i++)
        if (image_load_base(&engine->store, options.names.items[i], false, err) < 0) return -1;
    return image_save(&engine->store, &invocation->arena, &options, err);
}

static int save(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct save_flags *flags = invocation->options;
    if (str_empty(flags->output)) return save_to(invocation, engine, STDOUT_FILENO, err);
    _cleanup_(output_file_finish) struct output_file file = OUTPUT_FILE_INIT;
    if (output_file_open(&file, flags->output, err)) return err_wrap(err, "failed to save image");
    return save_to(invocation, engine, file.fd, err) || output_file_keep(&file, err) ? -1 : 0;
}

int run_save(struct invocation *invocation, struct err *err) {
    const struct save_flags *flags = invocation->options;
    if (str_empty(flags->output) && isatty(STDOUT_FILENO))
        return err_set(err, ERR_INVALID, 0,
                       "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    return cli_with_engine(invocation, save, err);
}

// load

struct load_flags {
    const char *input, *platform;
    bool quiet;
};

static const struct option load_rows[] = {
    {"input", 'i', "string", "Read from tar archive file, instead of STDIN", store_string,
     offsetof(struct load_flags, input)},
    {"platform", 0, "string", "Load only the image for this platform", store_string,
     offsetof(struct load_flags, platform)},
    {"quiet", 'q', NULL, "Suppress the load output", store_flag, offsetof(struct load_flags, quiet)},
};
const struct option_table load_options_table = OPTIONS(load_rows, struct load_flags);

static int load_from(struct invocation *invocation, struct engine *engine, int archive, struct err *err) {
    const struct load_flags *flags = invocation->options;
    struct stat st;
    // As with Docker, only at a terminal there is more than names.
    const struct load_options options = {.archive = archive,
                                         .platform = flags->platform,
                                         .out = stdout,
                                         .progress = !flags->quiet && isatty(STDOUT_FILENO) ? stdout : NULL};
    if (fstat(archive, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, 0,
                       "it is a directory: an OCI layout is loaded by tar -C DIRECTORY -c . | hoy load");
    return image_load(&engine->store, &invocation->arena, &options, err);
}

static int load(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct load_flags *flags = invocation->options;
    if (str_empty(flags->input))
        return load_from(invocation, engine, STDIN_FILENO, err) ? err_wrap(err, "load from stdin") : 0;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, flags->input, O_RDONLY, 0);
    if (fd < 0) return err_set(err, ERR_NOT_FOUND, -fd, "open %s: %s", flags->input, strerror(-fd));
    return load_from(invocation, engine, fd, err) ? err_wrap(err, "load %s", flags->input) : 0;
}

int run_load(struct invocation *invocation, struct err *err) {
    const struct load_flags *flags = invocation->options;
    if (str_empty(flags->input) && isatty(STDIN_FILENO))
        return err_set(err, ERR_INVALID, 0, "requested load from stdin, but stdin is empty");
    return cli_with_engine(invocation, load, err);
}
