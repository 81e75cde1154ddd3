// SPDX-License-Identifier: Apache-2.0
// process.
#include "oci/field_rows.h"
#include "oci/number_list.h"
#include "oci/spec_parts.h"
#include "oci/words.h"

#include <sched.h>
#include <string.h>

#ifndef SCHED_DEADLINE
#define SCHED_DEADLINE 6
#endif

static const struct field console_fields[] = {
    NUMBER(spec_process, "height", rows, .required = true),
    NUMBER(spec_process, "width", columns, .required = true),
    END,
};

// The last number means "as it is" to the kernel: whoever asks for it would stay root.
#define ID_MAX (UINT32_MAX - 1)

static const struct field user_fields[] = {
    NUMBER(spec_process, "uid", uid, .always = true, .max = ID_MAX),
    NUMBER(spec_process, "gid", gid, .always = true, .max = ID_MAX),
    {"umask", FIELD_MAYBE, AT(spec_process, umask), .max = 0777},
    {"additionalGids", FIELD_NUMBERS, AT(spec_process, additional_gids)},
    END,
};

#define CAPS(name_, member) MASK(spec_process, name_, caps.member, words_capabilities, .lenient = true)
static const struct field capability_fields[] = {
    CAPS("bounding", bounding),   CAPS("effective", effective), CAPS("inheritable", inheritable),
    CAPS("permitted", permitted), CAPS("ambient", ambient),     END,
};

static const struct field rlimit_fields[] = {
    {"type", FIELD_WORD, AT(spec_rlimit, resource), .required = true, .words = words_rlimits},
    NUMBER(spec_rlimit, "hard", hard, .required = true),
    NUMBER(spec_rlimit, "soft", soft, .required = true),
    END,
};

static const struct field scheduler_fields[] = {
    WORD(spec_scheduler, "policy", policy, words_scheduler_policies, .required = true),
    NUMBER(spec_scheduler, "nice", nice, .min = -20, .max = 19),
    NUMBER(spec_scheduler, "priority", priority, .max = 99),
    MASK(spec_scheduler, "flags", flags, words_scheduler_flags),
    NUMBER(spec_scheduler, "runtime", runtime),
    NUMBER(spec_scheduler, "deadline", deadline),
    NUMBER(spec_scheduler, "period", period),
    END,
};

static const struct field io_priority_fields[] = {
    WORD(spec_io_priority, "class", io_class, words_io_classes, .required = true),
    NUMBER(spec_io_priority, "priority", priority, .max = 7),
    END,
};

static const struct field affinity_fields[] = {
    STRING(spec_process, "initial", cpu_affinity_initial),
    STRING(spec_process, "final", cpu_affinity_final),
    END,
};

const struct field spec_process_fields[] = {
    BOOL(spec_process, "terminal", terminal),
    OBJECT("consoleSize", console_fields),
    OBJECT("user", user_fields),
    STRINGS(spec_process, "args", args),
    STRINGS(spec_process, "env", env),
    STRING(spec_process, "cwd", cwd, .required = true),
    OBJECT("capabilities", capability_fields),
    LIST(spec_process, "rlimits", rlimits, spec_rlimit, rlimit_fields),
    BOOL(spec_process, "noNewPrivileges", no_new_privileges),
    {"oomScoreAdj", FIELD_MAYBE, AT(spec_process, oom_score_adj), .min = -1000, .max = 1000},
    STRING(spec_process, "apparmorProfile", apparmor_profile),
    STRING(spec_process, "selinuxLabel", selinux_label),
    POINTER(spec_process, "scheduler", scheduler, spec_scheduler, scheduler_fields),
    POINTER(spec_process, "ioPriority", io_priority, spec_io_priority, io_priority_fields),
    OBJECT("execCPUAffinity", affinity_fields),
    END,
};

static int check_rlimits(const struct spec_process *process, struct err *err) {
    uint64_t seen = 0;
    for (size_t i = 0; i < process->rlimits.count; i++) {
        const struct spec_rlimit *rlimit = &process->rlimits.items[i];
        if (seen >> rlimit->resource & 1)
            return invalid(err, "process.rlimits[%zu].type: %s is there twice", i,
                           rlimit_name(rlimit->resource));
        if (rlimit->soft > rlimit->hard)
            return invalid(err, "process.rlimits[%zu].soft is more than hard", i);
        seen |= UINT64_C(1) << rlimit->resource;
    }
    return 0;
}

