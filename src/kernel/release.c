// SPDX-License-Identifier: Apache-2.0
#include "kernel/release.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

// The standard streams, too: whoever reads a pipe of the caller's waits for all of its writers.
static void close_others(const int *fds, size_t count) {
    unsigned from = 0;
    for (size_t i = 0; i < count; from = (unsigned)fds[i++] + 1)
        if ((unsigned)fds[i] > from) syscall(SYS_close_range, from, (unsigned)fds[i] - 1, 0u);
    syscall(SYS_close_range, from, ~0u, 0u);
}

void release_files(int *fds, size_t count) {
    if (!count) return;
    qsort(fds, count, sizeof *fds, by_number);
    if (fork() == 0) {
        close_others(fds, count);
        if (chdir("/")) {} // no file system is held by standing in it
        _exit(0);
    }
    for (size_t i = 0; i < count; i++) close(fds[i]);
}
