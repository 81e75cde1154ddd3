// SPDX-License-Identifier: Apache-2.0
// A container's group in each hierarchy: which ones, where, and in v2 the controllers handed down to it.
//
// Making a group takes the kernel 20 to 50 us and a lock that all starts share, and removing it as much
// again. So v1 hierarchies that only matter when a limit asks for them (cpuset, blkio) get a group only then,
// and v1's freezer only where there is no v2, which freezes and kills by itself. For a caller that looks up a
// container's groups by itself to count its reads and writes (containerd), blkio gets one always: else the
// whole machine's would be the container's.
#include "runtime/cgroup.h"

#include "base/fd.h"
#include "runtime/cgroup_plan.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ALWAYS (CGROUP_CPU | CGROUP_CPUACCT | CGROUP_MEMORY | CGROUP_DEVICES | CGROUP_PIDS | CGROUP_SYSTEMD)

// What a v2 group is given where it can be had, with or without limits: for statistics, and to count OOM
// kills.
#define HANDED_DOWN \
    (CGROUP_CPU | CGROUP_CPUSET | CGROUP_IO | CGROUP_MEMORY | CGROUP_PIDS | CGROUP_HUGETLB | CGROUP_RDMA)

// v1's first: on a hybrid host v2 has only what v1 left.
const struct cgroup_hierarchy *cgroup_with(const struct cgroup_layout *layout, uint32_t controller) {
    const struct cgroup_hierarchy *found = NULL;
    for (size_t i = 0; i < layout->count; i++) {
        if (layout->items[i].controllers & controller && (!found || found->v2)) found = &layout->items[i];
    }
    return found;
}

static const struct cgroup_hierarchy *find_v2(const struct cgroup_layout *layout) {
    for (size_t i = 0; i < layout->count; i++) {
        if (layout->items[i].v2) return &layout->items[i];
    }
    return NULL;
}

// The engine's own limit of processes is no wish of anybody's.
uint32_t cgroup_controllers_needed(const struct spec *spec) {
    const struct spec_resources *r = &spec->resources;
    uint32_t bits = 0;
    if (r->memory_limit.value || r->memory_swap.value || r->memory_reservation.value ||
        r->memory_swappiness.set || r->disable_oom_killer)
        bits |= CGROUP_MEMORY;
    if (r->cpu_shares.value || r->cpu_quota.set || r->cpu_period.value || r->cpu_burst.set ||
        r->cpu_idle.set || r->cpu_rt_period.set || r->cpu_rt_runtime.set)
        bits |= CGROUP_CPU;
    if (!str_empty(r->cpuset_cpus) || !str_empty(r->cpuset_mems)) bits |= CGROUP_CPUSET;
    if (r->pids_limit.value > 0 && !str_eq(spec_why(spec, "linux.resources.pids.limit", NULL), "default"))
        bits |= CGROUP_PIDS;
    if (r->blkio_weight.value || r->blkio_leaf_weight.value || r->blkio_weights.count || r->read_bps.count ||
        r->write_bps.count || r->read_iops.count || r->write_iops.count)
        bits |= CGROUP_IO;
    if (r->huge_pages.count) bits |= CGROUP_HUGETLB;
    if (r->rdma.count) bits |= CGROUP_RDMA;
    if (r->network_class_id.value) bits |= CGROUP_NET_CLS;
    if (r->network_priorities.count) bits |= CGROUP_NET_PRIO;
    for (size_t i = 0; i < r->unified.count; i++) // "memory.high"
        bits |= cgroup_controllers_of(r->unified.items[i].key);
    return bits;
}

static bool io_is_counted;

void runtime_cgroup_count_io(bool counted) {
    io_is_counted = counted;
}

// Whether the container gets a group in this hierarchy.
static bool is_used(const struct cgroup_plan *c, const struct cgroup_hierarchy *hierarchy) {
    uint32_t used = ALWAYS | cgroup_controllers_needed(c->spec);
    if (!find_v2(c->layout)) used |= CGROUP_FREEZER;
    if (io_is_counted) used |= CGROUP_IO;
    return hierarchy->v2 || hierarchy->controllers & used;
}

