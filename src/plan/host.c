// SPDX-License-Identifier: Apache-2.0
// Operations on the host's side.
#include "base/arena.h"
#include "base/fd.h"
#include "base/str.h"
#include "kernel/bpf_device.h"
#include "kernel/cgroup.h"
#include "kernel/link.h"
#include "kernel/link_settings.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"
#include "kernel/traffic.h"
#include "plan/namespace.h"
#include "plan/run.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int plan_do_cgroup_create(struct plan_run *run, struct plan_op *op) {
    if (plan_scope_is_held()) return cgroup_create(TEXT(op->path)); // systemd has been there
    bool must_be_new = op->side == PLAN_CHILD;
    int r = must_be_new ? cgroup_create_new(TEXT(op->path)) : cgroup_create_unused(TEXT(op->path));
    if (r == -EBUSY)
        err_set(&run->err, ERR_CONFLICT, 0, "the cgroup %s %s: another container's?", TEXT(op->path),
                must_be_new ? "has just been made by somebody else" : "has processes in it already");
    return r;
}

static void say_cpus(struct plan_run *run, const char *wanted) {
    _cleanup_(str_finish) struct str there = {0};
    if (!file_read_at(AT_FDCWD, "/sys/devices/system/cpu/possible", 4096, &there))
        err_set(&run->err, ERR_INVALID, 0, "there are no CPUs %s: this machine has %.*s", wanted,
                (int)strcspn(str_get(&there), "\n"), str_get(&there));
}

int plan_do_cgroup_write(struct plan_run *run, struct plan_op *op) {
    const char *file = TEXT(op->write.file), *value = TEXT(op->write.value);
    int r = cgroup_write(file, value, op->write.optional, TEXT(op->write.instead));
    if (r == -ERANGE && str_has_suffix(file, "/cpuset.cpus")) say_cpus(run, value);
    return r;
}

int plan_do_cgroup_owner(struct plan_run *run, struct plan_op *op) {
    return cgroup_give(TEXT(op->owner.path), op->owner.uid);
}

// Whoever has no privileges can't make a device either, and opens those of the host's that are theirs to
// open.
int plan_do_cgroup_devices(struct plan_run *run, struct plan_op *op) {
    int r =
        bpf_device_attach(TEXT(op->bpf.path), plan_data(run->block, op->bpf.program), op->bpf.program.size);
    return r == -EPERM && geteuid() ? 0 : r;
}

static int check_namespace(struct plan_run *run, struct plan_op *op, int fd) {
    struct namespace_path path = {
        .path = TEXT(op->join.path), .field = TEXT(op->why), .flag = op->join.flags};
    return namespace_check(&path, fd, &run->err);
}

// A process is named by the host's number, which means nothing in the child's pid namespace: the descriptor
// was opened before the clone.
static int join_process(struct plan_run *run, struct plan_op *op) {
    if (run->target < 0) return run->target;
    if (!setns(run->target, (int)op->join.flags)) return 0;
    int error = errno;
    if (error == EPERM && geteuid())
        err_set(&run->err, ERR_CONFLICT, 0,
                "cannot join the container's namespaces: before its start only root can");
    return -error;
}

static int open_named(struct plan_run *run, struct plan_op *op) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, TEXT(op->join.path), O_RDONLY | O_NONBLOCK, 0);
    // After it is open: a process that is still there now was there then.
    int r = op->join.pid ? plan_check_owner(run, op->join.pid, op->join.start_time) : 0;
    if (!r) r = fd < 0 ? fd : check_namespace(run, op, fd);
    return r ? r : take_fd(&fd);
}

static int join(struct plan_run *run, struct plan_op *op) {
    if (!op->join.path) return join_process(run, op);
    _cleanup_(fd_closep) int fd = open_named(run, op);
    if (fd < 0) return fd;
    return setns(fd, (int)op->join.flags) ? -errno : 0;
}

