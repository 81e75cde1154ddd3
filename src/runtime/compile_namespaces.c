// SPDX-License-Identifier: Apache-2.0
// Namespaces: which there may be together, who makes and who joins them, and the kernel parameters that
// belong to one.
//
// Where the child is to be in a user namespace it has no say over what belongs to the host. So what is joined
// by a path is joined before the child is born, by a helper with the host's privileges; the child is born
// from it into what is new, which then belongs to the user namespace.
#include "runtime/compile_parts.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    uint64_t flag;
    const char *field;
} namespace_fields[] = {
    {CLONE_NEWUSER, "linux.namespaces.user"},     {CLONE_NEWPID, "linux.namespaces.pid"},
    {CLONE_NEWNET, "linux.namespaces.network"},   {CLONE_NEWIPC, "linux.namespaces.ipc"},
    {CLONE_NEWUTS, "linux.namespaces.uts"},       {CLONE_NEWNS, "linux.namespaces.mount"},
    {CLONE_NEWCGROUP, "linux.namespaces.cgroup"}, {CLONE_NEWTIME, "linux.namespaces.time"},
};

static const char *field_of(uint64_t flag) {
    for (size_t i = 0; i < ARRAY_SIZE(namespace_fields); i++)
        if (namespace_fields[i].flag == flag) return namespace_fields[i].field;
    return "linux.namespaces";
}

bool compile_has_userns(const struct compiler *c) {
    return c->all_ns & CLONE_NEWUSER;
}

static bool maps_root(const struct spec_id_map *maps, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!maps[i].container_id) return true;
    return false;
}

static int check_id_maps(struct compiler *c) {
    const struct spec *spec = c->spec;
    if (spec->uid_maps.count && !(c->all_ns & CLONE_NEWUSER))
        return err_set(c->err, ERR_INVALID, 0, "linux.uidMappings without a user namespace");
    if (!(c->new_ns & CLONE_NEWUSER)) return 0;
    if (!spec->uid_maps.count || !spec->gid_maps.count)
        return err_set(c->err, ERR_INVALID, 0,
                       "a new user namespace needs linux.uidMappings and gidMappings");
    if (!maps_root(spec->uid_maps.items, spec->uid_maps.count))
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.uidMappings: root (0) is not mapped, and it sets up the container");
    if (!maps_root(spec->gid_maps.items, spec->gid_maps.count))
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.gidMappings: root (0) is not mapped, and it sets up the container");
    return 0;
}

