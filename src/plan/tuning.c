// SPDX-License-Identifier: Apache-2.0
// How the kernel treats the process: who runs first, where, on whose memory, and what machine it sees. On
// side PARENT an operation is done to the child from outside, where it takes privileges that a process in a
// user namespace of its own does not have.
#include "plan/run.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

// sched_setattr(2)'s, which no C library has: of the first version, that every kernel takes.
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static pid_t whose(const struct plan_run *run, const struct plan_op *op) {
    return op->side == PLAN_PARENT ? run->block->pid : 0; // 0: the caller
}

int plan_do_scheduler(struct plan_run *run, struct plan_op *op) {
    struct attributes attributes = {
        .size = sizeof attributes,
        .policy = op->scheduler.policy,
        .flags = op->scheduler.flags,
        .nice = op->scheduler.nice,
        .priority = op->scheduler.priority,
        .runtime = op->scheduler.runtime,
        .deadline = op->scheduler.deadline,
        .period = op->scheduler.period,
    };
    return syscall(SYS_sched_setattr, whose(run, op), &attributes, 0) < 0 ? -errno : 0;
}

int plan_do_io_priority(struct plan_run *run, struct plan_op *op) {
    int value = (int)IOPRIO_PRIO_VALUE(op->io_priority.io_class, op->io_priority.priority);
    return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, whose(run, op), value) < 0 ? -errno : 0;
}

int plan_do_cpu_affinity(struct plan_run *run, struct plan_op *op) {
    const void *bits = plan_data(run->block, op->numbers.bits);
    return syscall(SYS_sched_setaffinity, 0, op->numbers.bits.size, bits) < 0 ? -errno : 0;
}

// The count of bits that the call wants is one more than there are.
int plan_do_memory_policy(struct plan_run *run, struct plan_op *op) {
    const void *bits = op->numbers.bits.size ? plan_data(run->block, op->numbers.bits) : NULL;
    unsigned long count = bits ? op->numbers.bits.size * 8UL + 1 : 0;
    return syscall(SYS_set_mempolicy, (int)op->numbers.mode, bits, count) < 0 ? -errno : 0;
}

int plan_do_personality(struct plan_run *run, struct plan_op *op) {
    (void)run;
    return personality(op->mode.mode) < 0 ? -errno : 0;
}
