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
