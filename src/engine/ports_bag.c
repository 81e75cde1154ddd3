// SPDX-License-Identifier: Apache-2.0
// The shim has the sockets in a bag that nobody can take one out of, so it gets another one.
#include "engine/ports.h"

#include "network/rules.h"
#include "plan/publish.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_bag(const struct plan_block *plan, int *ret_bag) {
    const struct plan_op *op = plan_find(plan, PLAN_PUBLISH);
    if (!op || op->publish.bag < 0) return -ENOENT;
    _cleanup_(fd_closep) int shim = (int)syscall(SYS_pidfd_open, op->publish.keeper, 0);
    if (shim < 0) return -errno;
    int bag = (int)syscall(SYS_pidfd_getfd, shim, op->publish.bag, 0);
    if (bag < 0) return -errno;
    *ret_bag = bag;
    return 0;
}

static int send_bag(int shim, const struct port_hold *hold) {
    struct shim_frame frame = {.type = SHIM_PORTS};
    int fds[2] = {hold->bag, hold->served};
    return fd_send(shim, &frame, sizeof frame, fds, ARRAY_SIZE(fds));
}

int ports_publish(struct engine *engine, struct plan_block *plan, const struct plan_port *port) {
    struct err ignored;
    int r = plan_publish_add(plan, port);
    for (int i = 0; r == -ENOENT && i < PORTS_ATTEMPTS; i++)
        r = rules_rebuild(engine->store.db, &ignored) ? -EAGAIN : plan_publish_add(plan, port);
    return r == -ENOENT ? -EAGAIN : r;
}

int ports_refuse(const struct container *container, int r, const char *what, struct err *err) {
    if (r == -ENOSPC)
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "%d ports or ranges came while it ran, and there is no place for more: restart the "
                       "container",
                       PLAN_PORTS_SPARE);
    // Its shim may be gone before its first process is.
    if (r == -ESRCH || r == -EBADF || shim_is_gone(r)) return container_not_running(container->id, err);
    return err_set(err, ERR_SYSTEM, -r, "%s of container %s", what, container->name);
}

int ports_bag_change(const struct ports_bag *change, struct port_hold *hold) {
    _cleanup_(fd_closep) int bag = -1;
    int r = open_bag(change->plan, &bag);
    if (r == -ENOENT) r = 0;
    if (!r && bag >= 0) r = port_hold_copy(hold, bag, change->without, change->target);
    if (!r) r = port_hold_end(hold);
    if (!r && hold->served < 0) hold->served = epoll_create1(EPOLL_CLOEXEC);
    if (!r && hold->served < 0) r = -errno;
    if (r) return r;
    _cleanup_(fd_closep) int shim = shim_connect(change->engine, change->container_id);
    if (shim < 0) return shim;
    r = shim_quiet(shim);
    if (!r) r = send_bag(shim, hold);
    return r ? r : shim_hang_up(shim);
}
