// SPDX-License-Identifier: Apache-2.0
// The same rows that make a new container's limits make those of a running one: a small plan of CGROUP_WRITE
// and CGROUP_DEVICES operations, done here.
//
// Some values only go together (a memory limit may not exceed the one of memory and swap, a quota is checked
// against its period and burst), and which has to be written first depends on what holds now. The kernel
// knows: it refuses with EINVAL what does not fit yet, and then that one is written again after the others.
#include "runtime/update.h"

#include "base/arena.h"
#include "base/fd.h"
#include "kernel/bpf_device.h"
#include "kernel/cgroup.h"
#include "runtime/cgroup_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX (64 << 10)

struct change {
    const char *file, *value;
    bool optional;
    const char *instead;
    bool done;
};
struct changes {
    struct change *items;
    size_t count;
};

struct update {
    struct arena arena;
    struct plan plan;
    struct spec spec;
    struct cgroup_plan c;
    // before: what puts back the change of the same index (file NULL: nothing does); and then the devices of
    // v1.
    struct changes changes, before;
    struct strings made; // groups
    struct err *err;
};

static void update_finish(struct update *u) {
    plan_finish(&u->plan);
    arena_finish(&u->arena);
}

static const char *read_value(struct update *u, const char *file) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(AT_FDCWD, file, VALUE_MAX, &text) < 0) return NULL;
    while (text.len && text.data[text.len - 1] == '\n') text.data[--text.len] = '\0';
    return arena_strdup(&u->arena, str_get(&text));
}

// What was there before

// Files with a line for each device or interface, and what the line is when there is none.
static const struct {
    const char *name, *none;
} keyed_files[] = {
    {"io.max", "rbps=max wbps=max riops=max wiops=max"},
    {"io.weight", "default"},
    {"io.bfq.weight", "default"},
    {"blkio.bfq.weight_device", "0"},
    {"blkio.throttle.read_bps_device", "0"},
    {"blkio.throttle.write_bps_device", "0"},
    {"blkio.throttle.read_iops_device", "0"},
    {"blkio.throttle.write_iops_device", "0"},
    {"rdma.max", "hca_handle=max hca_object=max"},
    {"net_prio.ifpriomap", "0"},
};

// The line of text that begins with this word, or NULL.
static const char *line_of(struct arena *arena, const char *text, const char *word, size_t n) {
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        if (strncmp(at, word, n) == 0 && (at[n] == ' ' || at[n] == '\n' || !at[n]))
            return arena_strndup(arena, at, strcspn(at, "\n"));
    }
    return NULL;
}

static const char *keyed_before(struct update *u, const char *none, const char *text, const char *value) {
    const char *space = strchr(value, ' ');
    const char *key = space ? value : "default"; // a weight without a device
    size_t n = space ? (size_t)(space - value) : strlen(key);
    const char *line = line_of(&u->arena, text, key, n);
    return line ? line : arena_printf(&u->arena, "%.*s %s", (int)n, key, none);
}

static const char *value_before(struct update *u, const char *name, const char *text, const char *value) {
    for (size_t i = 0; i < ARRAY_SIZE(keyed_files); i++) {
        if (str_eq(name, keyed_files[i].name)) return keyed_before(u, keyed_files[i].none, text, value);
    }
    if (str_eq(name, "memory.oom_control")) {
        const char *line = line_of(&u->arena, text, "oom_kill_disable", strlen("oom_kill_disable"));
        return line ? strchr(line, ' ') + 1 : NULL;
    }
    return *text ? text : "\n"; // no bytes at all would be no write
}

// v1's rules can't be read from the files that take them, only as a list beside them. Its lines are put back
// where the first of ours is undone, which is the one that forbids everything.
static void devices_before(struct update *u, const char *file) {
    const char *folder = arena_strndup(&u->arena, file, (size_t)(strrchr(file, '/') - file));
    const char *allow = arena_printf(&u->arena, "%s/devices.allow", folder);
    const char *list = read_value(u, arena_printf(&u->arena, "%s/devices.list", folder));
    for (const char *at = list ? list : ""; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        const char *line = arena_strndup(&u->arena, at, strcspn(at, "\n"));
        *arena_push(&u->arena, &u->before) = (struct change){.file = allow, .value = line};
    }
    *arena_push(&u->arena, &u->before) =
        (struct change){.file = arena_printf(&u->arena, "%s/devices.deny", folder), .value = "a"};
}

static void remember(struct update *u, const struct change *change) {
    const char *name = strrchr(change->file, '/') + 1;
    struct change before = {.file = change->file, .optional = true};
    const char *text = read_value(u, change->file);
    if (text && !str_eq(name, "cgroup.subtree_control"))
        before.value = value_before(u, name, text, change->value);
    if (!before.value) before.file = NULL;
    *arena_push(&u->arena, &u->before) = before;
}

// Writing

