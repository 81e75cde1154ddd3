// SPDX-License-Identifier: Apache-2.0
#include "kernel/confine.h"

#include "base/fd.h"
#include "base/str.h"
#include "kernel/caps.h"
#include "kernel/seccomp.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "which AUDIT_ARCH is this?"
#endif

int confine_limits(const struct confine_limit *limits, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct rlimit now;
        if (getrlimit(limits[i].resource, &now)) return -errno;
        rlim_t limit = limits[i].most < now.rlim_max ? limits[i].most : now.rlim_max;
        if (setrlimit(limits[i].resource, &(struct rlimit){limit, limit})) return -errno;
    }
    return 0;
}

// Users

// The next number of a line of a map ("inside outside count", in columns).
static bool number_next(char **rest, uint32_t *ret_number) {
    char *word;
    do word = strsep(rest, " ");
    while (word && !*word);
    return word && !parse_u32(word, ret_number);
}

static uint32_t id_available(const char *map, uint32_t wanted) {
    _cleanup_(str_finish) struct str text = {0};
    uint32_t last = 0, inside, outside, count;
    if (file_read_at(AT_FDCWD, map, 1 << 16, &text) || !text.len) return wanted;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));) {
        if (!number_next(&line, &inside) || !number_next(&line, &outside) || !number_next(&line, &count) ||
            !count)
            continue;
        if (wanted - inside < count) return wanted;
        if (inside + (count - 1) > last) last = inside + (count - 1);
    }
    return last;
}

uid_t confine_uid(uid_t wanted) {
    return id_available("/proc/self/uid_map", wanted);
}
gid_t confine_gid(gid_t wanted) {
    return id_available("/proc/self/gid_map", wanted);
}

// Where setgroups() is denied there is nothing to gain from the groups either.
static int ids_change(uid_t uid, gid_t gid) {
    if (setgroups(0, NULL) && errno != EPERM) return -errno;
    if (setresgid(gid, gid, gid) || setresuid(uid, uid, uid)) return -errno;
    return setuid(0) ? 0 : -EPERM;
}

static int become(uid_t uid, gid_t gid, uint64_t kept) {
    int r = caps_set_bounding(0);
    uid = confine_uid(uid);
    gid = confine_gid(gid);
    if (r || !uid || !gid) return r;
    if (prctl(PR_SET_KEEPCAPS, kept != 0, 0, 0, 0)) return -errno;
    return ids_change(uid, gid);
}

int confine_user(uid_t uid, gid_t gid, uint64_t kept) {
    int r = geteuid() ? 0 : become(uid, gid, kept);
    if (!r) r = caps_set(kept, kept, 0);
    if (!r && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) r = -errno;
    return r;
}

// Calls

int confine_calls(const uint32_t *calls, size_t count) {
    enum { MOST = 250 };
    char bytes[sizeof(struct seccomp_program) + (MOST + 6) * sizeof(struct sock_filter)]
        __attribute__((aligned(8)));
    struct seccomp_program *filter = (struct seccomp_program *)bytes;
    struct sock_filter *at = filter->instructions;
    if (count > MOST) return -EINVAL;
    *filter = (struct seccomp_program){.count = (uint32_t)count + 6};
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++)
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], (uint8_t)(count - i), 0);
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    *at = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return seccomp_program_load(filter, seccomp_program_size(count + 6));
}
