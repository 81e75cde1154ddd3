// SPDX-License-Identifier: Apache-2.0
// Users and groups as the container's own /etc/passwd and /etc/group have them, read by a parser of our own:
// the C library would load the image's name service modules (CVE-2019-14271).
#pragma once

#include "base/err.h"

#include <sys/types.h>

#define USER_GROUPS_MAX 1024

struct user {
    uid_t uid;
    gid_t gid;
    gid_t groups[USER_GROUPS_MAX]; // supplementary
    size_t group_count;
    char home[4096]; // "/" when nothing says otherwise
};

// name: "", or "user", "uid", "user:group", "uid:gid" and any mix. With "" uid and gid are taken as they
// stand in *user and only groups (numbers then) and the home directory are filled in. Digits are always a
// number, never a name (CVE-2016-3697), within 0 to 2^31-1. groups: more of them, names or numbers,
// NULL-terminated. Reads at most 1 MiB of each file, which must be a regular one. 0, or -errno with *err
// filled in.
int user_resolve(const char *name, const char *const *groups, struct user *user, struct err *err);
