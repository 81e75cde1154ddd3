// SPDX-License-Identifier: Apache-2.0
// What is mounted in a container: Docker's defaults, then the user's own mounts from the root downwards, then
// the three files in /etc.
#include "base/fd.h"
#include "base/path.h"
#include "engine/parts.h"
#include "engine/rootless.h"
#include "engine/spec_parts.h"
#include "kernel/mount.h"
#include "kernel/overlay.h"
#include "kernel/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mount_row {
    const char *destination, *type, *options[8];
};

#define TTY_GROUP "gid=5"
static const struct mount_row default_mounts[] = {
    {"/proc", "proc", {"nosuid", "noexec", "nodev"}},
    {"/dev", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
    {"/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", TTY_GROUP}},
    {"/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
    {"/sys/fs/cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"}},
    {"/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
    {"/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777"}},
};

const char *const container_masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    NULL,
};
const char *const container_readonly_paths[] = {"/proc/bus",           "/proc/fs", "/proc/irq", "/proc/sys",
                                                "/proc/sysrq-trigger", NULL};

bool container_hides_paths(const struct container_config *config) {
    for (size_t i = 0; i < config->security_opt.count; i++)
        if (str_eq(config->security_opt.items[i], "systempaths=unconfined")) return false;
    return !config->privileged;
}

static bool path_inside(const char *path, const char *folder) {
    const char *rest = str_after(path, folder);
    return rest && (!*rest || *rest == '/');
}

static bool covered(const struct spec_builder *b, const char *destination) {
    for (size_t i = 0; i < b->config->mounts.count; i++) {
        const char *target = b->config->mounts.items[i].target;
        if (str_eq(target, destination) || (str_eq(target, "/dev") && str_has_prefix(destination, "/dev/")))
            return true;
    }
    return false;
}

static struct spec_mount *add_shared(struct spec_builder *b, const char *path, const char *bind,
                                     const char *flag, const char *mode) {
    struct spec_mount *mount = arena_push(b->arena, &b->spec->mounts);
    *mount = (struct spec_mount){.destination = path,
                                 .type = "bind",
                                 .source = path,
                                 .why = arena_printf(b->arena, "%s %s", flag, mode)};
    const char *const options[] = {bind, "rprivate", "nosuid", "noexec", "nodev"};
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) strings_add(b->arena, &mount->options, options[i]);
    return mount;
}

// What shows a namespace is mounted by the root of the user namespace that it belongs to. Of the host's an
// ordinary user has what the host has mounted, with all that is mounted there.
static bool add_hosts(struct spec_builder *b, const char *type) {
    bool proc = str_eq(type, "proc"), mqueue = str_eq(type, "mqueue");
    const char *mode = proc ? b->config->pid_mode : mqueue ? b->config->ipc_mode : NULL;
    if (!str_eq(mode, "host") || !rootless_is_here()) return false;
    const char *path = proc ? "/proc" : "/dev/mqueue";
    if (!access(path, F_OK)) add_shared(b, path, "rbind", proc ? "--pid" : "--ipc", mode);
    return true;
}

// /dev/shm goes with the IPC namespace: the host's, another container's, or none.
static bool add_shared_shm(struct spec_builder *b) {
    const char *mode = b->config->ipc_mode;
    bool host = str_eq(mode, "host"), other = spec_joins(mode);
    if (!host && !other) return str_eq(mode, "none");
    struct spec_mount *mount = add_shared(b, "/dev/shm", "bind", "--ipc", mode);
    if (!other || !b->owners) return true;
    mount->pid = b->owners->ipc.pid;
    mount->start_time = b->owners->ipc.start_time;
    return true;
}

static const char *writable_cgroups(const struct spec_builder *b) {
    return spec_has_option(b, "writable-cgroups=true") ? "--security-opt writable-cgroups=true" : NULL;
}

// An ordinary user without a range in /etc/subgid has no group for terminals.
static bool is_wanted(const char *option, bool writable) {
    if (str_eq(option, TTY_GROUP)) return process_group_count() > 5;
    return !writable || !str_eq(option, "ro");
}

