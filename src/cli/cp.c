// SPDX-License-Identifier: Apache-2.0
// cp.
#include "cli/cli.h"

#include "base/str.h"
#include "cli/words.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct cp_flags {
    bool archive, follow, quiet, loud; // loud: --quiet=false was given
};

static int store_quiet(struct parse *parse, const char *text, void *field, struct err *err) {
    struct cp_flags *flags = field;
    if (store_flag(parse, text, &flags->quiet, err)) return -1;
    flags->loud = !flags->quiet;
    return 0;
}

static const struct option cp_rows[] = {
    {"archive", 'a', NULL, "Archive mode (copy all uid/gid information)", store_flag,
     offsetof(struct cp_flags, archive)},
    {"follow-link", 'L', NULL, "Always follow symbol link in SRC_PATH", store_flag,
     offsetof(struct cp_flags, follow)},
    {"quiet", 'q', NULL,
     "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is "
     "attached",
     store_quiet, 0},
};
const struct option_table cp_options_table = OPTIONS(cp_rows, struct cp_flags);

// "CONTAINER:PATH"; a path that begins with a slash or a dot is the host's, whatever colons it has.
static void split(struct arena *arena, const char *argument, const char **ret_container,
                  const char **ret_path) {
    const char *colon = strchr(argument, ':');
    bool local = *argument == '/' || *argument == '.' || !colon;
    *ret_container = local ? NULL : arena_strndup(arena, argument, (size_t)(colon - argument));
    *ret_path = local ? argument : colon + 1;
}

static int absolute(struct arena *arena, const char *path, const char **ret_path, struct err *err) {
    char cwd[PATH_MAX];
    if (*path != '/' && !getcwd(cwd, sizeof cwd))
        return err_set(err, ERR_SYSTEM, errno, "find the current directory");
    *ret_path = *path == '/' ? path : arena_printf(arena, "%s/%s", cwd, path);
    return 0;
}

static void tell(struct invocation *invocation, const struct copied *copied, const char *container) {
    const struct cp_flags *flags = invocation->options;
    if (flags->quiet || (!flags->loud && !isatty(STDOUT_FILENO))) return;
    fprintf(stderr, "Successfully copied %s to %s%s%s\n",
            words_size(&invocation->arena, copied->bytes, false), container ? container : "",
            container ? ":" : "", copied->target);
}

static int copy_from(struct invocation *invocation, struct engine *engine, const char *name,
                     struct copy_options *options, struct err *err) {
    struct container container;
    struct copied copied;
    bool to_stdout = str_eq(options->local, "-");
    if (container_find(engine, &invocation->arena, name, &container, err)) return -1;
    if (to_stdout) {
        options->local = NULL, options->stream = STDOUT_FILENO;
        if (isatty(STDOUT_FILENO))
            return err_set(err, ERR_INVALID, 0, "a tar is nothing for a terminal: redirect the output");
    } else if (absolute(&invocation->arena, options->local, &options->local, err)) {
        return -1;
    }
    if (container_copy_from(engine, &invocation->arena, &container, options, &copied, err)) {
        if (to_stdout && err->code == EPIPE) raise(SIGPIPE); // as if we had written it ourselves
        return -1;
    }
    if (!to_stdout) tell(invocation, &copied, NULL);
    return 0;
}

static int copy_to(struct invocation *invocation, struct engine *engine, const char *name,
                   struct copy_options *options, struct err *err) {
    struct container container;
    struct copied copied;
    if (container_find(engine, &invocation->arena, name, &container, err)) return -1;
    if (str_eq(options->local, "-"))
        options->local = NULL, options->stream = STDIN_FILENO;
    else if (absolute(&invocation->arena, options->local, &options->local, err))
        return -1;
    if (container_copy_to(engine, &invocation->arena, &container, options, &copied, err)) return -1;
    tell(invocation, &copied, name);
    return 0;
}

int run_cp(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct cp_flags *flags = invocation->options;
    const struct strings *arguments = &invocation->arguments;
    const char *from, *to, *from_path, *to_path;
    split(&invocation->arena, arguments->items[0], &from, &from_path);
    split(&invocation->arena, arguments->items[1], &to, &to_path);
    struct copy_options options = {.path = from ? from_path : to_path,
                                   .local = from ? to_path : from_path,
                                   .follow = flags->follow,
                                   .archive = flags->archive};
    if (from && *from && to && *to)
        return err_set(err, ERR_INVALID, 0, "copying between containers is not supported");
    if (from && *from) return copy_from(invocation, engine, from, &options, err);
    if (to && *to) return copy_to(invocation, engine, to, &options, err);
    return err_set(err, ERR_INVALID, 0, "must specify at least one container source");
}
