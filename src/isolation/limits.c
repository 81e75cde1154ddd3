// SPDX-License-Identifier: Apache-2.0
// What a process may take. A group's limit is worth as much as the least of those above it: all of them are
// read, up to the hierarchy's root, and the least one is the fact, with the group that has it.
#include "base/fd.h"
#include "isolation/cgroups.h"
#include "oci/words.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// A line of /proc/<pid>/cgroup is "4:memory:/path", v2's "0::/path".
static const char *group_line(struct subject *subject, const struct cgroup_hierarchy *hierarchy) {
    char line[4096];
    const char *found = NULL;
    FILE *file = proc_open(subject, "cgroup");
    while (file && !found && fgets(line, sizeof line, file)) {
        char *words = strchr(line, ':'), *path = words ? strchr(words + 1, ':') : NULL;
        if (!path) continue;
        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        if (hierarchy->v2 ? !words[1] : (cgroup_controllers_of(words + 1) & hierarchy->controllers) != 0)
            found = arena_strdup(subject->arena, path);
    }
    if (file) fclose(file);
    return found;
}

void subject_groups(struct subject *subject, struct cgroup_groups *ret_groups) {
    struct cgroup_layout layout;
    struct cgroup_groups groups = {.count = 0};
    if (cgroup_layout_read(&layout)) layout.count = 0;
    for (size_t i = 0; i < layout.count; i++) {
        const struct cgroup_hierarchy *hierarchy = &layout.items[i];
        const char *line = group_line(subject, hierarchy);
        if (!line || str_has_prefix(line, "/..")) continue;
        const char *path =
            arena_printf(subject->arena, "%s%s", hierarchy->mount, str_eq(line, "/") ? "" : line);
        if (access(path, F_OK)) continue;
        groups.items[groups.count++] =
            (struct cgroup_group){.path = path, .controllers = hierarchy->controllers, .v2 = hierarchy->v2};
    }
    *ret_groups = groups;
}

const char *group_parent(struct arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *parent = arena_strndup(arena, path, (size_t)(slash - path));
    const char *file = arena_printf(arena, "%s/cgroup.procs", parent);
    return access(file, F_OK) ? NULL : parent;
}

// One limit: a file of v2 and of v1 that hold it. CPU time is a quota and a period.
struct limit {
    const char *name, *v2, *v1;
    uint32_t controller;
    bool is_cpu;
};

static const struct limit limits[] = {
    {"memory", "memory.max", "memory.limit_in_bytes", CGROUP_MEMORY, false},
    {"memory+swap", NULL, "memory.memsw.limit_in_bytes", CGROUP_MEMORY, false},
    {"swap", "memory.swap.max", NULL, CGROUP_MEMORY, false},
    {"pids", "pids.max", "pids.max", CGROUP_PIDS, false},
    {"cpu", "cpu.max", "cpu.cfs_quota_us", CGROUP_CPU, true},
};

#define UNLIMITED 1e300

static bool read_text(struct arena *arena, const char *group, const char *name, char *ret_text, size_t size) {
    _cleanup_(fd_closep) int fd =
        fd_open_at(AT_FDCWD, arena_printf(arena, "%s/%s", group, name), O_RDONLY, 0);
    ssize_t n = fd < 0 ? fd : fd_read_full(fd, ret_text, size - 1);
    if (n < 0) return false;
    ret_text[n] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
    return true;
}

// v1 says "no limit" with the largest number that a page counter can have.
static double read_plain(const char *text) {
    double value = strtod(text, NULL);
    return str_eq(text, "max") || *text == '-' || value >= 9e18 ? UNLIMITED : value;
}

static double read_cpu(struct arena *arena, const char *group, const char *text, bool v2) {
    char period[32] = "";
    if (v2) {
        const char *space = strchr(text, ' ');
        double length = space ? strtod(space, NULL) : 0;
        return str_has_prefix(text, "max") || length <= 0 ? UNLIMITED : strtod(text, NULL) / length;
    }
    if (!read_text(arena, group, "cpu.cfs_period_us", period, sizeof period)) return UNLIMITED;
    double quota = strtod(text, NULL), length = strtod(period, NULL);
    return quota <= 0 || length <= 0 ? UNLIMITED : quota / length;
}

static void read_limit(struct subject *subject, const struct cgroup_groups *groups,
                       const struct limit *limit) {
    const struct cgroup_group *group = cgroup_groups_with(groups, limit->controller);
    const char *file = group ? (group->v2 ? limit->v2 : limit->v1) : NULL, *least = NULL;
    double value = UNLIMITED;
    char text[64];
    for (const char *path = file ? group->path : NULL; path; path = group_parent(subject->arena, path)) {
        if (!read_text(subject->arena, path, file, text, sizeof text)) continue;
        double here = limit->is_cpu ? read_cpu(subject->arena, path, text, group->v2) : read_plain(text);
        if (here >= value) continue;
        value = here;
        least = path;
    }
    snprintf(text, sizeof text, limit->is_cpu ? "%.4g" : "%.0f", value);
    fact_add(subject, "limits", limit->name, value >= UNLIMITED ? "unlimited" : text);
    subject->facts->items[subject->facts->count - 1].note = least;
}

// CPUs and memory nodes: the kernel says itself what is left of them.
static void read_sets(struct subject *subject, const struct cgroup_groups *groups) {
    static const char *const rows[][3] = {
        {"cpus", "cpuset.cpus.effective", "cpuset.effective_cpus"},
        {"mems", "cpuset.mems.effective", "cpuset.effective_mems"},
    };
    const struct cgroup_group *group = cgroup_groups_with(groups, CGROUP_CPUSET);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[256];
        bool known =
            group && read_text(subject->arena, group->path, rows[i][group->v2 ? 1 : 2], text, sizeof text);
        fact_add(subject, "limits", rows[i][0], known && *text ? text : "all");
    }
}

static void read_rlimits(struct subject *subject) {
    for (const struct field_word *word = words_rlimits; word->word; word++) {
        struct rlimit limit;
        char name[32] = "", value[64], part[2][24];
        const char *text = str_after(word->word, "RLIMIT_");
        for (size_t i = 0; text && text[i] && i + 1 < sizeof name; i++)
            name[i] = (char)tolower((unsigned char)text[i]);
        if (prlimit(subject->is_host ? 0 : subject->pid, (enum __rlimit_resource)word->number, NULL, &limit))
            limit = (struct rlimit){0};
        const rlim_t both[] = {limit.rlim_cur, limit.rlim_max};
        for (int i = 0; i < 2; i++)
            snprintf(part[i], sizeof part[i], both[i] == RLIM_INFINITY ? "unlimited" : "%" PRIu64, both[i]);
        snprintf(value, sizeof value, "%s:%s", part[0], part[1]);
        fact_add(subject, "rlimits", name, value);
    }
}

void read_limits(struct subject *subject) {
    struct cgroup_groups groups;
    subject_groups(subject, &groups);
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) read_limit(subject, &groups, &limits[i]);
    read_sets(subject, &groups);
    read_rlimits(subject);
}