// Before the clone only opened: a helper joins them (execute.c).
static int open_for_helper(struct plan_run *run, struct plan_op *op) {
    if (run->join_count == (int)ARRAY_SIZE(run->joins)) return -E2BIG;
    int fd = open_named(run, op);
    if (fd < 0) return fd;
    run->joins[run->join_count++] = fd;
    return 0;
}

int plan_do_join(struct plan_run *run, struct plan_op *op) {
    if (op->side == PLAN_HOST) return open_for_helper(run, op);
    int r = join(run, op);
    if (!r && !op->join.path && op->join.flags & CLONE_NEWPID) r = plan_enter(run);
    if (r || op->join.path || !(op->join.flags & CLONE_NEWNS)) return r;
    run->root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    return run->root < 0 ? run->root : 0;
}

// A container that starts again within milliseconds meets the interface of its own last namespace, which the
// kernel has not taken away yet.
int plan_do_veth_add(struct plan_run *run, struct plan_op *op) {
    struct veth veth = {
        .host = TEXT(op->veth.host),
        .peer = TEXT(op->veth.peer),
        .netns_pid = run->block->pid,
        .mac = op->veth.has_mac ? op->veth.mac : NULL,
        .mtu = op->veth.mtu,
    };
    int r = veth_create(&veth);
    if (r == -EEXIST) {
        r = link_delete(veth.host);
        if (!r || r == -ENODEV) r = veth_create(&veth);
    }
    if (!r) op->veth.index = link_index(veth.host);
    return r;
}

// The container is set up by now (network/plan.c).
int plan_do_bridge_port(struct plan_run *run, struct plan_op *op) {
    const char *link = TEXT(op->bridge_port.link), *bridge = TEXT(op->bridge_port.bridge);
    int r = link_set_master(link, bridge);
    if (r == -ENODEV)
        err_set(&run->err, ERR_CONFLICT, 0,
                "the bridge %s was deleted meanwhile: start the container again, which makes it anew",
                bridge);
    return r || !op->bridge_port.hairpin ? r : link_set_hairpin(link);
}

// It goes with the namespace, as a veth pair does, but leaves nothing on the host that could be met again.
int plan_do_link_add(struct plan_run *run, struct plan_op *op) {
    const char *kind = TEXT(op->child_link.kind), *parent = TEXT(op->child_link.parent);
    struct link_child child = {
        .kind = kind,
        .mode = op->child_link.mode ? TEXT(op->child_link.mode) : NULL,
        .flag = op->child_link.flag ? TEXT(op->child_link.flag) : NULL,
        .parent = parent,
        .name = TEXT(op->child_link.name),
        .netns_pid = run->block->pid,
        .mac = op->child_link.has_mac ? op->child_link.mac : NULL,
        .mtu = op->child_link.mtu,
    };
    int r = link_child_make(&child);
    if (r == -ENODEV)
        err_set(&run->err, ERR_NOT_FOUND, 0,
                "the network's parent interface %s is not there: bring it up again, or make the network anew "
                "with another parent",
                parent);
    if (r == -EOPNOTSUPP)
        err_set(&run->err, ERR_UNAVAILABLE, 0, "this kernel has no interfaces of the kind %s: modprobe %s",
                kind, kind);
    const char *words = netlink_error_text();
    if (r == -EBUSY || r == -EINVAL)
        err_set(&run->err, ERR_CONFLICT, 0,
                "the interface %s can't have a %s now: one of another kind, or one that is alone on it "
                "(passthru), uses it%s%s%s",
                parent, kind, *words ? " (" : "", words, *words ? ")" : "");
    return r;
}