// A path without a slash in front begins at the caller's own group, in v2 at the one above it: the caller's
// has processes in it, so that it could hand no controller down.
static const char *own_folder(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    char own[1024];
    if (cgroup_own(h, own, sizeof own) < 0) strcpy(own, "/");
    if (h->v2) *strrchr(own, '/') = '\0';
    return arena_printf(c->arena, "%s%s/%s", h->mount, str_eq(own, "/") ? "" : own, c->path);
}

// The path of a group below the hierarchy's mount, or NULL when it is of another hierarchy.
static const char *path_in(const struct cgroup_hierarchy *h, const char *group) {
    const char *rest = str_after(group, h->mount);
    return rest && *rest == '/' ? rest : NULL;
}

const char *cgroup_folder(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    for (size_t i = 0; c->groups && i < c->groups->count; i++) {
        if (path_in(h, c->groups->items[i].path)) return c->groups->items[i].path;
    }
    return *c->path == '/' ? arena_printf(c->arena, "%s%s", h->mount, c->path) : own_folder(c, h);
}

struct plan_op *cgroup_plan_write(const struct cgroup_plan *c, const char *folder, const char *file,
                                  const char *value, const char *why, bool optional) {
    plan_str path = plan_printf(c->plan, "%s/%s", folder, file), text = plan_string(c->plan, value);
    struct plan_op *op = plan_add(c->plan, PLAN_CGROUP_WRITE, why);
    op->write.file = path;
    op->write.value = text;
    op->write.optional = optional;
    return op;
}

// Below the hierarchy's root and nowhere else.
static int check_path(const char *path, struct err *err) {
    for (const char *at = path; at && *at; at += strcspn(at, "/"), at += *at == '/') {
        size_t n = strcspn(at, "/");
        if ((n == 1 && *at == '.') || (n == 2 && at[0] == '.' && at[1] == '.')) path = NULL;
    }
    if (!path || !path[strspn(path, "/")] || strlen(path) > 1024)
        return err_set(err, ERR_INVALID, 0, "linux.cgroupsPath is no path of a cgroup");
    if (strchr(path, ':'))
        return err_set(err, ERR_INVALID, 0,
                       "linux.cgroupsPath \"%s\" is systemd's slice:prefix:name: it needs --systemd-cgroup",
                       path);
    return 0;
}

// v2: controllers

static uint32_t enabled_in(const char *folder) {
    char path[1200];
    _cleanup_(str_finish) struct str words = {0};
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", folder);
    return file_read_at(AT_FDCWD, path, 4096, &words) < 0 ? 0 : cgroup_controllers_of(str_get(&words));
}

// v2 hands nothing down from a group that has processes in it; the root of all is free of that rule, and it
// is the one without a type.
static bool is_inhabited(const char *folder) {
    char path[1200];
    _cleanup_(str_finish) struct str text = {0};
    snprintf(path, sizeof path, "%s/cgroup.type", folder);
    if (access(path, F_OK) < 0) return false;
    snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    return file_read_at(AT_FDCWD, path, 1 << 20, &text) == 0 && text.len;
}

// A group that is not there yet will be the caller's.
static bool may_change(const char *folder) {
    char path[1200];
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", folder);
    return !faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) || errno == ENOENT;
}

static int hand_down(const struct cgroup_plan *c, const char *folder, uint32_t missing, uint32_t needed) {
    _cleanup_(str_finish) struct str words = {0};
    for (uint32_t bit = 1; bit && bit <= missing; bit <<= 1) {
        if (missing & bit)
            str_printf(&words, "%s+%s", words.len ? " " : "", cgroup_controller_name(bit, true));
    }
    bool inhabited = is_inhabited(folder);
    if (!inhabited && may_change(folder)) {
        cgroup_plan_write(c, folder, "cgroup.subtree_control", str_get(&words), "default", false);
        return 0;
    }
    for (uint32_t bit = 1; bit && bit <= missing; bit <<= 1) {
        const char *name = cgroup_controller_name(bit, true);
        if (!(missing & needed & bit)) continue;
        if (!inhabited)
            return err_set(c->err, ERR_CONFLICT, 0,
                           "a limit needs the %s controller, which the cgroup %s does not hand down, and it "
                           "belongs to somebody else: let it be delegated (systemd's Delegate=%s)",
                           name, folder, name);
        return err_set(
            c->err, ERR_CONFLICT, 0,
            "a limit needs the %s controller, which can't be switched on in the cgroup %s: there are "
            "processes in it; move them to a cgroup below it first",
            name, folder);
    }
    return 1; // nothing that was asked for
}

