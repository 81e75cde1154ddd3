// SPDX-License-Identifier: Apache-2.0
// Giving rights away for good: what a program of hoy's that faces strangers does before it looks at a byte of
// theirs. All return 0 or -errno, and nothing that was given away comes back.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

// The users that they become: numbers that neither Debian (adduser, subuid from 100000 on) nor systemd
// (dynamic users, containers) hands out. One a program, so that none of them may trace or signal another.
enum confine_user {
    CONFINE_FETCH = 78671,
    CONFINE_RESOLVER,
    CONFINE_GATE,
    CONFINE_PROXY,
};

struct confine_limit {
    int resource; // RLIMIT_*
    rlim_t most;  // where the caller has less, that stays
};
int confine_limits(const struct confine_limit *limits, size_t count);

// Root becomes somebody else, without groups; others stay who they are. In a user namespace that does not
// have an id the last one that it has is taken; where it has none but root's this stays root, of files alone.
// Of the capabilities those of kept stay, in no case in the bounding set. Afterwards nobody of that id may
// look at this process (PR_SET_DUMPABLE), and it does not end with its parent any more (PR_SET_PDEATHSIG).
int confine_user(uid_t uid, gid_t gid, uint64_t kept);

// The ids that confine_user() would take.
uid_t confine_uid(uid_t wanted);
gid_t confine_gid(gid_t wanted);

// A seccomp filter that lets this thread make the system calls of this list (SYS_*; at most 250) and answers
// all others with EPERM. Needs no_new_privs.
int confine_calls(const uint32_t *calls, size_t count);
