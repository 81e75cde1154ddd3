// SPDX-License-Identifier: Apache-2.0
// How long commands take, from before the fork to after the end, as a caller in C sees it.
// timer RUNS GAP_MS AT_ONCE COMMAND... [--then COMMAND...]...
// Prints the time of each run in ms, a line each, with GAP_MS idle before each, and last the most memory that
// one of the processes had, in KiB. A run is all commands one after the other; AT_ONCE of them are started
// together, and a word that has a % gets the number of its own. A run that fails ends it all: what does not
// work has no speed.
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 64

extern char **environ;
static long most_kib;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

// Everything up to the next --then, with the number put in. Returns how many words that are.
static int make_words(char **argv, long number, char *words[WORDS_MAX]) {
    int n = 0;
    for (; argv[n] && strcmp(argv[n], "--then") != 0 && n < WORDS_MAX - 1; n++) {
        char *mark = strchr(argv[n], '%');
        if (!mark || asprintf(&words[n], "%.*s%ld%s", (int)(mark - argv[n]), argv[n], number, mark + 1) < 0)
            words[n] = argv[n];
    }
    words[n] = NULL;
    return n;
}

static int run_all(char **argv, long at_once) {
    while (*argv) {
        int used = 0, status;
        pid_t *pids = calloc((size_t)at_once, sizeof *pids);
        for (long i = 0; i < at_once; i++) {
            char *words[WORDS_MAX];
            used = make_words(argv, i, words);
            if (posix_spawnp(&pids[i], words[0], NULL, NULL, words, environ)) return perror(words[0]), -1;
        }
        for (long i = 0; i < at_once; i++) {
            struct rusage usage;
            if (wait4(pids[i], &status, 0, &usage) < 0) return perror("wait4"), -1;
            if (status) return fprintf(stderr, "timer: status %#x\n", (unsigned)status), -1;
            if (usage.ru_maxrss > most_kib) most_kib = usage.ru_maxrss;
        }
        free(pids);
        argv += used;
        if (*argv) argv++;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 5)
        return fprintf(stderr, "usage: timer RUNS GAP_MS AT_ONCE COMMAND... [--then COMMAND...]...\n"), 2;
    long runs = strtol(argv[1], NULL, 10), gap = strtol(argv[2], NULL, 10),
         at_once = strtol(argv[3], NULL, 10);
    prctl(PR_SET_CHILD_SUBREAPER, 1); // what a runtime leaves behind is its caller's
    for (long i = 0; i < runs; i++) {
        if (gap) nanosleep(&(struct timespec){.tv_sec = gap / 1000, .tv_nsec = gap % 1000 * 1000000}, NULL);
        double start = now_ms();
        if (run_all(argv + 4, at_once)) return 1;
        printf("%.3f\n", now_ms() - start);
        while (waitpid(-1, NULL, WNOHANG) > 0) {}
    }
    printf("memory %ld\n", most_kib);
    return 0;
}
