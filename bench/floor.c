// SPDX-License-Identifier: Apache-2.0
// What the kernel alone charges for one container: the floor that every engine stands on.
// floor ROOTFS RUNS MODE, where MODE is a string of ingredients:
//   p pid  u uts  i ipc  n network  c cgroup namespace   m mount namespace + pivot_root + /proc /dev /sys
//   o overlay on top of the root filesystem (needs m; scratch directories in $TMPDIR/floor.*)
//   M the mounts, devices, links, masked and read-only paths that `runc spec` asks for (needs m)
//   g a cgroup in each hierarchy that a container without limits has one in
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
#include <sys/sysmacros.h>
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

// The hierarchies that an engine makes a group in, as far as they are there.
static const char *const hierarchies[] = {"systemd", "pids", "devices", "memory",
                                          "cpuacct", "cpu",  "unified", ""};

static void each_group(void (*act)(const char *path)) {
    for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s/cgroup.procs", hierarchies[i]);
        if (access(path, F_OK)) continue;
        snprintf(path, sizeof path, "/sys/fs/cgroup/%s/floor", hierarchies[i]);
        act(path);
    }
}

static void make_group(const char *path) {
    mkdir(path, 0755);
}

static void remove_group(const char *path) {
    rmdir(path);
}

// A process moves itself by the file that costs no wait, where there is one.
static void join_group(const char *path) {
    char file[160];
    snprintf(file, sizeof file, "%s/tasks", path);
    if (access(file, F_OK)) snprintf(file, sizeof file, "%s/cgroup.procs", path);
    int fd = open(file, O_WRONLY);
    if (fd < 0 || write(fd, "0", 1) != 1) die("cgroup");
    close(fd);
}

static void bind_group(const char *path) {
    char target[128];
    const char *name = path + strlen("/sys/fs/cgroup/");
    snprintf(target, sizeof target, "sys/fs/cgroup/%.*s", (int)strcspn(name, "/"), name);
    mkdir(target, 0755);
    mount(path, target, NULL, MS_BIND, NULL);
}

static void more_mounts(int groups) {
    static const char *const hidden[] = {"proc/acpi",       "proc/kcore", "proc/keys",
                                         "proc/timer_list", "proc/scsi",  "sys/firmware"};
    static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys",
                                            "proc/sysrq-trigger"};
    static const struct {
        const char *path;
        unsigned major, minor;
    } devices[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                   {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    mkdir("dev/pts", 0755), mkdir("dev/shm", 0755), mkdir("dev/mqueue", 0755);
    if (mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"))
        die("devpts");
    if (mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"))
        die("shm");
    mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
    if (groups) {
        mount("cgroup", "sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=755");
        each_group(bind_group);
    }
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor));
    if (symlink("/proc/self/fd", "dev/fd") || symlink("/proc/self/fd/0", "dev/stdin") ||
        symlink("/proc/self/fd/1", "dev/stdout") || symlink("/proc/self/fd/2", "dev/stderr") ||
        symlink("pts/ptmx", "dev/ptmx"))
        die("links");
    for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++) {
        mount(read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL);
        mount(NULL, read_only[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    }
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        struct stat st;
        if (stat(hidden[i], &st)) continue;
        if (S_ISDIR(st.st_mode))
            mount("tmpfs", hidden[i], "tmpfs", MS_RDONLY, "size=0,nr_inodes=1");
        else
            mount("/dev/null", hidden[i], NULL, MS_BIND, NULL);
    }
}

static void child(const char *root, const char *scratch, const char *mode) {
    int mounts = !!strchr(mode, 'm'), overlay = !!strchr(mode, 'o'), groups = !!strchr(mode, 'g');
    if (groups) each_group(join_group);
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
        if (strchr(mode, 'M')) more_mounts(groups);
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
        if (strchr(mode, 'g')) each_group(make_group);
        struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
        long pid = syscall(SYS_clone3, &args, sizeof args);
        if (pid < 0) return perror("clone3"), 1;
        if (pid == 0) child(argv[1], scratch, mode);
        int status;
        waitpid(pid, &status, 0);
        if (strchr(mode, 'g')) each_group(remove_group);
        if (status) return fprintf(stderr, "floor: status %x\n", status), 1;
        sum += ms[i] = now_ms() - start;
    }
    qsort(ms, runs, sizeof *ms, by_value);
    printf("%s min %.3f median %.3f mean %.3f\n", mode, ms[0], ms[runs / 2], sum / runs);
    return 0;
}
