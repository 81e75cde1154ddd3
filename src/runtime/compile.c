// SPDX-License-Identifier: Apache-2.0
// The compiler: a config.json becomes the operations that make it true. The order is runc's where a program
// could tell the difference, and for the rest the one that lets the two processes wait for each other least.
#include "runtime/cgroup.h"
#include "runtime/runtime.h"
#include "runtime/seccomp.h"
#include "runtime/unsupported.h"

#include "base/clock.h"
#include "base/fd.h"

#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct compiler {
    const struct spec *spec;
    const struct runtime_options *options;
    struct plan *plan;
    struct arena arena;
    uint64_t new_ns; // CLONE_NEW* of namespaces to make
    bool own_net;    // the child makes its network namespace itself
    struct err *err;
};

static const char *why(const struct compiler *c, const char *field) {
    return spec_why(c->spec, field, field);
}

static struct plan_op *add(struct compiler *c, enum plan_op_type type, const char *field) {
    return plan_add(c->plan, type, why(c, field));
}

static void add_text(struct compiler *c, enum plan_op_type type, const char *text, const char *field) {
    plan_str s = plan_string(c->plan, text);
    add(c, type, field)->text = s;
}

static void add_path(struct compiler *c, enum plan_op_type type, const char *path, const char *field) {
    plan_str s = plan_string(c->plan, path);
    add(c, type, field)->path = s;
}

// Namespaces

static const struct {
    uint64_t flag;
    const char *field;
} namespace_fields[] = {
    {CLONE_NEWUSER, "linux.namespaces.user"},     {CLONE_NEWPID, "linux.namespaces.pid"},
    {CLONE_NEWNET, "linux.namespaces.network"},   {CLONE_NEWIPC, "linux.namespaces.ipc"},
    {CLONE_NEWUTS, "linux.namespaces.uts"},       {CLONE_NEWNS, "linux.namespaces.mount"},
    {CLONE_NEWCGROUP, "linux.namespaces.cgroup"}, {CLONE_NEWTIME, "linux.namespaces.time"},
};

static int check_namespaces(struct compiler *c) {
    uint64_t seen = 0;
    for (size_t i = 0; i < c->spec->namespaces.count; i++) {
        const struct spec_namespace *ns = &c->spec->namespaces.items[i];
        if (seen & ns->flag)
            return err_set(c->err, ERR_INVALID, 0, "linux.namespaces has the same type twice");
        seen |= ns->flag;
        if (str_empty(ns->path)) c->new_ns |= ns->flag;
    }
    c->own_net = c->new_ns & CLONE_NEWNET && !(seen & CLONE_NEWUSER);
    if (!(c->new_ns & CLONE_NEWNS))
        return err_set(c->err, ERR_INVALID, 0,
                       "a container needs a mount namespace of its own: "
                       "linux.namespaces has none, or one with a path");
    if (c->spec->uid_maps.count && !(seen & CLONE_NEWUSER))
        return err_set(c->err, ERR_INVALID, 0, "linux.uidMappings without a user namespace");
    if (c->new_ns & CLONE_NEWUSER && (!c->spec->uid_maps.count || !c->spec->gid_maps.count))
        return err_set(c->err, ERR_INVALID, 0,
                       "a new user namespace needs linux.uidMappings and gidMappings");
    if (!(seen & CLONE_NEWUTS) && (c->spec->hostname || c->spec->domainname))
        return err_set(c->err, ERR_INVALID, 0, "a hostname without a UTS namespace would be the host's");
    return 0;
}

static void plan_time_offsets(struct compiler *c) {
    if (!c->spec->time_offsets.set) return;
    char text[160];
    snprintf(text, sizeof text, "monotonic %lld %u\nboottime %lld %u\n",
             (long long)c->spec->time_offsets.monotonic_s, c->spec->time_offsets.monotonic_ns,
             (long long)c->spec->time_offsets.boottime_s, c->spec->time_offsets.boottime_ns);
    add_text(c, PLAN_TIME_OFFSETS, text, "linux.timeOffsets");
    c->new_ns &= ~(uint64_t)CLONE_NEWTIME; // the parent makes it, the clone enters it
}

