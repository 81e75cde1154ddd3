// SPDX-License-Identifier: Apache-2.0
// What a process sees of the host's files. A mount of it is the host's when the host has the same file system
// mounted: then there is a path of it on the host. What is the container's own (its root, a tmpfs, its
// procfs) is a file system that the host's table does not have.
#include "base/fd.h"
#include "isolation/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// "36 35 98:0 /root /target rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
static bool parse_line(struct arena *arena, char *line, struct host_mount *ret_mount) {
    char *fields[6], *rest = line, *tail = strstr(line, " - ");
    if (!tail) return false;
    *tail = '\0';
    tail += 3;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (!(fields[i] = strsep(&rest, " "))) return false;
    const char *type = strsep(&tail, " ");
    *ret_mount = (struct host_mount){.device = arena_strdup(arena, fields[2]),
                                     .root = arena_strdup(arena, fields[3]),
                                     .target = arena_strdup(arena, fields[4]),
                                     .options = arena_strdup(arena, fields[5]),
                                     .type = arena_strdup(arena, type)};
    return true;
}

int mounts_read(struct arena *arena, FILE *file, struct host_mounts *ret_mounts) {
    struct host_mounts mounts = {0};
    char *line = NULL;
    size_t size = 0;
    if (!file) return -errno;
    while (getline(&line, &size, file) > 0) {
        struct host_mount mount;
        if (parse_line(arena, line, &mount)) *arena_push(arena, &mounts) = mount;
    }
    free(line);
    *ret_mounts = mounts;
    return 0;
}

// What follows path in longer, a whole component later; NULL when it is not below it.
static const char *path_below(const char *longer, const char *path) {
    const char *rest = str_after(longer, str_eq(path, "/") ? "" : path);
    return rest && (!*rest || *rest == '/') ? rest : NULL;
}

const char *mount_host_path(struct arena *arena, const struct host_mounts *host,
                            const struct host_mount *mount) {
    const struct host_mount *best = NULL;
    for (size_t i = 0; i < host->count; i++) {
        const struct host_mount *other = &host->items[i];
        if (!str_eq(other->device, mount->device) || !path_below(mount->root, other->root)) continue;
        if (!best || strlen(other->root) >= strlen(best->root)) best = other;
    }
    if (!best) return NULL;
    const char *rest = path_below(mount->root, best->root);
    if (str_eq(rest, "/") || !*rest) return best->target;
    return arena_printf(arena, "%s%s", str_eq(best->target, "/") ? "" : best->target, rest);
}

static bool is_read_only(const struct host_mount *mount) {
    return str_has_prefix(mount->options, "ro,") || str_eq(mount->options, "ro");
}

static bool is_kernel_type(const char *type) {
    return str_eq(type, "proc") || str_eq(type, "sysfs") || str_has_prefix(type, "cgroup") ||
           str_eq(type, "mqueue");
}

struct paths {
    const char *root;
    struct host_mounts shared; // with the host, or nothing of it: target inside, root on the host
    struct str masked, protected;
};

// What is mounted in a folder that is shared already comes with it, at the same place.
static bool comes_along(const struct host_mounts *shared, const struct host_mount *mount) {
    for (size_t i = 0; i < shared->count; i++) {
        const struct host_mount *above = &shared->items[i];
        const char *inside = path_below(mount->target, above->target);
        const char *outside = path_below(mount->root, above->root);
        if (inside && outside && str_eq(inside, outside) && is_read_only(mount) == is_read_only(above))
            return true;
    }
    return false;
}

// A mount below /proc or /sys that shows something else, or nothing. /dev/null over a file may be written to.
static bool is_mask(const struct host_mount *mount) {
    return !is_kernel_type(mount->type) && !str_eq(mount->target, "/sys/fs/cgroup") &&
           (is_read_only(mount) || str_has_suffix(mount->root, "/null"));
}

static void add_mount(struct subject *subject, const struct host_mount *mount, const struct host_mounts *host,
                      struct paths *paths) {
    bool in_kernels = path_below(mount->target, "/proc") || path_below(mount->target, "/sys");
    if (str_eq(mount->target, "/")) paths->root = is_read_only(mount) ? "read-only" : "writable";
    if (in_kernels && is_mask(mount)) {
        word_add(&paths->masked, mount->target);
        return;
    }
    if (is_kernel_type(mount->type) && is_read_only(mount)) {
        if (in_kernels) word_add(&paths->protected, mount->target);
        return;
    }
    struct host_mount shared = *mount;
    shared.root = subject->is_host ? NULL : mount_host_path(subject->arena, host, mount);
    if (shared.root && !comes_along(&paths->shared, &shared))
        *arena_push(subject->arena, &paths->shared) = shared;
}

static void add_shared(struct subject *subject, const struct paths *paths, bool read_only) {
    _cleanup_(str_finish) struct str words = {0};
    for (size_t i = 0; i < paths->shared.count; i++) {
        const struct host_mount *mount = &paths->shared.items[i];
        if (is_read_only(mount) != read_only) continue;
        str_printf(&words, "%s%s:%s", words.len ? " " : "", mount->root, mount->target);
    }
    fact_add_words(subject, "paths", read_only ? "read-only" : "writable", &words);
}

int read_paths(struct subject *subject, struct host_mounts *ret_inside, struct host_mounts *ret_host,
               struct err *err) {
    struct paths paths = {.root = "unknown"};
    FILE *inside = proc_open(subject, "mountinfo"), *host = host_open("/proc/self/mountinfo");
    int r = mounts_read(subject->arena, inside, ret_inside);
    if (!r) r = mounts_read(subject->arena, host, ret_host);
    if (inside) fclose(inside);
    if (host) fclose(host);
    if (r) return err_set(err, ERR_SYSTEM, -r, "read its mounts");
    for (size_t i = 0; i < ret_inside->count; i++)
        add_mount(subject, &ret_inside->items[i], ret_host, &paths);
    fact_add(subject, "paths", "root", paths.root);
    add_shared(subject, &paths, false);
    add_shared(subject, &paths, true);
    fact_add_words(subject, "paths", "masked", &paths.masked);
    fact_add_words(subject, "paths", "protected", &paths.protected);
    str_finish(&paths.masked);
    str_finish(&paths.protected);
    return 0;
}
