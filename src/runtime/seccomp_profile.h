// SPDX-License-Identifier: Apache-2.0
// A seccomp profile in Docker's format: rules that hold under conditions (capabilities, architecture,
// kernel), which become the plain rules of linux.seccomp for one container.
#pragma once

#include "oci/spec.h"

// A rule holds with all capabilities of its includes, and none of its excludes.
struct profile_condition {
    cap_mask caps;
    struct strings arches;
    const char *min_kernel; // "4.8", or empty
};

struct profile_rule {
    struct spec_syscall_rule rule;
    const char *name; // the format's old way to say one name
    struct profile_condition includes, excludes;
};

struct profile_arch {
    const char *architecture;
    struct strings sub_architectures;
};

struct seccomp_profile {
    const char *version; // of the profile that hoy carries
    const char *default_action;
    int default_errno_ret;
    struct strings architectures, flags;
    const char *listener_path, *listener_metadata;
    struct {
        struct profile_arch *items;
        size_t count;
    } arch_map;
    struct {
        struct profile_rule *items;
        size_t count;
    } rules;
};

// Docker's default, as a table made from data/seccomp-default.json.
extern const struct seccomp_profile seccomp_profile_default;

// The default filter for a container whose bounding set is this. It points into the table: nothing is copied,
// and a cache key stands for it.
struct spec_seccomp *seccomp_default(struct arena *arena, cap_mask bounding);

// A profile file, in Docker's format or as linux.seccomp has it, for a container with these capabilities.
int seccomp_profile_parse(struct arena *arena, const struct json *json, cap_mask bounding,
                          struct spec_seccomp **ret_seccomp, struct err *err);
