// SPDX-License-Identifier: Apache-2.0
// A group is a folder; the kernel fills it with files. What makes this more than mkdir and rmdir: v1's cpuset
// groups begin empty, a group with dying processes can't be removed yet, and only v2 tells when it can.
#include "kernel/cgroup.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/cgroup_walk.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KILL_TIMEOUT_NS   UINT64_C(10000000000)
#define REMOVE_TIMEOUT_NS UINT64_C(1000000000)
#define DEPTH_MAX         64 // of groups that a container made below its own

ssize_t cgroup_read(int dir, const char *path, char *buffer, size_t size) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, path, O_RDONLY, 0);
    if (fd < 0) return fd;
    ssize_t n = fd_read_full(fd, buffer, size - 1);
    if (n >= 0) buffer[n] = '\0';
    return n;
}

// Whether processes are in the group itself (v1) or also below it (v2).
static bool is_populated(int group) {
    char text[512];
    if (cgroup_read(group, "cgroup.events", text, sizeof text) > 0) return strstr(text, "populated 1");
    return cgroup_read(group, "cgroup.procs", text, sizeof text) > 0;
}

// Beginning

static bool parent_of(const char *path, char parent[static PATH_MAX]) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    while (n > 0 && path[n - 1] != '/') n--;
    while (n > 1 && path[n - 1] == '/') n--;
    if (n <= 1 || n >= PATH_MAX) return false;
    memcpy(parent, path, n);
    parent[n] = '\0';
    return true;
}

// The parent's value of a cpuset file where the group has none of its own.
static int inherit_value(int group, const char *name, const char *from) {
    char value[4096];
    ssize_t n = cgroup_read(group, name, value, sizeof value);
    if (n < 0) return (int)n;
    if (n > 1) return 0;
    n = cgroup_read(group, from, value, sizeof value);
    if (n < 0) return (int)n;
    return n > 1 ? file_write_at(group, name, value) : 0;
}

// A v1 cpuset group is ready for processes once it has CPUs and memory nodes. clone_children makes groups
// below it get theirs from the kernel. The word in the path only spares the other hierarchies a look: what
// decides is a file that nothing but v1 has.
static int fill_cpuset(const char *path, bool for_children) {
    if (!strstr(path, "cpuset")) return 0;
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    if (group < 0) return group;
    if (faccessat(group, "cgroup.clone_children", F_OK, 0) < 0) return 0;
    int r = inherit_value(group, "cpuset.cpus", "../cpuset.cpus");
    if (r == -ENOENT) return 0;
    if (r == 0) r = inherit_value(group, "cpuset.mems", "../cpuset.mems");
    if (r == 0 && for_children) r = file_write_at(group, "cgroup.clone_children", "1");
    return r;
}

// 1: it was there.
static int create(const char *path, bool for_children) {
    // More than once: somebody may remove the empty group above between its making and ours.
    for (int attempt = 0; attempt < 4; attempt++) {
        char parent[PATH_MAX];
        if (mkdir(path, 0755) == 0) return fill_cpuset(path, for_children);
        if (errno == EEXIST) {
            int r = for_children ? 0 : fill_cpuset(path, false);
            return r < 0 ? r : 1;
        }
        if (errno != ENOENT || !parent_of(path, parent)) return -errno;
        int r = create(parent, true);
        if (r < 0) return r;
    }
    return -ENOENT;
}

int cgroup_create(const char *path) {
    int r = create(path, false);
    return r > 0 ? 0 : r;
}

int cgroup_create_unused(const char *path) {
    int r = create(path, false);
    if (r <= 0) return r;
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    if (group < 0) return group;
    if (is_populated(group)) return -EBUSY;
    (void)file_write_at(group, "cgroup.freeze", "0");
    (void)file_write_at(group, "freezer.state", "THAWED");
    return 0;
}

int cgroup_create_new(const char *path) {
    int r = create(path, false);
    return r > 0 ? -EBUSY : r;
}

static int give_file(int group, const char *name, uid_t uid) {
    if (strchr(name, '/') || fchownat(group, name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) == 0) return 0;
    return errno == ENOENT ? 0 : -errno; // the list is the kernel's, for groups of every kind
}