// A pid namespace by path is the parent's to join (its children are born there); the others the child's.
static void plan_joins(struct compiler *c, int of_parent) {
    for (size_t i = 0; i < c->spec->namespaces.count; i++) {
        const struct spec_namespace *ns = &c->spec->namespaces.items[i];
        if (str_empty(ns->path) || (ns->flag == CLONE_NEWPID) != of_parent) continue;
        const char *field = "linux.namespaces";
        for (size_t f = 0; f < ARRAY_SIZE(namespace_fields); f++)
            if (namespace_fields[f].flag == ns->flag) field = namespace_fields[f].field;
        plan_str path = plan_string(c->plan, ns->path);
        struct plan_op *op = add(c, of_parent ? PLAN_JOIN_PID : PLAN_JOIN, field);
        op->join.path = path;
        op->join.flags = ns->flag;
    }
}

static void plan_clone(struct compiler *c, const char *cgroup) {
    plan_str path = plan_string(c->plan, cgroup);
    struct plan_op *op = add(c, PLAN_CLONE, "linux.namespaces");
    op->clone.flags = c->new_ns & ~(uint64_t)(CLONE_NEWCGROUP | (c->own_net ? CLONE_NEWNET : 0));
    op->clone.cgroup = path;
}

static const char *map_text(struct compiler *c, const struct spec_id_map *maps, size_t count) {
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = arena_printf(&c->arena, "%s%u %u %u\n", text, maps[i].container_id, maps[i].host_id,
                            maps[i].size);
    return text;
}

static void plan_id_map(struct compiler *c) {
    if (!(c->new_ns & CLONE_NEWUSER)) return;
    plan_str uid = plan_string(c->plan, map_text(c, c->spec->uid_maps.items, c->spec->uid_maps.count));
    plan_str gid = plan_string(c->plan, map_text(c, c->spec->gid_maps.items, c->spec->gid_maps.count));
    struct plan_op *op = add(c, PLAN_ID_MAP, "linux.uidMappings");
    op->id_map.uid = uid;
    op->id_map.gid = gid;
}

// Inside a new user namespace the child is nobody until it takes the place of its root.
static void plan_become_root(struct compiler *c) {
    if (c->new_ns & CLONE_NEWUSER) add(c, PLAN_BECOME_ROOT, "linux.uidMappings");
}

// The root and what is mounted in it

static uint64_t root_propagation(const struct compiler *c) {
    static const struct {
        const char *word;
        uint64_t flag;
    } words[] = {{"private", MS_PRIVATE | MS_REC},    {"rprivate", MS_PRIVATE | MS_REC},
                 {"slave", MS_SLAVE | MS_REC},        {"rslave", MS_SLAVE | MS_REC},
                 {"shared", MS_SLAVE | MS_REC},       {"rshared", MS_SLAVE | MS_REC},
                 {"unbindable", MS_PRIVATE | MS_REC}, {"runbindable", MS_PRIVATE | MS_REC}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(c->spec->rootfs_propagation, words[i].word)) return words[i].flag;
    return MS_PRIVATE | MS_REC;
}

// A mount that a bind shares with the host must not be private in the copy: the host's mounts stay slaves
// when any bind asks for propagation.
static uint64_t propagation(const struct compiler *c) {
    for (size_t i = 0; i < c->spec->mounts.count; i++) {
        struct mount_options options = {0};
        mount_options_parse((struct arena *)&c->arena, &c->spec->mounts.items[i].options, &options);
        if (options.propagation & (MS_SHARED | MS_SLAVE)) return MS_SLAVE | MS_REC;
    }
    return root_propagation(c);
}