// What systemd hands down to a scope that is delegated.
#define SYSTEMD_HANDS_DOWN (CGROUP_CPU | CGROUP_CPUSET | CGROUP_IO | CGROUP_MEMORY | CGROUP_PIDS)

static bool has_scope(const struct plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->ops[i].type == PLAN_SCOPE_START) return true;
    }
    return false;
}

// A controller works in a group when every group above it hands it down. The group was made before, so that
// those above it are there.
int cgroup_plan_controllers(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    uint32_t needed = cgroup_controllers_needed(c->spec) & h->controllers;
    uint32_t wanted = c->layout->count == 1 ? HANDED_DOWN & h->controllers : needed;
    if (has_scope(c->plan)) wanted = needed & ~(uint32_t)SYSTEMD_HANDS_DOWN;
    const char *folder = cgroup_folder(c, h);
    for (const char *end = folder + strlen(h->mount); *end; end += strcspn(end, "/")) {
        const char *above = arena_strndup(c->arena, folder, (size_t)(end - folder));
        end += strspn(end, "/");
        if (!*end) break;
        uint32_t missing = wanted & ~enabled_in(above);
        int r = missing ? hand_down(c, above, missing, needed) : 0;
        if (r < 0) return -1;
        if (r > 0) wanted &= ~missing;
    }
    return 0;
}

// The operations

static void plan_oom_file(const struct cgroup_plan *c) {
    const struct cgroup_hierarchy *h = cgroup_with(c->layout, CGROUP_MEMORY);
    if (!h) return;
    c->plan->head.oom_file =
        plan_printf(c->plan, "%s/%s", cgroup_folder(c, h), h->v2 ? "memory.events" : "memory.oom_control");
}

static bool is_freezer(const struct cgroup_hierarchy *h) {
    return !h->v2 && h->controllers & CGROUP_FREEZER;
}

static void plan_create(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    plan_str path = plan_string(c->plan, cgroup_folder(c, h));
    struct plan_op *op =
        plan_add(c->plan, PLAN_CGROUP_CREATE, spec_why(c->spec, "linux.cgroupsPath", "default"));
    op->path = path;
    op->side = h->v2 ? PLAN_HOST : PLAN_PARENT; // the clone is born in v2's
}

// Who a user of the container is on the host; false without a user namespace.
static bool host_uid(const struct spec *spec, uint32_t uid, uint32_t *ret_uid) {
    for (size_t i = 0; i < spec->uid_maps.count; i++) {
        const struct spec_id_map *map = &spec->uid_maps.items[i];
        uint32_t offset = uid - map->container_id;
        if (uid < map->container_id || offset >= map->size) continue;
        *ret_uid = map->host_id + offset;
        return true;
    }
    return false;
}

// The specification's conditions for giving the group to the container's user: a cgroup namespace of its own,
// and the tree mounted to be written.
static bool sees_writable(const struct spec *spec) {
    bool space = false, mounted = false;
    for (size_t i = 0; i < spec->namespaces.count; i++) {
        const struct spec_namespace *ns = &spec->namespaces.items[i];
        space = space || (ns->flag == CLONE_NEWCGROUP && str_empty(ns->path));
    }
    for (size_t i = 0; i < spec->mounts.count; i++) {
        const struct spec_mount *mount = &spec->mounts.items[i];
        bool tree = str_eq(mount->type, "cgroup") || str_eq(mount->type, "cgroup2");
        mounted = mounted || (tree && !strings_have(&mount->options, "ro"));
    }
    return space && mounted;
}

static void plan_owner(const struct cgroup_plan *c, const char *folder, uint32_t uid, const char *why) {
    plan_str path = plan_string(c->plan, folder);
    struct plan_op *op = plan_add(c->plan, PLAN_CGROUP_OWNER, why);
    op->owner.path = path;
    op->owner.uid = uid;
}

// run.oci.delegate-cgroup: the command is moved to a group below the container's own, which stays the root of
// its cgroup namespace and has the limits.

