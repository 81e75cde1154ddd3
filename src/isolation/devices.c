// SPDX-License-Identifier: Apache-2.0
// Devices: the nodes that a process finds in its /dev, and what its device cgroup lets it do with any.
#include "base/fd.h"
#include "isolation/cgroups.h"
#include "isolation/parts.h"
#include "kernel/bpf_device.h"
#include "kernel/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NODES_MAX 1024 // of what a container made, who knows why
#define DEPTH_MAX 3

struct nodes {
    struct arena *arena;
    struct strings names;
    char path[256];
};

static void walk(struct nodes *nodes, int folder, size_t length, int depth);

static void look_at(struct nodes *nodes, int folder, const char *name, size_t length, int depth) {
    struct stat st;
    size_t n =
        (size_t)snprintf(nodes->path + length, sizeof nodes->path - length, "%s%s", length ? "/" : "", name);
    if (n >= sizeof nodes->path - length || nodes->names.count == NODES_MAX ||
        fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
        return;
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
        strings_add(nodes->arena, &nodes->names, arena_strdup(nodes->arena, nodes->path));
    if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
        walk(nodes, path_open_below(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), length + n,
             depth + 1);
}

static void walk(struct nodes *nodes, int folder, size_t length, int depth) {
    DIR *stream = folder < 0 ? NULL : fdopendir(folder);
    if (!stream) {
        fd_closep(&folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream));)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            look_at(nodes, dirfd(stream), entry->d_name, length, depth);
    closedir(stream);
}

static void read_nodes(struct subject *subject) {
    _cleanup_(str_finish) struct str words = {0};
    struct nodes nodes = {.arena = subject->arena};
    _cleanup_(fd_closep) int root = fd_open_at(subject->proc, "root", O_PATH | O_DIRECTORY, 0);
    if (root >= 0) walk(&nodes, path_open_in(root, "/dev", O_RDONLY | O_DIRECTORY), 0, 1);
    strings_sort(&nodes.names);
    for (size_t i = 0; i < nodes.names.count; i++) word_add(&words, nodes.names.items[i]);
    fact_add_words(subject, "devices", "nodes", &words);
}

// "c 1:3 rwm" a line; "a *:* rwm" is all.
static void read_list(FILE *file, struct str *words) {
    char type[4], numbers[32], access[8], word[64];
    while (fscanf(file, "%3s %31s %7s", type, numbers, access) == 3) {
        snprintf(word, sizeof word, "%s:%s:%s", type, numbers, access);
        word_add(words, str_eq(word, "a:*:*:rwm") ? "all" : word);
    }
}

static void read_rules(struct subject *subject) {
    _cleanup_(str_finish) struct str words = {0};
    struct cgroup_groups groups;
    const char *note = NULL;
    subject_groups(subject, &groups);
    const struct cgroup_group *v1 = cgroup_groups_with(&groups, CGROUP_DEVICES);
    const struct cgroup_group *v2 = cgroup_groups_v2(&groups);
    FILE *file = v1 ? host_open(arena_printf(subject->arena, "%s/devices.list", v1->path)) : NULL;
    if (file) {
        read_list(file, &words);
        fclose(file);
    } else {
        size_t programs = 0;
        for (const char *path = v2 ? v2->path : NULL; path; path = group_parent(subject->arena, path))
            programs += bpf_device_count(path);
        if (programs) note = arena_printf(subject->arena, "%zu on the way from the root", programs);
        str_add(&words, programs ? "by-program" : "all");
    }
    fact_add_words(subject, "devices", "allowed", &words);
    subject->facts->items[subject->facts->count - 1].note = note;
}

void read_devices(struct subject *subject) {
    read_nodes(subject);
    read_rules(subject);
}
