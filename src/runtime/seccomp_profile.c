// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_profile.h"

#include "oci/field_rows.h"
#include "oci/spec_parts.h"
#include "oci/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

// The build's architecture as Go calls it, and as libseccomp does.
#ifdef __aarch64__
#define ARCH_GO      "arm64"
#define ARCH_SECCOMP "SCMP_ARCH_AARCH64"
#else
#define ARCH_GO      "amd64"
#define ARCH_SECCOMP "SCMP_ARCH_X86_64"
#endif

static bool version_valid(const char *text) {
    unsigned major, minor;
    char rest;
    return !text[strspn(text, "0123456789.")] && sscanf(text, "%3u.%3u%c", &major, &minor, &rest) == 2;
}

static bool kernel_is(const char *min_kernel) {
    struct utsname system;
    unsigned want[2] = {0}, have[2] = {0};
    if (uname(&system) < 0) return true;
    sscanf(min_kernel, "%u.%u", &want[0], &want[1]);
    sscanf(system.release, "%u.%u", &have[0], &have[1]);
    return have[0] == want[0] ? have[1] >= want[1] : have[0] > want[0];
}

static bool rule_holds(const struct profile_rule *rule, cap_mask bounding) {
    const struct profile_condition *with = &rule->includes, *without = &rule->excludes;
    if (bounding & without->caps || (bounding & with->caps) != with->caps) return false;
    if (strings_have(&without->arches, ARCH_GO)) return false;
    if (with->arches.count && !strings_have(&with->arches, ARCH_GO)) return false;
    if (!str_empty(without->min_kernel) && kernel_is(without->min_kernel)) return false;
    return str_empty(with->min_kernel) || kernel_is(with->min_kernel);
}

static void add_architectures(struct arena *arena, const struct seccomp_profile *profile,
                              struct spec_seccomp *seccomp) {
    seccomp->architectures = profile->architectures;
    for (size_t i = 0; i < profile->arch_map.count; i++) {
        const struct profile_arch *arch = &profile->arch_map.items[i];
        if (!str_eq(arch->architecture, ARCH_SECCOMP)) continue;
        strings_add(arena, &seccomp->architectures, arch->architecture);
        for (size_t j = 0; j < arch->sub_architectures.count; j++)
            strings_add(arena, &seccomp->architectures, arch->sub_architectures.items[j]);
    }
}

static struct spec_seccomp *resolve(struct arena *arena, const struct seccomp_profile *profile,
                                    cap_mask bounding) {
    struct spec_seccomp *seccomp = arena_new(arena, struct spec_seccomp);
    seccomp->default_action = profile->default_action;
    seccomp->default_errno_ret = profile->default_errno_ret;
    seccomp->flags = profile->flags;
    seccomp->listener_path = profile->listener_path;
    seccomp->listener_metadata = profile->listener_metadata;
    add_architectures(arena, profile, seccomp);
    for (size_t i = 0; i < profile->rules.count; i++) {
        const struct profile_rule *rule = &profile->rules.items[i];
        if (rule_holds(rule, bounding)) *arena_push(arena, &seccomp->syscalls) = rule->rule;
    }
    return seccomp;
}

// Only the capabilities that a rule asks about make a difference to the filter.
static cap_mask caps_that_matter(const struct seccomp_profile *profile) {
    cap_mask mask = 0;
    for (size_t i = 0; i < profile->rules.count; i++)
        mask |= profile->rules.items[i].includes.caps | profile->rules.items[i].excludes.caps;
    return mask;
}

struct spec_seccomp *seccomp_default(struct arena *arena, cap_mask bounding) {
    const struct seccomp_profile *profile = &seccomp_profile_default;
    struct spec_seccomp *seccomp = resolve(arena, profile, bounding);
    seccomp->cache_key =
        arena_printf(arena, "default-%s-%" PRIx64, profile->version, bounding & caps_that_matter(profile));
    return seccomp;
}

// Profile files

static const struct field condition_fields[] = {
    {"caps", FIELD_MASK, AT(profile_condition, caps), .words = words_capabilities},
    {"arches", FIELD_STRINGS, AT(profile_condition, arches)},
    {"minKernel", FIELD_STRING, AT(profile_condition, min_kernel)},
    {NULL},
};

