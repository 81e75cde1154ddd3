// SPDX-License-Identifier: Apache-2.0
#include "kernel/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The kernel's own structure: each set as two halves of 32 bits.
struct sets {
    struct __user_cap_data_struct half[2];
};

static int sets_get(struct sets *ret_sets) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, ret_sets->half) < 0 ? -errno : 0;
}

#define JOINED(sets, member) ((sets)->half[0].member | (uint64_t)(sets)->half[1].member << 32)

uint64_t caps_missing(uint64_t mask, bool in_user_namespace) {
    uint64_t missing = mask;
    for (unsigned cap = 0; cap < 64; cap++) {
        if (mask >> cap & 1 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= !in_user_namespace)
            missing &= ~(UINT64_C(1) << cap);
    }
    return missing;
}

int caps_set_bounding(uint64_t mask) {
    for (unsigned cap = 0; cap < 64; cap++) {
        if (mask >> cap & 1 || !prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)) continue;
        // Whoever has lost it already need not be able to drop it; and at the end the kernel knows no more.
        int r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (r < 0) break;
        if (r == 1) return -EPERM;
    }
    return 0;
}

int caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct sets now, next;
    int r = sets_get(&now);
    if (r < 0) return r;
    permitted &= JOINED(&now, permitted);
    effective &= permitted;
    inheritable &= JOINED(&now, permitted) | JOINED(&now, inheritable);
    for (int i = 0; i < 2; i++) {
        next.half[i].effective = (uint32_t)(effective >> 32 * i);
        next.half[i].permitted = (uint32_t)(permitted >> 32 * i);
        next.half[i].inheritable = (uint32_t)(inheritable >> 32 * i);
    }
    return syscall(SYS_capset, &header, next.half) < 0 ? -errno : 0;
}

int caps_set_ambient(uint64_t mask) {
    struct sets now;
    int r = sets_get(&now);
    if (r < 0) return r;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -errno;
    mask &= JOINED(&now, permitted) & JOINED(&now, inheritable);
    for (unsigned cap = 0; cap < 64; cap++) {
        if (mask >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) return -errno;
    }
    return 0;
}