static void add_default(struct spec_builder *b, const struct mount_row *row) {
    if (add_hosts(b, row->type) || (str_eq(row->destination, "/dev/shm") && add_shared_shm(b))) return;
    const char *own = str_eq(row->type, "cgroup") ? writable_cgroups(b) : NULL;
    bool all = str_eq(row->type, "sysfs") || str_eq(row->type, "cgroup");
    bool writable = own || (b->config->privileged && all);
    struct spec_mount *mount = arena_push(b->arena, &b->spec->mounts);
    *mount = (struct spec_mount){.destination = row->destination, .type = row->type, .source = row->type};
    for (size_t i = 0; i < ARRAY_SIZE(row->options) && row->options[i]; i++)
        if (is_wanted(row->options[i], writable)) strings_add(b->arena, &mount->options, row->options[i]);
    mount->why = own ? own : writable ? "--privileged" : "default";
    if (!str_eq(row->destination, "/dev/shm")) return;
    mount->source = "shm";
    uint64_t size = b->config->shm_size ? b->config->shm_size : 64u << 20;
    strings_add(b->arena, &mount->options, arena_printf(b->arena, "size=%llu", (unsigned long long)size));
    if (size != 64u << 20)
        mount->why = arena_printf(b->arena, "--shm-size %s", spec_size_text(b->arena, (int64_t)size));
}

// The user's mounts

static void add_bind(struct spec_builder *b, const struct container_mount *given, const char *source,
                     struct spec_mount *mount) {
    mount->type = "bind";
    mount->source = source;
    strings_add(b->arena, &mount->options, given->non_recursive ? "bind" : "rbind");
    strings_add(b->arena, &mount->options, given->propagation ? given->propagation : "rprivate");
    // To be a peer of the host's it must not have become a slave on the way, as all else does.
    if (str_eq(given->propagation, "shared") || str_eq(given->propagation, "rshared"))
        b->spec->rootfs_propagation = "shared";
    bool all = !given->non_recursive && !given->writable_below && mount_can_recurse(); // as far as it can
    if (given->readonly) strings_add(b->arena, &mount->options, all ? "rro" : "ro");
}

static int check_readonly_below(struct spec_builder *b, const struct container_mount *given) {
    if (!given->readonly_below || mount_can_recurse()) return 0;
    return err_set(b->err, ERR_INVALID, 0, "%s: bind-recursive=readonly needs Linux 5.12 or later",
                   given->why);
}

#define MOUNTINFO_MAX (16u << 20)

// The line of mountinfo about the mount that a path is on, or, while it is not there, is made on.
static int find_mount(const char *path, struct arena *arena, char **ret_line) {
    _cleanup_(str_finish) struct str table = {0};
    _cleanup_(fd_closep) int fd = -1;
    uint64_t id;
    bool is_root;
    char *folder = arena_strdup(arena, path), *slash, *rest;
    while ((fd = fd_open_at(AT_FDCWD, *folder ? folder : "/", O_PATH, 0)) == -ENOENT &&
           (slash = strrchr(folder, '/')))
        *slash = 0;
    if (fd < 0) return fd;
    int r = mount_identify(fd, &id, &is_root);
    if (!r) r = file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &table);
    if (r) return r;
    rest = table.data;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (strtoull(line, NULL, 10) == id) return *ret_line = arena_strdup(arena, line), 0;
    return -ENOENT;
}

// Of a private mount nothing could be seen here, nor there.
static int check_propagation(struct spec_builder *b, const struct container_mount *given) {
    const char *how = given->propagation;
    bool slave = str_eq(how, "slave") || str_eq(how, "rslave");
    char *line, *fields[6];
    if (!slave && !str_eq(how, "shared") && !str_eq(how, "rshared")) return 0;
    if (find_mount(given->source, b->arena, &line)) return 0;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) fields[i] = strsep(&line, " ");
    if (str_has_prefix(line, "shared:") || (slave && str_has_prefix(line, "master:"))) return 0;
    return err_set(b->err, ERR_INVALID, 0, "path %s is mounted on %s but it is not a shared%s mount",
                   given->source, fields[4], slave ? " or slave" : "");
}

