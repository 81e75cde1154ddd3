// SPDX-License-Identifier: Apache-2.0
// What a process is to the kernel, beside what it sees: its place among those that wait for a CPU, a disk or
// memory, its labels and its keyring; and what it gets of the host's hardware.
#include "runtime/compile_parts.h"

#include "base/fd.h"
#include "oci/number_list.h"

#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>

// The bits of a list, as long as the last one that is set wants it.
static struct plan_op *add_numbers(struct compiler *c, enum plan_op_type type, const char *list,
                                   unsigned limit, const char *field) {
    uint64_t bits[NUMBER_LIST_CPUS / 64] = {0};
    size_t words = limit / 64;
    if (!str_empty(list)) number_list_parse(list, limit, bits);
    while (words && !bits[words - 1]) words--;
    struct plan_blob blob = words ? plan_bytes(c->plan, bits, words * sizeof *bits) : (struct plan_blob){0};
    plan_str text = plan_string(c->plan, list);
    struct plan_op *op = compile_add(c, type, field);
    op->numbers.list = text;
    op->numbers.bits = blob;
    return op;
}

void compile_affinity(struct compiler *c, const char *list, const char *field) {
    add_numbers(c, PLAN_CPU_AFFINITY, list, NUMBER_LIST_CPUS, field);
}

static void add_scheduler(struct compiler *c, const struct spec_scheduler *scheduler, enum plan_side side) {
    if (!scheduler) return;
    struct plan_op *op = compile_add(c, PLAN_SCHEDULER, "process.scheduler");
    op->side = (uint8_t)side;
    op->scheduler.policy = scheduler->policy;
    op->scheduler.nice = scheduler->nice;
    op->scheduler.priority = (uint32_t)scheduler->priority;
    op->scheduler.flags = scheduler->flags;
    op->scheduler.runtime = scheduler->runtime;
    op->scheduler.deadline = scheduler->deadline;
    op->scheduler.period = scheduler->period;
}

static void add_io_priority(struct compiler *c, const struct spec_io_priority *priority,
                            enum plan_side side) {
    if (!priority) return;
    struct plan_op *op = compile_add(c, PLAN_IO_PRIORITY, "process.ioPriority");
    op->side = (uint8_t)side;
    op->io_priority.io_class = priority->io_class;
    op->io_priority.priority = priority->priority;
}

static bool add_oom_score(struct compiler *c, const struct spec_process *process, enum plan_side side) {
    if (!process->oom_score_adj.set) return false;
    plan_str text = plan_printf(c->plan, "%lld", (long long)process->oom_score_adj.value);
    struct plan_op *op = compile_add(c, PLAN_OOM_SCORE_ADJ, "process.oomScoreAdj");
    op->side = (uint8_t)side;
    op->text = text;
    return true;
}

void compile_oom_score(struct compiler *c, const struct spec_process *process) {
    if (!compile_has_userns(c)) add_oom_score(c, process, PLAN_CHILD);
}

bool compile_outside(struct compiler *c, const struct spec_process *process) {
    if (!compile_has_userns(c)) return false;
    for (size_t i = 0; i < process->rlimits.count; i++) {
        struct plan_op *op = compile_add(c, PLAN_RLIMIT, "process.rlimits");
        op->side = PLAN_PARENT;
        op->rlimit.resource = process->rlimits.items[i].resource;
        op->rlimit.hard = process->rlimits.items[i].hard;
    }
    bool oom_score = add_oom_score(c, process, PLAN_PARENT);
    add_scheduler(c, process->scheduler, PLAN_PARENT);
    add_io_priority(c, process->io_priority, PLAN_PARENT);
    return process->rlimits.count || oom_score || process->scheduler || process->io_priority;
}

