// SPDX-License-Identifier: Apache-2.0
// systemd is told the limits as properties of the unit, and then they are written into the group's files as
// ever: not all of them have a property, and systemd rounds some. It has to know those that it has a name
// for, since it writes its own values whenever it reloads.
#include "runtime/cgroup_systemd.h"
#include "runtime/program.h"

#include "base/fd.h"
#include "kernel/cgroup.h"
#include "oci/number_list.h"
#include "runtime/cgroup_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANNOTATION   "org.systemd.property."
#define QUOTA_STEP   10000 // microseconds: systemd knows no finer quota
#define NAME_CHARS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"
#define LETTERS      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define PERIOD_USUAL 100000

extern char **environ;

// Names

// "a-b-c.slice" is below "a-b.slice", which is below "a.slice"; "-.slice" is the root.
static const char *expand_slice(struct arena *arena, const char *slice) {
    const char *path = "";
    size_t n = strlen(slice);
    if (str_eq(slice, "-.slice")) return path;
    if (!str_has_suffix(slice, ".slice") || n == strlen(".slice") || slice[strspn(slice, NAME_CHARS)])
        return NULL;
    n -= strlen(".slice");
    if (*slice == '-' || slice[n - 1] == '-' || strstr(slice, "--")) return NULL;
    for (size_t i = 1; i <= n; i++) {
        if (i == n || slice[i] == '-') path = arena_printf(arena, "%s/%.*s.slice", path, (int)i, slice);
    }
    return path;
}

static int bad_path(const char *path, struct err *err) {
    return err_set(err, ERR_INVALID, 0,
                   "linux.cgroupsPath \"%s\" is not slice:prefix:name, which --systemd-cgroup needs", path);
}

// ret_parts: slice, prefix, name; the first two may be empty.
static int split(const char *path, struct arena *arena, const char *ret_parts[3], struct err *err) {
    const char *first = strchr(path, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (!second || !second[1] || strchr(second + 1, ':') || strchr(path, '/')) return bad_path(path, err);
    ret_parts[0] = arena_strndup(arena, path, (size_t)(first - path));
    ret_parts[1] = arena_strndup(arena, first + 1, (size_t)(second - first - 1));
    ret_parts[2] = arena_strdup(arena, second + 1);
    return 0;
}

// The user's own manager

// What the host calls this user: root of a user namespace (podman's) is somebody else there.
static unsigned user_on_host(void) {
    unsigned uid = geteuid(), inside, outside, count;
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(AT_FDCWD, "/proc/self/uid_map", 65536, &text)) return uid;
    for (const char *line = str_get(&text); *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && uid - inside < count)
            return outside + (uid - inside);
    return uid;
}

static const char *user_bus(struct arena *arena, unsigned uid) {
    const char *address = getenv("DBUS_SESSION_BUS_ADDRESS"), *directory = getenv("XDG_RUNTIME_DIR");
    if (!str_empty(address)) return arena_strdup(arena, address);
    return str_empty(directory) ? arena_printf(arena, "unix:path=/run/user/%u/bus", uid)
                                : arena_printf(arena, "unix:path=%s/bus", directory);
}

int runtime_scope_find(const struct spec *spec, const char *id, bool rootless, struct arena *arena,
                       struct runtime_scope *ret_scope, struct err *err) {
    const char *parts[3] = {"", "hoy", id}, *above = "";
    unsigned uid = user_on_host();
    if (!str_empty(spec->cgroups_path) && split(spec->cgroups_path, arena, parts, err) < 0) return -1;
    const char *slice = *parts[0] ? parts[0] : rootless ? "user.slice" : "system.slice";
    const char *unit = arena_printf(arena, "%s%s%s.scope", parts[1], *parts[1] ? "-" : "", parts[2]);
    const char *expanded = expand_slice(arena, slice);
    if (!expanded)
        return err_set(err, ERR_INVALID, 0, "linux.cgroupsPath: \"%s\" is no name of a slice", slice);
    if (unit[strspn(unit, NAME_CHARS)] || strlen(unit) > 255)
        return err_set(err, ERR_INVALID, 0, "linux.cgroupsPath: \"%s\" is no name of a unit", unit);
    if (rootless) above = arena_printf(arena, "/user.slice/user-%u.slice/user@%u.service", uid, uid);
    *ret_scope = (struct runtime_scope){
        .unit = unit,
        .slice = slice,
        .path = arena_printf(arena, "%s%s/%s", above, expanded, unit),
        .bus = rootless ? user_bus(arena, uid) : NULL,
    };
    return 0;
}

// Properties, as words for hoy-systemd

struct properties {
    struct arena *arena;
    struct strings words;
};

