// SPDX-License-Identifier: Apache-2.0
// pasta (Debian's passt) gives a network namespace the network of the host's that it is started in, without
// any privileges there: it reads packets from an interface in the one, and has a socket in the other for each
// connection. It stays as long as its container: a child of this process, which ends with it, and whose
// number is in the plan for who comes after.
//
// It is told what it joins by descriptors. By a path of /proc it would need power over the container's
// process, and it gives that away first; a policy of AppArmor's, such as Debian has for it, keeps no pipe
// from it.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/process.h"
#include "plan/run.h"

#include <ctype.h>
#include <errno.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX 2048

enum { NETNS_FD = 3, READY_FD, FREE_FD };

struct pasta {
    int netns;
    int ready[2];  // it writes its number there when all is as it should be
    int output[2]; // and what it has to say
    pid_t pid;
};

static void pasta_finish(struct pasta *pasta) {
    fd_closep(&pasta->netns);
    for (int i = 0; i < 2; i++) {
        fd_closep(&pasta->ready[i]);
        fd_closep(&pasta->output[i]);
    }
}

static const char **words(struct plan_run *run, const struct plan_op *op) {
    static const char *const own[] = {"--netns", "/proc/self/fd/3", "--no-netns-quit", "--pid",
                                      "/proc/self/fd/4"};
    uint32_t count = op->pasta.argv.count;
    const char **argv = xmalloc((count + ARRAY_SIZE(own) + 1) * sizeof *argv);
    plan_list_get(run->block, op->pasta.argv, argv);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) argv[count + i] = own[i];
    argv[count + ARRAY_SIZE(own)] = NULL;
    return argv;
}

static _Noreturn void become(struct plan_run *run, const struct plan_op *op, struct pasta *pasta,
                             pid_t parent) {
    const char *env[] = {NULL}, **argv = words(run, op);
    process_reset_signals();
    setsid();
    // Out of the way of the numbers that they get.
    int null = fd_open_at(AT_FDCWD, "/dev/null", O_RDWR, 0);
    int netns = fcntl(pasta->netns, F_DUPFD_CLOEXEC, FREE_FD);
    int ready = fcntl(pasta->ready[1], F_DUPFD_CLOEXEC, FREE_FD);
    if (dup2(pasta->output[1], 2) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
        dup2(netns, NETNS_FD) < 0 || dup2(ready, READY_FD) < 0)
        _exit(126);
    syscall(SYS_close_range, (unsigned)FREE_FD, ~0U, 0U);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent) _exit(126);
    execve(argv[0], (char *const *)argv, (char *const *)env);
    dprintf(2, "%s\n", strerror(errno));
    _exit(126);
}

// Nobody else is on this link who could have the container's address: without a second's wait for an
// objection IPv6 works from the first moment. What is written has to be written from inside.
static void trust_addresses(const struct pasta *pasta) {
    pid_t pid = fork();
    if (pid == 0) {
        if (!setns(pasta->netns, CLONE_NEWNET))
            (void)file_write_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/default/accept_dad", "0");
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
}

static int start(struct plan_run *run, struct plan_op *op, struct pasta *pasta) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/ns/net", run->block->pid);
    pasta->netns = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    if (pasta->netns < 0) return pasta->netns;
    if (pipe2(pasta->ready, O_CLOEXEC) || pipe2(pasta->output, O_CLOEXEC)) return -errno;
    trust_addresses(pasta);
    pid_t parent = getpid();
    pasta->pid = fork();
    if (pasta->pid < 0) return -errno;
    if (pasta->pid == 0) become(run, op, pasta, parent);
    struct process_stat stat;
    int r = process_stat(pasta->pid, &stat);
    if (r) return r;
    op->pasta.start_time = stat.start_time;
    op->pasta.pid = pasta->pid;
    fd_closep(&pasta->ready[1]);
    fd_closep(&pasta->output[1]);
    return 0;
}

// The last thing that it said, which is why it ended. Of syslog it complains where there is none.
static const char *last_line(char *text) {
    const char *last = "it did not say why";
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        while (isspace((unsigned char)*line)) line++;
        if (*line && !strstr(line, "to syslog")) last = line;
    }
    return last;
}

static int failed(struct plan_run *run, struct plan_op *op, struct pasta *pasta) {
    char text[OUTPUT_MAX];
    ssize_t n = fd_read_full(pasta->output[0], text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    while (waitpid(pasta->pid, NULL, 0) < 0 && errno == EINTR) {}
    op->pasta.pid = 0;
    err_set(&run->err, ERR_UNAVAILABLE, 0,
            "pasta could not connect the container with the host's network (%s); --network none and host do "
            "without it",
            last_line(text));
    return -ECANCELED;
}

int plan_do_pasta(struct plan_run *run, struct plan_op *op) {
    _cleanup_(pasta_finish) struct pasta pasta = {.netns = -1, .ready = {-1, -1}, .output = {-1, -1}};
    char byte;
    int r = start(run, op, &pasta);
    if (r) return r;
    return fd_read_full(pasta.ready[0], &byte, 1) == 1 ? 0 : failed(run, op, &pasta);
}

// Its ports are free when this returns.
int plan_undo_pasta(struct plan_block *block, struct plan_op *op) {
    (void)block;
    if (op->pasta.pid <= 0) return 0;
    int r = process_end(op->pasta.pid, op->pasta.start_time);
    waitpid(op->pasta.pid, NULL, WNOHANG); // when it is ours
    return r;
}