#define DELEGATE "run.oci.delegate-cgroup"

// NULL in *ret_name: not asked for.
static int delegate_name(const struct cgroup_plan *c, const char **ret_name) {
    *ret_name = spec_annotation(c->spec, DELEGATE);
    if (str_empty(*ret_name)) return *ret_name = NULL, 0;
    for (const char *at = *ret_name; *at; at += strcspn(at, "/"), at += *at == '/') {
        size_t n = strcspn(at, "/");
        if (!n || (n == 1 && *at == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            return err_set(c->err, ERR_INVALID, 0,
                           "annotation " DELEGATE ": \"%s\" is no path below a cgroup", *ret_name);
    }
    if (c->layout->count == 1 && c->layout->items[0].v2) return 0;
    return err_set(c->err, ERR_INVALID, 0, "annotation " DELEGATE ": only cgroup v2 can be delegated");
}

// In the arena; NULL when none is asked for.
static int delegate_folder(const struct cgroup_plan *c, const char **ret_folder) {
    const char *name;
    if (delegate_name(c, &name) < 0) return -1;
    const char *folder = name ? cgroup_folder(c, &c->layout->items[0]) : NULL;
    *ret_folder = name ? arena_printf(c->arena, "%s/%s", folder, name) : NULL;
    return 0;
}

// A process moves only between groups that it may write to: root inside needs both.
static int plan_delegation(const struct cgroup_plan *c, const struct cgroup_hierarchy *v2) {
    const char *inner;
    uint32_t uid;
    if (delegate_folder(c, &inner) < 0) return -1;
    if (v2 && c->layout->count == 1 && sees_writable(c->spec) &&
        host_uid(c->spec, c->spec->process.uid, &uid))
        plan_owner(c, cgroup_folder(c, v2), uid, "linux.uidMappings");
    if (!inner) return 0;
    plan_str path = plan_string(c->plan, inner);
    plan_add(c->plan, PLAN_CGROUP_CREATE, DELEGATE)->path = path;
    if (!host_uid(c->spec, 0, &uid)) return 0;
    plan_owner(c, cgroup_folder(c, v2), uid, DELEGATE);
    plan_owner(c, inner, uid, DELEGATE);
    return 0;
}

int cgroup_plan_delegate(const struct cgroup_plan *c) {
    const char *inner;
    if (delegate_folder(c, &inner) < 0) return -1;
    if (!inner) return 0;
    plan_str file = plan_printf(c->plan, "%s/cgroup.procs", inner);
    plan_add(c->plan, PLAN_CGROUP_JOIN, DELEGATE)->path = file;
    return 0;
}

// v2 comes last, or else v1's freezer: what is undone backwards begins with the one that kills all processes
// at once, or that makes them mortal.
int cgroup_plan_host(const struct cgroup_plan *c, const char **ret_v2) {
    const struct cgroup_hierarchy *v2 = find_v2(c->layout);
    for (size_t i = 0; i < c->layout->count; i++) {
        const struct cgroup_hierarchy *h = &c->layout->items[i];
        if (is_used(c, h) && !h->v2 && !is_freezer(h)) plan_create(c, h);
    }
    for (size_t i = 0; i < c->layout->count; i++) {
        const struct cgroup_hierarchy *h = &c->layout->items[i];
        if (is_used(c, h) && (h->v2 || is_freezer(h))) plan_create(c, h);
    }
    if (v2 && cgroup_plan_controllers(c, v2) < 0) return -1;
    plan_oom_file(c);
    if (cgroup_plan_limits(c) < 0 || cgroup_plan_devices(c) < 0 || plan_delegation(c, v2) < 0) return -1;
    *ret_v2 = v2 ? cgroup_folder(c, v2) : NULL;
    return 0;
}

int cgroup_plan_child(const struct cgroup_plan *c) {
    for (size_t i = 0; i < c->layout->count; i++) {
        const struct cgroup_hierarchy *h = &c->layout->items[i];
        if (h->v2 || !is_used(c, h)) continue;
        plan_str tasks = plan_printf(c->plan, "%s/tasks", cgroup_folder(c, h));
        plan_add(c->plan, PLAN_CGROUP_JOIN, spec_why(c->spec, "linux.cgroupsPath", "default"))->path = tasks;
    }
    return 0;
}

static void add_links(const struct cgroup_plan *c, const char *name, struct runtime_cgroup_mounts *mounts) {
    if (!strchr(name, ',')) return;
    for (const char *at = name; *at; at += strcspn(at, ","), at += *at == ',') {
        if (mounts->link_count == ARRAY_SIZE(mounts->links)) return;
        mounts->links[mounts->link_count].name = arena_strndup(c->arena, at, strcspn(at, ","));
        mounts->links[mounts->link_count++].target = name;
    }
}

// Where it has no group of its own a container is in its caller's.
static const char *seen_folder(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    char own[1024];
    for (size_t i = 0; i < c->layout->count; i++)
        if (str_eq(c->layout->items[i].mount, h->mount)) return cgroup_folder(c, h);
    if (cgroup_own(h, own, sizeof own) < 0) return NULL;
    const char *folder = arena_printf(c->arena, "%s%s", h->mount, str_eq(own, "/") ? "" : own);
    return access(folder, F_OK) ? NULL : folder;
}

int cgroup_plan_mounts(const struct cgroup_plan *c, struct runtime_cgroup_mounts *ret_mounts) {
    const struct cgroup_layout *layout = c->whole ? c->whole : c->layout;
    struct runtime_cgroup_mounts mounts = {.unified = layout->count == 1 && layout->items[0].v2};
    for (size_t i = 0; i < layout->count; i++) {
        const struct cgroup_hierarchy *h = &layout->items[i];
        const char *folder = is_used(c, h) ? seen_folder(c, h) : NULL;
        if (!folder) continue;
        const char *name = arena_strdup(c->arena, strrchr(h->mount, '/') + 1);
        mounts.items[mounts.count].name = name;
        mounts.items[mounts.count++].source = folder;
        if (!h->v2) add_links(c, name, &mounts);
    }
    *ret_mounts = mounts;
    return 0;
}

// With the host's layout, which is read once a process: mounting a hierarchy is what a boot does.

static int find_layout(const struct cgroup_layout **ret_layout, struct err *err) {
    static struct cgroup_layout layout;
    int r = layout.count ? 0 : cgroup_layout_read(&layout);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "finding the host's cgroups");
    *ret_layout = &layout;
    return 0;
}

static enum runtime_cgroup_use in_use = RUNTIME_CGROUP_ALL;

void runtime_cgroup_set_use(enum runtime_cgroup_use use) {
    in_use = use;
}

bool cgroup_is_restricted(void) {
    return in_use == RUNTIME_CGROUP_WRITABLE;
}

// The one that is there already, or that could be made below those that are.
static bool is_makeable(const struct cgroup_plan *c, const struct cgroup_hierarchy *h) {
    char *folder = arena_strdup(c->arena, cgroup_folder(c, h));
    while (strlen(folder) > strlen(h->mount) && access(folder, F_OK)) *strrchr(folder, '/') = 0;
    return !faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS);
}

