// SPDX-License-Identifier: Apache-2.0
// pause, unpause, restart and rename: containers in the middle of their lives.
#include "base/str.h"
#include "cli/cli.h"
#include "cli/parse_value.h"
#include "cli/session.h"
#include "cli/stop.h"

#include <stdio.h>
#include <string.h>

// pause and unpause

int run_pause(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    struct container container;
    if (container_find(engine, &invocation->arena, name, &container, err) ||
        container_pause(engine, &container, err))
        return -1;
    puts(name);
    return 0;
}

int run_unpause(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    struct container container;
    if (container_find(engine, &invocation->arena, name, &container, err) ||
        container_unpause(engine, &container, err))
        return -1;
    puts(name);
    return 0;
}

// restart

int run_restart(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    const struct stop_flags *flags = invocation->options;
    struct stop_options stop_options = {.timeout_s = stop_timeout(flags), .signal = flags->signal};
    struct start_options options = {0};
    struct container container;
    struct container_stop stop;
    session_size(&options.rows, &options.columns);
    if (container_find(engine, &invocation->arena, name, &container, err) ||
        container_restart(engine, &container, &stop_options, &options, &stop, err))
        return -1;
    puts(name);
    fflush(stdout);
    if (stop.notice[0]) fprintf(stderr, "hoy: %s\n", stop.notice);
    return 0;
}

// rename

int run_rename(struct invocation *invocation, struct engine *engine, struct err *err) {
    const char *const *words = invocation->arguments.items;
    struct container container;
    if (str_empty(words[0]) || str_empty(words[1]))
        return err_set(err, ERR_INVALID, 0, "Neither old nor new names may be empty");
    if (container_find(engine, &invocation->arena, words[0], &container, err)) return -1;
    return container_rename(engine, &container, words[1], err);
}