static void add(struct properties *p, const char *name, const char *value) {
    strings_add(p->arena, &p->words, "--property");
    strings_add(p->arena, &p->words, name);
    strings_add(p->arena, &p->words, value);
}

// -1 is no limit, which systemd writes as the largest number.
static void add_u64(struct properties *p, const char *name, int64_t value) {
    add(p, name, arena_printf(p->arena, "uint64 %" PRIu64, value < 0 ? UINT64_MAX : (uint64_t)value));
}

static void add_quota(struct properties *p, int64_t quota, uint64_t period) {
    uint64_t a_second = UINT64_MAX;
    if (!quota && !period) return;
    if (period && period != PERIOD_USUAL) add_u64(p, "CPUQuotaPeriodUSec", (int64_t)period);
    if (quota > 0) {
        a_second = (uint64_t)quota * 1000000 / (period ? period : PERIOD_USUAL);
        a_second = (a_second + QUOTA_STEP - 1) / QUOTA_STEP * QUOTA_STEP;
    }
    if (quota) add(p, "CPUQuotaPerSecUSec", arena_printf(p->arena, "uint64 %" PRIu64, a_second));
}

// "0-3,7" as a mask, the lowest first: "[byte 0x8f]". Of what is no list the file itself says what is wrong.
static void add_set(struct properties *p, const char *name, const char *ranges) {
    uint64_t bits[NUMBER_LIST_CPUS / 64];
    size_t words = ARRAY_SIZE(bits);
    if (str_empty(ranges) || number_list_parse(ranges, NUMBER_LIST_CPUS, bits) < 1) return;
    while (!bits[words - 1]) words--;
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < words * 8 && (i / 8 < words - 1 || bits[i / 8] >> i % 8 * 8); i++)
        str_printf(&text, "%sbyte 0x%02x", i ? ", " : "[", (unsigned)(bits[i / 8] >> i % 8 * 8 & 0xff));
    add(p, name, arena_printf(p->arena, "%s]", str_get(&text)));
}

static void add_unified(struct properties *p, const struct spec_key_value *item) {
    static const struct {
        const char *key, *name;
    } numbers[] = {
        {"memory.high", "MemoryHigh"},       {"memory.low", "MemoryLow"}, {"memory.min", "MemoryMin"},
        {"memory.max", "MemoryMax"},         {"pids.max", "TasksMax"},    {"cpu.weight", "CPUWeight"},
        {"memory.swap.max", "MemorySwapMax"}};
    uint64_t value = UINT64_MAX;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        if (!str_eq(item->key, numbers[i].key)) continue;
        if (str_eq(item->value, "max") || parse_u64(item->value, &value) == 0)
            add(p, numbers[i].name, arena_printf(p->arena, "uint64 %" PRIu64, value));
    }
    if (str_eq(item->key, "cpuset.cpus")) add_set(p, "AllowedCPUs", item->value);
    if (str_eq(item->key, "cpuset.mems")) add_set(p, "AllowedMemoryNodes", item->value);
    char quota[24] = "";
    unsigned long long period = PERIOD_USUAL;
    if (str_eq(item->key, "cpu.max") && sscanf(item->value, "%23s %llu", quota, &period) >= 1)
        add_quota(p, str_eq(quota, "max") ? -1 : strtoll(quota, NULL, 10), period);
}

static void add_v2(struct properties *p, const struct spec_resources *r) {
    if (r->memory_limit.value) add_u64(p, "MemoryMax", r->memory_limit.value);
    if (r->memory_reservation.value) add_u64(p, "MemoryLow", r->memory_reservation.value);
    if (r->memory_swap.value < 0) add_u64(p, "MemorySwapMax", -1);
    if (r->memory_swap.value > 0 && r->memory_limit.value > 0)
        add_u64(p, "MemorySwapMax", r->memory_swap.value - r->memory_limit.value);
    uint64_t shares = r->cpu_shares.value;
    if (shares) {
        shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
        add_u64(p, "CPUWeight", (int64_t)(1 + (shares - 2) * 9999 / 262142));
    }
    for (size_t i = 0; i < r->unified.count; i++) add_unified(p, &r->unified.items[i]);
}

static void add_v1(struct properties *p, const struct spec_resources *r) {
    if (r->memory_limit.value) add_u64(p, "MemoryLimit", r->memory_limit.value);
    if (r->cpu_shares.value) add_u64(p, "CPUShares", (int64_t)r->cpu_shares.value);
    if (r->blkio_weight.value) add_u64(p, "BlockIOWeight", (int64_t)r->blkio_weight.value);
}

