// SPDX-License-Identifier: Apache-2.0
// The compiler: a config.json becomes the operations that make it true. The order is runc's where a program
// could tell the difference, and for the rest the one that lets the two processes wait for each other least.
#include "runtime/cgroup.h"
#include "runtime/compile_parts.h"
#include "runtime/seccomp.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/process.h"
#include "plan/words.h"

#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

struct plan_op *compile_add(struct compiler *c, enum plan_op_type type, const char *field) {
    return plan_add(c->plan, type, spec_why(c->spec, field, field));
}

void compile_add_text(struct compiler *c, enum plan_op_type type, const char *text, const char *field) {
    plan_str s = plan_string(c->plan, text);
    compile_add(c, type, field)->text = s;
}

static void add_path(struct compiler *c, enum plan_op_type type, const char *path, const char *field) {
    plan_str s = plan_string(c->plan, path);
    compile_add(c, type, field)->path = s;
}

static int plan_root(struct compiler *c, const struct runtime_contributions *contributions) {
    compile_propagation(c);
    if (contributions->root) return contributions->root(c->plan, contributions->data, c->err);
    plan_str path = plan_string(c->plan, c->spec->root_path);
    plan_str attach = plan_string(c->plan, c->options->attach ? c->options->attach : c->spec->root_path);
    struct plan_op *op = compile_add(c, PLAN_ROOT_BIND, "root.path");
    op->root.path = path;
    op->root.attach = attach;
    return 0;
}

static void plan_console(struct compiler *c, const struct spec_process *process, bool exec) {
    if (!process->terminal) return;
    struct plan_op *op = compile_add(c, PLAN_CONSOLE, "process.terminal");
    op->console.rows = process->rows;
    op->console.columns = process->columns;
    op->console.controlling_only = (uint32_t)exec;
}

static void plan_paths(struct compiler *c, enum plan_op_type type, const struct strings *paths,
                       const char *field) {
    for (size_t i = 0; i < paths->count; i++) add_path(c, type, paths->items[i], field);
}

// The process

static void plan_rlimits(struct compiler *c, const struct spec_process *process) {
    for (size_t i = 0; i < process->rlimits.count; i++) {
        uint64_t soft = process->rlimits.items[i].soft, hard = process->rlimits.items[i].hard;
        int resource = process->rlimits.items[i].resource;
        plan_str text =
            plan_printf(c->plan, "%s=%lld:%lld", words_rlimit(resource), (long long)soft, (long long)hard);
        struct plan_op *op = compile_add(c, PLAN_RLIMIT, arena_printf(&c->arena, "process.rlimits[%zu]", i));
        op->rlimit.resource = resource;
        op->rlimit.text = text;
        op->rlimit.soft = soft;
        op->rlimit.hard = hard;
    }
}

static void plan_user(struct compiler *c, const struct spec_process *process) {
    struct strings groups = process->group_add;
    if (!process->user_name)
        for (size_t i = 0; i < process->additional_gids.count; i++)
            strings_add(&c->arena, &groups, arena_printf(&c->arena, "%u", process->additional_gids.items[i]));
    plan_str name = plan_string(c->plan, process->user_name);
    struct plan_list list = plan_strings(c->plan, groups.items, groups.count);
    struct plan_op *op = compile_add(c, PLAN_USER, "process.user");
    op->user.name = name;
    op->user.groups = list;
    op->user.uid = process->uid;
    op->user.gid = process->gid;
    op->user.keep_groups = compile_keeps_groups(c->spec);
}

static void plan_caps(struct compiler *c, enum plan_op_type type, const struct spec_process *process) {
    struct plan_op *op = compile_add(c, type, "process.capabilities");
    op->caps.bounding = process->caps.bounding;
    op->caps.effective = process->caps.effective;
    op->caps.permitted = process->caps.permitted;
    op->caps.inheritable = process->caps.inheritable;
    op->caps.ambient = process->caps.ambient;
    // What a user's program has of them it could keep: what its file has is not added to it.
    op->caps.of_root = process->user_name && process->no_new_privileges && !c->exec_pid;
}

static int plan_seccomp(struct compiler *c) {
    struct plan_blob program;
    if (!c->spec->seccomp) return 0;
    if (runtime_seccomp(c->spec->seccomp, c->options->seccomp_cache, c->plan, &program, c->err)) return -1;
    compile_add(c, PLAN_SECCOMP, "linux.seccomp")->bpf.program = program;
    return compile_listener(c);
}

// Hooks