static int plan_root(struct compiler *c, const struct runtime_contributions *contributions) {
    uint64_t flags = propagation(c);
    add(c, PLAN_PROPAGATION, "linux.rootfsPropagation")->propagation.flags = flags;
    if (contributions->root) return contributions->root(c->plan, contributions->data, c->err);
    plan_str path = plan_string(c->plan, c->spec->root_path);
    plan_str attach = plan_string(c->plan, c->options->attach ? c->options->attach : c->spec->root_path);
    struct plan_op *op = add(c, PLAN_ROOT_BIND, "root.path");
    op->root.path = path;
    op->root.attach = attach;
    return 0;
}

static void plan_mount(struct compiler *c, const struct spec_mount *mount, const char *type,
                       const char *source, const char *destination, const struct mount_options *options) {
    plan_str s = plan_string(c->plan, source), target = plan_string(c->plan, destination),
             t = plan_string(c->plan, type), data = plan_string(c->plan, options->data);
    struct plan_op *op = plan_add(c->plan, PLAN_MOUNT, mount->why ? mount->why : "mounts");
    op->mount.source = s;
    op->mount.target = target;
    op->mount.type = t;
    op->mount.data = data;
    op->mount.flags = options->flags;
    op->mount.propagation = options->propagation;
    op->mount.options = options->plan_options;
    op->mount.set = options->attr_set;
    op->mount.clear = options->attr_clear;
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
        struct plan_op *op = plan_add(c->plan, PLAN_SYMLINK, mount->why ? mount->why : "mounts");
        op->link_to.target = target;
        op->link_to.path = path;
    }
    if (!(options.flags & MS_RDONLY)) return 0;
    plan_str target = plan_string(c->plan, mount->destination);
    struct plan_op *op = plan_add(c->plan, PLAN_REMOUNT, mount->why ? mount->why : "mounts");
    op->mount.target = target;
    op->mount.flags = MS_RDONLY;
    return 0;
}

static int plan_mounts(struct compiler *c) {
    for (size_t i = 0; i < c->spec->mounts.count; i++) {
        const struct spec_mount *mount = &c->spec->mounts.items[i];
        struct mount_options options = {0};
        mount_options_parse(&c->arena, &mount->options, &options);
        const char *type = str_empty(mount->type) ? "bind" : mount->type;
        if (options.flags & MS_BIND || str_eq(type, "bind")) {
            if (!(options.flags & MS_BIND)) options.flags |= MS_BIND | MS_REC;
            if (options.data)
                return err_set(c->err, ERR_INVALID, 0, "mount at %s: \"%s\" is no option of a bind mount",
                               mount->destination, options.data);
            type = "bind";
        } else if (str_eq(type, "cgroup") || str_eq(type, "cgroup2")) {
            if (plan_cgroup_mount(c, mount, options)) return -1;
            continue;
        } else if (str_eq(type, "mqueue")) {
            options.plan_options |= PLAN_MOUNT_OPTIONAL;
        }
        plan_mount(c, mount, type, mount->source ? mount->source : type, mount->destination, &options);
    }
    return 0;
}

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
    uint32_t mode = device->file_mode;
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
    op->device.bind = !!(c->new_ns & CLONE_NEWUSER);
}

static int has_dev_mount(const struct spec *spec) {
    for (size_t i = 0; i < spec->mounts.count; i++)
        if (str_eq(spec->mounts.items[i].destination, "/dev"))
            return !str_eq(spec->mounts.items[i].type, "bind");
    return 0;
}

static int is_listed(const struct spec *spec, const char *path) {
    for (size_t i = 0; i < spec->devices.count; i++)
        if (str_eq(spec->devices.items[i].path, path)) return 1;
    return 0;
}

// A root that brings its own /dev, or binds the host's, keeps it as it is.
static void plan_devices(struct compiler *c) {
    if (!has_dev_mount(c->spec)) return;
    for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++)
        if (!is_listed(c->spec, default_devices[i].path)) plan_device(c, &default_devices[i], "default");
    for (size_t i = 0; i < c->spec->devices.count; i++)
        plan_device(c, &c->spec->devices.items[i],
                    c->spec->devices.items[i].why ? c->spec->devices.items[i].why : "linux.devices");
    for (size_t i = 0; i < ARRAY_SIZE(default_links); i++) {
        plan_str target = plan_string(c->plan, default_links[i].value),
                 path = plan_string(c->plan, default_links[i].key);
        struct plan_op *op = plan_add(c->plan, PLAN_SYMLINK, "default");
        op->link_to.target = target;
        op->link_to.path = path;
    }
}

