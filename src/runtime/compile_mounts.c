// SPDX-License-Identifier: Apache-2.0
// What is mounted in the container's root, how mounts travel between it and the host, and its devices.
#include "kernel/mount.h"
#include "runtime/cgroup.h"
#include "runtime/compile_parts.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(MOUNT_OPTION_RECURSIVE_READONLY == PLAN_MOUNT_RECURSIVE_READONLY &&
                   MOUNT_OPTION_COPY_UP == PLAN_MOUNT_COPY_UP &&
                   MOUNT_OPTION_SOURCE_NOFOLLOW == PLAN_MOUNT_SOURCE_NOFOLLOW &&
                   MOUNT_OPTION_TARGET_NOFOLLOW == PLAN_MOUNT_TARGET_NOFOLLOW &&
                   MOUNT_OPTION_COPY_SYMLINK == PLAN_MOUNT_COPY_SYMLINK &&
                   MOUNT_OPTION_IDMAP == PLAN_MOUNT_IDMAP &&
                   MOUNT_OPTION_IDMAP_RECURSIVE == PLAN_MOUNT_IDMAP_RECURSIVE,
               "the document's bits are the plan's");

// Propagation

static uint64_t asked_propagation(struct compiler *c) {
    const struct strings word = {.items = (const char *[]){c->spec->rootfs_propagation}, .count = 1};
    struct mount_options options = {0};
    if (*word.items) mount_options_parse(&c->arena, &word, &options);
    return options.propagation;
}

// All of it, with what is mounted below.
static bool is_private(const struct mount_options *options) {
    return options->propagation & (MS_PRIVATE | MS_UNBINDABLE) &&
           (options->propagation & MS_REC || !(options->flags & MS_REC));
}

// Bind mounts that say nothing follow what the host mounts below their sources: other runtimes have all of
// the host's mounts for slaves. Where every one wants to be private there is less to do.
static uint64_t host_propagation(struct compiler *c) {
    uint64_t asked = asked_propagation(c);
    // What is unbindable can't be copied into the container, so that comes last.
    if (asked & MS_UNBINDABLE) return MS_PRIVATE | (asked & MS_REC);
    if (asked) return asked;
    for (size_t i = 0; i < c->spec->mounts.count; i++) {
        struct mount_options options = {0};
        mount_options_parse(&c->arena, &c->spec->mounts.items[i].options, &options);
        if (options.propagation & (MS_SHARED | MS_SLAVE) ||
            (options.flags & MS_BIND && !is_private(&options)))
            return MS_SLAVE | MS_REC;
    }
    return MS_PRIVATE | MS_REC;
}

static void add_propagation(struct compiler *c, uint64_t flags, enum plan_side side) {
    struct plan_op *op = compile_add(c, PLAN_PROPAGATION, "linux.rootfsPropagation");
    op->propagation.flags = flags;
    op->side = (uint8_t)side;
}

void compile_propagation(struct compiler *c) {
    add_propagation(c, host_propagation(c), PLAN_CHILD);
}

// The new root, when it is one.
void compile_root_propagation(struct compiler *c) {
    uint64_t asked = asked_propagation(c);
    if (asked) add_propagation(c, asked, PLAN_INSIDE);
}

// Mounts

// The kernel gives files on these the labels that its policy has for them.
static bool takes_label(const char *type) {
    static const char *const without[] = {"bind", "proc", "sysfs", "mqueue", "cgroup", "cgroup2"};
    for (size_t i = 0; i < ARRAY_SIZE(without); i++)
        if (str_eq(type, without[i])) return false;
    return true;
}

// Its place in the config.json, where nobody has a better reason.
static const char *why(struct compiler *c, const struct spec_mount *mount) {
    return mount->why ? mount->why
                      : arena_printf(&c->arena, "mounts[%zu]", (size_t)(mount - c->spec->mounts.items));
}

static const char *add_label(struct compiler *c, const char *type, const char *data) {
    const char *label = c->spec->mount_label;
    if (str_empty(label) || !takes_label(type)) return data;
    return arena_printf(&c->arena, "%s%s%s=\"%s\"", data ? data : "", data ? "," : "",
                        compile_label_word(c->spec), label);
}