int compile_tuning(struct compiler *c, const struct spec_process *process) {
    const struct spec_memory_policy *policy = c->spec->memory_policy;
    if (!compile_has_userns(c)) {
        add_scheduler(c, process->scheduler, PLAN_INSIDE);
        add_io_priority(c, process->io_priority, PLAN_INSIDE);
    }
    if (policy) {
        struct plan_op *op =
            add_numbers(c, PLAN_MEMORY_POLICY, policy->nodes, NUMBER_LIST_NODES, "linux.memoryPolicy");
        op->numbers.mode = policy->mode | (uint32_t)policy->flags;
    }
    if (c->spec->personality)
        compile_add(c, PLAN_PERSONALITY, "linux.personality")->mode.mode = c->spec->personality->domain;
    return 0;
}

// Labels and keyring

static bool has_selinux(void) {
    struct statfs fs;
    return !statfs("/sys/fs/selinux", &fs) && (uint32_t)fs.f_type == SELINUX_MAGIC;
}

static bool has_apparmor(void) {
    _cleanup_(str_finish) struct str text = {0};
    return !file_read_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &text) &&
           *str_get(&text) == 'Y';
}

int compile_labels(struct compiler *c, const struct spec_process *process) {
    bool selinux = !str_empty(process->selinux_label), mounts = !str_empty(c->spec->mount_label);
    if ((selinux || mounts) && !has_selinux())
        return err_set(c->err, ERR_INVALID, 0, "%s is given, but SELinux is not enabled on this machine",
                       selinux ? "process.selinuxLabel" : "linux.mountLabel");
    if (!str_empty(process->apparmor_profile) && !has_apparmor())
        return err_set(c->err, ERR_INVALID, 0,
                       "process.apparmorProfile is given, but AppArmor is not enabled on this machine");
    if (!str_empty(process->apparmor_profile))
        compile_add_text(c, PLAN_APPARMOR, process->apparmor_profile, "process.apparmorProfile");
    if (selinux) compile_add_text(c, PLAN_SELINUX, process->selinux_label, "process.selinuxLabel");
    return 0;
}

// All processes of a container have the one, by its name.
void compile_keyring(struct compiler *c, const struct spec_process *process) {
    if (c->options->no_new_keyring) return;
    plan_str name = plan_printf(c->plan, "_ses.%s", c->options->id);
    plan_str label = plan_string(c->plan, process->selinux_label);
    struct plan_op *op = compile_add(c, PLAN_KEYRING, "default");
    op->keyring.name = name;
    op->keyring.label = label;
}

// The agent of a filter

static bool is_notify(const char *action) {
    return str_eq(action, "SCMP_ACT_NOTIFY");
}

bool seccomp_notifies(const struct spec_seccomp *seccomp) {
    for (size_t i = 0; seccomp && i < seccomp->syscalls.count; i++)
        if (is_notify(seccomp->syscalls.items[i].action)) return true;
    return seccomp && is_notify(seccomp->default_action);
}

// The number of the listener is written to the parent: asking about that would be asking nobody.
static int check_notify(struct compiler *c) {
    const struct spec_seccomp *seccomp = c->spec->seccomp;
    if (is_notify(seccomp->default_action))
        return err_set(c->err, ERR_INVALID, 0, "linux.seccomp.defaultAction cannot be SCMP_ACT_NOTIFY");
    for (size_t i = 0; i < seccomp->syscalls.count; i++) {
        const struct strings *names = &seccomp->syscalls.items[i].names;
        for (size_t j = 0; is_notify(seccomp->syscalls.items[i].action) && j < names->count; j++)
            if (str_eq(names->items[j], "write"))
                return err_set(c->err, ERR_INVALID, 0,
                               "linux.seccomp.syscalls[%zu]: SCMP_ACT_NOTIFY is not possible for write", i);
    }
    if (str_empty(seccomp->listener_path))
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.seccomp.listenerPath is missing: SCMP_ACT_NOTIFY asks whoever listens there");
    return 0;
}

