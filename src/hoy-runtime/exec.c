// SPDX-License-Identifier: Apache-2.0
// exec: a further process in a container, confined as its first one is unless told otherwise.
#include "base/fd.h"
#include "hoy-runtime/container.h"
#include "hoy-runtime/launch.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROCESS_MAX (4u << 20)

struct exec_options {
    struct launch_options launch; // first: its rows count from here
    const char *process, *cwd, *user, *apparmor, *label;
    struct strings env, caps, additional_gids, cgroups;
    bool tty, no_new_privs, ignore_paused;
};

// What is no number is a wrong line, as with runc; one that is no group's id is found later.
static int store_gid(struct parse *parse, const char *text, void *field, struct err *err) {
    int64_t number;
    if (parse_i64(text, &number)) return err_set(err, ERR_INVALID, 0, "it is no group id");
    return store_list(parse, text, field, err);
}

#define AT(member) offsetof(struct exec_options, member)
static const struct option exec_rows[] = {
    LAUNCH_ROWS,
    {"additional-gids", 'g', "list", "Further group ids", store_gid, AT(additional_gids)},
    {"apparmor", 0, "profile", "The AppArmor profile of the process", store_string, AT(apparmor)},
    {"cap", 'c', "list", "Further capabilities", store_list, AT(caps)},
    {"cgroup", 0, "list", "Run in a cgroup below the container's: [controller,...:]path", store_list,
     AT(cgroups)},
    {"cwd", 0, "dir", "The working directory in the container", store_string, AT(cwd)},
    {"detach", 'd', NULL, "Go when the process runs", store_flag, AT(launch.detach)},
    {"env", 'e', "list", "Environment variables", store_list, AT(env)},
    {"ignore-paused", 0, NULL, "Do not mind that the container is paused", store_flag, AT(ignore_paused)},
    {"no-new-privs", 0, NULL, "No privileges from setuid files", store_flag, AT(no_new_privs)},
    {"process", 'p', "file", "A file with the process as JSON", store_string, AT(process)},
    {"process-label", 0, "label", "The SELinux label of the process", store_string, AT(label)},
    {"tty", 't', NULL, "Give it a terminal", store_flag, AT(tty)},
    {"user", 'u', "user", "uid[:gid]", store_string, AT(user)},
};
const struct option_table exec_options_table = OPTIONS(exec_rows, struct exec_options);

// What a file does not say of how a process is confined and scheduled is as the container's, as with runc.
static void confine(const struct json *json, const struct spec_process *of_container,
                    struct spec_process *process) {
    if (json_is_null(json_get(json, "capabilities"))) process->caps = of_container->caps;
    if (!process->rlimits.count) process->rlimits = of_container->rlimits;
    if (str_empty(process->apparmor_profile)) process->apparmor_profile = of_container->apparmor_profile;
    if (str_empty(process->selinux_label)) process->selinux_label = of_container->selinux_label;
    if (!process->scheduler) process->scheduler = of_container->scheduler;
    if (!process->io_priority) process->io_priority = of_container->io_priority;
    if (json_is_null(json_get(json, "execCPUAffinity"))) {
        process->cpu_affinity_initial = of_container->cpu_affinity_initial;
        process->cpu_affinity_final = of_container->cpu_affinity_final;
    }
}

// In: the container's own process.
static int read_process(struct invocation *invocation, const char *path, struct spec_process *process,
                        struct err *err) {
    const struct spec_process of_container = *process;
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    int r = file_read_at(AT_FDCWD, path, PROCESS_MAX, &text);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read the process %s", path);
    if (json_parse(str_get(&text), text.len, &json))
        return err_set(err, ERR_INVALID, 0, "%s is no JSON", path);
    if (spec_process_parse(&invocation->arena, json, process, err)) return err_wrap(err, "%s", path);
    confine(json, &of_container, process);
    say_warnings(invocation, &process->warnings);
    return 0;
}

static int set_user(const char *text, struct spec_process *process, struct err *err) {
    const char *colon = strchr(text, ':');
    char uid[24];
    if ((size_t)snprintf(uid, sizeof uid, "%.*s", (int)strcspn(text, ":"), text) >= sizeof uid ||
        parse_u32(uid, &process->uid) || (colon && parse_u32(colon + 1, &process->gid)) ||
        process->uid == UINT32_MAX || process->gid == UINT32_MAX) // to the kernel: as it is
        return err_set(err, ERR_INVALID, 0, "--user: \"%.60s\" is not uid[:gid]", text);
    return 0;
}