int cgroup_give(const char *path, uid_t uid) {
    static const char usual[] = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";
    char names[1024];
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (group < 0) return group;
    if (fchown(group, uid, (gid_t)-1) < 0) return -errno;
    if (cgroup_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", names, sizeof names) <= 0) strcpy(names, usual);
    for (char *name = names, *end; (end = strchr(name, '\n')); name = end + 1) {
        *end = '\0';
        int r = give_file(group, name, uid);
        if (r < 0) return r;
    }
    return 0;
}

// End

int cgroup_remaining_ms(uint64_t deadline_ns) {
    uint64_t now = clock_monotonic_ns();
    return now >= deadline_ns ? 0 : (int)((deadline_ns - now) / 1000000 + 1);
}

// What changes is announced as an event on the file.
int cgroup_wait_event(int group, const char *line, uint64_t deadline_ns) {
    _cleanup_(fd_closep) int events = fd_open_at(group, "cgroup.events", O_RDONLY, 0);
    if (events < 0) return events;
    for (;;) {
        char text[512];
        ssize_t n = pread(events, text, sizeof text - 1, 0);
        if (n < 0) return -errno;
        text[n] = '\0';
        if (strstr(text, line)) return 0;
        struct pollfd poller = {.fd = events, .events = POLLPRI};
        int ready = poll(&poller, 1, cgroup_remaining_ms(deadline_ns));
        if (ready == 0) return -ETIMEDOUT;
        if (ready < 0 && errno != EINTR) return -errno;
    }
}

static bool is_group(const struct dirent *entry) {
    return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int walk(int group, int depth, int (*each)(int group, void *data), void *data, bool remove) {
    if (depth > DEPTH_MAX) return -ELOOP;
    _cleanup_(dir_closep) DIR *dir = NULL;
    int r = dir_open_at(group, ".", &dir);
    if (r) return r == -ENOENT ? 0 : r;
    for (struct dirent *entry; !r && (entry = readdir(dir));) {
        if (!is_group(entry)) continue;
        _cleanup_(fd_closep) int child =
            fd_open_at(group, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        if (child >= 0) r = walk(child, depth + 1, each, data, remove);
        if (child >= 0 && r == 0 && remove) (void)!unlinkat(group, entry->d_name, AT_REMOVEDIR);
    }
    return r ? r : each(group, data);
}

static int nothing(int group, void *data) {
    (void)group, (void)data;
    return 0;
}

static int remove_below(int group) {
    return walk(group, 0, nothing, NULL, true);
}

int cgroup_walk(int group, int (*each)(int group, void *data), void *data) {
    return walk(group, 0, each, data, false);
}

int cgroup_remove(const char *path) {
    uint64_t deadline_ns = 0;
    for (;;) {
        if (rmdir(path) == 0 || errno == ENOENT) return 0;
        if (errno != EBUSY && errno != ENOTEMPTY) return -errno;
        _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
        if (group < 0) return group == -ENOENT ? 0 : group;
        if (is_populated(group)) return -EBUSY;
        int r = remove_below(group);
        if (r < 0) return r;
        if (rmdir(path) == 0 || errno == ENOENT) return 0;
        if (errno != EBUSY) return -errno;
        // Empty, but its last process is still on its way out of the kernel: no file tells of that, and it
        // is a matter of microseconds.
        if (!deadline_ns) deadline_ns = clock_monotonic_ns() + REMOVE_TIMEOUT_NS;
        if (is_populated(group) || !cgroup_remaining_ms(deadline_ns)) return -EBUSY;
        struct timespec tick = {.tv_nsec = 200000};
        nanosleep(&tick, NULL);
    }
}

// v1, and v2 before 5.14: one process at a time. A pidfd becomes readable when its process is gone.
struct killer {
    uint64_t deadline_ns;
    size_t found;
};

static int kill_one(pid_t pid, struct killer *killer) {
    _cleanup_(fd_closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) return errno == ESRCH ? 0 : -errno;
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0) return errno == ESRCH ? 0 : -errno;
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};
    int ready;
    do ready = poll(&poller, 1, cgroup_remaining_ms(killer->deadline_ns));
    while (ready < 0 && errno == EINTR);
    return ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
}

static int kill_group(int group, void *data) {
    struct killer *killer = data;
    char text[4096];
    if (cgroup_read(group, "cgroup.procs", text, sizeof text) <= 0) return 0;
    // All of them get the signal before the first is waited for: they must not make new ones meanwhile.
    for (char *at = text, *end; *at; at = *end ? end + 1 : end) {
        long pid = strtol(at, &end, 10);
        if (end == at || (!*end && strlen(text) == sizeof text - 1)) break; // the last may be cut
        if (pid > 0) kill((pid_t)pid, SIGKILL);
    }
    for (char *at = text, *end; *at; at = *end ? end + 1 : end) {
        long pid = strtol(at, &end, 10);
        if (end == at || (!*end && strlen(text) == sizeof text - 1)) break;
        killer->found++;
        int r = pid > 0 ? kill_one((pid_t)pid, killer) : 0;
        if (r < 0) return r;
    }
    return 0;
}

static int kill_each(int group, uint64_t deadline_ns) {
    struct killer killer = {.deadline_ns = deadline_ns};
    do {
        killer.found = 0;
        int r = cgroup_walk(group, kill_group, &killer);
        if (r < 0) return r;
        if (killer.found && !cgroup_remaining_ms(deadline_ns)) return -ETIMEDOUT;
    } while (killer.found);
    return 0;
}

int cgroup_kill(const char *path) {
    uint64_t deadline_ns = clock_monotonic_ns() + KILL_TIMEOUT_NS;
    _cleanup_(fd_closep) int group = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    if (group < 0) return group == -ENOENT ? 0 : group;
    (void)file_write_at(group, "freezer.state", "THAWED");
    int r = file_write_at(group, "cgroup.kill", "1");
    if (r == -ENOENT) return kill_each(group, deadline_ns);
    if (r == 0) r = cgroup_wait_event(group, "populated 0", deadline_ns);
    return r == -ENODEV ? 0 : r; // removed meanwhile
}

int cgroup_write(const char *file, const char *value, bool optional, const char *instead) {
    int r = file_write_at(AT_FDCWD, file, value);
    bool excused = optional || (instead && *instead && access(instead, F_OK) == 0);
    return r == -ENOENT && excused ? 0 : r;
}

int cgroup_count(const char *file, const char *key, uint64_t *ret_count) {
    char text[4096];
    size_t length = strlen(key);
    ssize_t n = cgroup_read(AT_FDCWD, file, text, sizeof text);
    if (n < 0) return (int)n;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, length) != 0 || line[length] != ' ') continue;
        *ret_count = strtoull(line + length, NULL, 10);
        return 0;
    }
    return -ENODATA;
}