static void plan_console(struct compiler *c, const struct spec_process *process, int exec) {
    if (!process->terminal) return;
    struct plan_op *op = add(c, PLAN_CONSOLE, "process.terminal");
    op->console.rows = process->rows;
    op->console.columns = process->columns;
    op->console.controlling_only = (uint32_t)exec;
}

static void plan_paths(struct compiler *c, enum plan_op_type type, const struct strings *paths,
                       const char *field) {
    for (size_t i = 0; i < paths->count; i++) add_path(c, type, paths->items[i], field);
}

static int plan_sysctls(struct compiler *c) {
    for (size_t i = 0; i < c->spec->sysctls.count; i++) {
        const struct spec_key_value *sysctl = &c->spec->sysctls.items[i];
        char *key = arena_strdup(&c->arena, sysctl->key);
        // Dots are slashes; where a name has a dot of its own (eth0.1) the writer swaps the two.
        int slashes = strchr(key, '/') && strchr(key, '/') < strchrnul(key, '.');
        for (char *p = key; *p && !slashes; p++) *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
        if (strstr(key, "..") || *key == '/')
            return err_set(c->err, ERR_INVALID, 0, "\"%s\" is no name of a kernel parameter", sysctl->key);
        const char *field = arena_printf(&c->arena, "linux.sysctl.%s", sysctl->key);
        plan_str file = plan_string(c->plan, key), value = plan_string(c->plan, sysctl->value);
        struct plan_op *op = add(c, PLAN_SYSCTL, field);
        op->write.file = file;
        op->write.value = value;
    }
    return 0;
}

// The process

static void plan_rlimits(struct compiler *c, const struct spec_process *process) {
    for (size_t i = 0; i < process->rlimits.count; i++) {
        struct plan_op *op = add(c, PLAN_RLIMIT, "process.rlimits");
        op->rlimit.resource = process->rlimits.items[i].resource;
        op->rlimit.soft = process->rlimits.items[i].soft;
        op->rlimit.hard = process->rlimits.items[i].hard;
    }
}

static void plan_user(struct compiler *c, const struct spec_process *process) {
    struct strings groups = process->group_add;
    if (!process->user_name)
        for (size_t i = 0; i < process->additional_gids.count; i++)
            strings_add(&c->arena, &groups, arena_printf(&c->arena, "%u", process->additional_gids.items[i]));
    plan_str name = plan_string(c->plan, process->user_name);
    struct plan_list list = plan_strings(c->plan, groups.items, groups.count);
    struct plan_op *op = add(c, PLAN_USER, "process.user");
    op->user.name = name;
    op->user.groups = list;
    op->user.uid = process->uid;
    op->user.gid = process->gid;
}

static void plan_caps(struct compiler *c, enum plan_op_type type, const struct spec_process *process) {
    struct plan_op *op = add(c, type, "process.capabilities");
    op->caps.bounding = process->caps.bounding;
    op->caps.effective = process->caps.effective;
    op->caps.permitted = process->caps.permitted;
    op->caps.inheritable = process->caps.inheritable;
    op->caps.ambient = process->caps.ambient;
}

static int plan_seccomp(struct compiler *c) {
    struct plan_blob program;
    if (!c->spec->seccomp) return 0;
    if (runtime_seccomp(c->spec->seccomp, c->options->seccomp_cache, c->plan, &program, c->err)) return -1;
    add(c, PLAN_SECCOMP, "linux.seccomp")->bpf.program = program;
    return 0;
}

// Hooks

