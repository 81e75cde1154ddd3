// SPDX-License-Identifier: Apache-2.0
// Stopping a group. v2 says by an event when the last process stands still. v1 says it only to who asks, and
// it may never come to that: a process that is just made can slip through, and the group then stays half
// frozen until it is thawed and frozen once more.
#include "base/clock.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_walk.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS       100000 // between two looks at a v1 group
#define TICKS_A_ROUND 50     // looks before it is thawed and frozen again

static void tick(void) {
    struct timespec time = {.tv_nsec = TICK_NS};
    nanosleep(&time, NULL);
}

// v2

static int freeze_v2(int group, uint64_t deadline_ns) {
    int r = file_write_at(group, "cgroup.freeze", "1");
    if (r < 0) return r;
    r = cgroup_wait_event(group, "frozen 1", deadline_ns);
    if (r < 0) (void)file_write_at(group, "cgroup.freeze", "0");
    return r;
}

static int state_v2(int group, enum cgroup_freezer *ret_state) {
    char text[512];
    ssize_t n = cgroup_read(group, "cgroup.freeze", text, sizeof text);
    if (n < 0) return (int)n;
    if (text[0] != '1') return *ret_state = CGROUP_THAWED, 0;
    n = cgroup_read(group, "cgroup.events", text, sizeof text);
    if (n < 0) return (int)n;
    *ret_state = strstr(text, "frozen 1") ? CGROUP_FROZEN : CGROUP_FREEZING;
    return 0;
}

// v1

static int state_v1(int group, enum cgroup_freezer *ret_state) {
    char text[64], own[16];
    ssize_t n = cgroup_read(group, "freezer.state", text, sizeof text);
    if (n < 0) return (int)n;
    // Frozen only by a group above: nothing that could be thawed here.
    if (cgroup_read(group, "freezer.self_freezing", own, sizeof own) > 0 && own[0] == '0') text[0] = '\0';
    *ret_state = strncmp(text, "FROZEN", 6) == 0     ? CGROUP_FROZEN
                 : strncmp(text, "FREEZING", 8) == 0 ? CGROUP_FREEZING
                                                     : CGROUP_THAWED;
    return 0;
}

static int freeze_round_v1(int group, uint64_t deadline_ns) {
    int r = file_write_at(group, "freezer.state", "FROZEN");
    for (int i = 0; r == 0 && i < TICKS_A_ROUND; i++) {
        enum cgroup_freezer state = CGROUP_THAWED;
        r = state_v1(group, &state);
        if (r < 0 || state == CGROUP_FROZEN) return r;
        if (!cgroup_remaining_ms(deadline_ns)) return -ETIMEDOUT;
        tick();
    }
    return r < 0 ? r : -EAGAIN;
}

static int freeze_v1(int group, uint64_t deadline_ns) {
    int r;
    for (;;) {
        r = freeze_round_v1(group, deadline_ns);
        if (r == 0) return 0;
        (void)file_write_at(group, "freezer.state", "THAWED");
        if (r != -EAGAIN) return r;
        tick();
    }
}

// Either

static int open_group(const char *path, bool *ret_v2) {
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    if (group < 0) return group;
    *ret_v2 = faccessat(group, "cgroup.freeze", F_OK, 0) == 0;
    return take_fd(&group);
}

int cgroup_freezer_state(const char *path, enum cgroup_freezer *ret_state) {
    bool v2;
    _cleanup_(fd_closep) int group = open_group(path, &v2);
    if (group < 0) return group;
    return v2 ? state_v2(group, ret_state) : state_v1(group, ret_state);
}

int cgroup_freeze(const char *path, uint64_t timeout_ns) {
    uint64_t deadline_ns = clock_monotonic_ns() + timeout_ns;
    bool v2;
    _cleanup_(fd_closep) int group = open_group(path, &v2);
    if (group < 0) return group;
    return v2 ? freeze_v2(group, deadline_ns) : freeze_v1(group, deadline_ns);
}

int cgroup_thaw(const char *path) {
    bool v2;
    _cleanup_(fd_closep) int group = open_group(path, &v2);
    if (group < 0) return group;
    return v2 ? file_write_at(group, "cgroup.freeze", "0") : file_write_at(group, "freezer.state", "THAWED");
}
