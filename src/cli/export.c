// SPDX-License-Identifier: Apache-2.0
// export and diff.
#include "cli/cli.h"
#include "cli/output_file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct export_flags {
    const char *output;
};

static const struct option export_rows[] = {
    {"output", 'o', "string", "Write to a file, instead of STDOUT", store_string,
     offsetof(struct export_flags, output)},
};
const struct option_table export_options_table = OPTIONS(export_rows, struct export_flags);

static int export_to_stdout(struct engine *engine, const struct container *container, struct err *err) {
    if (isatty(STDOUT_FILENO))
        return err_set(err, ERR_INVALID, 0,
                       "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    if (!container_export(engine, container, STDOUT_FILENO, err)) return 0;
    if (err->code == EPIPE) raise(SIGPIPE); // as if we had written it ourselves
    return -1;
}

static int export_to_file(struct engine *engine, const struct container *container, const char *path,
                          struct err *err) {
    _cleanup_(output_file_finish) struct output_file file = OUTPUT_FILE_INIT;
    return output_file_open(&file, path, err) || container_export(engine, container, file.fd, err) ||
                   output_file_keep(&file, err)
               ? -1
               : 0;
}

int run_export(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct export_flags *flags = invocation->options;
    struct container container;
    if (container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err))
        return -1;
    return flags->output ? export_to_file(engine, &container, flags->output, err)
                         : export_to_stdout(engine, &container, err);
}

int run_diff(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct container container;
    struct strings changes;
    if (container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err) ||
        container_changes(engine, &container, &invocation->arena, &changes, err))
        return -1;
    bool terminal = isatty(STDOUT_FILENO); // at which names can't draw
    for (size_t i = 0; i < changes.count; i++) {
        const char *path = changes.items[i] + 1;
        if (terminal) path = str_make_plain(arena_strdup(&invocation->arena, path));
        printf("%c %s\n", *changes.items[i], path);
    }
    return 0;
}
