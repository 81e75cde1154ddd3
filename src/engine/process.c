// SPDX-License-Identifier: Apache-2.0
// The process of a container that runs, as the plan of that run has it.
#include "kernel/process.h"
#include "engine/parts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

int container_not_running(const char *id, struct err *err) {
    return err_set(err, ERR_CONFLICT, 0, "Container %s is not running", id);
}

int container_plan_map(struct engine *engine, const char *id, struct plan_block **ret_plan, struct err *err) {
    char path[CONTAINER_FILE_SIZE];
    int r = plan_map_at(engine->store.runroot_fd, container_file(id, "plan", path), ret_plan);
    if (r) err_set(err, ERR_SYSTEM, -r, "read %s/%s", engine->store.runroot, path);
    return r;
}

int plan_open(struct engine *engine, const char *id, struct plan_block **ret_plan, struct err *err) {
    int r = container_plan_map(engine, id, ret_plan, err);
    if (r == -ENOENT) return container_not_running(id, err);
    return r ? -1 : 0;
}

static bool read_plan_head(struct engine *engine, const char *id, struct plan_block *ret_head) {
    char path[CONTAINER_FILE_SIZE];
    _cleanup_(fd_closep) int fd =
        fd_open_at(engine->store.runroot_fd, container_file(id, "plan", path), O_RDONLY, 0);
    return fd >= 0 && fd_read_full(fd, ret_head, sizeof *ret_head) == sizeof *ret_head &&
           ret_head->magic == PLAN_MAGIC;
}

int32_t plan_read_pid_since(struct engine *engine, const char *id, int64_t started_ns) {
    struct plan_block head;
    return read_plan_head(engine, id, &head) && head.created_ns >= started_ns ? head.pid : 0;
}

int container_process(struct engine *engine, const struct container *container, pid_t *ret_pid,
                      uint64_t *ret_start_time, struct err *err) {
    struct plan_block head;
    if (!str_eq(container->state, "running") || !read_plan_head(engine, container->id, &head) ||
        head.pid <= 0)
        return err_set(err, ERR_CONFLICT, 0, "container %s is not running", container->name);
    *ret_pid = head.pid;
    *ret_start_time = head.start_time;
    return 0;
}

static int open_process(struct engine *engine, const char *id, pid_t *ret_pid) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    struct err ignored;
    int r = container_plan_map(engine, id, &plan, &ignored);
    if (r) return r;
    *ret_pid = plan->pid;
    return process_open(plan->pid, plan->start_time);
}

int container_open_process(struct engine *engine, const char *id) {
    pid_t pid;
    return open_process(engine, id, &pid);
}

bool container_process_ended(int process) {
    struct pollfd end = {.fd = process, .events = POLLIN};
    return process == -ENOENT || process == -ESRCH || poll(&end, 1, 0) > 0;
}

// The process that the plan has, which its descriptor says is still that one.
int container_open_netns(struct engine *engine, const char *id, int *ret_netns, struct err *err) {
    char path[40];
    pid_t pid = 0;
    _cleanup_(fd_closep) int process = open_process(engine, id, &pid);
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    _cleanup_(fd_closep) int netns = process < 0 ? process : fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    if (container_process_ended(process)) return container_not_running(id, err);
    if (netns < 0) return err_set(err, ERR_SYSTEM, -netns, "reach the network namespace of container %s", id);
    *ret_netns = take_fd(&netns);
    return 0;
}