// What comes into the container is what the host's end sends.
int plan_do_net_rate(struct plan_run *run, struct plan_op *op) {
    const char *host = TEXT(op->net_rate.host);
    int r = op->net_rate.in ? traffic_limit_sent(host, op->net_rate.in) : 0;
    if (!r && op->net_rate.out) r = traffic_limit_received(host, op->net_rate.out);
    if (r == -EOPNOTSUPP || r == -ENOENT)
        err_set(
            &run->err, ERR_UNAVAILABLE, 0,
            "--net-rate: this kernel can't hold traffic back (%s): it needs sch_tbf, and for out= also ifb, "
            "sch_ingress, cls_u32 and act_mirred",
            *netlink_error_text() ? netlink_error_text() : strerror(-r));
    return r;
}

// Interfaces of the host's

// Its own namespace of the child's, or one by path that the child has joined. It is held until the container
// runs: when its last process dies before, what was moved there dies with it.
static int open_devices_netns(struct plan_run *run, const struct plan_op *op) {
    char path[40];
    if (run->devices_netns >= 0) return 0;
    snprintf(path, sizeof path, "/proc/%d/ns/net", run->block->pid);
    _cleanup_(fd_closep) int netns =
        fd_open_at(AT_FDCWD, op->net_device.netns ? TEXT(op->net_device.netns) : path, O_RDONLY, 0);
    if (netns < 0) return netns;
    // By its path it may be another one by now than the child has joined.
    struct namespace_path named = {
        .path = TEXT(op->net_device.netns), .field = TEXT(op->why), .flag = CLONE_NEWNET};
    int r = op->net_device.netns ? namespace_check(&named, netns, &run->err) : 0;
    if (!r) run->devices_netns = take_fd(&netns);
    return r;
}

// All are there before the first one goes.
static int check_devices(struct plan_run *run, const struct plan_op *first) {
    const struct plan_op *end = plan_ops(run->block) + run->block->count;
    for (const struct plan_op *op = first; op < end; op++) {
        const char *name = TEXT(op->net_device.name);
        if (op->type != PLAN_NET_DEVICE || link_index(name) >= 0) continue;
        err_set(&run->err, ERR_NOT_FOUND, 0, "linux.netDevices.%s: there is no such interface", name);
        return -ENODEV;
    }
    return 0;
}

int plan_do_net_device(struct plan_run *run, struct plan_op *op) {
    const char *name = TEXT(op->net_device.name), *new_name = TEXT(op->net_device.new_name);
    int r = check_devices(run, op);
    if (!r) r = open_devices_netns(run, op);
    if (!r) r = link_move(name, run->devices_netns, new_name);
    if (r == -EEXIST)
        err_set(&run->err, ERR_CONFLICT, 0, "linux.netDevices.%s: the container has an interface %s already",
                name, new_name);
    if (r == -EINVAL || r == -EOPNOTSUPP)
        err_set(&run->err, ERR_INVALID, 0, "linux.netDevices.%s: this interface cannot be moved", name);
    return r;
}

void plan_return_devices(struct plan_run *run) {
    _cleanup_(netns_leavep) int own = -1;
    if (run->devices_netns < 0 || netns_enter(run->devices_netns, &own)) return;
    for (uint32_t i = run->block->count; i-- > 0;) {
        const struct plan_op *op = &plan_ops(run->block)[i];
        if (op->type == PLAN_NET_DEVICE && op->state == PLAN_DONE)
            (void)link_move(TEXT(op->net_device.new_name), own, TEXT(op->net_device.name));
    }
}

// Makes one for the child, with its loopback up while the child does other things, and comes back.
int plan_do_netns(struct plan_run *run, struct plan_op *op) {
    (void)op;
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (own < 0) return own;
    if (unshare(CLONE_NEWNET)) return -errno;
    _cleanup_(fd_closep) int made = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    int r = made < 0 ? made : link_up("lo");
    if (setns(own, CLONE_NEWNET)) return -errno;
    if (r) return r;
    r = plan_send(run, PLAN_BYTE_NETNS, made);
    return r == -EPIPE || r == -ECONNRESET ? 0 : r; // it has died, and has said why
}
