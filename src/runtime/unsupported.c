// SPDX-License-Identifier: Apache-2.0
// What a config.json may say and the compiler does not do yet. It is refused by name: a container that runs
// without what was asked for would be worse than none. A line goes when the compiler learns its field.
//
// memory.checkBeforeUpdate is not here: a new container uses nothing that a limit could be below.
#include "runtime/unsupported.h"

#include "plan/plan.h"

#include <stdio.h>

_Static_assert(MOUNT_OPTION_RECURSIVE_READONLY == PLAN_MOUNT_RECURSIVE_READONLY &&
                   MOUNT_OPTION_COPY_UP == PLAN_MOUNT_COPY_UP &&
                   MOUNT_OPTION_SOURCE_NOFOLLOW == PLAN_MOUNT_SOURCE_NOFOLLOW &&
                   MOUNT_OPTION_TARGET_NOFOLLOW == PLAN_MOUNT_TARGET_NOFOLLOW &&
                   MOUNT_OPTION_COPY_SYMLINK == PLAN_MOUNT_COPY_SYMLINK &&
                   MOUNT_OPTION_IDMAP == PLAN_MOUNT_IDMAP &&
                   MOUNT_OPTION_IDMAP_RECURSIVE == PLAN_MOUNT_IDMAP_RECURSIVE,
               "the document's bits are the plan's");

struct asked {
    bool asked;
    const char *path;
};

static int refuse(const char *path, struct err *err) {
    return err_set(err, ERR_INVALID, 0, "%s is not supported by this version", path);
}

static int refuse_asked(const struct asked *fields, size_t count, struct err *err) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].asked) return refuse(fields[i].path, err);
    }
    return 0;
}

static bool has_notify(const struct spec_seccomp *seccomp) {
    if (!seccomp) return false;
    bool found = str_eq(seccomp->default_action, "SCMP_ACT_NOTIFY");
    for (size_t i = 0; i < seccomp->syscalls.count; i++)
        found = found || str_eq(seccomp->syscalls.items[i].action, "SCMP_ACT_NOTIFY");
    return found;
}

static int refuse_mounts(const struct spec *spec, struct err *err) {
    static const struct {
        const char *word;
        uint32_t bit;
    } options[] = {
        {"ridmap", MOUNT_OPTION_IDMAP_RECURSIVE},        {"idmap", MOUNT_OPTION_IDMAP},
        {"copy-symlink", MOUNT_OPTION_COPY_SYMLINK},     {"src-nofollow", MOUNT_OPTION_SOURCE_NOFOLLOW},
        {"dest-nofollow", MOUNT_OPTION_TARGET_NOFOLLOW},
    };
    for (size_t i = 0; i < spec->mounts.count; i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct mount_options mount = {0};
        char path[64];
        mount_options_parse(&arena, &spec->mounts.items[i].options, &mount);
        for (size_t j = 0; j < ARRAY_SIZE(options); j++) {
            if (!(mount.plan_options & options[j].bit)) continue;
            snprintf(path, sizeof path, "mounts[%zu].options: \"%s\"", i, options[j].word);
            return refuse(path, err);
        }
    }
    return 0;
}

int refuse_unsupported_process(const struct spec_process *process, struct err *err) {
    const struct asked fields[] = {
        {!str_empty(process->apparmor_profile), "process.apparmorProfile"},
        {!str_empty(process->selinux_label), "process.selinuxLabel"},
        {process->scheduler, "process.scheduler"},
        {process->io_priority, "process.ioPriority"},
        {!str_empty(process->cpu_affinity_initial), "process.execCPUAffinity.initial"},
        {!str_empty(process->cpu_affinity_final), "process.execCPUAffinity.final"},
    };
    return refuse_asked(fields, ARRAY_SIZE(fields), err);
}

int refuse_unsupported(const struct spec *spec, struct err *err) {
    const struct asked fields[] = {
        {!str_empty(spec->mount_label), "linux.mountLabel"},
        {spec->intel_rdt, "linux.intelRdt"},
        {spec->memory_policy, "linux.memoryPolicy"},
        {spec->personality, "linux.personality"},
        {spec->net_devices.count, "linux.netDevices"},
        {has_notify(spec->seccomp), "linux.seccomp.listenerPath"},
    };
    if (refuse_unsupported_process(&spec->process, err) < 0 ||
        refuse_asked(fields, ARRAY_SIZE(fields), err) < 0)
        return -1;
    return refuse_mounts(spec, err);
}
