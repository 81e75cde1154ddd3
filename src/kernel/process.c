// SPDX-License-Identifier: Apache-2.0
#include "kernel/process.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define END_WAIT_MS 10000

// Field 2 is the program's name, which may hold anything; what follows the last parenthesis is numbers.
int process_stat(pid_t pid, struct process_stat *ret_stat) {
    char path[32], text[1024], state;
    unsigned long long start_time;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    if (fd < 0) return fd;
    ssize_t n = fd_read_full(fd, text, sizeof text - 1);
    if (n < 0) return (int)n;
    text[n] = 0;
    const char *rest = strrchr(text, ')');
    if (!rest ||
        sscanf(rest + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
               &state, &start_time) != 2)
        return -EBADMSG;
    *ret_stat = (struct process_stat){.state = state, .start_time = start_time};
    return 0;
}

// Once it is open the descriptor stands for one process, and the time tells which.
int process_open(pid_t pid, uint64_t start_time) {
    struct process_stat stat;
    if (pid <= 0) return -ESRCH;
    _cleanup_(fd_closep) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return -errno;
    int r = start_time ? process_stat(pid, &stat) : 0;
    if (r && r != -ENOENT) return r;
    if (r || (start_time && stat.start_time != start_time)) return -ESRCH;
    return take_fd(&fd);
}

static ssize_t read_file(pid_t pid, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_RDONLY, 0);
    ssize_t n = fd < 0 ? fd : fd_read_full(fd, text, size - 1);
    if (n >= 0) text[n] = 0;
    return n;
}

static uint64_t field(const char *text, const char *key, int base) {
    const char *at = strstr(text, key);
    return at ? strtoull(at + strlen(key), NULL, base) : 0;
}

// "NSpid:\t4711\t1": its number in each pid namespace, from ours to its own.
static bool read_is_init(const char *text) {
    const char *at = strstr(text, "\nNSpid:");
    int outside, inside = 0;
    if (!at || sscanf(at, "\nNSpid: %d%n", &outside, &inside) != 1) return false;
    const char *end = strchr(at + 1, '\n');
    return end && end - at > inside && end[-1] == '1' && end[-2] == '\t';
}

int process_signals(pid_t pid, struct process_signals *ret_signals) {
    char text[4096];
    struct process_signals signals = {0};
    ssize_t n = read_file(pid, "status", text, sizeof text);
    if (n < 0) return (int)n;
    const char *state = strstr(text, "\nState:\t");
    if (!state || sscanf(text, "Name:\t%16[^\n]", signals.command) != 1) return -EBADMSG;
    signals.state = state[8];
    signals.is_init = read_is_init(state);
    signals.blocked = field(state, "\nSigBlk:\t", 16);
    signals.ignored = field(state, "\nSigIgn:\t", 16);
    signals.caught = field(state, "\nSigCgt:\t", 16);
    signals.switches = field(state, "\nvoluntary_ctxt_switches:\t", 10) +
                       field(state, "\nnonvoluntary_ctxt_switches:\t", 10);
    *ret_signals = signals;
    return 0;
}

int process_end(pid_t pid, uint64_t start_time) {
    _cleanup_(fd_closep) int pidfd = start_time ? process_open(pid, start_time) : -ESRCH;
    if (pidfd < 0) return pidfd == -ESRCH ? 0 : pidfd;
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0)) return errno == ESRCH ? 0 : -errno;
    int r;
    do r = poll(&end, 1, END_WAIT_MS);
    while (r < 0 && errno == EINTR);
    return r > 0 ? 0 : r < 0 ? -errno : -ETIMEDOUT;
}

pid_t process_child(pid_t pid) {
    char name[48], text[64];
    snprintf(name, sizeof name, "task/%d/children", pid);
    return read_file(pid, name, text, sizeof text) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

// The first one's number is the same on every machine.
#define FIRST_USER_NAMESPACE 0xeffffffd

bool process_in_user_namespace(void) {
    struct stat st;
    return !stat("/proc/self/ns/user", &st) && st.st_ino != FIRST_USER_NAMESPACE;
}

uint32_t process_group_count(void) {
    _cleanup_(str_finish) struct str text = {0};
    uint32_t inside, outside, count, total = 0;
    if (file_read_at(AT_FDCWD, "/proc/self/gid_map", 1 << 16, &text)) return UINT32_MAX;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));)
        if (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && inside == total) total += count;
    return total;
}

// Of what belongs to a user namespace outside of one's own the kernel does not even tell the owner.
bool process_owns_network(void) {
    _cleanup_(fd_closep) int own = fd_open_at(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
    if (own < 0) return true;
    _cleanup_(fd_closep) int owner = ioctl(own, NS_GET_USERNS);
    return owner >= 0 || errno != EPERM;
}

void process_unblock_signals(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void process_reset_signals(void) {
    for (int s = 1; s < 32; s++) signal(s, SIG_DFL);
    process_unblock_signals();
}
