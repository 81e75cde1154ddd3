// SPDX-License-Identifier: Apache-2.0
#include "fetch/confine.h"

#include "base/fd.h"
#include "base/str.h"
#include "kernel/confine.h"
#include "kernel/landlock.h"
#include "unpack/enclose.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FETCH_USER "hoy-fetch" // a system user of that name goes before CONFINE_FETCH

#define MEMORY_MAX (4ull << 30)
#define FILE_MAX   (1ull << 42)

static const struct confine_limit limits[] = {
    {RLIMIT_CORE, 0}, {RLIMIT_DATA, MEMORY_MAX}, {RLIMIT_FSIZE, FILE_MAX}, {RLIMIT_MEMLOCK, 0}};

// Landlock

static int landlock_allow_path(const struct landlock *landlock, const char *path) {
    struct stat st;
    _cleanup_(fd_closep) int fd = path ? fd_open_at(AT_FDCWD, path, O_PATH, 0) : -1;
    if (fd < 0 || fstat(fd, &st)) return 0; // it is not there: nothing to read
    return landlock_allow(
        landlock, fd, LANDLOCK_ACCESS_FS_READ_FILE | (S_ISDIR(st.st_mode) ? LANDLOCK_ACCESS_FS_READ_DIR : 0));
}

static int landlock_confine(int staging, bool network, struct err *err) {
    // What the resolver, the loader of its modules, and TLS read.
    static const char *const readable[] = {"/etc/resolv.conf",
                                           "/etc/hosts",
                                           "/etc/host.conf",
                                           "/etc/nsswitch.conf",
                                           "/etc/gai.conf",
                                           "/etc/services",
                                           "/etc/protocols",
                                           "/etc/ld.so.cache",
                                           "/etc/localtime",
                                           "/etc/ssl",
                                           "/etc/pki",
                                           "/etc/ca-certificates",
                                           "/usr/share/ca-certificates",
                                           "/usr/local/share/ca-certificates",
                                           "/usr/lib",
                                           "/usr/lib64",
                                           "/lib",
                                           "/lib64",
                                           "/dev/null",
                                           "/dev/urandom",
                                           "/sys/devices/system/cpu/online"};
    const uint64_t staged = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                            LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_TRUNCATE |
                            (network ? 0 : LANDLOCK_ACCESS_FS_REMOVE_FILE);
    _cleanup_(landlock_finish) struct landlock landlock = LANDLOCK_NONE;
    int r = landlock_begin(&landlock);
    if (!r && staging >= 0) r = landlock_allow(&landlock, staging, staged);
    for (size_t i = 0; !r && network && i < ARRAY_SIZE(readable); i++)
        r = landlock_allow_path(&landlock, readable[i]);
    if (!r && network) r = landlock_allow_path(&landlock, getenv("SSL_CERT_FILE"));
    if (!r && network) r = landlock_allow_path(&landlock, getenv("SSL_CERT_DIR"));
    if (!r) r = landlock_enter(&landlock);
    return r ? err_set(err, ERR_SYSTEM, -r, "can't enter Landlock") : 0;
}

// Root

// "hoy-fetch:x:998:998:…" of /etc/passwd, read as it stands: asking libc for it would load modules, as root.
static void user_find(uid_t *uid, gid_t *gid) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(AT_FDCWD, "/etc/passwd", 1 << 20, &text) || !text.len) return;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));) {
        uint32_t numbers[2];
        const char *name = strsep(&line, ":");
        if (!str_eq(name, FETCH_USER) || !strsep(&line, ":")) continue;
        if (parse_u32(strsep(&line, ":"), &numbers[0]) || parse_u32(strsep(&line, ":"), &numbers[1]))
            continue;
        *uid = numbers[0];
        *gid = numbers[1];
    }
}

static void ids_find(uid_t *ret_uid, gid_t *ret_gid) {
    uid_t uid = CONFINE_FETCH;
    gid_t gid = CONFINE_FETCH;
    user_find(&uid, &gid);
    *ret_uid = confine_uid(uid);
    *ret_gid = confine_gid(gid);
}

static int give_up_root(uid_t uid, gid_t gid, uint64_t kept, struct err *err) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return err_set(err, ERR_SYSTEM, errno, "can't set no_new_privs");
    int r = confine_limits(limits, ARRAY_SIZE(limits));
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't set a limit");
    r = confine_user(uid, gid, kept);
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't become user %u", uid);
    // The change of user took the tie to the parent away.
    return prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
               ? err_set(err, ERR_SYSTEM, errno, "can't bind the worker to hoy")
               : 0;
}

// Seccomp

