// SPDX-License-Identifier: Apache-2.0
// v2 tells with memory.events, which polls as a file that changed until it is read again. v1 tells with an
// eventfd that is registered for memory.oom_control, before it kills.
#include "base/fd.h"
#include "kernel/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int watch_v1(const char *file) {
    char control[PATH_MAX], text[32];
    const char *slash = strrchr(file, '/');
    _cleanup_(fd_closep) int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event < 0) return -errno;
    _cleanup_(fd_closep) int oom = fd_open_at(AT_FDCWD, file, O_RDONLY, 0);
    if (oom < 0) return oom;
    snprintf(control, sizeof control, "%.*s/cgroup.event_control", (int)(slash - file), file);
    snprintf(text, sizeof text, "%d %d", event, oom);
    int r = file_write_at(AT_FDCWD, control, text);
    return r < 0 ? r : take_fd(&event);
}

int cgroup_oom_watch(const char *file, short *ret_events) {
    const char *name = strrchr(file, '/');
    bool v1 = name && strcmp(name, "/memory.oom_control") == 0;
    *ret_events = v1 ? POLLIN : POLLPRI;
    return v1 ? watch_v1(file) : fd_open_at(AT_FDCWD, file, O_RDONLY, 0);
}

// v1 tells again for every process that wants memory meanwhile: as long as none has been killed since, that
// is the same want. Its first word comes when none has.
static bool happened_v1(int watch, const char *file, uint64_t *seen) {
    uint64_t told, killed = 0;
    if (read(watch, &told, sizeof told) != sizeof told) return false;
    (void)cgroup_count(file, "oom_kill", &killed);
    if (killed + 1 <= *seen) return false;
    *seen = killed + 1;
    return true;
}

bool cgroup_oom_happened(int watch, short events, const char *file, uint64_t *seen) {
    char text[512];
    uint64_t count;
    if (events & POLLIN) return happened_v1(watch, file, seen);
    ssize_t n = pread(watch, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    const char *line = strstr(text, "\noom_kill ");
    count = line ? strtoull(line + strlen("\noom_kill "), NULL, 10) : 0;
    bool more = count > *seen;
    if (more) *seen = count;
    return more;
}
