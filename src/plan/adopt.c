// SPDX-License-Identifier: Apache-2.0
#include "plan/adopt.h"

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/link.h"
#include "kernel/process.h"
#include "plan/run.h"
#include "plan/undo.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// What an operation is to a process that comes from elsewhere.
static bool is_of_host(const struct plan_op *op) {
    switch (op->type) {
    case PLAN_SCOPE_START:
    case PLAN_CGROUP_CREATE:
    case PLAN_CGROUP_WRITE:
    case PLAN_CGROUP_OWNER:
    case PLAN_CGROUP_DEVICES: return true;
    default: return false;
    }
}
static bool is_of_process(const struct plan_op *op) {
    return op->type == PLAN_RESCTRL || op->type == PLAN_NET_DEVICE;
}
static bool is_hook_of_host(const struct plan_op *op) {
    return op->type == PLAN_HOOK && op->side == PLAN_PARENT;
}
static bool is_join(const struct plan_op *op) {
    return op->type == PLAN_CGROUP_JOIN;
}
static bool is_link(const struct plan_op *op) {
    return op->type == PLAN_LINK_UP;
}
// It comes with its loopback up.
static bool is_netns(const struct plan_op *op) {
    return op->type == PLAN_NETNS;
}

static bool has(struct plan_block *block, bool (*wanted)(const struct plan_op *op)) {
    for (uint32_t i = 0; i < block->count; i++)
        if (wanted(&plan_ops(block)[i])) return true;
    return false;
}

static int run_those(struct plan_block *block, bool (*wanted)(const struct plan_op *op), struct err *err) {
    struct plan_run run = PLAN_RUN_INIT(block);
    struct plan_op *ops = plan_ops(block);
    for (uint32_t i = 0; i < block->count; i++) {
        int r = wanted(&ops[i]) ? plan_run_operation(&run, &ops[i]) : 0;
        if (!r) continue;
        plan_failure(&run, &ops[i], -r, err);
        return -1;
    }
    return 0;
}

int plan_adopt_begin(struct plan_block *block, struct err *err) {
    block->failed = -1;
    block->pid = 0;
    if (!run_those(block, is_of_host, err)) return 0;
    plan_scope_release();
    (void)plan_undo(block);
    return -1;
}

// The group that a clone is born in, and those that a child joins by itself.
int plan_adopt_join(struct plan_block *block, struct err *err) {
    for (uint32_t i = 0; i < block->count; i++) {
        struct plan_op *op = &plan_ops(block)[i];
        if (op->type != PLAN_CLONE || !op->clone.cgroup) continue;
        _cleanup_(fd_closep) int group =
            fd_open_at(AT_FDCWD, plan_text(block, op->clone.cgroup), O_PATH | O_DIRECTORY, 0);
        int r = group < 0 ? group : file_write_at(group, "cgroup.procs", "0");
        if (r)
            return err_set(err, ERR_SYSTEM, -r, "cannot join the cgroup %s",
                           plan_text(block, op->clone.cgroup));
    }
    return run_those(block, is_join, err);
}

static int up_in_namespace(struct plan_block *block, pid_t pid, struct err *err) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    _cleanup_(fd_closep) int net = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    if (net < 0 || setns(net, CLONE_NEWNET))
        return err_set(err, ERR_SYSTEM, net < 0 ? -net : errno, "cannot join the network namespace");
    int r = has(block, is_netns) ? link_up("lo") : 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot bring lo up");
    return run_those(block, is_link, err);
}

// In a process of its own, since this one stays where it is. Its sentence is in the block, which both share.
static int links_up(struct plan_block *block, pid_t pid, struct err *err) {
    int status;
    if (!has(block, is_link) && !has(block, is_netns)) return 0;
    pid_t child = fork();
    if (child < 0) return err_set(err, ERR_SYSTEM, errno, "cannot fork");
    if (child == 0) _exit(up_in_namespace(block, pid, &block->error) ? 1 : 0);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return err_set(err, ERR_SYSTEM, errno, "cannot wait");
    return status ? *err = block->error, -1 : 0;
}

int plan_adopt_namespaces(struct plan_block *block, pid_t pid, struct err *err) {
    block->pid = pid; // which is what the hooks are told
    return links_up(block, pid, err) || run_those(block, is_of_process, err) ||
                   run_those(block, is_hook_of_host, err)
               ? -1
               : 0;
}

// CRIU puts a process into a time namespace, so that its clocks go on where they were.
static bool has_own_time(pid_t pid) {
    char path[64];
    struct stat ours, theirs;
    snprintf(path, sizeof path, "/proc/%d/ns/time", pid);
    return !stat("/proc/self/ns/time", &ours) && !stat(path, &theirs) && ours.st_ino != theirs.st_ino;
}

void plan_adopt(struct plan_block *block, pid_t pid) {
    struct process_stat stat;
    block->pid = pid;
    block->start_time = process_stat(pid, &stat) ? 0 : stat.start_time;
    block->created_ns = clock_wall_ns();
    for (uint32_t i = 0; i < block->count; i++) {
        struct plan_op *op = &plan_ops(block)[i];
        if (op->type == PLAN_CLONE && has_own_time(pid)) op->clone.flags |= CLONE_NEWTIME;
        if (op->side <= PLAN_INSIDE && op->type != PLAN_HOOK) op->state = PLAN_DONE;
    }
}

void plan_adopt_end(void) {
    plan_scope_release();
}