static void plan_hook(struct compiler *c, const struct spec_hook *hook, const char *kind, enum plan_side side,
                      const char *status) {
    struct plan_op op = {0};
    op.hook.path = plan_string(c->plan, hook->path);
    op.hook.kind = plan_string(c->plan, kind);
    op.hook.status = plan_string(c->plan, status);
    op.hook.argv = plan_strings(c->plan, hook->args.items, hook->args.count);
    if (!hook->args.count) op.hook.argv = plan_strings(c->plan, &hook->path, 1);
    op.hook.env = plan_strings(c->plan, hook->env.items, hook->env.count);
    op.hook.timeout_s = (uint32_t)hook->timeout_s;
    struct plan_op *added = plan_add(c->plan, PLAN_HOOK, arena_printf(&c->arena, "hooks.%s", kind));
    added->side = (uint8_t)side;
    added->hook = op.hook;
}

static void plan_hooks(struct compiler *c, const struct spec_hook_list *hooks, const char *kind,
                       enum plan_side side, const char *status) {
    for (size_t i = 0; i < hooks->count; i++) plan_hook(c, &hooks->items[i], kind, side, status);
}

// When all is mounted, and the host's root still there. Those of the runtime's namespaces are the parent's.
static void plan_create_hooks(struct compiler *c) {
    const struct spec_hooks *hooks = &c->spec->hooks;
    if (hooks->prestart.count || hooks->create_runtime.count) {
        add(c, PLAN_READY, "hooks");
        add(c, PLAN_AWAIT, "hooks");
        plan_hooks(c, &hooks->prestart, "prestart", PLAN_PARENT, "creating");
        plan_hooks(c, &hooks->create_runtime, "createRuntime", PLAN_PARENT, "creating");
        add(c, PLAN_GO, "hooks");
        add(c, PLAN_WAIT, "hooks");
    }
    plan_hooks(c, &hooks->create_container, "createContainer", PLAN_CHILD, "creating");
}

static void plan_start(struct compiler *c) {
    if (c->options->waits) add(c, PLAN_START, "create");
    if (!c->plan->head.is_exec)
        plan_hooks(c, &c->spec->hooks.start_container, "startContainer", PLAN_INSIDE, "created");
}

// Without no_new_privs a filter can only be loaded by CAP_SYS_ADMIN, so it comes before the capabilities go;
// with it, last, so that it need not allow what setting up the process takes.
static int plan_process(struct compiler *c, const struct spec_process *process) {
    plan_rlimits(c, process);
    add(c, PLAN_UMASK, "process.user.umask")->mode.mode =
        process->umask.set ? (uint32_t)process->umask.value : 022;
    plan_str cwd = plan_string(c->plan, process->cwd);
    struct plan_op *op = add(c, PLAN_WORKDIR, "process.cwd");
    op->workdir.path = cwd;
    op->workdir.create = process->make_cwd;
    plan_caps(c, PLAN_BOUNDING_CAPS, process);
    if (!process->no_new_privileges && plan_seccomp(c)) return -1;
    plan_user(c, process);
    plan_caps(c, PLAN_CAPS, process);
    if (process->no_new_privileges) {
        add(c, PLAN_NO_NEW_PRIVS, "process.noNewPrivileges");
        plan_start(c);
        if (plan_seccomp(c)) return -1;
    } else {
        plan_start(c);
    }
    if (c->options->init) add(c, PLAN_INIT, "init");
    struct plan_list argv = plan_strings(c->plan, process->args.items, process->args.count);
    struct plan_list env = plan_strings(c->plan, process->env.items, process->env.count);
    op = add(c, PLAN_EXEC, "process.args");
    op->exec.argv = argv;
    op->exec.env = env;
    return 0;
}

static void plan_oom_score(struct compiler *c, const struct spec_process *process) {
    if (process->oom_score_adj.set)
        add_text(c, PLAN_OOM_SCORE_ADJ,
                 arena_printf(&c->arena, "%lld", (long long)process->oom_score_adj.value),
                 "process.oomScoreAdj");
}

