// SPDX-License-Identifier: Apache-2.0
// The listener of a seccomp filter: where the kernel asks what to do about a system call of the container's.
// The child is under the filter from the moment when there is a listener, and can't hand over a descriptor by
// itself: sending one may be what the filter asks about. So it writes the number into the plan and a byte to
// its socket, and the parent takes the descriptor out of the child and sends it, with what runtime-spec calls
// the container process state (config-linux.md, "The Container Process State").
#include "base/fd.h"
#include "base/str.h"
#include "plan/run.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int connect_to(struct plan_run *run, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (strlen(path) >= sizeof address.sun_path)
        return err_set(&run->err, ERR_INVALID, 0,
                       "linux.seccomp.listenerPath is longer than a socket's may be"),
               -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        int error = errno;
        err_set(&run->err, ERR_SYSTEM, error, "cannot connect to linux.seccomp.listenerPath %s", path);
        return -error;
    }
    return take_fd(&fd);
}

// Number and process come from memory that the child writes: it has to be our own child's, and a listener.
static int take_listener(const struct plan_block *block) {
    char path[32], kind[32] = "";
    siginfo_t info;
    if (waitid(P_PID, (id_t)block->pid, &info, WEXITED | WNOHANG | WNOWAIT)) return -errno;
    _cleanup_(fd_closep) int pidfd = (int)syscall(SYS_pidfd_open, block->pid, 0);
    if (pidfd < 0) return -errno;
    _cleanup_(fd_closep) int fd = (int)syscall(SYS_pidfd_getfd, pidfd, block->listener, 0);
    if (fd < 0) return -errno;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, kind, sizeof kind - 1) < 0) return -errno;
    return strcmp(kind, "anon_inode:seccomp notify") ? -ENXIO : take_fd(&fd);
}

int plan_do_listener(struct plan_run *run, struct plan_op *op) {
    const struct plan_block *block = run->block;
    _cleanup_(fd_closep) int socket = connect_to(run, TEXT(op->listener.path));
    if (socket < 0) return socket;
    int r = plan_await_byte(run, PLAN_BYTE_LISTENER);
    if (r) return r;
    _cleanup_(fd_closep) int listener = take_listener(block);
    if (listener < 0) return listener;
    _cleanup_(str_finish) struct str text = {0};
    int32_t pid = op->listener.pid ? op->listener.pid : block->pid;
    str_printf(&text, "%s%d,\"state\":%s\"status\":\"%s\",\"pid\":%d%s}", TEXT(op->listener.before),
               block->pid, block->state_before ? TEXT(block->state_before) : "{", TEXT(op->listener.status),
               pid, block->state_after ? TEXT(block->state_after) : "}");
    r = fd_send(socket, str_get(&text), text.len, &listener, 1);
    return r ? r : plan_send(run, PLAN_BYTE_GO, -1);
}
