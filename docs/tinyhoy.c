// SPDX-License-Identifier: Apache-2.0
// One container in one program, to read from top to bottom. What hoy does with images, plans, shims and
// networks stands on the few steps here, and on nothing else:
//
//   a container is a root filesystem, namespaces, cgroups, and the host's own kernel.
//
//     tinyhoy ROOTFS COMMAND [ARG...]
//
// ROOTFS is a directory with a root filesystem in it. The command sees it as "/", writes go to memory and are
// lost at the end; it is process 1, has a hostname, a network with nothing in it, and mounts of its own; it
// may have a hundred processes and a sixteenth of a gigabyte of memory; and it is root in name, with a few of
// root's powers. Run it as root.
#include "base/fd.h"
#include "base/macro.h"
#include "kernel/caps.h"
#include "kernel/cgroup.h"
#include "kernel/link.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "kernel/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h> // struct clone_args
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Every step either works or ends it all: a container that is half closed is open.
static int must(int r, const char *what) {
    if (r >= 0) return r;
    fprintf(stderr, "tinyhoy: %s: %s\n", what, strerror(-r));
    _exit(125);
}
// The same for system calls, which say -1 and errno.
#define must_call(call) must((call) < 0 ? -errno : 0, #call)

// 1. A cgroup: how much of the machine the container gets.
//
// A group is a directory in the kernel's own file systems, a limit is a file in it, and a process joins by
// being written into a list. There is one tree for all controllers (v2) or one for each (v1); a machine may
// have both.

static void limit(const char *group, const char *v1, const char *v2, const char *value) {
    char path[256];
    struct cgroup_layout layout;
    must(cgroup_layout_read(&layout), "find the cgroups");
    for (size_t i = 0; i < layout.count; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", layout.items[i].mount, group, layout.items[i].v2 ? v2 : v1);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) continue; // this tree does not have that controller
        must_call(write(fd, value, strlen(value)));
        close(fd);
    }
}

static void each_group(const char *group, int (*function)(const char *path)) {
    char path[256];
    struct cgroup_layout layout;
    must(cgroup_layout_read(&layout), "find the cgroups");
    for (size_t i = 0; i < layout.count; i++) {
        snprintf(path, sizeof path, "%s/%s", layout.items[i].mount, group);
        must(function(path), path);
    }
}

static void cgroup_make(const char *group) {
    each_group(group, cgroup_create);
    limit(group, "pids.max", "pids.max", "100");
    limit(group, "memory.limit_in_bytes", "memory.max", "67108864");
}

// 2. A root filesystem: the directory, read-only, below a layer of memory that takes what is written.
//
// Mounts are made detached: they exist, have a descriptor, and are nowhere. Only when they are as they should
// be are they put in their place, and the place is a descriptor that was looked up inside the root: a link in
// there that says /etc means the container's own.

static void mount_at(int root, const char *place, const char *type, uint64_t flags, const char *data) {
    _cleanup_(fd_closep) int target = must(path_make_in(root, place, false), place);
    _cleanup_(fd_closep) int mount = must(mount_new(type, type, flags, data), type);
    must(mount_attach(mount, target), place);
}

static int root_make(const char *directory) {
    _cleanup_(fd_closep) int lower =
        must(fd_open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY, 0), directory);
    _cleanup_(fd_closep) int memory =
        must(mount_new("tmpfs", "tinyhoy", MS_NOSUID | MS_NODEV, "mode=0755"), "tmpfs");
    must_call(mkdirat(memory, "upper", 0755));
    must_call(mkdirat(memory, "work", 0755));
    must_call(mkdirat(memory, "root", 0755));
    // In a place where an overlay can name them. This mount namespace is ours alone already.
    _cleanup_(fd_closep) int place = must(fd_open_at(AT_FDCWD, "/tmp", O_PATH | O_DIRECTORY, 0), "/tmp");
    must(mount_attach(memory, place), "/tmp");

    char data[128];
    snprintf(data, sizeof data, "lowerdir=/proc/self/fd/%d,upperdir=/tmp/upper,workdir=/tmp/work", lower);
    int root = must(mount_new("overlay", "overlay", 0, data), "overlay");
    _cleanup_(fd_closep) int target =
        must(fd_open_at(AT_FDCWD, "/tmp/root", O_PATH | O_DIRECTORY, 0), "/tmp/root");
    must(mount_attach(root, target), "the root filesystem");
    return root;
}

// 3. What the kernel shows of itself in there, and the devices that every program expects.