static void plan_loopback(struct compiler *c) {
    if (!(c->new_ns & CLONE_NEWNET)) return;
    plan_str name = plan_string(c->plan, "lo");
    add(c, PLAN_LINK_UP, "linux.namespaces.network")->link.name = name;
}

// A network namespace is what takes the kernel longest to make. So the child makes it by itself, while the
// parent makes cgroups and the overlay. Not where there is a user namespace, which is to own it.
static void plan_beginning(struct compiler *c, const struct runtime_contributions *contributions) {
    if (c->own_net) {
        add(c, PLAN_UNSHARE, "linux.namespaces.network")->unshare.flags = CLONE_NEWNET;
        if (contributions->network) add(c, PLAN_READY, "linux.namespaces.network");
        plan_loopback(c);
    }
    if (!(c->new_ns & CLONE_NEWUSER)) add(c, PLAN_GO, "linux.namespaces");
    add(c, PLAN_WAIT, "linux.namespaces");
    if (c->own_net && contributions->network) add(c, PLAN_AWAIT, "linux.namespaces.network");
}

// The host's side puts interfaces in while the child mounts. What the kernel is to do with them (no IPv6) is
// said before they come up. With a user namespace the child has waited for all of that.
static int plan_network(struct compiler *c, const struct runtime_contributions *contributions) {
    bool userns = c->new_ns & CLONE_NEWUSER, waits = contributions->network && !userns;
    if (!c->own_net) plan_loopback(c);
    if (waits) add(c, PLAN_WAIT, "linux.namespaces.network");
    if (plan_sysctls(c)) return -1;
    if (contributions->network && contributions->network(c->plan, contributions->data, c->err)) return -1;
    if (userns || waits) add(c, PLAN_GO, "linux.namespaces");
    return 0;
}