void scope_properties(struct arena *arena, const struct spec_resources *r, bool v2, struct strings *words) {
    struct properties p = {arena, *words};
    if (v2)
        add_v2(&p, r);
    else
        add_v1(&p, r);
    add_quota(&p, r->cpu_quota.value, r->cpu_period.value);
    if (r->pids_limit.value) add_u64(&p, "TasksMax", r->pids_limit.value);
    add_set(&p, "AllowedCPUs", r->cpuset_cpus);
    add_set(&p, "AllowedMemoryNodes", r->cpuset_mems);
    *words = p.words;
}

// On the bus times are microseconds and their names end in USec; in unit files, and so in annotations, they
// may be seconds with names in Sec.
static int add_annotation(struct properties *p, const char *name, const char *value, struct err *err) {
    size_t n = strlen(name);
    if (n < 3 || name[strspn(name, LETTERS)])
        return err_set(err, ERR_INVALID, 0, "annotation " ANNOTATION "%s: that is no name of a property",
                       name);
    if (!str_has_suffix(name, "Sec") || str_has_suffix(name, "USec")) return add(p, name, value), 0;
    const char *number = strrchr(value, ' ') ? strrchr(value, ' ') + 1 : value;
    char *end;
    double seconds = strtod(number, &end);
    if (end == number || *end || seconds < 0 || seconds > 1e12)
        return err_set(err, ERR_INVALID, 0, "annotation " ANNOTATION "%s: \"%s\" is no number of seconds",
                       name, value);
    add(p, arena_printf(p->arena, "%.*sUSec", (int)(n - 3), name),
        arena_printf(p->arena, "uint64 %.0f", seconds * 1e6));
    return 0;
}

int scope_annotations(struct arena *arena, const struct spec *spec, struct strings *words, struct err *err) {
    struct properties p = {arena, *words};
    for (size_t i = 0; i < spec->annotations.count; i++) {
        const struct spec_key_value *item = &spec->annotations.items[i];
        const char *name = str_after(item->key, ANNOTATION);
        if (name && add_annotation(&p, name, item->value, err) < 0) return -1;
    }
    *words = p.words;
    return 0;
}

static void begin(const struct runtime_scope *scope, struct arena *arena, const char *program,
                  const char *command, struct strings *words) {
    strings_add(arena, words, program);
    if (scope->bus) strings_add(arena, words, "--user"), strings_add(arena, words, scope->bus);
    strings_add(arena, words, command);
    strings_add(arena, words, scope->unit);
}

static bool is_v2(void) {
    struct cgroup_layout layout;
    return cgroup_layout_read(&layout) == 0 && layout.count == 1 && layout.items[0].v2;
}

int runtime_scope_plan(const struct runtime_scope *scope, struct spec *spec, struct arena *arena,
                       struct plan *plan, struct err *err) {
    struct strings start = {0}, stop = {0};
    const char *program = runtime_program_find("hoy-systemd", "systemd", arena, err);
    if (!program) return -1;
    begin(scope, arena, program, "start", &start);
    strings_add(arena, &start, scope->slice);
    strings_add(arena, &start, "-");
    scope_properties(arena, &spec->resources, is_v2(), &start);
    if (scope_annotations(arena, spec, &start, err) < 0) return -1;
    begin(scope, arena, program, "stop", &stop);
    struct plan_list start_list = plan_strings(plan, start.items, start.count),
                     stop_list = plan_strings(plan, stop.items, stop.count);
    plan_str group = plan_string(plan, scope->path);
    struct plan_op *op = plan_add(plan, PLAN_SCOPE_START, "--systemd-cgroup");
    op->scope.start = start_list;
    op->scope.stop = stop_list;
    op->scope.group = group;
    spec->cgroups_path = scope->path;
    return 0;
}

// Runs it; what it says on standard error is why it failed.
static int run(struct arena *arena, struct strings *words, struct err *err) {
    posix_spawn_file_actions_t actions;
    int ends[2], status;
    pid_t pid;
    strings_add(arena, words, NULL);
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "cannot make a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    int r = posix_spawn(&pid, words->items[0], &actions, NULL, (char **)words->items, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    _cleanup_(fd_closep) int said = ends[0];
    if (r) return err_set(err, ERR_SYSTEM, r, "can't run %s", words->items[0]);
    char text[400] = "";
    ssize_t n = fd_read_full(said, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    return err_set(err, ERR_SYSTEM, 0, "%s", *text ? text : "hoy-systemd ended without a word");
}

int runtime_scope_update(const struct runtime_scope *scope, const struct spec_resources *resources,
                         struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings words = {0};
    const char *program = runtime_program_find("hoy-systemd", "systemd", &arena, err);
    if (!program) return -1;
    begin(scope, &arena, program, "set", &words);
    size_t before = words.count;
    scope_properties(&arena, resources, is_v2(), &words);
    return words.count == before ? 0 : run(&arena, &words, err);
}
