// SPDX-License-Identifier: Apache-2.0
// logs: what a container wrote.
#include "shim/logs.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"

#include <sched.h>
#include <unistd.h>

struct logs_flags {
    struct logs_options options;
    struct spec_i64 tail;
};

#define AT(member) offsetof(struct logs_flags, member)

static int store_time(struct parse *parse, const char *text, void *field, struct err *err) {
    (void)parse;
    if (!*text) return *(int64_t *)field = 0, 0; // no limit
    return clock_parse_time(text, clock_wall_ns(), field, err);
}

// What is no number, or a negative one, is everything, as Docker has it.
static int store_tail(struct parse *parse, const char *text, void *field, struct err *err) {
    int64_t tail;
    (void)parse, (void)err;
    *(struct spec_i64 *)field = (struct spec_i64){0};
    if (!parse_i64(text, &tail) && tail >= 0) *(struct spec_i64 *)field = (struct spec_i64){true, tail};
    return 0;
}

static const struct option rows[] = {
    {"details", 0, NULL, "Show extra details provided to logs", store_flag, AT(options.details)},
    {"follow", 'f', NULL, "Follow log output", store_flag, AT(options.follow)},
    {"since", 0, "string",
     "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
     store_time, AT(options.since_ns)},
    {"tail", 'n', "string", "Number of lines to show from the end of the logs (default \"all\")", store_tail,
     AT(tail)},
    {"timestamps", 't', NULL, "Show timestamps", store_flag, AT(options.timestamps)},
    {"until", 0, "string",
     "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
     store_time, AT(options.until_ns)},
};
const struct option_table logs_options_table = OPTIONS(rows, struct logs_flags);

int run_logs(struct invocation *invocation, struct engine *engine, struct err *err) {
    struct logs_flags *flags = invocation->options;
    struct container container;
    _cleanup_(fd_closep) int ended = -1;
    if (container_find(engine, &invocation->arena, invocation->arguments.items[0], &container, err) < 0)
        return -1;
    flags->options.tail = flags->tail.set ? flags->tail.value : -1;
    bool follow = flags->options.follow && str_eq(container.state, "running");
    if (follow && container_attach(engine, &container, &ended, err) < 0) {
        // It may have ended just now: then its log is whole.
        if (container_find(engine, &invocation->arena, container.id, &container, err) < 0) return -1;
        if (str_eq(container.state, "running")) return -1;
    }
    const int out[2] = {STDOUT_FILENO, STDERR_FILENO};
    return container_logs(engine, &container, &flags->options, out, ended, err);
}

// What a shim runs after it rotated a log, with the budget that the container was started with.
int run_log_rotated(struct invocation *invocation, struct engine *engine, struct err *err) {
    const char *const *arguments = invocation->arguments.items;
    struct container container;
    uint64_t budget;
    if (parse_u64(arguments[1], &budget))
        return err_set(err, ERR_INVALID, 0, "%s is no budget", arguments[1]);
    if (container_find(engine, &invocation->arena, arguments[0], &container, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    // Whoever writes so much is not to wait for it: to the scheduler a processor that does this is idle.
    (void)sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    return container_log_rotated(engine, &container, budget, err);
}