// Read-only, as everything of an image is.
static int add_image(struct spec_builder *b, const struct container_mount *given, struct spec_mount *mount) {
    const struct image_source *source = image_source_find(b->images, given);
    static const char *const words[] = {"bind", "rprivate", "ro", "exec", "nosuid", "nodev"};
    mount->subpath = given->subpath;
    if (source && source->layers) {
        if (given->subpath)
            return err_set(b->err, ERR_INVALID, 0,
                           "%s: image-subpath takes an image of one layer with the storage driver \"dir\"",
                           given->why);
        mount->type = mount->source = "overlay";
        strings_add(b->arena, &mount->options, source->layers);
        for (size_t i = 2; i < ARRAY_SIZE(words); i++) strings_add(b->arena, &mount->options, words[i]);
        if (overlay_own_option()) strings_add(b->arena, &mount->options, overlay_own_option());
        return 0;
    }
    mount->type = "bind";
    mount->source = source ? source->path : "/";
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) strings_add(b->arena, &mount->options, words[i]);
    return 0;
}

static int add_volume(struct spec_builder *b, const struct container_mount *given, struct spec_mount *mount) {
    if (strchr(given->source, '/') || *given->source == '.')
        return err_set(b->err, ERR_INVALID, 0, "\"%s\" is no name of a volume", given->source);
    add_bind(b, given, arena_printf(b->arena, "%s/%s/_data", b->volumes, given->source), mount);
    mount->subpath = given->subpath;
    mount->volume = true;
    if (!given->volume_nocopy && !given->subpath) strings_add(b->arena, &mount->options, "tmpcopyup");
    return 0;
}

static bool tmpfs_option_known(const char *word) {
    static const char *const words[] = {
        "defaults",   "ro",     "rw",      "suid",     "nosuid",     "dev",         "nodev",
        "exec",       "noexec", "sync",    "async",    "remount",    "dirsync",     "diratime",
        "nodiratime", "atime",  "noatime", "relatime", "norelatime", "strictatime", "nostrictatime",
    };
    static const char *const keys[] = {"size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=", "mpol="};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(word, words[i])) return true;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (str_has_prefix(word, keys[i])) return true;
    return false;
}

static int add_tmpfs(struct spec_builder *b, const struct container_mount *given, struct spec_mount *mount) {
    static const char *const defaults[] = {"noexec", "nosuid", "nodev", "rprivate"};
    mount->type = mount->source = "tmpfs";
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) strings_add(b->arena, &mount->options, defaults[i]);
    char *rest = arena_strdup(b->arena, given->tmpfs_options);
    for (char *word; rest && (word = strsep(&rest, ","));) {
        if (*word && !tmpfs_option_known(word))
            return err_set(b->err, ERR_INVALID, 0, "%s: invalid tmpfs option \"%s\"", given->why, word);
        if (*word) strings_add(b->arena, &mount->options, word);
    }
    if (given->readonly) strings_add(b->arena, &mount->options, "ro");
    return 0;
}

// A mount inside /proc would let the image decide what the kernel is told (CVE-2015-3631).
static int check_target(struct spec_builder *b, const struct container_mount *given, const char *target) {
    const char *why = given->why ? given->why : given->target;
    if (*given->target != '/')
        return err_set(b->err, ERR_INVALID, 0, "%s: invalid mount path: '%s' mount path must be absolute",
                       why, given->target);
    if (str_eq(target, "/"))
        return err_set(b->err, ERR_INVALID, 0, "%s: invalid specification: destination can't be '/'", why);
    if (path_inside(target, "/proc"))
        return err_set(b->err, ERR_INVALID, 0, "%s: \"%s\" cannot be mounted because it is inside /proc", why,
                       target);
    for (size_t i = 0; i < b->spec->mounts.count; i++)
        if (str_eq(b->spec->mounts.items[i].destination, target))
            return err_set(b->err, ERR_INVALID, 0, "Duplicate mount point: %s", target);
    return 0;
}