// Once over all that are not done; ret_progress: one was written, and ret_refused the first that did not fit.
static int write_round(struct changes *changes, bool *ret_progress, const struct change **ret_refused) {
    for (size_t i = 0; i < changes->count; i++) {
        struct change *change = &changes->items[i];
        if (change->done) continue;
        int r = cgroup_write(change->file, change->value, change->optional, change->instead);
        if (r < 0 && r != -EINVAL) return *ret_refused = change, r;
        if (r == 0) *ret_progress = change->done = true;
        if (r < 0 && !*ret_refused) *ret_refused = change;
    }
    return *ret_refused ? -EINVAL : 0;
}

static int write_all(struct changes *changes, const struct change **ret_refused) {
    for (;;) {
        const struct change *refused = NULL;
        bool progress = false;
        int r = write_round(changes, &progress, &refused);
        if (r == 0) return 0;
        if (r != -EINVAL || !progress) return *ret_refused = refused, r;
    }
}

// The newest first; as with the changes themselves, what does not fit yet comes after the rest.
static int put_back(struct update *u) {
    struct changes back = {.count = 0};
    const struct change *refused;
    bool devices = false;
    for (size_t i = 0; i < u->changes.count; i++)
        devices = devices || (u->changes.items[i].done && strstr(u->changes.items[i].file, "/devices."));
    for (size_t i = u->before.count; i-- > 0;) {
        bool written = i < u->changes.count ? u->changes.items[i].done : devices;
        if (u->before.items[i].file && written) *arena_push(&u->arena, &back) = u->before.items[i];
    }
    return write_all(&back, &refused);
}

static int refuse(struct update *u, const struct change *refused, int error) {
    bool cpus = error == ERANGE && str_has_suffix(refused->file, "/cpuset.cpus");
    const char *hint = error == EBUSY ? " (more of it is in use)"
                       : cpus         ? " (this machine does not have that many)"
                                      : "";
    enum err_kind kind = error == EINVAL || error == ERANGE ? ERR_INVALID : ERR_SYSTEM;
    int back = put_back(u);
    return err_set(u->err, kind, 0, "cannot write %.80s to %s: %s%s; %s", refused->value, refused->file,
                   strerror(error), hint,
                   back < 0 ? "what was there before could not all be put back"
                            : "the limits are what they were before");
}

// Groups that are missing

static bool has_pid(const pid_t *pids, size_t count, pid_t pid) {
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == pid) return true;
    }
    return false;
}

// How many had to be moved, or -errno.
static int move_round(const char *from, const char *to) {
    _cleanup_(freep) pid_t *pids = NULL, *there = NULL;
    size_t count = 0, there_count = 0;
    char procs[1200], pid[16];
    int moved = 0, r = cgroup_pids(from, &pids, &count);
    if (r == 0) r = cgroup_pids(to, &there, &there_count);
    if (r < 0) return r;
    snprintf(procs, sizeof procs, "%s/cgroup.procs", to);
    for (size_t i = 0; i < count; i++) {
        if (has_pid(there, there_count, pids[i])) continue;
        snprintf(pid, sizeof pid, "%d", pids[i]);
        r = file_write_at(AT_FDCWD, procs, pid);
        if (r < 0 && r != -ESRCH) return r;
        moved += r == 0;
    }
    return moved;
}

// Until nobody was born elsewhere meanwhile.
static int move_processes(const char *from, const char *to) {
    for (int round = 0; round < 64; round++) {
        int r = move_round(from, to);
        if (r <= 0) return r;
    }
    return -EAGAIN;
}

// The hierarchies that the new limits need and in which the container has no group. They are made before the
// limits are written, and get the processes after that.
static int make_groups(struct update *u) {
    const struct cgroup_layout *layout = u->c.layout;
    uint32_t needed = cgroup_controllers_needed(&u->spec);
    for (size_t i = 0; i < layout->count; i++) {
        const struct cgroup_hierarchy *h = &layout->items[i];
        const char *folder = cgroup_folder(&u->c, h);
        if (h->v2 || !(h->controllers & needed) || access(folder, F_OK) == 0) continue;
        int r = cgroup_create(folder);
        if (r < 0) return err_set(u->err, ERR_SYSTEM, -r, "cannot make the cgroup %s", folder);
        strings_add(&u->arena, &u->made, folder);
    }
    return 0;
}

static void remove_groups(struct update *u) {
    for (size_t i = 0; i < u->made.count; i++) (void)cgroup_remove(u->made.items[i]);
}

static int fill_groups(struct update *u) {
    const struct strings *made = &u->made;
    struct cgroup_groups present;
    const struct cgroup_group *from = NULL;
    cgroup_groups_present(u->c.groups, &present);
    for (size_t i = 0; i < present.count && !from; i++) {
        bool is_new = false;
        for (size_t j = 0; j < made->count; j++)
            is_new = is_new || str_eq(present.items[i].path, made->items[j]);
        if (!is_new) from = &present.items[i];
    }
    for (size_t i = 0; from && i < made->count; i++) {
        int r = move_processes(from->path, made->items[i]);
        if (r < 0) return err_set(u->err, ERR_SYSTEM, -r, "cannot move the processes to %s", made->items[i]);
    }
    return 0;
}

