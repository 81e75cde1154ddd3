// SPDX-License-Identifier: Apache-2.0
// events: a container's numbers, once or again and again, and a line when the kernel kills for lack of
// memory.
#include "base/clock.h"
#include "base/fd.h"
#include "hoy-runtime/cgroups.h"
#include "runtime/cgroup.h"
#include "runtime/stats.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

struct events_options {
    const char *interval;
    bool stats;
};

static const struct option events_rows[] = {
    {"interval", 0, "duration", "How often the numbers are printed (default 5s)", store_string,
     offsetof(struct events_options, interval)},
    {"stats", 0, NULL, "Print them once", store_flag, offsetof(struct events_options, stats)},
};
const struct option_table events_options_table = OPTIONS(events_rows, struct events_options);

static int parse_interval(const char *text, int *ret_ms, struct err *err) {
    int64_t ns;
    if (!clock_parse_duration(text, &ns) && ns > 0 && ns / 1000000 < INT32_MAX) {
        *ret_ms = ns < 1000000 ? 1 : (int)(ns / 1000000);
        return 0;
    }
    return err_set(err, ERR_INVALID, 0, "--interval: \"%.40s\" is no duration, as in 5s or 1m30s", text);
}

static int print_stats(const struct container *container, const struct cgroup_groups *groups,
                       struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    if (stats_print(container->id, groups, &text, err)) return -1;
    fputs(str_get(&text), stdout);
    return fflush(stdout) ? err_set(err, ERR_SYSTEM, errno, "cannot print the numbers") : 0;
}

static void print_oom(const struct container *container) {
    printf("{\"type\":\"oom\",\"id\":\"%s\"}\n", container->id);
    fflush(stdout);
}

static int left_ms(uint64_t deadline_ns) {
    uint64_t now = clock_monotonic_ns();
    return now < deadline_ns ? (int)((deadline_ns - now + 999999) / 1000000) : 0;
}

// Until the first process has ended.
static int follow(const struct container *container, const struct cgroup_groups *groups, int interval_ms,
                  struct err *err) {
    const char *file = plan_text(container->plan, container->plan->oom_file);
    uint64_t interval_ns = (uint64_t)interval_ms * 1000000, next = clock_monotonic_ns() + interval_ns,
             seen = 0;
    short events = 0;
    _cleanup_(fd_closep) int pidfd = container_pidfd(container);
    _cleanup_(fd_closep) int oom = *file ? cgroup_oom_watch(file, &events) : -1;
    struct pollfd polls[] = {{.fd = pidfd, .events = POLLIN}, {.fd = oom, .events = events}};
    (void)cgroup_count(file, "oom_kill", &seen); // before this began
    for (;;) {
        int n = pidfd < 0 ? 1 : poll(polls, ARRAY_SIZE(polls), left_ms(next));
        if (n < 0 && errno != EINTR) return err_set(err, ERR_SYSTEM, errno, "cannot wait");
        // v1 wakes who waits for this group when it is removed, too.
        if (oom >= 0 && cgroup_oom_happened(oom, events, file, &seen) && !access(file, F_OK))
            print_oom(container);
        if (pidfd < 0 || polls[0].revents) return 0;
        if (left_ms(next)) continue;
        if (print_stats(container, groups, err)) return -1;
        next += interval_ns;
    }
}

int run_events(struct invocation *invocation, struct err *err) {
    const struct events_options *options = invocation->options;
    _cleanup_(container_close) struct container container = {.dir = -1};
    struct cgroup_groups groups;
    int interval_ms = 5000;
    if (!str_empty(options->interval) && parse_interval(options->interval, &interval_ms, err)) return -1;
    if (container_open(invocation, invocation->arguments.items[0], false, &container, err)) return -1;
    if (container_status(&container) == CONTAINER_STOPPED)
        return err_set(err, ERR_CONFLICT, 0, "container not running");
    if (container_groups(&container, &invocation->arena, &groups, err)) return -1;
    runtime_cgroup_add_cpuset(container.plan, &invocation->arena, &groups);
    return options->stats ? print_stats(&container, &groups, err)
                          : follow(&container, &groups, interval_ms, err);
}