static void device_bind(int root, const char *name) {
    char host[32], inside[32];
    snprintf(host, sizeof host, "/dev/%s", name);
    snprintf(inside, sizeof inside, "dev/%s", name);
    _cleanup_(fd_closep) int node = must(mount_clone(AT_FDCWD, host, false), host);
    _cleanup_(fd_closep) int target = must(path_make_in(root, inside, true), inside);
    must(mount_attach(node, target), inside);
}

static void kernel_views(int root) {
    mount_at(root, "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_at(root, "dev", "tmpfs", MS_NOSUID, "mode=0755");
    mount_at(root, "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620");
    mount_at(root, "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777");
    mount_at(root, "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
    for (const char *const *name = (const char *const[]){"null", "zero", "full", "random", "urandom", NULL};
         *name; name++)
        device_bind(root, *name);
    // The host's memory, and the keys that a reboot hangs on, are behind files of /proc: hide them.
    for (const char *const *path = (const char *const[]){"proc/kcore", "proc/sysrq-trigger", NULL}; *path;
         path++) {
        _cleanup_(fd_closep) int target = path_open_in(root, *path, 0);
        if (target < 0) continue; // not on this kernel
        _cleanup_(fd_closep) int nothing = must(mount_clone(AT_FDCWD, "/dev/null", false), "/dev/null");
        must(mount_attach(nothing, target), *path);
    }
}

// 4. What root may not do in there. Two fences: capabilities are the parts of root's power; the filter is a
// program that the kernel asks before every system call.

static void powers_drop(void) {
    const uint64_t keep = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER |
                          1ull << CAP_FSETID | 1ull << CAP_KILL | 1ull << CAP_SETGID | 1ull << CAP_SETUID |
                          1ull << CAP_NET_BIND_SERVICE;
    must(caps_set_bounding(keep), "capabilities");
    must(caps_set(keep, keep, 0), "capabilities");
    must_call(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

#define DENY(call)                                         \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static void filter_load(void) {
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
#ifdef __x86_64__
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
#else
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 1, 0),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), // another machine's numbers mean other calls
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        DENY(mount),
        DENY(umount2),
        DENY(pivot_root),
        DENY(unshare),
        DENY(setns),
        DENY(ptrace),
        DENY(bpf),
        DENY(keyctl),
        DENY(init_module),
        DENY(finit_module),
        DENY(kexec_load),
        DENY(reboot),
        DENY(open_by_handle_at),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct seccomp_program *program = calloc(1, seccomp_program_size(ARRAY_SIZE(code)));
    if (!program) must(-ENOMEM, "the filter");
    program->count = ARRAY_SIZE(code);
    memcpy(program->instructions, code, sizeof code);
    must(seccomp_program_load(program, seccomp_program_size(program->count)), "the filter");
    free(program);
}

// 5. The container's first process: born into new namespaces by clone3, it builds its own world, then becomes
// the command. An open descriptor would be a way out: all are close-on-exec, and that is said once more at
// the end.

static void child(const char *directory, char **command) {
    // Nothing that is mounted from here on is seen outside, and the other way round.
    must_call(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must_call(sethostname("tiny", 4));
    must(link_up("lo"), "lo");
    _cleanup_(fd_closep) int root = root_make(directory);
    kernel_views(root);
    must(mount_pivot(root, false), "pivot_root");
    powers_drop();
    filter_load();
    must_call(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC));
    must_call(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
    clearenv();
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    execvp(command[0], command);
    fprintf(stderr, "tinyhoy: %s: %s\n", command[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

// A process that writes "0" moves itself. On v1 into "tasks": that moves one thread, which is all of us, and
// does not wait until the whole machine has noticed.
static void join(const char *group) {
    limit(group, "tasks", "cgroup.procs", "0");
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: tinyhoy ROOTFS COMMAND [ARG...]\n"), 125;
    char group[64];
    snprintf(group, sizeof group, "hoy/tiny-%d", getpid());
    cgroup_make(group);

    struct clone_args namespaces = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
        .exit_signal = SIGCHLD,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &namespaces, sizeof namespaces);
    if (pid < 0) must(-errno, "clone3");
    if (pid == 0) {
        join(group);
        // After joining, so that the group it is in looks like the top of the tree.
        must_call(unshare(CLONE_NEWCGROUP));
        child(argv[1], argv + 2);
    }
    int status;
    must_call(waitpid(pid, &status, 0));
    // Process 1 is gone, and with it everything in its pid namespace, its mounts and its network.
    each_group(group, cgroup_remove);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
