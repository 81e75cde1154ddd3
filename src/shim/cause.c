// SPDX-License-Identifier: Apache-2.0
#include "shim/cause.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "kernel/cgroup.h"
#include "kernel/kmsg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_number(struct str *text, const char *key, int64_t value) {
    if (value) str_printf(text, ",\"%s\":%" PRId64, key, value);
}

// For our own eyes: what JSON would have to escape is not worth its place.
static void add_text(struct str *text, const char *key, const char *value) {
    if (!*value) return;
    str_printf(text, ",\"%s\":\"", key);
    for (; *value; value++)
        str_add_char(text, *value == '"'                                    ? '\''
                           : *value < ' ' || *value == '\\' || *value > '~' ? '?'
                                                                            : *value);
    str_add(text, "\"");
}

// The first number in a file of a group; -1.
static int64_t read_number(const char *group, const char *file) {
    char path[1024], text[32];
    snprintf(path, sizeof path, "%s/%s", group, file);
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    ssize_t n = fd < 0 ? fd : fd_read_full(fd, text, sizeof text - 1);
    if (n <= 0 || text[0] < '0' || text[0] > '9') return -1;
    text[n] = '\0';
    return (int64_t)strtoull(text, NULL, 10);
}

static uint64_t count_of(const char *group, const char *file, const char *key) {
    char path[1024];
    uint64_t count = 0;
    snprintf(path, sizeof path, "%s/%s", group, file);
    return cgroup_count(path, key, &count) ? 0 : count;
}

// Limits that slow a container down, or make it fail in its own words.
static void add_limits(struct str *text, const struct plan_block *plan) {
    const struct plan_op *ops = plan_ops((struct plan_block *)plan);
    uint64_t refused = 0, throttled_us = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (ops[i].type != PLAN_CGROUP_CREATE) continue;
        const char *group = plan_text(plan, ops[i].path);
        refused += count_of(group, "pids.events", "max");
        throttled_us += count_of(group, "cpu.stat", "throttled_usec");
        throttled_us += count_of(group, "cpu.stat", "throttled_time") / 1000;
    }
    add_number(text, "pids_refused", (int64_t)refused);
    add_number(text, "throttled_us", (int64_t)throttled_us);
}

// The folder of the group whose limit it was. oom_file is in the container's own group, whose path ends as
// the kernel calls it.
static void limiting_group(const struct plan_block *plan, const struct kmsg_answer *answer, char *ret_path,
                           size_t size) {
    const char *file = plan_text(plan, plan->oom_file), *slash = strrchr(file, '/');
    size_t length = slash ? (size_t)(slash - file) : 0, tail = strlen(answer->task_group);
    bool ends = length >= tail && !strncmp(file + length - tail, answer->task_group, tail);
    if (ends)
        snprintf(ret_path, size, "%.*s%s", (int)(length - tail), file, answer->oom_group);
    else
        snprintf(ret_path, size, "%.*s", (int)length, file);
}

static void add_killing(struct str *text, const struct plan_block *plan, const struct kmsg_answer *answer) {
    char group[1024];
    limiting_group(plan, answer, group, sizeof group);
    add_text(text, "killed", answer->killed.name);
    add_number(text, "killed_pid", answer->killed.pid);
    if (*answer->oom_group) {
        int64_t v2 = read_number(group, "memory.max"), v1 = read_number(group, "memory.limit_in_bytes");
        add_text(text, "oom_group", answer->oom_group);
        add_number(text, "oom_limit", v2 > 0 ? v2 : v1 > 0 ? v1 : 0);
        v2 = read_number(group, "memory.swap.max"), v1 = read_number(group, "memory.memsw.limit_in_bytes");
        add_number(text, "oom_swap_limit", v2 > 0 ? v2 : v1 > 0 ? v1 : 0);
    }
    str_add(text, ",\"biggest\":[");
    for (int i = 0; i < KMSG_BIGGEST && answer->biggest[i].pid; i++) {
        str_printf(text, "%s{\"pid\":%d", i ? "," : "", answer->biggest[i].pid);
        add_number(text, "bytes", (int64_t)answer->biggest[i].bytes);
        add_text(text, "name", answer->biggest[i].name);
        str_add(text, "}");
    }
    str_add(text, "]");
}

