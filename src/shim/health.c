// SPDX-License-Identifier: Apache-2.0
// Docker's rules: a container is starting until its first good check, or until so many bad ones in a row that
// came after its start period; then the last of it counts.
#include "shim/health.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t interval_ns(const struct health *health) {
    const struct plan_health *settings = health->settings;
    bool starts = clock_monotonic_ns() - health->started_ns < settings->start_period_ns;
    return starts && health->record->status == HEALTH_STARTING ? settings->start_interval_ns
                                                               : settings->interval_ns;
}

static void schedule(struct health *health) {
    health->due_ns = clock_monotonic_ns() + interval_ns(health);
}

int health_map(struct health *health, const struct plan_block *plan, int fd) {
    if (fd < 0) return 0;
    bool checks = plan->health.probe != PLAN_PROBE_NONE;
    void *at = checks ? mmap(NULL, sizeof *health->record, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : NULL;
    int r = at == MAP_FAILED ? -errno : 0;
    if (!r) health->record = at;
    close(fd);
    return r;
}

void health_begin(struct health *health, const struct plan_block *plan) {
    health->due_ns = HEALTH_NEVER;
    health->probe.fd = -1;
    if (!health->record) return;
    health->plan = plan;
    health->settings = &plan->health;
    health->started_ns = clock_monotonic_ns();
    schedule(health);
}

void health_end(struct health *health) {
    probe_cancel(&health->probe);
    health->due_ns = HEALTH_NEVER;
}

// Whether the container stands still. v1's group is the one that is frozen where there is one.

static bool find_freezer(struct health *health) {
    static const char *const files[] = {"freezer.state", "cgroup.freeze"};
    struct plan_op *ops = plan_ops((struct plan_block *)health->plan);
    for (size_t f = 0; f < ARRAY_SIZE(files); f++)
        for (uint32_t i = 0; i < health->plan->count; i++) {
            if (ops[i].type != PLAN_CGROUP_CREATE) continue;
            snprintf(health->freezer, sizeof health->freezer, "%s/%s", plan_text(health->plan, ops[i].path),
                     files[f]);
            if (!access(health->freezer, R_OK)) return true;
        }
    return false;
}

static bool is_paused(struct health *health) {
    char first = 0;
    if (!health->freezer[0] && !find_freezer(health)) return false;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, health->freezer, O_RDONLY, 0);
    return fd >= 0 && read(fd, &first, 1) == 1 && (first == 'F' || first == '1');
}

// Results

static void add_entry(struct health *health) {
    struct health_record *record = health->record;
    struct health_entry *entry = &record->entries[record->checks % HEALTH_LOG_MAX];
    const struct probe *probe = &health->probe;
    entry->start_ns = health->probe_started_ns;
    entry->end_ns = clock_wall_ns();
    entry->exit_code = probe->answer.exit_code;
    entry->truncated = probe->truncated;
    entry->size = (uint16_t)probe->used;
    memcpy(entry->output, probe->output, probe->used);
    record->checks++;
}

// The one place where a container's health becomes another.
static bool set_status(struct health_record *record, enum health_status status) {
    if (record->status == status) return false;
    record->status = status;
    return true;
}

// Whether it has become unhealthy.
static bool judge(struct health *health) {
    struct health_record *record = health->record;
    if (health->probe.answer.exit_code == 0) {
        record->failing_streak = 0;
        set_status(record, HEALTH_HEALTHY);
        return false;
    }
    bool forgiven = record->status == HEALTH_STARTING &&
                    clock_monotonic_ns() - health->started_ns < health->settings->start_period_ns;
    if (forgiven || ++record->failing_streak < health->settings->retries) return false;
    return set_status(record, HEALTH_UNHEALTHY);
}

static bool take_result(struct health *health) {
    struct health_record *record = health->record;
    health->probe.stage = PROBE_IDLE;
    schedule(health);
    if (is_paused(health)) return false; // nothing that stands still answers in time
    __atomic_fetch_add(&record->version, 1, __ATOMIC_SEQ_CST);
    add_entry(health);
    bool unhealthy = judge(health);
    __atomic_fetch_add(&record->version, 1, __ATOMIC_SEQ_CST);
    return unhealthy;
}

// The loop's side

uint64_t health_deadline(const struct health *health) {
    if (!health->record || health->due_ns == HEALTH_NEVER) return HEALTH_NEVER;
    return health->probe.stage == PROBE_IDLE ? health->due_ns : health->probe.deadline_ns;
}

struct pollfd health_poll(const struct health *health) {
    if (!health->record || health->probe.stage == PROBE_IDLE) return (struct pollfd){.fd = -1};
    short events = health->probe.stage == PROBE_CONNECTING ? POLLOUT : POLLIN;
    return (struct pollfd){.fd = health->probe.fd, .events = events};
}

bool health_serve(struct health *health, short events) {
    if (!health->record || health->due_ns == HEALTH_NEVER) return false;
    if (health->probe.stage == PROBE_IDLE) {
        if (clock_monotonic_ns() < health->due_ns) return false;
        if (is_paused(health)) return schedule(health), false;
        health->probe_started_ns = clock_wall_ns();
        probe_start(&health->probe, health->plan);
    } else {
        probe_serve(&health->probe, events);
    }
    return health->probe.stage == PROBE_DONE && take_result(health);
}

bool health_reaped(struct health *health, pid_t pid) {
    if (!health->record || pid != health->probe.pid) return false;
    health->probe.pid = 0;
    return true;
}