static int add_given(struct spec_builder *b, const struct container_mount *given) {
    const char *target = path_clean(arena_strdup(b->arena, given->target));
    if (check_target(b, given, target)) return -1;
    struct spec_mount *mount = arena_push(b->arena, &b->spec->mounts);
    *mount = (struct spec_mount){.destination = target, .why = given->why};
    if (given->type == CONTAINER_MOUNT_TMPFS) return add_tmpfs(b, given, mount);
    if (given->type == CONTAINER_MOUNT_VOLUME) return add_volume(b, given, mount);
    if (given->type == CONTAINER_MOUNT_IMAGE) return add_image(b, given, mount);
    if (check_readonly_below(b, given)) return -1;
    struct stat st;
    if (!given->create_source && stat(given->source, &st))
        return err_set(b->err, ERR_INVALID, 0,
                       "invalid mount config for type \"bind\": bind source path does not exist: %s",
                       given->source);
    if (check_propagation(b, given)) return -1;
    add_bind(b, given, given->source, mount);
    return given->idmap ? spec_build_idmap(b, given, mount) : 0;
}

static size_t depth(const char *path) {
    size_t n = 0;
    for (; *path; path++) n += *path == '/';
    return n;
}

static int by_depth(const void *a, const void *b) {
    const struct spec_mount *x = a, *y = b;
    size_t dx = depth(x->destination), dy = depth(y->destination);
    return dx != dy ? (dx > dy) - (dx < dy) : strcmp(x->destination, y->destination);
}

// The files in /etc, which a mount of the user's own may take the place of. They are read-only as the root
// is.
static void add_files(struct spec_builder *b) {
    static const char *const names[] = {"resolv.conf", "hostname", "hosts"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *target = arena_printf(b->arena, "/etc/%s", names[i]);
        if (covered(b, target)) continue;
        struct spec_mount *mount = arena_push(b->arena, &b->spec->mounts);
        *mount = (struct spec_mount){.destination = target,
                                     .type = "bind",
                                     .source = arena_printf(b->arena, "%s/%s", b->run_dir, names[i]),
                                     .why = "default"};
        strings_add(b->arena, &mount->options, "bind");
        strings_add(b->arena, &mount->options, "rprivate");
        if (b->config->readonly_rootfs) strings_add(b->arena, &mount->options, "ro");
    }
}

// Masked and read-only paths

static void add_thermal_throttle(struct spec_builder *b) {
    for (int cpu = 0;; cpu++) {
        char path[80];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/thermal_throttle", cpu);
        if (access(path, F_OK)) return;
        strings_add(b->arena, &b->spec->masked_paths, arena_strdup(b->arena, path));
    }
}

static void add_hidden_paths(struct spec_builder *b) {
    if (!container_hides_paths(b->config)) return;
    for (const char *const *path = container_masked_paths; *path; path++)
        strings_add(b->arena, &b->spec->masked_paths, *path);
    add_thermal_throttle(b);
    for (const char *const *path = container_readonly_paths; *path; path++)
        strings_add(b->arena, &b->spec->readonly_paths, *path);
    spec_because(b, "linux.maskedPaths", "default");
    spec_because(b, "linux.readonlyPaths", "default");
}

int spec_build_mounts(struct spec_builder *b) {
    for (size_t i = 0; i < b->config->mounts.count; i++)
        if (add_given(b, &b->config->mounts.items[i])) return -1;
    struct spec_mount *given = b->spec->mounts.items;
    size_t count = b->spec->mounts.count;
    if (count) qsort(given, count, sizeof *given, by_depth);

    b->spec->mounts.items = NULL;
    b->spec->mounts.count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(default_mounts); i++)
        if (!covered(b, default_mounts[i].destination)) add_default(b, &default_mounts[i]);
    for (size_t i = 0; i < count; i++) *arena_push(b->arena, &b->spec->mounts) = given[i];
    add_files(b);
    add_hidden_paths(b);
    return 0;
}
