// SPDX-License-Identifier: Apache-2.0
#include "kernel/process.h"

#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

pid_t process_child(pid_t pid) {
    char name[48], text[64];
    snprintf(name, sizeof name, "task/%d/children", pid);
    return read_file(pid, name, text, sizeof text) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

// Ids are mapped there, and only the first maps all of them.
bool process_in_user_namespace(void) {
    char map[64];
    unsigned inside, outside, count;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, "/proc/self/uid_map", O_RDONLY, 0);
    ssize_t n = fd < 0 ? fd : fd_read_full(fd, map, sizeof map - 1);
    if (n < 0) return false;
    map[n] = 0;
    return sscanf(map, "%u %u %u", &inside, &outside, &count) != 3 || count != UINT32_MAX;
}
