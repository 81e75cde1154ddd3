// SPDX-License-Identifier: Apache-2.0
// How long a command takes, from before its fork to after its end, as a caller in C sees it.
// timer RUNS GAP_MS COMMAND...: prints the time of each run in ms, a line each; with GAP_MS idle before each.
// A run that fails ends it all: what does not work has no speed.
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: timer RUNS GAP_MS COMMAND...\n"), 2;
    long runs = strtol(argv[1], NULL, 10), gap = strtol(argv[2], NULL, 10);
    for (long i = 0; i < runs; i++) {
        if (gap) nanosleep(&(struct timespec){.tv_sec = gap / 1000, .tv_nsec = gap % 1000 * 1000000}, NULL);
        double start = now_ms();
        pid_t pid;
        int status = 0;
        if (posix_spawnp(&pid, argv[3], NULL, NULL, argv + 3, environ)) return perror(argv[3]), 1;
        if (waitpid(pid, &status, 0) < 0) return perror("waitpid"), 1;
        if (status) return fprintf(stderr, "timer: status %#x\n", (unsigned)status), 1;
        printf("%.3f\n", now_ms() - start);
    }
    return 0;
}