// A mount with mapped ids takes the host's privileges: the parent makes it.
static void plan_idmap_tree(struct compiler *c, const struct spec_mount *mount,
                            const struct mount_options *options) {
    plan_str source = plan_string(c->plan, mount->source);
    plan_str uid = plan_string(c->plan, compile_map_text(c, mount->uid_maps.items, mount->uid_maps.count));
    plan_str gid = plan_string(c->plan, compile_map_text(c, mount->gid_maps.items, mount->gid_maps.count));
    uint64_t propagation = host_propagation(c);
    struct plan_op *op = plan_add(c->plan, PLAN_IDMAP_TREE, why(c, mount));
    op->idmap_tree.source = source;
    op->idmap_tree.uid = uid;
    op->idmap_tree.gid = gid;
    op->idmap_tree.flags = options->flags & MS_REC;
    op->idmap_tree.propagation = propagation & MS_SHARED ? 0 : propagation | MS_REC;
    op->idmap_tree.options = options->plan_options;
}

static void plan_mount(struct compiler *c, const struct spec_mount *mount, const char *type,
                       const char *source, const char *destination, const struct mount_options *options) {
    plan_str s = plan_string(c->plan, source), target = plan_string(c->plan, destination),
             t = plan_string(c->plan, type), data = plan_string(c->plan, add_label(c, type, options->data)),
             subpath = plan_string(c->plan, mount->subpath);
    struct plan_op *op = plan_add(c->plan, PLAN_MOUNT, why(c, mount));
    op->mount.source = s;
    op->mount.target = target;
    op->mount.type = t;
    op->mount.data = data;
    op->mount.flags = options->flags;
    op->mount.unset = options->flags & MS_BIND ? options->unset : 0;
    op->mount.propagation = options->propagation;
    op->mount.subpath = subpath;
    op->mount.options = options->plan_options | (mount->volume ? PLAN_MOUNT_VOLUME : 0);
    op->mount.set = options->attr_set;
    op->mount.clear = options->attr_clear;
    op->mount.pid = mount->pid;
    op->mount.start_time = mount->start_time;
}

static void plan_readonly(struct compiler *c, const struct spec_mount *mount) {
    plan_str target = plan_string(c->plan, mount->destination);
    struct plan_op *op = plan_add(c->plan, PLAN_REMOUNT, why(c, mount));
    op->mount.target = target;
    op->mount.flags = MS_RDONLY;
}

// On v1 a tmpfs with each hierarchy's own folder bound in: with a cgroup namespace that folder is what the
// hierarchy's root looks like from inside.
static int plan_cgroup_mount(struct compiler *c, const struct spec_mount *mount,
                             struct mount_options options) {
    struct runtime_cgroup_mounts mounts;
    if (runtime_cgroup_mounts(c->spec, c->options->cgroup, &c->arena, &mounts, c->err)) return -1;
    if (mounts.unified) {
        options.data = NULL;
        plan_mount(c, mount, "cgroup2", "cgroup", mount->destination, &options);
        return 0;
    }
    struct mount_options tmpfs = {.flags = options.flags & ~(uint64_t)MS_RDONLY, .data = "mode=755"};
    plan_mount(c, mount, "tmpfs", "cgroup", mount->destination, &tmpfs);
    for (size_t i = 0; i < mounts.count; i++) {
        struct mount_options bind = {.flags = options.flags | MS_BIND};
        plan_mount(c, mount, "bind", mounts.items[i].source,
                   arena_printf(&c->arena, "%s/%s", mount->destination, mounts.items[i].name), &bind);
    }
    for (size_t i = 0; i < mounts.link_count; i++) {
        plan_str target = plan_string(c->plan, mounts.links[i].target),
                 path = plan_printf(c->plan, "%s/%s", mount->destination, mounts.links[i].name);
        struct plan_op *op = plan_add(c->plan, PLAN_SYMLINK, why(c, mount));
        op->link_to.target = target;
        op->link_to.path = path;
    }
    if (options.flags & MS_RDONLY) plan_readonly(c, mount);
    return 0;
}