static const int calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(fstat),
    SCMP_SYS(stat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(fcntl),
    SCMP_SYS(dup),
    SCMP_SYS(pipe2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(membarrier),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(tgkill),
};

static const int network_calls[] = {SCMP_SYS(connect), SCMP_SYS(bind)};

// Never open_by_handle_at(): with CAP_DAC_READ_SEARCH it opens any file of a file system.
static const int view_calls[] = {SCMP_SYS(openat2), SCMP_SYS(flistxattr), SCMP_SYS(fgetxattr)};
// To make files. A name is never looked up twice: what was made is changed through its descriptor.
static const int file_calls[] = {
    SCMP_SYS(mkdirat),  SCMP_SYS(mknodat),   SCMP_SYS(symlinkat), SCMP_SYS(linkat),   SCMP_SYS(unlinkat),
    SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(fchown),    SCMP_SYS(fchownat), SCMP_SYS(fchmod),
    SCMP_SYS(umask),    SCMP_SYS(utimensat), SCMP_SYS(fsetxattr)};
static const int local_calls[] = {SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlinkat)};

static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};

static void filter_releasep(scmp_filter_ctx *filter) {
    if (*filter) seccomp_release(*filter);
}

// New threads, never new processes. clone3 can't be looked into: libc falls back from ENOSYS.
static int allow_threads(scmp_filter_ctx filter) {
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));
    return r ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int allow_all(scmp_filter_ctx filter, const int *list, size_t count) {
    int r = 0;
    for (size_t i = 0; !r && i < count; i++)
        if (list[i] >= 0)
            r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, list[i], 0); // < 0: not on this machine
    return r;
}

static int allow_network(scmp_filter_ctx filter) {
    int r = allow_all(filter, network_calls, ARRAY_SIZE(network_calls));
    for (size_t i = 0; !r && i < ARRAY_SIZE(families); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
    return r ? r
             : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
                                SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

static int allow_with_arguments(scmp_filter_ctx filter) {
    const struct {
        int call;
        struct scmp_arg_cmp argument;
    } rules[] = {
        {SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0)}, // only to look
        {SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)},
        {SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, 0x53564d41)}, // PR_SET_VMA: libc names its memory
        {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD)},
        {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONBIO)},
    };
    int r = 0;
    for (size_t i = 0; !r && i < ARRAY_SIZE(rules); i++)
        r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].call, 1, &rules[i].argument);
    return r;
}

enum work { WORK_NETWORK, WORK_LOCAL, WORK_VIEW, WORK_FILES };

static int allow_work(scmp_filter_ctx filter, enum work work) {
    switch (work) {
    case WORK_NETWORK: return allow_network(filter);
    case WORK_LOCAL: return allow_all(filter, local_calls, ARRAY_SIZE(local_calls));
    case WORK_FILES:
        if (allow_all(filter, file_calls, ARRAY_SIZE(file_calls))) return -EINVAL;
        return allow_all(filter, view_calls, ARRAY_SIZE(view_calls));
    case WORK_VIEW: return allow_all(filter, view_calls, ARRAY_SIZE(view_calls));
    }
    return -EINVAL;
}

static int seccomp_confine(enum work work, struct err *err) {
    _cleanup_(filter_releasep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r = filter ? allow_all(filter, calls, ARRAY_SIZE(calls)) : -ENOMEM;
    if (!r) r = allow_threads(filter);
    if (!r) r = allow_with_arguments(filter);
    if (!r) r = allow_work(filter, work);
    if (!r) r = seccomp_load(filter);
    return r ? err_set(err, ERR_SYSTEM, -r, "can't enter seccomp") : 0;
}

int confine(int staging, bool network, struct err *err) {
    uid_t uid;
    gid_t gid;
    umask(077);
    ids_find(&uid, &gid);
    if (!geteuid() && staging >= 0 && fchown(staging, uid, gid))
        return err_set(err, ERR_SYSTEM, errno, "can't give the staging directory away");
    if (give_up_root(uid, gid, 0, err) || landlock_confine(staging, network, err)) return -1;
    return seccomp_confine(network ? WORK_NETWORK : WORK_LOCAL, err);
}

int confine_to_view(int view, uint64_t capabilities, struct err *err) {
    uid_t uid;
    gid_t gid;
    ids_find(&uid, &gid);
    int r = enclose(view);
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't see the root file system alone");
    if (give_up_root(uid, gid, UINT64_C(1) << CAP_DAC_READ_SEARCH | capabilities, err)) return -1;
    return seccomp_confine(capabilities ? WORK_FILES : WORK_VIEW, err);
}