// In two parts around status and pid.
void runtime_plan_state(const struct spec *spec, const char *id, const char *bundle, struct plan *plan) {
    _cleanup_(json_writer_finish) struct json_writer before = {0}, after = {0};
    json_begin_object(&before, NULL);
    json_put_string(&before, "ociVersion", spec->oci_version);
    json_put_string(&before, "id", id);
    json_begin_object(&after, NULL);
    json_put_string(&after, "bundle", bundle);
    if (spec->annotations.count) json_begin_object(&after, "annotations");
    for (size_t i = 0; i < spec->annotations.count; i++)
        json_put_string(&after, spec->annotations.items[i].key, spec->annotations.items[i].value);
    if (spec->annotations.count) json_end_object(&after);
    json_end_object(&after);
    plan->head.state_before = plan_printf(plan, "%s,", str_get(&before.text));
    plan->head.state_after = plan_printf(plan, ",%s", str_get(&after.text) + 1);
}

static void plan_hook(struct compiler *c, const struct spec_hook *hook, const char *kind, enum plan_side side,
                      const char *status, size_t index) {
    struct plan_op op = {0};
    op.hook.path = plan_string(c->plan, hook->path);
    op.hook.kind = plan_string(c->plan, kind);
    op.hook.status = plan_string(c->plan, status);
    op.hook.argv = plan_strings(c->plan, hook->args.items, hook->args.count);
    if (!hook->args.count) op.hook.argv = plan_strings(c->plan, &hook->path, 1);
    op.hook.env = plan_strings(c->plan, hook->env.items, hook->env.count);
    op.hook.timeout_s = (uint32_t)hook->timeout_s;
    op.hook.output = plan_string(c->plan, spec_annotation(c->spec, "run.oci.hooks.stdout"));
    op.hook.errors = plan_string(c->plan, spec_annotation(c->spec, "run.oci.hooks.stderr"));
    struct plan_op *added =
        plan_add(c->plan, PLAN_HOOK, arena_printf(&c->arena, "hooks.%s[%zu]", kind, index));
    added->side = (uint8_t)side;
    added->hook = op.hook;
}

static void plan_hooks(struct compiler *c, const struct spec_hook_list *hooks, const char *kind,
                       enum plan_side side, const char *status) {
    for (size_t i = 0; i < hooks->count; i++) plan_hook(c, &hooks->items[i], kind, side, status, i);
}

// For what the parent does beside, before anybody could use the network.
static void wait_beside(struct compiler *c) {
    if (c->beside) compile_add(c, PLAN_WAIT, "linux.namespaces.network");
    c->beside = false;
}

// When all is mounted, and the host's root still there. Those of the runtime's namespaces are the parent's.
static void plan_create_hooks(struct compiler *c) {
    const struct spec_hooks *hooks = &c->spec->hooks;
    if (hooks->prestart.count || hooks->create_runtime.count || hooks->create_container.count) wait_beside(c);
    if (hooks->prestart.count || hooks->create_runtime.count) {
        compile_add(c, PLAN_READY, "hooks");
        compile_add(c, PLAN_AWAIT, "hooks");
        plan_hooks(c, &hooks->prestart, "prestart", PLAN_PARENT, "creating");
        plan_hooks(c, &hooks->create_runtime, "createRuntime", PLAN_PARENT, "creating");
        compile_add(c, PLAN_GO, "hooks");
        compile_add(c, PLAN_WAIT, "hooks");
    }
    plan_hooks(c, &hooks->create_container, "createContainer", PLAN_CHILD, "creating");
}

static void plan_start(struct compiler *c) {
    if (c->options->waits) compile_add(c, PLAN_START, "create");
    if (!c->plan->head.is_exec)
        plan_hooks(c, &c->spec->hooks.start_container, "startContainer", PLAN_INSIDE, "created");
}

// The agent behind a listener is to have it when the container is created.
static int plan_filter_and_start(struct compiler *c) {
    if (!seccomp_notifies(c->spec->seccomp)) plan_start(c);
    if (plan_seccomp(c)) return -1;
    if (seccomp_notifies(c->spec->seccomp)) plan_start(c);
    return 0;
}

// A name has its first place and its last value, as with runc: most programs look no further than the first.
static struct plan_list plan_env(struct compiler *c, const struct strings *words) {
    struct strings env = {0};
    for (size_t i = 0; i < words->count; i++) spec_env_set(&c->arena, &env, words->items[i]);
    return plan_strings(c->plan, env.items, env.count);
}