// Two names of one namespace have the same file behind them.
static bool is_same(const char *path, const char *other) {
    struct stat a, b;
    return !str_empty(path) && !stat(path, &a) && !stat(other, &b) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static bool is_own(const char *path, const char *name) {
    char own[32];
    snprintf(own, sizeof own, "/proc/self/ns/%s", name);
    return is_same(path, own);
}

static const char *path_of(const struct compiler *c, uint64_t flag) {
    for (size_t i = 0; i < c->spec->namespaces.count; i++)
        if (c->spec->namespaces.items[i].flag == flag) return c->spec->namespaces.items[i].path;
    return NULL;
}

// The root of all who are in it becomes the container's, as with runc. The host's is not to be had.
static int check_mount_namespace(struct compiler *c) {
    const char *path = path_of(c, CLONE_NEWNS);
    if (c->all_ns & CLONE_NEWNS && !is_own(path, "mnt") && !is_same(path, "/proc/1/ns/mnt")) return 0;
    return err_set(
        c->err, ERR_INVALID, 0,
        "a container needs a mount namespace of its own: linux.namespaces has none, or the host's");
}

int compile_check_namespaces(struct compiler *c) {
    for (size_t i = 0; i < c->spec->namespaces.count; i++) {
        const struct spec_namespace *ns = &c->spec->namespaces.items[i];
        if (c->all_ns & ns->flag)
            return err_set(c->err, ERR_INVALID, 0, "linux.namespaces has the same type twice");
        // One's own can't be joined again, and needs not be.
        if (ns->flag == CLONE_NEWUSER && is_own(ns->path, "user")) continue;
        c->all_ns |= ns->flag;
        if (str_empty(ns->path)) c->new_ns |= ns->flag;
    }
    c->own_net = c->new_ns & CLONE_NEWNET && !compile_has_userns(c);
    if (check_mount_namespace(c)) return -1;
    bool names = !str_empty(c->spec->hostname) || !str_empty(c->spec->domainname);
    if (names && (!(c->all_ns & CLONE_NEWUTS) || is_own(path_of(c, CLONE_NEWUTS), "uts")))
        return err_set(c->err, ERR_INVALID, 0, "a hostname without a UTS namespace would be the host's");
    if (c->spec->net_devices.count &&
        (!(c->all_ns & CLONE_NEWNET) || is_own(path_of(c, CLONE_NEWNET), "net")))
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.netDevices needs a network namespace that is not the host's");
    return check_id_maps(c);
}

// A user namespace can't be joined by who is in it; setns passes over others that are the same anyway.
uint64_t compile_namespaces_of(const struct spec *spec) {
    uint64_t flags = 0;
    for (size_t i = 0; i < spec->namespaces.count; i++)
        if (spec->namespaces.items[i].flag != CLONE_NEWUSER ||
            !is_own(spec->namespaces.items[i].path, "user"))
            flags |= spec->namespaces.items[i].flag;
    return flags;
}

// Joining

static void join(struct compiler *c, const struct spec_namespace *ns, enum plan_side side) {
    plan_str path = plan_string(c->plan, ns->path);
    struct plan_op *op = compile_add(c, PLAN_JOIN, field_of(ns->flag));
    op->side = (uint8_t)side;
    op->join.path = path;
    op->join.flags = ns->flag;
    op->join.pid = ns->pid;
    op->join.start_time = ns->start_time;
}

static bool is_joined(const struct compiler *c, const struct spec_namespace *ns) {
    return !str_empty(ns->path) && c->all_ns & ns->flag;
}

// A pid namespace is joined by being born there. Whoever has joined one for his children may not come back
// without privileges, and the shim has children later, so that is a helper's. With a user namespace all are,
// and that one comes last.
void compile_joins_before(struct compiler *c) {
    const struct spec_namespace *user = NULL;
    for (size_t i = 0; i < c->spec->namespaces.count; i++) {
        const struct spec_namespace *ns = &c->spec->namespaces.items[i];
        if (!is_joined(c, ns)) continue;
        if (ns->flag == CLONE_NEWUSER)
            user = ns;
        else if (compile_has_userns(c) || ns->flag == CLONE_NEWPID)
            join(c, ns, PLAN_HOST);
    }
    if (user) join(c, user, PLAN_HOST);
}

// The rest, without a user namespace, are the child's; that of mounts last, where paths may mean something
// else.
void compile_joins(struct compiler *c) {
    const struct spec_namespace *mounts = NULL;
    for (size_t i = 0; i < c->spec->namespaces.count && !compile_has_userns(c); i++) {
        const struct spec_namespace *ns = &c->spec->namespaces.items[i];
        if (!is_joined(c, ns) || ns->flag == CLONE_NEWPID) continue;
        if (ns->flag == CLONE_NEWNS)
            mounts = ns;
        else
            join(c, ns, PLAN_CHILD);
    }
    if (mounts) join(c, mounts, PLAN_CHILD);
}

void compile_time_offsets(struct compiler *c) {
    if (!c->spec->time_offsets.set || !(c->new_ns & CLONE_NEWTIME)) return;
    char text[160];
    snprintf(text, sizeof text, "monotonic %lld %u\nboottime %lld %u\n",
             (long long)c->spec->time_offsets.monotonic_s, c->spec->time_offsets.monotonic_ns,
             (long long)c->spec->time_offsets.boottime_s, c->spec->time_offsets.boottime_ns);
    plan_str offsets = plan_string(c->plan, text);
    struct plan_op *op = compile_add(c, PLAN_TIME_OFFSETS, "linux.timeOffsets");
    op->text = offsets;
    // Who may make it is root of the user namespace that it belongs to: the child, when that one is new.
    if (c->new_ns & CLONE_NEWUSER) op->side = PLAN_CHILD;
    c->new_ns &= ~(uint64_t)CLONE_NEWTIME; // else the parent makes it, and the clone enters it
}

void compile_clone(struct compiler *c, const char *cgroup) {
    plan_str path = plan_string(c->plan, cgroup);
    struct plan_op *op = compile_add(c, PLAN_CLONE, "linux.namespaces");
    op->clone.flags = c->new_ns & ~(uint64_t)(CLONE_NEWCGROUP | (c->own_net ? CLONE_NEWNET : 0));
    op->clone.cgroup = path;
}

const char *compile_map_text(struct compiler *c, const struct spec_id_map *maps, size_t count) {
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = arena_printf(&c->arena, "%s%u %u %u\n", text, maps[i].container_id, maps[i].host_id,
                            maps[i].size);
    return text;
}

void compile_id_map(struct compiler *c) {
    const struct spec *spec = c->spec;
    if (!(c->new_ns & CLONE_NEWUSER)) return;
    plan_str uid = plan_string(c->plan, compile_map_text(c, spec->uid_maps.items, spec->uid_maps.count));
    plan_str gid = plan_string(c->plan, compile_map_text(c, spec->gid_maps.items, spec->gid_maps.count));
    struct plan_op *op = compile_add(c, PLAN_ID_MAP, "linux.uidMappings");
    op->id_map.uid = uid;
    op->id_map.gid = gid;
}

// Inside a user namespace the child is nobody until it takes the place of its root.
void compile_become_root(struct compiler *c) {
    if (!compile_has_userns(c)) return;
    compile_add(c, PLAN_BECOME_ROOT, "linux.uidMappings")->none = compile_keeps_groups(c->spec);
}

// Kernel parameters

// Those that a namespace has for itself. A name that ends in a dot stands for all below it.
static const struct {
    const char *name;
    uint64_t namespace;
    const char *what;
} parameters[] = {
    {"net.", CLONE_NEWNET, "network"},
    {"fs.mqueue.", CLONE_NEWIPC, "ipc"},
    {"user.", CLONE_NEWUSER, "user"},
    {"kernel.domainname", CLONE_NEWUTS, "uts"},
    {"kernel.auto_msgmni", CLONE_NEWIPC, "ipc"},
    {"kernel.msg_next_id", CLONE_NEWIPC, "ipc"},
    {"kernel.msgmax", CLONE_NEWIPC, "ipc"},
    {"kernel.msgmnb", CLONE_NEWIPC, "ipc"},
    {"kernel.msgmni", CLONE_NEWIPC, "ipc"},
    {"kernel.sem", CLONE_NEWIPC, "ipc"},
    {"kernel.sem_next_id", CLONE_NEWIPC, "ipc"},
    {"kernel.shm_next_id", CLONE_NEWIPC, "ipc"},
    {"kernel.shm_rmid_forced", CLONE_NEWIPC, "ipc"},
    {"kernel.shmall", CLONE_NEWIPC, "ipc"},
    {"kernel.shmmax", CLONE_NEWIPC, "ipc"},
    {"kernel.shmmni", CLONE_NEWIPC, "ipc"},
};

// What is the host's stays the host's (CVE-2022-0532): a parameter is set in a namespace of the container's
// only.
static int check_sysctl(struct compiler *c, const char *name) {
    size_t i = 0;
    for (; i < ARRAY_SIZE(parameters); i++) {
        size_t n = strlen(parameters[i].name);
        bool all = parameters[i].name[n - 1] == '.';
        if (all ? str_has_prefix(name, parameters[i].name) : str_eq(name, parameters[i].name)) break;
    }
    if (str_eq(name, "kernel.hostname"))
        return err_set(c->err, ERR_INVALID, 0, "linux.sysctl.%s: say it as hostname", name);
    if (i == ARRAY_SIZE(parameters))
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.sysctl.%s: no namespace has this for itself: it is the host's", name);
    if (!(c->all_ns & parameters[i].namespace) ||
        is_own(path_of(c, parameters[i].namespace),
               str_eq(parameters[i].what, "network") ? "net" : parameters[i].what))
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.sysctl.%s needs a %s namespace in linux.namespaces that is not the host's",
                       name, parameters[i].what);
    return 0;
}

int compile_sysctls(struct compiler *c) {
    for (size_t i = 0; i < c->spec->sysctls.count; i++) {
        const struct spec_key_value *sysctl = &c->spec->sysctls.items[i];
        char *key = arena_strdup(&c->arena, sysctl->key), *name = arena_strdup(&c->arena, sysctl->key);
        // Dots are slashes; where a name has a dot of its own (eth0.1) the writer swaps the two.
        int slashes = strchr(key, '/') && strchr(key, '/') < strchrnul(key, '.');
        for (char *p = key; *p && !slashes; p++) *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
        if (strstr(key, "..") || *key == '/')
            return err_set(c->err, ERR_INVALID, 0, "\"%s\" is no name of a kernel parameter", sysctl->key);
        for (char *p = name; *p && slashes; p++) *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
        if (check_sysctl(c, name)) return -1;
        const char *field = arena_printf(&c->arena, "linux.sysctl.%s", sysctl->key);
        plan_str file = plan_string(c->plan, key), value = plan_string(c->plan, sysctl->value);
        struct plan_op *op = compile_add(c, PLAN_SYSCTL, field);
        op->write.file = file;
        op->write.value = value;
    }
    return 0;
}
