// SPDX-License-Identifier: Apache-2.0
// How a further process comes into a container that runs. Whoever is in there and may trace others sees it
// from the moment that it is in the container's pid namespace, whatever the kernel is told to hide: so by
// then there must be nothing of the host's about it. The child joins everything while it is outside still,
// lets go of its descriptors, and the process that goes on from there is another one, born into the pid
// namespace with what is left (CVE-2016-9962, CVE-2019-5736, CVE-2024-21626).
//
// The plan is memory that it shares with the one who waits outside. That one goes on with a copy of his own,
// in which of all that came from inside is only how far it got.
#include "base/arena.h"
#include "base/fd.h"
#include "plan/run.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int plan_enter(struct plan_run *run) {
    struct clone_args args = {.flags = CLONE_PARENT};
    run->target = run->self = run->start = run->procfs = -1;
    // All but the standard streams, the command's own, and the line to the parent.
    int line = run->socket;
    fd_close_others(3U + run->block->preserve, &line, 1);
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) return -errno;
    if (pid > 0) {
        run->block->pid = (int32_t)pid;
        _exit(0);
    }
    setsid();
    return 0;
}

struct plan_block *plan_keep_copy(const struct plan_block *block) {
    return block->is_exec ? memcpy(xmalloc(block->size), block, block->size) : NULL;
}

static void take_over(struct plan_block *copy, struct plan_block *block) {
    copy->pid = block->pid;
    copy->start_time = block->start_time;
    copy->failed = block->failed < 0 || block->failed >= (int32_t)copy->count ? -1 : block->failed;
    copy->error = block->error;
    copy->error.text[sizeof copy->error.text - 1] = 0;
    for (uint32_t i = 0; i < copy->count; i++) {
        struct plan_op *to = &plan_ops(copy)[i], *from = &plan_ops(block)[i];
        if (from->state <= PLAN_UNDONE) to->state = from->state;
        to->result = from->result;
        to->time_ns = from->time_ns;
    }
}

// At the same address, where others hold pointers to it.
int plan_use_copy(struct plan_block *block, struct plan_block *copy) {
    if (!copy) return 0;
    uint32_t size = copy->size;
    take_over(copy, block);
    void *at = mmap(block, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (at == MAP_FAILED) return -errno;
    memcpy(at, copy, size);
    return 0;
}
