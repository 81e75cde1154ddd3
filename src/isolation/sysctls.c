// SPDX-License-Identifier: Apache-2.0
// The kernel's settings that a namespace has for itself. procfs shows them to whoever reads as the reader's
// own namespaces have them, so a child joins the container's and reads there, executing nothing of it.
#include "base/fd.h"
#include "isolation/parts.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = {
    "fs/mqueue/msg_max",
    "fs/mqueue/msgsize_max",
    "fs/mqueue/queues_max",
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shm_rmid_forced",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "net/core/somaxconn",
    "net/ipv4/conf/all/accept_redirects",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/all/send_redirects",
    "net/ipv4/ip_unprivileged_port_start",
    "net/ipv4/ping_group_range",
    "net/ipv4/tcp_syncookies",
    "net/ipv6/conf/all/disable_ipv6",
    "net/ipv6/conf/all/forwarding",
};

#define VALUE_MAX 128

static void join(const struct subject *subject) {
    _cleanup_(fd_closep) int process = (int)syscall(SYS_pidfd_open, subject->pid, 0);
    if (!subject->is_host && (process < 0 || setns(process, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)))
        _exit(1);
}

static void write_values(int out, int proc) {
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char value[VALUE_MAX] = "";
        _cleanup_(fd_closep) int fd = fd_open_at(proc, names[i], O_RDONLY, 0);
        ssize_t n = fd < 0 ? fd : fd_read_full(fd, value, sizeof value - 1);
        if (n < 0) value[0] = '\0';
        if (fd_write_all(out, value, sizeof value)) _exit(1);
    }
    _exit(0);
}

// Spaces between the numbers of one setting are tabs; here they are commas, since words have none.
static void tidy(char *value) {
    value[strcspn(value, "\n")] = '\0';
    for (char *c = value; *c; c++)
        if (*c == '\t' || *c == ' ') *c = ',';
}

static void add_value(struct subject *subject, const char *path, char *value) {
    char *name = arena_strdup(subject->arena, path);
    for (char *c = name; *c; c++)
        if (*c == '/') *c = '.';
    tidy(value);
    fact_add(subject, "sysctls", name, *value ? value : "none");
}

int read_sysctls(struct subject *subject, struct err *err) {
    char values[ARRAY_SIZE(names)][VALUE_MAX];
    int ends[2], status = -1;
    _cleanup_(fd_closep) int proc = fd_open_at(AT_FDCWD, "/proc/sys", O_RDONLY | O_DIRECTORY, 0);
    if (proc < 0 || pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "read its sysctls");
    pid_t child = fork();
    if (!child) {
        join(subject);
        write_values(ends[1], proc);
    }
    close(ends[1]);
    ssize_t n = child < 0 ? -1 : fd_read_full(ends[0], values, sizeof values);
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (n != (ssize_t)sizeof values)
        return err_set(err, ERR_NOT_FOUND, 0, "its namespaces can't be joined: has it ended?");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) add_value(subject, names[i], values[i]);
    return 0;
}
