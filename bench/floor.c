// SPDX-License-Identifier: Apache-2.0
// What the kernel alone charges for one container: the floor that every engine stands on.
// floor ROOTFS RUNS MODE, where MODE is a string of ingredients:
//   p pid  u uts  i ipc  n network  c cgroup namespace   m mount namespace + pivot_root + /proc /dev /sys
//   o overlay on top of the root filesystem (needs m; scratch directories in $TMPDIR/floor.*)
// Prints the minimum, median and mean of RUNS fork-to-exit times of /bin/true, in ms.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return d < 0 ? -1 : d > 0;
}

static void die(const char *what) {
    perror(what);
    _exit(9);
}

static void child(const char *root, const char *scratch, int mounts, int overlay) {
    if (mounts) {
        char options[4096], merged[512];
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        if (overlay) {
            snprintf(merged, sizeof merged, "%s/m", scratch);
            snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/u,workdir=%s/w", root, scratch,
                     scratch);
            if (mount("overlay", merged, "overlay", 0, options)) die("overlay");
            root = merged;
        } else if (mount(root, root, NULL, MS_BIND | MS_REC, NULL)) {
            die("bind");
        }
        if (chdir(root)) die("chdir");
        if (mount("proc", "proc", "proc", 0, NULL)) die("proc");
        if (mount("tmpfs", "dev", "tmpfs", 0, "mode=755")) die("dev");
        if (mount("sysfs", "sys", "sysfs", MS_RDONLY, NULL)) die("sys");
        if (syscall(SYS_pivot_root, ".", ".")) die("pivot_root");
        if (umount2(".", MNT_DETACH) || chdir("/")) die("umount");
    } else if (chroot(root) || chdir("/")) {
        die("chroot");
    }
    char *argv[] = {"/bin/true", NULL}, *envp[] = {"PATH=/bin", NULL};
    execve(argv[0], argv, envp);
    die("execve");
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: floor ROOTFS RUNS MODE\n"), 2;
    int runs = atoi(argv[2]);
    const char *mode = argv[3], *tmp = getenv("TMPDIR");
    unsigned long flags = 0;
    if (strchr(mode, 'p')) flags |= CLONE_NEWPID;
    if (strchr(mode, 'm')) flags |= CLONE_NEWNS;
    if (strchr(mode, 'u')) flags |= CLONE_NEWUTS;
    if (strchr(mode, 'i')) flags |= CLONE_NEWIPC;
    if (strchr(mode, 'n')) flags |= CLONE_NEWNET;
    if (strchr(mode, 'c')) flags |= CLONE_NEWCGROUP;
    char scratch[256], sub[300];
    snprintf(scratch, sizeof scratch, "%s/floor.XXXXXX", tmp ? tmp : "/tmp");
    if (runs < 1 || !mkdtemp(scratch)) return perror("floor"), 2;
    for (const char *d = "umw"; *d; d++) snprintf(sub, sizeof sub, "%s/%c", scratch, *d), mkdir(sub, 0755);
    double *ms = calloc(runs, sizeof *ms), sum = 0;
    for (int i = 0; i < runs; i++) {
        double start = now_ms();
        struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
        long pid = syscall(SYS_clone3, &args, sizeof args);
        if (pid < 0) return perror("clone3"), 1;
        if (pid == 0) child(argv[1], scratch, !!strchr(mode, 'm'), !!strchr(mode, 'o'));
        int status;
        waitpid(pid, &status, 0);
        if (status) return fprintf(stderr, "floor: status %x\n", status), 1;
        sum += ms[i] = now_ms() - start;
    }
    qsort(ms, runs, sizeof *ms, by_value);
    printf("%s min %.3f median %.3f mean %.3f\n", mode, ms[0], ms[runs / 2], sum / runs);
    return 0;
}