// Without no_new_privs a filter can only be loaded by CAP_SYS_ADMIN, so it comes before the capabilities go;
// with it, last, so that it need not allow what setting up the process takes.
static int plan_process(struct compiler *c, const struct spec_process *process) {
    plan_rlimits(c, process);
    if (compile_tuning(c, process)) return -1;
    compile_add(c, PLAN_UMASK, "process.user.umask")->mode.mode =
        process->umask.set ? (uint32_t)process->umask.value : 022;
    plan_str cwd = plan_string(c->plan, process->cwd);
    struct plan_op *op = compile_add(c, PLAN_WORKDIR, "process.cwd");
    op->workdir.path = cwd;
    op->workdir.create = process->make_cwd || !c->exec_pid; // as other runtimes do
    plan_caps(c, PLAN_BOUNDING_CAPS, process);
    if (!process->no_new_privileges && plan_seccomp(c)) return -1;
    plan_user(c, process);
    plan_caps(c, PLAN_CAPS, process);
    if (process->no_new_privileges) {
        compile_add(c, PLAN_NO_NEW_PRIVS, "process.noNewPrivileges");
        if (plan_filter_and_start(c)) return -1;
    } else {
        plan_start(c);
    }
    if (c->options->init) compile_add(c, PLAN_INIT, "init");
    struct plan_list argv = plan_strings(c->plan, process->args.items, process->args.count);
    struct plan_list env = plan_env(c, &process->env);
    op = compile_add(c, PLAN_EXEC, "process.args");
    op->exec.argv = argv;
    op->exec.env = env;
    return 0;
}

static void plan_loopback(struct compiler *c) {
    if (!(c->new_ns & CLONE_NEWNET)) return;
    plan_str name = plan_string(c->plan, "lo");
    compile_add(c, PLAN_LINK_UP, "linux.namespaces.network")->link.name = name;
}

static bool waits_for_network(const struct compiler *c, const struct runtime_contributions *contributions) {
    return contributions->network || c->spec->net_devices.count;
}

// A plain container's first mounts need nothing of the parent's. Root of a user namespace, as rootless
// engines are, has no say over the namespaces that it was born in: it could not come back from one that it
// makes.
static bool can_wait_late(const struct compiler *c) {
    return !c->contributions->root && c->new_ns == c->all_ns && !compile_has_userns(c) &&
           !waits_for_network(c, c->contributions) && process_owns_network();
}

// A network namespace is what takes the kernel longest to make. Where the parent makes an overlay, the child
// makes the network namespace meanwhile; where it does not, the parent does, and the child makes its cgroups
// and mounts meanwhile. Not where there is a user namespace, which is to own it.
static bool parent_makes_network(const struct compiler *c) {
    return c->late && c->own_net;
}

// In its pid namespace the child does not see who is in a group of v1's: it makes only those that are new.
// And only where it is born in a group of v2's, by which the undo ends it first: else it could make more
// meanwhile.
static bool child_can_make_groups(const struct compiler *c, size_t first, const char *cgroup) {
    for (size_t i = first; i < c->plan->count; i++) {
        const struct plan_op *op = &c->plan->ops[i];
        if (op->type == PLAN_CGROUP_CREATE && op->side == PLAN_PARENT &&
            (str_empty(cgroup) || !access(plan_string_at(c->plan, op->path), F_OK)))
            return false;
    }
    return true;
}

// Whatever is made before the child is (v2's) stays where it is, and so does v2's program for devices: the
// memory of that is not to be the container's.
static void give_groups_to_child(struct compiler *c, size_t first) {
    for (size_t i = first; i < c->plan->count; i++) {
        struct plan_op *op = &c->plan->ops[i];
        if (op->side == PLAN_PARENT && op->type != PLAN_CGROUP_DEVICES) op->side = PLAN_CHILD;
    }
}

static int plan_cgroups(struct compiler *c, const char **ret_cgroup) {
    size_t first = c->plan->count;
    if (runtime_cgroup_plan_host(c->spec, c->options->cgroup, &c->arena, c->plan, ret_cgroup, c->err))
        return -1;
    c->late = can_wait_late(c);
    if (!parent_makes_network(c)) return 0;
    if (child_can_make_groups(c, first, *ret_cgroup))
        give_groups_to_child(c, first);
    else
        c->late = false;
    return 0;
}

static void plan_beginning(struct compiler *c, const struct runtime_contributions *contributions) {
    if (parent_makes_network(c)) {
        compile_add(c, PLAN_NETNS, "linux.namespaces.network");
        return;
    }
    if (c->own_net) {
        compile_add(c, PLAN_UNSHARE, "linux.namespaces.network")->unshare.flags = CLONE_NEWNET;
        if (waits_for_network(c, contributions)) compile_add(c, PLAN_READY, "linux.namespaces.network");
        plan_loopback(c);
    }
    if (!compile_has_userns(c)) compile_add(c, PLAN_GO, "linux.namespaces");
}