int compile_listener(struct compiler *c) {
    const struct spec_seccomp *seccomp = c->spec->seccomp;
    if (!seccomp_notifies(seccomp)) return 0;
    if (check_notify(c)) return -1;
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    json_begin_object(&writer, NULL);
    json_put_string(&writer, "ociVersion", c->spec->oci_version);
    json_begin_array(&writer, "fds");
    json_put_string(&writer, NULL, "seccompFd");
    json_end_array(&writer);
    json_put_string(&writer, "metadata", seccomp->listener_metadata ? seccomp->listener_metadata : "");
    plan_str path = plan_string(c->plan, seccomp->listener_path);
    plan_str before = plan_printf(c->plan, "%s,\"pid\":", str_get(&writer.text));
    plan_str status = plan_string(c->plan, c->exec_pid ? "running" : "creating");
    struct plan_op *op = compile_add(c, PLAN_LISTENER, "linux.seccomp.listenerPath");
    op->listener.path = path;
    op->listener.before = before;
    op->listener.status = status;
    op->listener.pid = c->exec_pid;
    return 0;
}

// The host's hardware

// Where resctrl is mounted, or NULL.
static const char *find_resctrl(struct compiler *c) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(AT_FDCWD, "/proc/self/mounts", 1 << 20, &text)) return NULL;
    for (const char *line = str_get(&text); *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char where[256], type[32];
        if (sscanf(line, "%*s %255s %31s", where, type) == 2 && str_eq(type, "resctrl"))
            return arena_strdup(&c->arena, where);
    }
    return NULL;
}

static void add_lines(struct str *text, const char *lines, bool without_bandwidth) {
    for (; lines && *lines; lines += strcspn(lines, "\n"), lines += *lines == '\n') {
        int n = (int)strcspn(lines, "\n");
        if (n && !(without_bandwidth && str_has_prefix(lines, "MB:"))) str_printf(text, "%.*s\n", n, lines);
    }
}

int compile_resctrl(struct compiler *c) {
    const struct spec_intel_rdt *rdt = c->spec->intel_rdt;
    if (!rdt) return 0;
    const char *mount = find_resctrl(c);
    if (!mount)
        return err_set(c->err, ERR_INVALID, 0,
                       "linux.intelRdt needs the resctrl file system, which is not mounted");
    _cleanup_(str_finish) struct str lines = {0};
    add_lines(&lines, rdt->l3_cache_schema, rdt->mem_bw_schema);
    add_lines(&lines, rdt->mem_bw_schema, false);
    for (size_t i = 0; i < rdt->schemata.count; i++) add_lines(&lines, rdt->schemata.items[i], false);
    bool named = !str_empty(rdt->clos_id);
    bool monitor = rdt->enable_monitoring || rdt->enable_cmt || rdt->enable_mbm;
    plan_str group = plan_printf(c->plan, "%s/%s", mount, named ? rdt->clos_id : c->options->id);
    plan_str monitor_group = monitor ? plan_printf(c->plan, "%s/%s/mon_groups/%s", mount,
                                                   named ? rdt->clos_id : c->options->id, c->options->id)
                                     : 0;
    plan_str schemata = plan_string(c->plan, str_get(&lines));
    struct plan_op *op = compile_add(c, PLAN_RESCTRL, "linux.intelRdt");
    op->resctrl.group = group;
    op->resctrl.monitor = monitor_group;
    op->resctrl.schemata = schemata;
    op->resctrl.must_exist = named && !lines.len;
    return 0;
}

void compile_net_devices(struct compiler *c) {
    const char *netns = NULL;
    for (size_t i = 0; i < c->spec->namespaces.count; i++)
        if (c->spec->namespaces.items[i].flag == CLONE_NEWNET) netns = c->spec->namespaces.items[i].path;
    for (size_t i = 0; i < c->spec->net_devices.count; i++) {
        const struct spec_net_device *device = &c->spec->net_devices.items[i];
        plan_str name = plan_string(c->plan, device->host_name), path = plan_string(c->plan, netns);
        plan_str new_name = plan_string(c->plan, str_empty(device->name) ? device->host_name : device->name);
        struct plan_op *op = compile_add(c, PLAN_NET_DEVICE, "linux.netDevices");
        op->net_device.name = name;
        op->net_device.new_name = new_name;
        op->net_device.netns = path;
    }
}