// The program's name as the kernel keeps it, unless the program changes it.
static const char *program_name(const struct plan_block *plan) {
    const struct plan_op *exec = plan_find(plan, PLAN_EXEC);
    const char *path = exec && exec->exec.argv.count ? plan_text(plan, exec->exec.argv.at) : "";
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// What the kernel said since the process began, a second earlier to be safe: the two clocks are not one. A
// name alone is believed for what was said just now, and all that is known of the command of an init.
static void add_kernel_log(struct str *text, const struct plan_block *plan, const struct shim *shim) {
    bool by_pid = kmsg_knows_pids() && !plan_find(plan, PLAN_INIT);
    uint64_t since_s =
        by_pid ? plan->start_time / (uint64_t)sysconf(_SC_CLK_TCK) : clock_monotonic_ns() / 1000000000 - 2;
    struct kmsg_subject subject = {.since_us = (since_s ? since_s - 1 : 0) * 1000000,
                                   .pid = by_pid ? shim->pid : 0,
                                   .name = program_name(plan),
                                   .group = plan_text(plan, plan->id)};
    struct kmsg_answer answer;
    int r = kmsg_find(&subject, &answer);
    if (r) {
        add_number(text, "kernel_log", -r);
        return;
    }
    if (answer.oom) add_killing(text, plan, &answer);
    add_text(text, "fault", answer.fault);
    add_text(text, "seccomp", answer.seccomp);
    add_text(text, "denial", answer.denial);
}

// An unhealthy container may have been ended for it.
static void add_health(struct str *text, const struct plan_block *plan, const struct health_record *record) {
    static const char *const actions[] = {[PLAN_UNHEALTHY_NONE] = "",
                                          [PLAN_UNHEALTHY_RESTART] = "restart",
                                          [PLAN_UNHEALTHY_STOP] = "stop",
                                          [PLAN_UNHEALTHY_KILL] = "kill"};
    if (!record || record->status != HEALTH_UNHEALTHY || !record->checks) return;
    const struct health_entry *last = &record->entries[(record->checks - 1) % HEALTH_LOG_MAX];
    char output[256];
    size_t size = last->size < sizeof output ? last->size : sizeof output - 1;
    while (size && last->output[size - 1] == '\n') size--;
    memcpy(output, last->output, size);
    output[size] = '\0';
    add_number(text, "unhealthy", record->failing_streak);
    add_number(text, "health_code", last->exit_code);
    add_text(text, "health_output", output);
    if (plan->health.on_unhealthy < ARRAY_SIZE(actions))
        add_text(text, "unhealthy_got", actions[plan->health.on_unhealthy]);
}

static void add_end(struct str *text, const struct plan_block *plan, const struct shim *shim) {
    bool failed = shim->exit.status || shim->exit.oom;
    add_number(text, "signal", shim->end.signal);
    if (shim->end.core) str_add(text, ",\"core\":true");
    add_number(text, "asked", shim->end.asked);
    add_number(text, "asked_last", shim->end.asked_last);
    add_text(text, "asked_by", shim->end.asked_by);
    if (shim->end.asked) str_printf(text, ",\"handled\":%s", shim->end.handled ? "true" : "false");
    if (plan_find(plan, PLAN_INIT)) str_add(text, ",\"init\":true");
    add_health(text, plan, shim->health.record);
    add_limits(text, plan);
    // Of one that is removed at its end, and failed by itself, nobody asks for more.
    if (plan->auto_remove ? shim->exit.oom || shim->end.signal : failed) add_kernel_log(text, plan, shim);
}

void cause_record(const struct plan_block *plan, const struct shim *shim, int dir, struct str *ret_text) {
    struct str *text = ret_text;
    if (dir < 0) return;
    str_printf(text, "{\"status\":%d,\"oom\":%u,\"exited_ns\":%" PRId64 ",\"restarts\":%u,\"stopped\":%u",
               shim->exit.status, shim->exit.oom, shim->exit.exited_ns, shim->exit.restarts,
               shim->exit.stopped);
    add_number(text, "ran_us", (int64_t)(clock_monotonic_ns() - shim->started_ns) / 1000);
    if (!plan->auto_remove || shim->exit.status || shim->exit.oom) add_end(text, plan, shim);
    str_add(text, "}");
    const char *too = plan_text(plan, plan->exit_too);
    if (file_replace_at(dir, "exit", text->data, text->len, 0600, false) && *too)
        (void)file_replace_at(AT_FDCWD, too, text->data, text->len, 0600, false);
}