// Here the child must have what the parent has made: the root if that is the parent's, id maps, cgroups; or
// only the network namespace, after which the parent has nothing more to do.
int compile_wait(struct compiler *c) {
    if (c->waited) return 0;
    c->waited = true;
    if (!parent_makes_network(c)) compile_add(c, PLAN_WAIT, "linux.namespaces");
    if (!c->late && c->own_net && waits_for_network(c, c->contributions))
        compile_add(c, PLAN_AWAIT, "linux.namespaces.network");
    if (runtime_cgroup_plan_child(c->spec, c->options->cgroup, c->plan, c->err)) return -1;
    compile_oom_score(c, &c->spec->process);
    compile_become_root(c);
    if (c->new_ns & CLONE_NEWCGROUP)
        compile_add(c, PLAN_UNSHARE, "linux.namespaces.cgroup")->unshare.flags = CLONE_NEWCGROUP;
    if (parent_makes_network(c)) compile_add(c, PLAN_ENTER_NETNS, "linux.namespaces.network");
    return runtime_cgroup_plan_delegate(c->spec, c->options->cgroup, c->plan, c->err);
}

// The host's side puts interfaces in while the child mounts. What the kernel is to do with them (no IPv6) is
// said before they come up. With a user namespace the child has waited for all of that.
static int plan_network(struct compiler *c, const struct runtime_contributions *contributions) {
    bool userns = compile_has_userns(c), waits = waits_for_network(c, contributions) && !userns;
    if (!c->own_net) plan_loopback(c);
    if (waits) compile_add(c, PLAN_WAIT, "linux.namespaces.network");
    if (compile_sysctls(c)) return -1;
    compile_net_devices(c);
    if (contributions->network && contributions->network(c->plan, contributions->data, c->err)) return -1;
    if (userns || waits) compile_add(c, PLAN_GO, "linux.namespaces");
    if (!contributions->beside) return 0;
    if (contributions->beside(c->plan, contributions->data, c->err)) return -1;
    compile_add(c, PLAN_GO, "linux.namespaces.network");
    c->beside = true;
    return 0;
}

static void set_head(struct compiler *c, const struct spec_process *process, bool exec) {
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
    if (!process->cwd && !process->args.count)
        return err_set(err, ERR_INVALID, 0, "process is missing: there is nothing to run in the container");
    if (!process->args.count) return err_set(err, ERR_INVALID, 0, "no command specified");
    // As a shell says it of a word that is empty, without a plan that would come to nothing.
    if (!*process->args.items[0])
        return err_set(err, ERR_COMMAND_NOT_FOUND, 0, "exec: \"\": executable file not found in $PATH");
    for (size_t i = 0; i < process->env.count; i++) {
        const char *word = process->env.items[i];
        if (*word == '=' || !strchr(word, '='))
            return err_set(err, ERR_INVALID, 0, "process.env: \"%.60s\" is not NAME=VALUE", word);
    }
    if (!process->cwd || *process->cwd != '/')
        return err_set(err, ERR_INVALID, 0, "the working directory \"%s\" is not an absolute path",
                       process->cwd ? process->cwd : "");
    return 0;
}

static bool parent_makes_root(const struct plan *plan) {
    for (size_t i = 0; i < plan->count; i++)
        if (plan->ops[i].type == PLAN_ROOT_OVERLAY && plan->ops[i].side == PLAN_PARENT) return true;
    return false;
}