static int set_gids(struct invocation *invocation, const struct strings *words, struct spec_process *process,
                    struct err *err) {
    for (size_t i = 0; i < words->count; i++) {
        uint32_t gid;
        if (parse_u32(words->items[i], &gid) || gid == UINT32_MAX)
            return err_set(err, ERR_INVALID, 0, "--additional-gids: \"%.60s\" is no group id",
                           words->items[i]);
        *arena_push(&invocation->arena, &process->additional_gids) = gid;
    }
    return 0;
}

// Named as in a config.json, and one that is unknown is passed over as there.
static void add_caps(struct invocation *invocation, const struct strings *names,
                     struct spec_process *process) {
    for (size_t i = 0; i < names->count; i++) {
        int number = cap_number(names->items[i]);
        if (number < 0 || !str_eq(names->items[i], cap_name((unsigned)number))) {
            say_warning(invocation,
                        arena_printf(&invocation->arena, "--cap: unknown capability \"%.60s\" is ignored",
                                     names->items[i]));
            continue;
        }
        cap_mask bit = (cap_mask)1 << number;
        process->caps.bounding |= bit;
        process->caps.permitted |= bit;
        process->caps.effective |= bit;
        if (process->caps.inheritable & bit) process->caps.ambient |= bit;
    }
}

// Until the container starts its first process holds the plan, with what will be run outside. It hides from
// everybody but those who may trace whatever they see (plan/execute.c).
static void withhold_tracing(struct invocation *invocation, struct spec_process *process) {
    cap_mask others = ~((cap_mask)1 << cap_number("CAP_SYS_PTRACE"));
    cap_mask *sets[] = {&process->caps.bounding, &process->caps.permitted, &process->caps.effective,
                        &process->caps.inheritable, &process->caps.ambient};
    bool asked = false;
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        asked = asked || *sets[i] & ~others;
        *sets[i] &= others;
    }
    if (asked) say_warning(invocation, "exec: before the container's start nobody in it gets CAP_SYS_PTRACE");
}

// The container's own process, with what the flags say.
static int make_process(struct invocation *invocation, struct spec_process *process, struct err *err) {
    const struct exec_options *options = invocation->options;
    if (!str_empty(options->process)) return read_process(invocation, options->process, process, err);
    struct strings args = {0};
    for (size_t i = 1; i < invocation->arguments.count; i++)
        strings_add(&invocation->arena, &args, invocation->arguments.items[i]);
    if (!args.count) return err_set(err, ERR_INVALID, 0, "no command specified: give one, or --process");
    process->args = args;
    process->terminal = options->tty;
    if (!str_empty(options->cwd)) process->cwd = options->cwd;
    if (options->no_new_privs) process->no_new_privileges = true;
    if (!str_empty(options->apparmor)) process->apparmor_profile = options->apparmor;
    if (!str_empty(options->label)) process->selinux_label = options->label;
    for (size_t i = 0; i < options->env.count; i++)
        strings_add(&invocation->arena, &process->env, options->env.items[i]);
    if (!str_empty(options->user) && set_user(options->user, process, err)) return -1;
    add_caps(invocation, &options->caps, process);
    return set_gids(invocation, &options->additional_gids, process, err);
}

static int check_status(const struct container *container, bool ignore_paused, struct err *err) {
    switch (container_status(container)) {
    case CONTAINER_STOPPED: return err_set(err, ERR_CONFLICT, 0, "cannot exec in a stopped container");
    case CONTAINER_PAUSED:
        if (ignore_paused) return 0;
        return err_set(err, ERR_CONFLICT, 0,
                       "cannot exec in a paused container (use --ignore-paused to override)");
    case CONTAINER_CREATING:
        return err_set(err, ERR_CONFLICT, 0, "cannot exec in a container that is being made");
    default: return 0;
    }
}

// --cgroup

// Whether a v1 hierarchy is one of those that are named: "cpu,memory" and /sys/fs/cgroup/cpu,cpuacct.
static bool has_controller(const char *mount, size_t length, const char *names, size_t names_length) {
    for (const char *name = names; name < names + names_length; name += strcspn(name, ",:") + 1) {
        size_t n = strcspn(name, ",:");
        for (const char *at = mount; at < mount + length; at += strcspn(at, ",/") + 1)
            if (strcspn(at, ",/") == n && !strncmp(at, name, n)) return true;
    }
    return false;
}