// A mount that is there gets the flags that are named, and loses those that are not, as with mount(2).
static void plan_remount(struct compiler *c, const struct spec_mount *mount,
                         const struct mount_options *options) {
    const uint64_t flags =
        MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NODIRATIME | 256; // MS_NOSYMFOLLOW
    plan_str target = plan_string(c->plan, mount->destination), data = plan_string(c->plan, options->data);
    struct plan_op *op = plan_add(c->plan, PLAN_REMOUNT, why(c, mount));
    op->mount.target = target;
    op->mount.data = data;
    op->mount.flags = options->flags;
    op->mount.unset = flags & ~options->flags;
    op->mount.propagation = options->propagation;
    op->mount.set = options->attr_set;
    op->mount.clear = options->attr_clear;
}

static int plan_bind(struct compiler *c, size_t i, const struct spec_mount *mount,
                     struct mount_options *options) {
    if (options->data)
        return err_set(c->err, ERR_INVALID, 0, "mount at %s: \"%s\" is no option of a bind mount",
                       mount->destination, options->data);
    if (str_empty(mount->source))
        return err_set(c->err, ERR_INVALID, 0, "mounts[%zu].source is missing: a bind mount needs it", i);
    if (!(options->flags & MS_BIND)) options->flags |= MS_BIND | MS_REC;
    // A read-only /sys brings the host's cgroups with it, of which some may be the user's (CVE-2023-25809).
    if (c->new_ns & CLONE_NEWUSER && options->flags & MS_RDONLY && str_eq(mount->source, "/sys") &&
        mount_can_recurse())
        options->attr_set |= 1; // MOUNT_ATTR_RDONLY
    if (options->plan_options & MOUNT_OPTION_IDMAP) plan_idmap_tree(c, mount, options);
    plan_mount(c, mount, "bind", mount->source, mount->destination, options);
    return 0;
}

// They show the network namespace, which may be the parent's to make, or the cgroups.
static bool needs_parent(const struct compiler *c, const char *type) {
    return (str_eq(type, "sysfs") && !c->early) || str_eq(type, "cgroup") || str_eq(type, "cgroup2");
}

// What is to be read-only when it has what is made in it: places of other mounts, devices, a hook's files.
static bool is_written_first(const struct spec_mount *mount, const struct mount_options *options) {
    return options->flags & MS_RDONLY && !(options->flags & (MS_BIND | MS_REMOUNT)) &&
           (str_eq(mount->type, "tmpfs") ||
            (str_eq(mount->destination, "/dev") && !str_empty(mount->type) && !str_eq(mount->type, "bind")));
}

static int plan_any_mount(struct compiler *c, size_t i, const struct spec_mount *mount) {
    struct mount_options options = {0};
    mount_options_parse(&c->arena, &mount->options, &options);
    const char *type = str_empty(mount->type) ? "bind" : mount->type;
    if (needs_parent(c, type) && compile_wait(c)) return -1;
    if (options.flags & MS_REMOUNT) return plan_remount(c, mount, &options), 0;
    if (options.flags & MS_BIND || str_eq(type, "bind")) return plan_bind(c, i, mount, &options);
    if (options.plan_options & MOUNT_OPTION_IDMAP)
        return err_set(c->err, ERR_INVALID, 0, "mounts[%zu]: only a bind mount can have mapped ids", i);
    if (options.plan_options & (MOUNT_OPTION_COPY_SYMLINK | MOUNT_OPTION_SOURCE_NOFOLLOW))
        return err_set(c->err, ERR_INVALID, 0, "mounts[%zu].options: %s is for bind mounts", i,
                       options.plan_options & MOUNT_OPTION_COPY_SYMLINK ? "copy-symlink" : "src-nofollow");
    if (str_eq(type, "cgroup")) return plan_cgroup_mount(c, mount, options);
    if (str_eq(type, "mqueue")) options.plan_options |= PLAN_MOUNT_OPTIONAL;
    if (is_written_first(mount, &options)) options.flags &= ~(uint64_t)MS_RDONLY;
    plan_mount(c, mount, type, mount->source ? mount->source : type, mount->destination, &options);
    return 0;
}

int compile_mounts(struct compiler *c) {
    for (size_t i = 0; i < c->spec->mounts.count; i++)
        if (plan_any_mount(c, i, &c->spec->mounts.items[i])) return -1;
    return 0;
}