static void restrict_layout(struct cgroup_plan *c) {
    static struct cgroup_layout left, none;
    const struct cgroup_layout *whole = c->layout ? c->layout : &none;
    left.count = 0;
    for (size_t i = 0; in_use == RUNTIME_CGROUP_WRITABLE && i < whole->count; i++)
        if (is_makeable(c, &whole->items[i])) left.items[left.count++] = whole->items[i];
    c->whole = whole;
    c->layout = &left;
}

static int prepare(struct cgroup_plan *c, const char *path) {
    c->path = str_empty(c->spec->cgroups_path) ? path : c->spec->cgroups_path;
    if (check_path(c->path, c->err) < 0) return -1;
    if (find_layout(&c->layout, c->err) < 0 && in_use == RUNTIME_CGROUP_ALL) return -1;
    if (in_use == RUNTIME_CGROUP_ALL) return 0;
    restrict_layout(c);
    // hoy's own groups may stay away, one that somebody asked for may not.
    const char *why = spec_why(c->spec, "linux.cgroupsPath", "default");
    if (c->layout->count || str_eq(why, "default")) return 0;
    return err_set(c->err, ERR_INVALID, 0,
                   "%s: an ordinary user makes groups only where one is his own, as under systemd-run --user "
                   "--scope",
                   why);
}