static int compile(struct compiler *c, const struct runtime_contributions *contributions) {
    const struct spec *spec = c->spec;
    const char *cgroup = NULL;
    c->contributions = contributions;
    set_head(c, &spec->process, false);
    if (check_process(&spec->process, c->err) || compile_check_namespaces(c) || compile_check_annotations(c))
        return -1;
    if (contributions->host && contributions->host(c->plan, contributions->data, c->err)) return -1;
    c->early = c->new_ns == c->all_ns && !compile_has_userns(c) && parent_makes_root(c->plan);
    if (c->early) compile_add(c, PLAN_GO, "linux.namespaces");
    compile_joins_before(c);
    compile_time_offsets(c);
    if (plan_cgroups(c, &cgroup)) return -1;
    compile_clone(c, cgroup);
    compile_id_map(c);
    if (compile_resctrl(c)) return -1;
    compile_outside(c, &spec->process);
    plan_beginning(c, contributions);
    if (!c->late && !c->early && compile_wait(c)) return -1;
    compile_joins(c);
    compile_keyring(c, &spec->process);
    if (compile_labels(c, &spec->process)) return -1;
    if (!str_empty(spec->hostname)) compile_add_text(c, PLAN_HOSTNAME, spec->hostname, "hostname");
    if (!str_empty(spec->domainname)) compile_add_text(c, PLAN_DOMAINNAME, spec->domainname, "domainname");
    if (c->early) compile_add(c, PLAN_WAIT, "linux.namespaces");
    if (plan_root(c, contributions) || compile_mounts(c) || compile_wait(c)) return -1;
    compile_devices(c);
    plan_console(c, &spec->process, false);
    if (plan_network(c, contributions)) return -1;
    plan_create_hooks(c);
    compile_readonly_mounts(c);
    plan_paths(c, PLAN_READONLY_PATH, &spec->readonly_paths, "linux.readonlyPaths");
    plan_paths(c, PLAN_MASK_PATH, &spec->masked_paths, "linux.maskedPaths");
    if (spec->root_readonly) add_path(c, PLAN_DIRECTORY, spec->process.cwd, "process.cwd");
    if (spec->root_readonly) compile_add(c, PLAN_ROOT_READONLY, "root.readonly");
    wait_beside(c);
    compile_add(c, PLAN_PIVOT_ROOT, "root.path")->none = c->options->no_pivot;
    compile_root_propagation(c);
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

// The recorded ones, and what an update has made since, of which the plan knows nothing.
static void join_groups(struct compiler *c, struct plan_block *container) {
    struct cgroup_groups groups = {.count = 0};
    struct strings joined = {0};
    struct err none;
    for (uint32_t i = 0; i < container->count; i++) {
        const struct plan_op *op = &plan_ops(container)[i];
        if (op->type == PLAN_CGROUP_JOIN) strings_add(&c->arena, &joined, plan_text(container, op->path));
    }
    if (joined.count) (void)runtime_cgroup_groups(container, &c->arena, &groups, &none);
    for (size_t i = 0; i < groups.count; i++) {
        const char *tasks = arena_printf(&c->arena, "%s/tasks", groups.items[i].path);
        if (!groups.items[i].v2 && !strings_have(&joined, tasks)) strings_add(&c->arena, &joined, tasks);
    }
    for (size_t i = 0; i < joined.count; i++) add_path(c, PLAN_CGROUP_JOIN, joined.items[i], "exec");
}

// Into the same cgroups: where they are, only the container's own plan knows. CPUs of its own take effect
// before the process gets to those of the cgroup: it is not born there then.
static void plan_same_cgroups(struct compiler *c, const struct spec_process *process,
                              struct plan_block *container) {
    bool initial = !str_empty(process->cpu_affinity_initial);
    const struct plan_op *op = plan_find(container, PLAN_CLONE);
    const char *born = op ? plan_text(container, op->clone.cgroup) : NULL;
    compile_clone(c, initial ? NULL : born);
    if (initial) compile_affinity(c, process->cpu_affinity_initial, "process.execCPUAffinity.initial");
    if (initial && !str_empty(born))
        add_path(c, PLAN_CGROUP_JOIN, arena_printf(&c->arena, "%s/cgroup.procs", born), "exec");
    join_groups(c, container);
    if (!str_empty(process->cpu_affinity_final))
        compile_affinity(c, process->cpu_affinity_final, "process.execCPUAffinity.final");
}

static int compile_exec(struct compiler *c, const struct spec_process *process,
                        struct plan_block *container) {
    uint64_t flags = compile_namespaces_of(c->spec);
    set_head(c, process, true);
    if (check_process(process, c->err)) return -1;
    c->all_ns = flags;
    c->exec_pid = container->pid;
    plan_same_cgroups(c, process, container);
    if (compile_outside(c, process)) {
        compile_add(c, PLAN_GO, "linux.uidMappings");
        compile_add(c, PLAN_WAIT, "linux.uidMappings");
    }
    compile_oom_score(c, process);
    if (compile_labels(c, process)) return -1;
    struct plan_op *op = plan_add(c->plan, PLAN_JOIN, "exec");
    op->join.pid = container->pid;
    op->join.start_time = container->start_time;
    op->join.flags = flags;
    compile_become_root(c);
    if (plan_find(container, PLAN_KEYRING)) compile_keyring(c, process);
    plan_console(c, process, true);
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