static int check_deadline(const struct spec_scheduler *s, struct err *err) {
    if (!s->runtime) return invalid(err, "process.scheduler.runtime is missing: SCHED_DEADLINE needs it");
    if (!s->deadline) return invalid(err, "process.scheduler.deadline is missing: SCHED_DEADLINE needs it");
    if (s->runtime > s->deadline)
        return invalid(err, "process.scheduler.runtime is more than process.scheduler.deadline");
    if (s->period && s->deadline > s->period)
        return invalid(err, "process.scheduler.deadline is more than process.scheduler.period");
    return 0;
}

// What the kernel would pass over, or refuse without saying which.
static int check_scheduler(const struct spec_scheduler *s, struct err *err) {
    if (!s) return 0;
    bool realtime = s->policy == SCHED_FIFO || s->policy == SCHED_RR, deadline = s->policy == SCHED_DEADLINE;
    if (s->priority && !realtime)
        return invalid(err, "process.scheduler.priority is for SCHED_FIFO and SCHED_RR only");
    if (!s->priority && realtime)
        return invalid(err, "process.scheduler.priority must be from 1 to 99 for SCHED_FIFO and SCHED_RR");
    if (s->nice && (realtime || deadline))
        return invalid(err,
                       "process.scheduler.nice means nothing to SCHED_FIFO, SCHED_RR and SCHED_DEADLINE");
    if (deadline) return check_deadline(s, err);
    const char *given = s->runtime ? "runtime" : s->deadline ? "deadline" : s->period ? "period" : NULL;
    if (given) return invalid(err, "process.scheduler.%s is for SCHED_DEADLINE only", given);
    return 0;
}

static int check_affinity(const char *list, const char *name, struct err *err) {
    if (!list || number_list_parse(list, NUMBER_LIST_CPUS, NULL) >= 0) return 0;
    return invalid(err, "process.execCPUAffinity.%s must be a list of CPUs like \"0-3,8\"", name);
}

int spec_process_check(const struct spec_process *process, struct err *err) {
    if (process->cwd && !is_absolute(process->cwd))
        return invalid(err, "process.cwd must be an absolute path");
    for (size_t i = 0; i < process->additional_gids.count; i++)
        if (process->additional_gids.items[i] > ID_MAX)
            return invalid(err, "process.user.additionalGids[%zu] must be an integer from 0 to %u", i,
                           ID_MAX);
    if (check_rlimits(process, err) < 0 || check_scheduler(process->scheduler, err) < 0 ||
        check_affinity(process->cpu_affinity_initial, "initial", err) < 0)
        return -1;
    return check_affinity(process->cpu_affinity_final, "final", err);
}

int spec_process_parse(struct arena *arena, const struct json *json, struct spec_process *ret_process,
                       struct err *err) {
    struct spec_process process = {0};
    const struct fields_part part = {json, "process", &process.warnings};
    if (fields_read_part(arena, spec_process_fields, &part, &process, err) < 0 ||
        spec_process_check(&process, err) < 0)
        return -1;
    *ret_process = process;
    return 0;
}

static size_t env_find(const struct strings *env, const char *entry) {
    size_t n = strcspn(entry, "="), i = 0;
    while (i < env->count && !(strcspn(env->items[i], "=") == n && memcmp(env->items[i], entry, n) == 0)) i++;
    return i;
}

static void env_remove(struct strings *env, size_t at) {
    if (at >= env->count) return;
    memmove(env->items + at, env->items + at + 1, (env->count - at - 1) * sizeof *env->items);
    env->count--;
}

bool spec_env_has(const struct strings *env, const char *entry) {
    return env_find(env, entry) < env->count;
}

void spec_env_put(struct arena *arena, struct strings *env, const char *entry) {
    size_t at = env_find(env, entry);
    if (at < env->count)
        env->items[at] = entry;
    else
        strings_add(arena, env, entry);
}

void spec_env_set(struct arena *arena, struct strings *env, const char *entry) {
    if (strchr(entry, '=')) return spec_env_put(arena, env, entry);
    env_remove(env, env_find(env, entry));
}