// Before anything is written

static int check_usage(struct update *u, int64_t limit) {
    const struct cgroup_hierarchy *h = cgroup_with(u->c.layout, CGROUP_MEMORY);
    uint64_t usage = 0;
    if (!h || limit <= 0) return 0;
    const char *file = h->v2 ? "memory.current" : "memory.usage_in_bytes";
    const char *text = read_value(u, arena_printf(&u->arena, "%s/%s", cgroup_folder(&u->c, h), file));
    if (!text || parse_u64(text, &usage) < 0 || usage <= (uint64_t)limit) return 0;
    return err_set(u->err, ERR_CONFLICT, 0,
                   "linux.resources.memory.limit: %" PRIu64 " bytes are in use, more than the new limit of "
                   "%" PRId64,
                   usage, limit);
}

// Swap is counted together with memory: without a new limit of memory the one that holds is meant.
static void complete_memory(struct update *u) {
    struct spec_resources *r = &u->spec.resources;
    const struct cgroup_hierarchy *h = cgroup_with(u->c.layout, CGROUP_MEMORY);
    if (!h || r->memory_limit.value || r->memory_swap.value <= 0) return;
    const char *file = h->v2 ? "memory.max" : "memory.limit_in_bytes";
    const char *text = read_value(u, arena_printf(&u->arena, "%s/%s", cgroup_folder(&u->c, h), file));
    if (text && parse_i64(text, &r->memory_limit.value) == 0) r->memory_limit.set = true;
}

static int compile(struct update *u) {
    const struct cgroup_layout *layout = u->c.layout;
    const struct cgroup_hierarchy *v2 =
        layout->items[layout->count - 1].v2 ? &layout->items[layout->count - 1] : NULL;
    complete_memory(u);
    if (u->spec.resources.check_before_update && check_usage(u, u->spec.resources.memory_limit.value) < 0)
        return -1;
    if (v2 && cgroup_plan_controllers(&u->c, v2) < 0) return -1;
    if (cgroup_plan_limits(&u->c) < 0) return -1;
    return u->spec.resources.devices.count ? cgroup_plan_devices(&u->c) : 0;
}

static void collect(struct update *u) {
    const char *strings = u->plan.strings, *devices = NULL;
    for (size_t i = 0; i < u->plan.count; i++) {
        const struct plan_op *op = &u->plan.ops[i];
        if (op->type != PLAN_CGROUP_WRITE) continue;
        struct change change = {.file = strings + op->write.file,
                                .value = strings + op->write.value,
                                .optional = op->write.optional,
                                .instead = op->write.instead ? strings + op->write.instead : NULL};
        *arena_push(&u->arena, &u->changes) = change;
    }
    for (size_t i = 0; i < u->changes.count; i++) {
        const char *file = u->changes.items[i].file;
        if (strstr(file, "/devices.")) devices = file;
        remember(u, &u->changes.items[i]);
    }
    if (devices) devices_before(u, devices);
}

static int replace_devices(struct update *u) {
    for (size_t i = 0; i < u->plan.count; i++) {
        const struct plan_op *op = &u->plan.ops[i];
        if (op->type != PLAN_CGROUP_DEVICES) continue;
        const char *path = u->plan.strings + op->bpf.path;
        int r = bpf_device_replace(path, u->plan.strings + op->bpf.program.at, op->bpf.program.size);
        if (r == 0) continue;
        put_back(u);
        return err_set(u->err, ERR_SYSTEM, -r, "cannot change the device rules of %s", path);
    }
    return 0;
}

int update_apply(const struct cgroup_layout *layout, const struct cgroup_groups *places,
                 const struct spec_resources *resources, struct err *err) {
    static const struct cgroup_layout none;
    _cleanup_(update_finish) struct update u = {.spec.resources = *resources, .err = err};
    const struct change *refused = NULL;
    plan_init(&u.plan);
    u.c = (struct cgroup_plan){.spec = &u.spec,
                               .layout = places->count ? layout : &none,
                               .path = "/",
                               .plan = &u.plan,
                               .arena = &u.arena,
                               .err = err,
                               .groups = places};
    if (!places->count) return cgroup_plan_check(&u.c);
    if (compile(&u) < 0 || make_groups(&u) < 0) return -1;
    collect(&u);
    int r = write_all(&u.changes, &refused);
    if (r < 0) refuse(&u, refused, -r);
    if (r == 0) r = replace_devices(&u);
    if (r < 0) return remove_groups(&u), -1;
    return fill_groups(&u);
}

int runtime_update(const struct cgroup_groups *places, const struct spec_resources *resources,
                   struct err *err) {
    struct cgroup_layout layout;
    int r = cgroup_layout_read(&layout);
    if (r < 0) return err_set(err, ERR_SYSTEM, -r, "finding the host's cgroups");
    return update_apply(&layout, places, resources, err);
}
