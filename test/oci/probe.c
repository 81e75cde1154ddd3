// SPDX-License-Identifier: Apache-2.0
// Looks, from inside a container, at what no tool in it shows: probe WORD... prints a line for each word.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show_scheduler(void) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } a = {0};
    syscall(SYS_sched_getattr, 0, &a, sizeof a, 0);
    printf("policy %u flags %llu nice %d priority %u runtime %llu deadline %llu period %llu\n", a.policy,
           (unsigned long long)a.flags, a.nice, a.priority, (unsigned long long)a.runtime,
           (unsigned long long)a.deadline, (unsigned long long)a.period);
}

static void show_io_priority(void) {
    long value = syscall(SYS_ioprio_get, 1, 0);
    printf("class %ld priority %ld\n", value >> 13, value & 0x1fff);
}

static void show_memory_policy(void) {
    int mode = -1;
    unsigned long nodes[16] = {0};
    syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, NULL, 0);
    printf("mode %d nodes %lx\n", mode, nodes[0]);
}

static void show_personality(void) {
    struct utsname name;
    uname(&name);
    printf("personality %x machine %s\n", personality(0xffffffff), name.machine);
}

static void show_limits(void) {
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit;
        getrlimit(i, &limit);
        printf("%s%llu:%llu", i ? " " : "", (unsigned long long)limit.rlim_cur,
               (unsigned long long)limit.rlim_max);
    }
    printf("\n");
}

static void show_keyring(void) {
    char text[256] = "";
    long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 0); // the session's
    syscall(SYS_keyctl, KEYCTL_DESCRIBE, id, text, sizeof text - 1);
    char *name = strrchr(text, ';');
    printf("%s\n", name ? name + 1 : "none");
}

static void show_clocks(void) {
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    clock_gettime(CLOCK_BOOTTIME, &b);
    printf("monotonic %lld boottime %lld\n", (long long)a.tv_sec, (long long)b.tv_sec);
}

// What a system call with these arguments comes to, in a process of its own: a number, an errno, or a signal.
static void show_call(const char *text) {
    long number = 0;
    unsigned long arguments[6] = {0};
    char *end;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        number = strtol(text, &end, 0);
        for (int i = 0; *end == ',' && i < 6; i++) arguments[i] = strtoul(end + 1, &end, 0);
        long r = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                         arguments[5]);
        _exit(r < 0 ? errno : 0);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        printf("signal %d\n", WTERMSIG(status));
    else
        printf("errno %d\n", WEXITSTATUS(status));
}

// A call by the table of a 32 bit program, getpid (20) with its first argument.
static void show_call32(void) {
#ifdef __x86_64__
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20), "b"(0) : "memory", "r8", "r9", "r10", "r11");
    printf("%s\n", r > 0 ? "allowed" : "refused");
#else
    printf("none\n");
#endif
}

int main(int argc, char **argv) {
    static const struct {
        const char *word;
        void (*show)(void);
    } shows[] = {{"scheduler", show_scheduler},
                 {"io-priority", show_io_priority},
                 {"memory-policy", show_memory_policy},
                 {"personality", show_personality},
                 {"limits", show_limits},
                 {"keyring", show_keyring},
                 {"clocks", show_clocks},
                 {"call32", show_call32}};
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "call:", 5)) show_call(argv[i] + 5);
        for (size_t j = 0; j < sizeof shows / sizeof *shows; j++)
            if (!strcmp(argv[i], shows[j].word)) shows[j].show();
    }
    return 0;
}
