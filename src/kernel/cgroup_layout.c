// SPDX-License-Identifier: Apache-2.0
// Where the hierarchies are. /proc/self/cgroup lists them by their controllers; each is looked for where
// distributions mount it, and what statfs says there decides. Only what is not found so is looked up in the
// mount table, which is long on a host with many mounts.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/cgroup.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

static const struct {
    uint32_t bit;
    const char *v1, *v2;
} names[] = {
    {CGROUP_CPU, "cpu", "cpu"},
    {CGROUP_CPUACCT, "cpuacct", NULL},
    {CGROUP_CPUSET, "cpuset", "cpuset"},
    {CGROUP_MEMORY, "memory", "memory"},
    {CGROUP_DEVICES, "devices", NULL},
    {CGROUP_FREEZER, "freezer", NULL},
    {CGROUP_IO, "blkio", "io"},
    {CGROUP_PIDS, "pids", "pids"},
    {CGROUP_HUGETLB, "hugetlb", "hugetlb"},
    {CGROUP_RDMA, "rdma", "rdma"},
    {CGROUP_MISC, "misc", "misc"},
    {CGROUP_NET_CLS, "net_cls", NULL},
    {CGROUP_NET_PRIO, "net_prio", NULL},
    {CGROUP_PERF_EVENT, "perf_event", NULL},
    {CGROUP_SYSTEMD, "name=systemd", NULL},
};

static bool is_word(const char *name, const char *word, size_t n) {
    return name && strncmp(name, word, n) == 0 && !name[n];
}

uint32_t cgroup_controllers_of(const char *words) {
    uint32_t bits = 0;
    while (*words) {
        size_t n = strcspn(words, ",. \n");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            if (is_word(names[i].v1, words, n) || is_word(names[i].v2, words, n)) bits |= names[i].bit;
        }
        words += n + (words[n] != '\0');
    }
    return bits;
}

const char *cgroup_controller_name(uint32_t bit, bool v2) {
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].bit == bit) return v2 && names[i].v2 ? names[i].v2 : names[i].v1;
    }
    return "?";
}

static bool is_mount_of(const char *path, long magic) {
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type == magic;
}

static struct cgroup_hierarchy *layout_add(struct cgroup_layout *layout, const char *mount) {
    if (layout->count == ARRAY_SIZE(layout->items)) return NULL;
    struct cgroup_hierarchy *hierarchy = &layout->items[layout->count];
    if (strlen(mount) >= sizeof hierarchy->mount) return NULL;
    *hierarchy = (struct cgroup_hierarchy){0};
    strcpy(hierarchy->mount, mount);
    layout->count++;
    return hierarchy;
}

static void add_v1(struct cgroup_layout *layout, const char *mount, uint32_t controllers) {
    struct cgroup_hierarchy *hierarchy = layout_add(layout, mount);
    if (hierarchy) hierarchy->controllers = controllers;
}

static void add_v2(struct cgroup_layout *layout, const char *mount) {
    char path[128], text[512];
    snprintf(path, sizeof path, "%s/cgroup.controllers", mount);
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    ssize_t n = fd < 0 ? 0 : fd_read_full(fd, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = '\0';
    struct cgroup_hierarchy *hierarchy = layout_add(layout, mount);
    if (!hierarchy) return;
    hierarchy->v2 = true;
    hierarchy->controllers = cgroup_controllers_of(text);
}

// The mount table

static void unescape(char *path) {
    char *out = path;
    for (const char *in = path; *in; out++) {
        if (in[0] == '\\' && in[1] && in[2] && in[3]) {
            *out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
            in += 4;
        } else {
            *out = *in++;
        }
    }
    *out = '\0';
}

// One line of mountinfo: the mount point, if it is the hierarchy with these controllers (0: v2).
static bool line_matches(char *line, uint32_t controllers, char **ret_mount) {
    char *fields[5], *rest = line, *kind = strstr(line, " - ");
    if (!kind) return false;
    *kind = '\0';
    char *type = strtok_r(kind + 3, " \n", &kind);
    if (!type || strcmp(type, controllers ? "cgroup" : "cgroup2") != 0) return false;
    (void)strtok_r(NULL, " \n", &kind); // the source
    char *options = strtok_r(NULL, " \n", &kind);
    if (controllers && (!options || (cgroup_controllers_of(options) & controllers) != controllers))
        return false;
    for (int i = 0; i < 5; i++) {
        fields[i] = strtok_r(i ? NULL : rest, " ", &rest);
        if (!fields[i]) return false;
    }
    unescape(fields[4]);
    *ret_mount = fields[4];
    return true;
}

static void add_from_mountinfo(struct cgroup_layout *layout, uint32_t controllers) {
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL, *mount;
    size_t size = 0;
    while (file && getline(&line, &size, file) > 0) {
        if (!line_matches(line, controllers, &mount)) continue;
        if (controllers)
            add_v1(layout, mount, controllers);
        else
            add_v2(layout, mount);
        break;
    }
    free(line);
    if (file) fclose(file);
}

// /proc/self/cgroup, a line each: "4:memory:/path", "9:name=systemd:/", "0::/".
struct membership {
    const char *name, *path; // the controllers' names, "" for v2; the caller's own group, from the root
    uint32_t controllers;
};
struct memberships {
    struct membership items[32];
    size_t count;
};

static void add_membership(struct memberships *memberships, char *line) {
    char *name = strchr(line, ':'), *path = name ? strchr(name + 1, ':') : NULL;
    if (!path || memberships->count == ARRAY_SIZE(memberships->items)) return;
    *name++ = *path++ = '\0';
    memberships->items[memberships->count++] = (struct membership){name, path, cgroup_controllers_of(name)};
}

// Read once a process: nobody moves us while we run.
static int find_memberships(const struct memberships **ret_memberships) {
    static char text[16384];
    static struct memberships memberships;
    if (!memberships.count) {
        _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, "/proc/self/cgroup", O_RDONLY, 0);
        ssize_t n = fd < 0 ? fd : fd_read_full(fd, text, sizeof text - 1);
        if (n < 0) return (int)n;
        text[n] = '\0';
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) add_membership(&memberships, line);
    }
    *ret_memberships = &memberships;
    return 0;
}

