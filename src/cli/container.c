// SPDX-License-Identifier: Apache-2.0
// stop, kill, wait and rm: the end of a container's life.
#include "base/signal_name.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/stop.h"

#include <signal.h>
#include <stdio.h>

// stop

static const struct option stop_rows[] = {
    {"signal", 's', "string", "Signal to send to the container", store_string,
     offsetof(struct stop_flags, signal)},
    {"timeout", 't', "int", "Seconds to wait before killing the container", store_i64,
     offsetof(struct stop_flags, timeout)},
    {"time", 0, "int", NULL, store_i64, offsetof(struct stop_flags, timeout)}, // what Docker called it before
};
const struct option_table stop_options_table = OPTIONS(stop_rows, struct stop_flags);

int stop_timeout(const struct stop_flags *flags) {
    if (!flags->timeout.set) return STOP_OWN_TIMEOUT;
    if (flags->timeout.value < 0) return STOP_FOREVER;
    return flags->timeout.value > INT32_MAX ? INT32_MAX : (int)flags->timeout.value;
}

// Each name's outcome, in their order. Returns the exit code.
static int say_stopped(struct invocation *invocation, const struct container_stop *stop, const char *name) {
    if (stop->failed) return cli_print_error(invocation, &stop->err), 1;
    puts(name);
    fflush(stdout);
    if (stop->notice[0]) fprintf(stderr, "hoy: %s\n", stop->notice);
    return 0;
}

int run_stop(struct invocation *invocation, struct engine *engine, struct err *err) {
    const struct stop_flags *flags = invocation->options;
    const struct strings *names = &invocation->arguments;
    struct stop_options options = {.timeout_s = stop_timeout(flags), .signal = flags->signal};
    struct container *containers = arena_array(&invocation->arena, struct container, names->count);
    struct container_stop *stops = arena_array(&invocation->arena, struct container_stop, names->count);
    const char **found = arena_array(&invocation->arena, const char *, names->count);
    size_t count = 0;
    int code = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (container_find(engine, &invocation->arena, names->items[i], &containers[count], err) < 0) {
            cli_print_error(invocation, err);
            code = 1;
            continue;
        }
        found[count] = names->items[i];
        stops[count] = (struct container_stop){.container = &containers[count]};
        count++;
    }
    containers_stop(engine, &options, stops, count);
    for (size_t i = 0; i < count; i++)
        if (say_stopped(invocation, &stops[i], found[i])) code = 1;
    return code;
}

// kill

struct kill_flags {
    const char *signal;
};

static const struct option kill_rows[] = {
    {"signal", 's', "string", "Signal to send to the container", store_string,
     offsetof(struct kill_flags, signal)},
};
const struct option_table kill_options_table = OPTIONS(kill_rows, struct kill_flags);

int run_kill(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    const struct kill_flags *flags = invocation->options;
    struct container container;
    if (container_find(engine, &invocation->arena, name, &container, err) < 0) return -1;
    int signal = str_empty(flags->signal) ? SIGKILL : signal_parse(flags->signal);
    if (signal < 0) return err_set(err, ERR_INVALID, 0, "Invalid signal: %s", flags->signal);
    if (container_kill(engine, &container, signal, err) < 0) return -1;
    puts(name);
    return 0;
}

// wait

int run_wait(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    struct container container;
    int code;
    if (container_find(engine, &invocation->arena, name, &container, err) < 0) return -1;
    if (container_wait(engine, &container, &code, err) < 0) return -1;
    printf("%d\n", code);
    fflush(stdout);
    return 0;
}

// rm

struct rm_flags {
    bool force, volumes, link;
};

static const struct option rm_rows[] = {
    {"force", 'f', NULL, "Force the removal of a running container (uses SIGKILL)", store_flag,
     offsetof(struct rm_flags, force)},
    {"link", 'l', NULL, "Remove the specified link", store_flag, offsetof(struct rm_flags, link)},
    {"volumes", 'v', NULL, "Remove anonymous volumes associated with the container", store_flag,
     offsetof(struct rm_flags, volumes)},
};
const struct option_table rm_options_table = OPTIONS(rm_rows, struct rm_flags);

// A link is a container's second name, "OTHER/ALIAS", which none has here.
static int rm_link(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    struct container container;
    if (container_find(engine, &invocation->arena, name, &container, err)) return -1;
    return err_set(err, ERR_CONFLICT, 0, "Conflict, cannot remove the default link name of the container");
}

int run_rm(struct invocation *invocation, struct engine *engine, const char *name, struct err *err) {
    const struct rm_flags *flags = invocation->options;
    struct container container;
    if (flags->link) return rm_link(invocation, engine, name, err);
    if (container_find(engine, &invocation->arena, name, &container, err) < 0) {
        if (!flags->force || err->kind != ERR_NOT_FOUND) return -1;
        // -f removes what is there: as with rm(1), what is not there is said and no failure.
        cli_print_error(invocation, err);
        return 0;
    }
    if (container_remove(engine, &container, flags->force, err) < 0) return -1;
    if (flags->volumes && container_remove_volumes(engine, &container, err) < 0) return -1;
    puts(name);
    return 0;
}
