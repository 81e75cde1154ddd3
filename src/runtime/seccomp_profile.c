// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp_profile.h"

#include "oci/field_rows.h"
#include "oci/spec_parts.h"
#include "oci/words.h"

#include <inttypes.h>
#include <stdlib.h>
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

static bool kernel_is(const char *min_kernel) {
    struct utsname system;
    char *end;
    if (!min_kernel || uname(&system) < 0) return true;
    unsigned long want = strtoul(min_kernel, &end, 10), have = strtoul(system.release, &end, 10);
    if (want != have) return have > want;
    const char *minor = strchr(min_kernel, '.');
    return *end != '.' || !minor || strtoul(end + 1, NULL, 10) >= strtoul(minor + 1, NULL, 10);
}

static bool rule_holds(const struct profile_rule *rule, cap_mask bounding) {
    if (bounding & rule->excludes_caps || (bounding & rule->includes_caps) != rule->includes_caps)
        return false;
    if (strings_have(&rule->excludes_arches, ARCH_GO)) return false;
    if (rule->includes_arches.count && !strings_have(&rule->includes_arches, ARCH_GO)) return false;
    return kernel_is(rule->min_kernel);
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
        mask |= profile->rules.items[i].includes_caps | profile->rules.items[i].excludes_caps;
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

static const struct field include_fields[] = {
    {"caps", FIELD_MASK, AT(profile_rule, includes_caps), .words = words_capabilities},
    {"arches", FIELD_STRINGS, AT(profile_rule, includes_arches)},
    {"minKernel", FIELD_STRING, AT(profile_rule, min_kernel)},
    {NULL},
};

static const struct field exclude_fields[] = {
    {"caps", FIELD_MASK, AT(profile_rule, excludes_caps), .words = words_capabilities},
    {"arches", FIELD_STRINGS, AT(profile_rule, excludes_arches)},
    {"minKernel", FIELD_REFUSED},
    {NULL},
};

#define ERRNO_MAX 4095
static const struct field rule_fields[] = {
    {"name", FIELD_STRING, AT(profile_rule, name)},
    {"names", FIELD_STRINGS, AT(profile_rule, rule.names)},
    {"action", FIELD_STRING, AT(profile_rule, rule.action), .required = true, .words = words_seccomp_actions},
    {"errnoRet", FIELD_NUMBER, AT(profile_rule, rule.errno_ret), .min = -1, .max = ERRNO_MAX},
    LIST(profile_rule, "args", rule.args, spec_seccomp_arg, spec_seccomp_arg_fields),
    {"includes", FIELD_OBJECT, .fields = include_fields},
    {"excludes", FIELD_OBJECT, .fields = exclude_fields},
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
    {"listenerPath", FIELD_REFUSED},
    {"listenerMetadata", FIELD_REFUSED},
    {NULL},
};

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