// A group below the container's, with the file that is written (v1) or without (v2, where a process is born).
// NULL: it is not there.
static const char *group_below(struct arena *arena, const char *path, const char *below) {
    static const char tasks[] = "/tasks";
    size_t n = strlen(path), end = sizeof tasks - 1;
    bool file = n > end && str_eq(path + n - end, tasks);
    const char *joined =
        arena_printf(arena, "%.*s/%s%s", (int)(file ? n - end : n), path, below, file ? tasks : "");
    return access(joined, F_OK) ? NULL : joined;
}

static int move_one(struct invocation *invocation, const char *word, struct plan *plan, struct err *err) {
    static const char root[] = "/sys/fs/cgroup/";
    const char *colon = strchr(word, ':'), *below = colon ? colon + 1 : word;
    bool found = false;
    below += strspn(below, "/");
    bool same = !*below || str_eq(below, "."); // the container's own
    if (same && !colon) return 0;
    for (const char *part = below; *part; part += strcspn(part, "/"), part += *part == '/')
        if (strcspn(part, "/") == 2 && !strncmp(part, "..", 2))
            return err_set(err, ERR_INVALID, 0, "--cgroup: \"%.100s\" leads out of the container's cgroup",
                           word);
    for (size_t i = 0; i < plan->count; i++) {
        struct plan_op *op = &plan->ops[i];
        plan_str *at = op->type == PLAN_CGROUP_JOIN ? &op->path
                       : op->type == PLAN_CLONE     ? &op->clone.cgroup
                                                    : NULL;
        if (!at || !*at) continue;
        const char *path = plan_string_at(plan, *at), *mount = path;
        if (!strncmp(path, root, sizeof root - 1)) mount += sizeof root - 1;
        if (colon && !has_controller(mount, strcspn(mount, "/"), word, (size_t)(colon - word))) continue;
        const char *group = same ? NULL : group_below(&invocation->arena, path, below);
        if (!same && !group) continue;
        if (group) *at = plan_string(plan, group);
        found = true;
    }
    return found ? 0
                 : err_set(err, ERR_NOT_FOUND, 0, "--cgroup: the container has no cgroup \"%.100s\"", word);
}

static int move_below(struct invocation *invocation, const struct strings *words, struct plan *plan,
                      struct err *err) {
    for (size_t i = 0; i < words->count; i++)
        if (move_one(invocation, words->items[i], plan, err)) return -1;
    return 0;
}

static int compile(struct invocation *invocation, const struct container *container, struct plan *plan,
                   struct err *err) {
    const struct exec_options *options = invocation->options;
    struct spec spec;
    struct runtime_options runtime = {
        .id = container->id,
        .seccomp_cache = arena_printf(&invocation->arena, "%s/.seccomp", invocation->globals.root),
    };
    if (container_spec(container, &invocation->arena, &spec, err)) return -1;
    struct spec_process process = spec.process;
    if (make_process(invocation, &process, err)) return -1;
    launch_size(&options->launch, &process);
    if (!container_has_begun(container)) withhold_tracing(invocation, &process);
    if (launch_count_preserved(invocation, &options->launch, &runtime.preserve, NULL, err)) return -1;
    if (runtime_compile_exec(&spec, &process, container->plan, &runtime, plan, err) ||
        (options->cgroups.count && move_below(invocation, &options->cgroups, plan, err)))
        return -1;
    plan->head.state_before = plan_string(plan, plan_text(container->plan, container->plan->state_before));
    plan->head.state_after = plan_string(plan, plan_text(container->plan, container->plan->state_after));
    return launch_prepare(invocation, &options->launch, &process, plan, err);
}

int run_exec(struct invocation *invocation, struct err *err) {
    const struct exec_options *options = invocation->options;
    _cleanup_(container_close) struct container container = {.dir = -1};
    _cleanup_(plan_finish) struct plan plan;
    plan_init(&plan);
    if (container_open(invocation, invocation->arguments.items[0], false, &container, err) ||
        check_status(&container, options->ignore_paused, err) || compile(invocation, &container, &plan, err))
        return -1;
    _cleanup_(fd_closep) int plan_fd = plan_memfd(&plan, err);
    return plan_fd < 0 ? -1 : launch(invocation, &options->launch, plan_fd, -1, &plan, err);
}