// Another one at the same place hides it, or has said anew what it is.
static bool is_last(const struct compiler *c, size_t i) {
    const struct spec_mount *items = c->spec->mounts.items;
    for (size_t j = i + 1; j < c->spec->mounts.count; j++)
        if (str_eq(items[j].destination, items[i].destination)) return false;
    return true;
}

void compile_readonly_mounts(struct compiler *c) {
    for (size_t i = 0; i < c->spec->mounts.count; i++) {
        const struct spec_mount *mount = &c->spec->mounts.items[i];
        struct mount_options options = {0};
        mount_options_parse(&c->arena, &mount->options, &options);
        if (is_written_first(mount, &options) && is_last(c, i)) plan_readonly(c, mount);
    }
}

// Devices

static const struct spec_device default_devices[] = {
    {.path = "/dev/null", .type = 'c', .major = 1, .minor = 3, .file_mode = 0666},
    {.path = "/dev/zero", .type = 'c', .major = 1, .minor = 5, .file_mode = 0666},
    {.path = "/dev/full", .type = 'c', .major = 1, .minor = 7, .file_mode = 0666},
    {.path = "/dev/random", .type = 'c', .major = 1, .minor = 8, .file_mode = 0666},
    {.path = "/dev/urandom", .type = 'c', .major = 1, .minor = 9, .file_mode = 0666},
    {.path = "/dev/tty", .type = 'c', .major = 5, .minor = 0, .file_mode = 0666},
};

static const struct spec_key_value default_links[] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"}, {"/dev/ptmx", "pts/ptmx"},         {"/dev/core", "/proc/kcore"},
};

static void plan_device(struct compiler *c, const struct spec_device *device, const char *cause) {
    static const struct {
        uint32_t type, mode;
    } modes[] = {{'c', S_IFCHR}, {'u', S_IFCHR}, {'b', S_IFBLK}, {'p', S_IFIFO}};
    uint32_t mode = device->file_mode & 07777;
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
        if (modes[i].type == device->type) mode |= modes[i].mode;
    plan_str path = plan_string(c->plan, device->path);
    struct plan_op *op = plan_add(c->plan, PLAN_DEVICE, cause);
    op->device.path = path;
    op->device.mode = mode;
    op->device.major = device->major;
    op->device.minor = device->minor;
    op->device.uid = device->uid;
    op->device.gid = device->gid;
    op->device.bind = compile_has_userns(c);
}

// A root that binds a /dev keeps it as it is.
static bool has_bound_dev(const struct compiler *c) {
    for (size_t i = 0; i < c->spec->mounts.count; i++) {
        const struct spec_mount *mount = &c->spec->mounts.items[i];
        struct mount_options options = {0};
        if (!str_eq(mount->destination, "/dev")) continue;
        mount_options_parse((struct arena *)&c->arena, &mount->options, &options);
        return options.flags & MS_BIND || str_empty(mount->type) || str_eq(mount->type, "bind");
    }
    return false;
}

static int is_listed(const struct spec *spec, const char *path) {
    for (size_t i = 0; i < spec->devices.count; i++)
        if (str_eq(spec->devices.items[i].path, path)) return 1;
    return 0;
}

void compile_devices(struct compiler *c) {
    if (has_bound_dev(c)) return;
    for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++)
        if (!is_listed(c->spec, default_devices[i].path)) plan_device(c, &default_devices[i], "default");
    for (size_t i = 0; i < c->spec->devices.count; i++) {
        const struct spec_device *device = &c->spec->devices.items[i];
        plan_device(c, device, device->why ? device->why : arena_printf(&c->arena, "linux.devices[%zu]", i));
    }
    for (size_t i = 0; i < ARRAY_SIZE(default_links); i++) {
        // Not every kernel has this one.
        if (str_eq(default_links[i].key, "/dev/core") && access("/proc/kcore", F_OK)) continue;
        plan_str target = plan_string(c->plan, default_links[i].value),
                 path = plan_string(c->plan, default_links[i].key);
        struct plan_op *op = plan_add(c->plan, PLAN_SYMLINK, "default");
        op->link_to.target = target;
        op->link_to.path = path;
    }
}