static void find_v1(struct cgroup_layout *layout, const struct membership *membership) {
    const char *name = strncmp(membership->name, "name=", 5) ? membership->name : membership->name + 5;
    char path[96];
    if (!membership->controllers) return; // another named hierarchy: none of our business
    snprintf(path, sizeof path, "/sys/fs/cgroup/%s", name);
    bool there = is_mount_of(path, CGROUP_SUPER_MAGIC);
    if (!there && strchr(name, ',')) {
        snprintf(path, sizeof path, "/sys/fs/cgroup/%.*s", (int)strcspn(name, ","), name);
        there = is_mount_of(path, CGROUP_SUPER_MAGIC);
    }
    if (there)
        add_v1(layout, path, membership->controllers);
    else
        add_from_mountinfo(layout, membership->controllers);
}

static int read_hybrid(struct cgroup_layout *layout) {
    const struct memberships *memberships;
    int r = find_memberships(&memberships);
    bool v2 = false;
    for (size_t i = 0; !r && i < memberships->count; i++) {
        if (*memberships->items[i].name)
            find_v1(layout, &memberships->items[i]);
        else
            v2 = true;
    }
    if (r || !v2) return r;
    if (is_mount_of("/sys/fs/cgroup/unified", CGROUP2_SUPER_MAGIC))
        add_v2(layout, "/sys/fs/cgroup/unified");
    else
        add_from_mountinfo(layout, 0);
    return 0;
}

int cgroup_layout_read(struct cgroup_layout *ret_layout) {
    struct cgroup_layout layout = {.count = 0};
    int r = 0;
    if (is_mount_of("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC))
        add_v2(&layout, "/sys/fs/cgroup");
    else
        r = read_hybrid(&layout);
    if (r < 0) return r;
    if (!layout.count) return -ENOENT;
    *ret_layout = layout;
    return 0;
}

// The caller's own place

// What lies outside of the cgroup namespace is shown as "/../..": nothing that a path could lead to.
static int copy_own(const char *path, char *ret_path, size_t size) {
    size_t n = strncmp(path, "/..", 3) == 0 ? 1 : strlen(path);
    if (n >= size) return -ENAMETOOLONG;
    memcpy(ret_path, path, n);
    ret_path[n] = '\0';
    return 0;
}

int cgroup_own(const struct cgroup_hierarchy *hierarchy, char *ret_path, size_t size) {
    const struct memberships *memberships;
    int r = find_memberships(&memberships);
    for (size_t i = 0; !r && i < memberships->count; i++) {
        const struct membership *m = &memberships->items[i];
        if (hierarchy->v2 ? !*m->name : (m->controllers & hierarchy->controllers) != 0)
            return copy_own(m->path, ret_path, size);
    }
    return r ? r : -ENOENT;
}

// A container's groups

void cgroup_groups_present(const struct cgroup_groups *groups, struct cgroup_groups *ret_present) {
    struct cgroup_groups present = {.count = 0};
    for (size_t i = 0; i < groups->count; i++) {
        if (access(groups->items[i].path, F_OK) == 0) present.items[present.count++] = groups->items[i];
    }
    *ret_present = present;
}

const struct cgroup_group *cgroup_groups_v2(const struct cgroup_groups *groups) {
    for (size_t i = 0; i < groups->count; i++) {
        if (groups->items[i].v2) return &groups->items[i];
    }
    return NULL;
}

const struct cgroup_group *cgroup_groups_with(const struct cgroup_groups *groups, uint32_t controller) {
    for (size_t i = 0; i < groups->count; i++) {
        if (!groups->items[i].v2 && groups->items[i].controllers & controller) return &groups->items[i];
    }
    const struct cgroup_group *v2 = cgroup_groups_v2(groups);
    return v2 && v2->controllers & controller ? v2 : NULL;
}

const struct cgroup_group *cgroup_groups_freezer(const struct cgroup_groups *groups) {
    const struct cgroup_group *v1 = cgroup_groups_with(groups, CGROUP_FREEZER);
    return v1 ? v1 : cgroup_groups_v2(groups);
}

const struct cgroup_group *cgroup_groups_processes(const struct cgroup_groups *groups) {
    const struct cgroup_group *v2 = cgroup_groups_v2(groups);
    return v2 ? v2 : groups->count ? &groups->items[0] : NULL;
}