#define ERRNO_MAX 4095
static const struct field rule_fields[] = {
    {"name", FIELD_STRING, AT(profile_rule, name)},
    {"names", FIELD_STRINGS, AT(profile_rule, rule.names)},
    {"action", FIELD_STRING, AT(profile_rule, rule.action), .required = true, .words = words_seccomp_actions},
    {"errnoRet", FIELD_NUMBER, AT(profile_rule, rule.errno_ret), .min = -1, .max = ERRNO_MAX},
    LIST(profile_rule, "args", rule.args, spec_seccomp_arg, spec_seccomp_arg_fields),
    {"includes", FIELD_OBJECT, AT(profile_rule, includes), .fields = condition_fields},
    {"excludes", FIELD_OBJECT, AT(profile_rule, excludes), .fields = condition_fields},
    {NULL},
};

static const struct field arch_fields[] = {
    {"architecture", FIELD_STRING, AT(profile_arch, architecture), .required = true,
     .words = words_seccomp_architectures},
    {"subArchitectures", FIELD_STRINGS, AT(profile_arch, sub_architectures),
     .words = words_seccomp_architectures},
    {NULL},
};

static const struct profile_rule no_rule = {.rule.errno_ret = -1};
static const struct field profile_fields[] = {
    {"defaultAction", FIELD_STRING, AT(seccomp_profile, default_action), .required = true,
     .words = words_seccomp_actions},
    {"defaultErrnoRet", FIELD_NUMBER, AT(seccomp_profile, default_errno_ret), .min = -1, .max = ERRNO_MAX},
    {"architectures", FIELD_STRINGS, AT(seccomp_profile, architectures),
     .words = words_seccomp_architectures},
    {"flags", FIELD_STRINGS, AT(seccomp_profile, flags), .words = words_seccomp_flags},
    LIST(seccomp_profile, "archMap", arch_map, profile_arch, arch_fields),
    LIST(seccomp_profile, "syscalls", rules, profile_rule, rule_fields, .defaults = &no_rule),
    {"listenerPath", FIELD_STRING, AT(seccomp_profile, listener_path)},
    {"listenerMetadata", FIELD_STRING, AT(seccomp_profile, listener_metadata)},
    {NULL},
};

static int check_version(const char *way, size_t i, const struct profile_condition *condition,
                         struct err *err) {
    if (str_empty(condition->min_kernel) || version_valid(condition->min_kernel)) return 0;
    return err_set(err, ERR_INVALID, 0,
                   "the seccomp profile is wrong: syscalls[%zu].%s.minKernel is no version such as 4.8", i,
                   way);
}

int seccomp_profile_parse(struct arena *arena, const struct json *json, cap_mask bounding,
                          struct spec_seccomp **ret_seccomp, struct err *err) {
    struct seccomp_profile profile = {.default_errno_ret = -1};
    if (fields_read(arena, profile_fields, json, &profile, err) < 0)
        return err_wrap(err, "the seccomp profile is wrong");
    if (profile.architectures.count && profile.arch_map.count)
        return err_set(err, ERR_INVALID, 0,
                       "the seccomp profile is wrong: it has both architectures and archMap");
    for (size_t i = 0; i < profile.rules.count; i++) {
        struct profile_rule *rule = &profile.rules.items[i];
        if (rule->name && rule->rule.names.count)
            return err_set(err, ERR_INVALID, 0,
                           "the seccomp profile is wrong: syscalls[%zu] has both name and names", i);
        if (check_version("includes", i, &rule->includes, err) ||
            check_version("excludes", i, &rule->excludes, err))
            return -1;
        if (rule->name) strings_add(arena, &rule->rule.names, rule->name);
        if (!rule->rule.names.count)
            return err_set(err, ERR_INVALID, 0,
                           "the seccomp profile is wrong: syscalls[%zu].names is missing", i);
    }
    struct spec_seccomp *seccomp = resolve(arena, &profile, bounding);
    if (spec_seccomp_check(seccomp, err) < 0) return err_wrap(err, "the seccomp profile is wrong");
    *ret_seccomp = seccomp;
    return 0;
}