int runtime_cgroup_plan_host(const struct spec *spec, const char *path, struct arena *arena,
                             struct plan *plan, const char **ret_v2, struct err *err) {
    struct cgroup_plan c = {.spec = spec, .plan = plan, .arena = arena, .err = err};
    return prepare(&c, path) < 0 ? -1 : cgroup_plan_host(&c, ret_v2);
}

int runtime_cgroup_plan_child(const struct spec *spec, const char *path, struct plan *plan, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct cgroup_plan c = {.spec = spec, .plan = plan, .arena = &arena, .err = err};
    return prepare(&c, path) < 0 ? -1 : cgroup_plan_child(&c);
}

int runtime_cgroup_plan_delegate(const struct spec *spec, const char *path, struct plan *plan,
                                 struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct cgroup_plan c = {.spec = spec, .plan = plan, .arena = &arena, .err = err};
    return prepare(&c, path) < 0 ? -1 : cgroup_plan_delegate(&c);
}

int runtime_cgroup_mounts(const struct spec *spec, const char *path, struct arena *arena,
                          struct runtime_cgroup_mounts *ret_mounts, struct err *err) {
    struct cgroup_plan c = {.spec = spec, .arena = arena, .err = err};
    return prepare(&c, path) < 0 ? -1 : cgroup_plan_mounts(&c, ret_mounts);
}

// systemd's units

// "/system.slice/cron.service", and what a unit makes below its own group.
static bool is_in_unit(const char *path) {
    while (*path) {
        path += strspn(path, "/");
        size_t n = strcspn(path, "/");
        static const char *const suffixes[] = {".service", ".scope"};
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
            size_t m = strlen(suffixes[i]);
            if (n > m && strncmp(path + n - m, suffixes[i], m) == 0) return true;
        }
        path += n;
    }
    return false;
}

void runtime_cgroup_exits(struct arena *arena, const char *ret_files[static RUNTIME_CGROUP_EXITS]) {
    const struct cgroup_layout *layout;
    struct err ignored;
    char own[1024];
    size_t n = 0;
    for (size_t i = 0; i < RUNTIME_CGROUP_EXITS; i++) ret_files[i] = NULL;
    if (find_layout(&layout, &ignored) < 0) return;
    for (size_t i = 0; i < layout->count && n < RUNTIME_CGROUP_EXITS; i++) {
        const struct cgroup_hierarchy *h = &layout->items[i];
        bool tracks = h->v2 || h->controllers & CGROUP_SYSTEMD;
        if (tracks && !cgroup_own(h, own, sizeof own) && is_in_unit(own))
            ret_files[n++] = arena_printf(arena, "%s/cgroup.procs", h->mount);
    }
}

void runtime_cgroup_leave(const char *const files[static RUNTIME_CGROUP_EXITS]) {
    for (size_t i = 0; i < RUNTIME_CGROUP_EXITS; i++)
        if (files[i]) (void)file_write_at(AT_FDCWD, files[i], "0");
}

// A container that is there

// Where no group was made, one with the limits that come later goes to the same place as the others.
int cgroup_places_of(const struct plan_block *block, const struct cgroup_layout *layout, struct arena *arena,
                     struct cgroup_groups *ret_groups) {
    const char *found[ARRAY_SIZE(layout->items)] = {NULL}, *path = NULL;
    const struct plan_op *ops = (const struct plan_op *)(block + 1);
    for (uint32_t i = 0; i < block->count; i++) {
        if (ops[i].type != PLAN_CGROUP_CREATE) continue;
        for (size_t j = 0; j < layout->count; j++) {
            const char *group = plan_text(block, ops[i].path), *rest = path_in(&layout->items[j], group);
            if (rest && !found[j]) found[j] = group, path = rest;
        }
    }
    struct cgroup_groups groups = {.count = 0};
    if (!path) return -ENOENT;
    for (size_t j = 0; j < layout->count; j++) {
        const struct cgroup_hierarchy *h = &layout->items[j];
        const char *group =
            found[j] ? arena_strdup(arena, found[j]) : arena_printf(arena, "%s%s", h->mount, path);
        groups.items[groups.count++] = (struct cgroup_group){group, h->controllers, h->v2};
    }
    *ret_groups = groups;
    return 0;
}