static void set_head(struct compiler *c, const struct spec_process *process, int exec) {
    struct plan_block *head = &c->plan->head;
    head->id = plan_string(c->plan, c->options->id);
    head->stdio = process->terminal ? PLAN_STDIO_TERMINAL : PLAN_STDIO_PIPES;
    head->is_exec = (uint8_t)exec;
    head->preserve = (uint8_t)c->options->preserve;
    head->created_ns = clock_wall_ns();
    if (exec) return; // no record of it is kept
    _cleanup_(str_finish) struct str boot = {0};
    if (!file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", sizeof head->boot_id - 1, &boot))
        snprintf(head->boot_id, sizeof head->boot_id, "%.36s", str_get(&boot));
}

static int check_process(const struct spec_process *process, struct err *err) {
    if (!process->args.count || str_empty(process->args.items[0]))
        return err_set(err, ERR_INVALID, 0, "no command specified");
    if (!process->cwd || *process->cwd != '/')
        return err_set(err, ERR_INVALID, 0, "the working directory \"%s\" is not an absolute path",
                       process->cwd ? process->cwd : "");
    return 0;
}

static int compile(struct compiler *c, const struct runtime_contributions *contributions) {
    const struct spec *spec = c->spec;
    const char *cgroup = NULL;
    if (refuse_unsupported(spec, c->err)) return -1;
    set_head(c, &spec->process, 0);
    if (check_process(&spec->process, c->err) || check_namespaces(c)) return -1;
    if (contributions->host && contributions->host(c->plan, contributions->data, c->err)) return -1;
    if (runtime_cgroup_plan_host(spec, c->options->cgroup, &c->arena, c->plan, &cgroup, c->err)) return -1;
    plan_joins(c, 1);
    plan_time_offsets(c);
    plan_clone(c, cgroup);
    plan_id_map(c);
    plan_beginning(c, contributions);
    if (runtime_cgroup_plan_child(spec, c->options->cgroup, c->plan, c->err)) return -1;
    plan_oom_score(c, &spec->process);
    plan_become_root(c);
    if (c->new_ns & CLONE_NEWCGROUP)
        add(c, PLAN_UNSHARE, "linux.namespaces.cgroup")->unshare.flags = CLONE_NEWCGROUP;
    if (runtime_cgroup_plan_delegate(spec, c->options->cgroup, c->plan, c->err)) return -1;
    plan_joins(c, 0);
    if (spec->hostname) add_text(c, PLAN_HOSTNAME, spec->hostname, "hostname");
    if (spec->domainname) add_text(c, PLAN_DOMAINNAME, spec->domainname, "domainname");
    if (plan_root(c, contributions) || plan_mounts(c)) return -1;
    plan_devices(c);
    plan_console(c, &spec->process, 0);
    if (plan_network(c, contributions)) return -1;
    plan_create_hooks(c);
    plan_paths(c, PLAN_READONLY_PATH, &spec->readonly_paths, "linux.readonlyPaths");
    plan_paths(c, PLAN_MASK_PATH, &spec->masked_paths, "linux.maskedPaths");
    if (spec->root_readonly && spec->process.make_cwd)
        add_path(c, PLAN_DIRECTORY, spec->process.cwd, "process.cwd");
    if (spec->root_readonly) add(c, PLAN_ROOT_READONLY, "root.readonly");
    add(c, PLAN_PIVOT_ROOT, "root.path")->none = c->options->no_pivot;
    if (plan_process(c, &spec->process)) return -1;
    plan_hooks(c, &spec->hooks.poststart, "poststart", PLAN_STARTED, "running");
    plan_hooks(c, &spec->hooks.poststop, "poststop", PLAN_STOPPED, "stopped");
    return 0;
}

int runtime_compile(const struct spec *spec, const struct runtime_options *options,
                    const struct runtime_contributions *contributions, struct plan *plan, struct err *err) {
    static const struct runtime_contributions none;
    struct compiler c = {.spec = spec, .options = options, .plan = plan, .arena = ARENA_INIT, .err = err};
    int r = compile(&c, contributions ? contributions : &none);
    arena_finish(&c.arena);
    return r;
}

// Every namespace that the container's first process has; setns passes over those that are the same anyway.
static uint64_t namespaces_of(const struct spec *spec) {
    uint64_t flags = 0;
    for (size_t i = 0; i < spec->namespaces.count; i++) flags |= spec->namespaces.items[i].flag;
    return flags;
}

// Into the same cgroups: where they are, only the container's own plan knows.
static void plan_same_cgroups(struct compiler *c, struct plan_block *container) {
    for (uint32_t i = 0; i < container->count; i++) {
        const struct plan_op *op = &plan_ops(container)[i];
        if (op->type == PLAN_CLONE) plan_clone(c, plan_text(container, op->clone.cgroup));
        if (op->type == PLAN_CGROUP_JOIN)
            add_path(c, PLAN_CGROUP_JOIN, plan_text(container, op->path), "exec");
    }
}

static int compile_exec(struct compiler *c, const struct spec_process *process,
                        struct plan_block *container) {
    uint64_t flags = namespaces_of(c->spec);
    set_head(c, process, 1);
    if (check_process(process, c->err)) return -1;
    if (flags & CLONE_NEWPID) {
        struct plan_op *op = plan_add(c->plan, PLAN_JOIN_PID, "exec");
        op->join.pid = container->pid;
        op->join.flags = CLONE_NEWPID;
    }
    c->new_ns = 0;
    plan_same_cgroups(c, container);
    plan_oom_score(c, process);
    struct plan_op *op = plan_add(c->plan, PLAN_JOIN, "exec");
    op->join.pid = container->pid;
    op->join.flags = flags & ~(uint64_t)CLONE_NEWPID;
    if (flags & CLONE_NEWUSER) add(c, PLAN_BECOME_ROOT, "linux.uidMappings");
    plan_console(c, process, 1);
    return plan_process(c, process);
}

int runtime_compile_exec(const struct spec *spec, const struct spec_process *process,
                         struct plan_block *container, const struct runtime_options *options,
                         struct plan *plan, struct err *err) {
    struct compiler c = {.spec = spec, .options = options, .plan = plan, .arena = ARENA_INIT, .err = err};
    int r = compile_exec(&c, process, container);
    arena_finish(&c.arena);
    return r;
}