int runtime_cgroup_places(const struct plan_block *block, struct arena *arena,
                          struct cgroup_groups *ret_places, struct err *err) {
    const struct cgroup_layout *layout;
    if (find_layout(&layout, err) < 0) return -1;
    if (cgroup_places_of(block, layout, arena, ret_places) < 0) ret_places->count = 0;
    return 0;
}

int runtime_cgroup_groups(const struct plan_block *block, struct arena *arena,
                          struct cgroup_groups *ret_groups, struct err *err) {
    struct cgroup_groups places;
    if (runtime_cgroup_places(block, arena, &places, err) < 0) return -1;
    if (!places.count)
        return err_set(
            err, ERR_INVALID, 0,
            "container %.12s has no cgroups of its own: it was started where its user may not make "
            "any (a user may under systemd-run --user --scope)",
            plan_text(block, block->id));
    cgroup_groups_present(&places, ret_groups);
    return 0;
}

static const char *cpuset_of(const struct plan_block *block, const char *mount, struct arena *arena) {
    char file[40];
    _cleanup_(str_finish) struct str path = {0};
    snprintf(file, sizeof file, "/proc/%d/cpuset", block->pid);
    if (file_read_at(AT_FDCWD, file, 4096, &path) < 0 || strstr(str_get(&path), "/..")) return NULL;
    return arena_printf(arena, "%s%.*s", mount, (int)strcspn(path.data, "\n"), path.data);
}

void runtime_cgroup_add_cpuset(const struct plan_block *block, struct arena *arena,
                               struct cgroup_groups *groups) {
    const struct cgroup_layout *layout;
    struct err ignored;
    if (find_layout(&layout, &ignored) < 0 || cgroup_groups_with(groups, CGROUP_CPUSET)) return;
    const struct cgroup_hierarchy *h = cgroup_with(layout, CGROUP_CPUSET);
    const char *path = h && !h->v2 ? cpuset_of(block, h->mount, arena) : NULL;
    if (path) groups->items[groups->count++] = (struct cgroup_group){path, CGROUP_CPUSET, false};
}

#define FREEZE_TIMEOUT_NS UINT64_C(2000000000)

static int kill_all(const struct cgroup_groups *groups, const char *path) {
    const struct cgroup_group *freezer = cgroup_groups_freezer(groups);
    if (freezer && !freezer->v2) (void)cgroup_thaw(freezer->path); // v1: what is frozen does not die
    return cgroup_kill(path);
}

// Where nothing can be frozen, or not in time, whoever is there gets the signal all the same.
static int signal_all(const struct cgroup_groups *groups, const char *path, int signal) {
    const struct cgroup_group *freezer = cgroup_groups_freezer(groups);
    enum cgroup_freezer state = CGROUP_FROZEN;
    bool ours = freezer && cgroup_freezer_state(freezer->path, &state) == 0 && state == CGROUP_THAWED &&
                cgroup_freeze(freezer->path, FREEZE_TIMEOUT_NS) == 0;
    int r = cgroup_signal(path, signal, NULL);
    if (ours) (void)cgroup_thaw(freezer->path);
    return r;
}

int runtime_cgroup_signal(const struct cgroup_groups *groups, int signal, struct err *err) {
    const struct cgroup_group *all = cgroup_groups_processes(groups);
    if (!all) return 0;
    int r = signal == SIGKILL ? kill_all(groups, all->path) : signal_all(groups, all->path, signal);
    return r < 0 ? err_set(err, ERR_SYSTEM, -r, "cannot signal the processes of the cgroup %s", all->path)
                 : 0;
}

int runtime_cgroup_remove(const struct cgroup_groups *places, struct err *err) {
    for (size_t i = places->count; i-- > 0;) {
        int r = cgroup_remove(places->items[i].path);
        if (r == -EBUSY)
            return err_set(err, ERR_CONFLICT, 0, "the cgroup %s has processes in it", places->items[i].path);
        if (r < 0) return err_set(err, ERR_SYSTEM, -r, "cannot remove the cgroup %s", places->items[i].path);
    }
    return 0;
}
