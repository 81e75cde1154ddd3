// SPDX-License-Identifier: Apache-2.0
#include "resolver/confine.h"

#include "base/fd.h"

#include <errno.h>
#include <grp.h>
#include <linux/landlock.h>
#include <net/if.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The next number after hoy-fetch's, of which nobody hands out any either.
#define RESOLVER_UID 78672

#define MEMORY_MAX (512ull << 20)
#define FILES_MAX  65536

// Newer than Debian 12's linux/landlock.h.
#define FS_TRUNCATE                (1ull << 14)
#define FS_IOCTL_DEV               (1ull << 15)
#define NET_BIND_TCP               (1ull << 0)
#define SCOPE_ABSTRACT_AND_SIGNALS 3ull

static int set_limits(struct err *err) {
    const struct {
        int resource;
        rlim_t limit;
    } limits[] = {{RLIMIT_CORE, 0},
                  {RLIMIT_DATA, MEMORY_MAX},
                  {RLIMIT_FSIZE, 0},
                  {RLIMIT_MEMLOCK, 0},
                  {RLIMIT_NOFILE, FILES_MAX}};
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        struct rlimit now;
        if (getrlimit((__rlimit_resource_t)limits[i].resource, &now))
            return err_set(err, ERR_SYSTEM, errno, "can't read a limit");
        rlim_t limit = limits[i].limit < now.rlim_max ? limits[i].limit : now.rlim_max;
        if (setrlimit((__rlimit_resource_t)limits[i].resource, &(struct rlimit){limit, limit}))
            return err_set(err, ERR_SYSTEM, errno, "can't set a limit");
    }
    return 0;
}

// Landlock

static uint64_t all_access(long abi) {
    uint64_t access = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (abi >= 2) access |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3) access |= FS_TRUNCATE;
    if (abi >= 5) access |= FS_IOCTL_DEV;
    return access;
}

static int allow(int ruleset, int fd, uint64_t access) {
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static void allow_folder(int ruleset, const char *path) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    if (fd >= 0) (void)allow(ruleset, fd, LANDLOCK_ACCESS_FS_READ_FILE); // else it is not there
}

// A rule holds for the file that is there now, and resolv.conf is replaced by others: so it is the
// directories where it may come to be, of which nothing can be listed. What is in there for everybody to read
// is not secret.
static const char *const folders[] = {
    "/etc",         "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf",
    "/run/connman", "/run/netconfig"};

static int landlock_confine(int directory, struct err *err) {
    struct {
        uint64_t fs, net, scoped;
    } attributes = {0};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) return 0; // an older kernel: uid and seccomp hold
    attributes.fs = all_access(abi);
    if (abi >= 4) attributes.net = NET_BIND_TCP;
    if (abi >= 6) attributes.scoped = SCOPE_ABSTRACT_AND_SIGNALS;
    size_t size = abi >= 6 ? sizeof attributes : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    _cleanup_(fd_closep) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (ruleset < 0) return err_set(err, ERR_SYSTEM, errno, "can't make a Landlock ruleset");
    if (allow(ruleset, directory, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
        return err_set(err, ERR_SYSTEM, errno, "can't allow the networks' directory");
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) allow_folder(ruleset, folders[i]);
    if (syscall(SYS_landlock_restrict_self, ruleset, 0))
        return err_set(err, ERR_SYSTEM, errno, "can't enter Landlock");
    return 0;
}

// Root

static int drop_root(struct err *err) {
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
            return err_set(err, ERR_SYSTEM, errno, "can't drop capabilities");
    if (setgroups(0, NULL) || setresgid(RESOLVER_UID, RESOLVER_UID, RESOLVER_UID) ||
        setresuid(RESOLVER_UID, RESOLVER_UID, RESOLVER_UID))
        return err_set(err, ERR_SYSTEM, errno, "can't become user %d", RESOLVER_UID);
    if (setuid(0) == 0) return err_set(err, ERR_SYSTEM, EPERM, "can't give up root");
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? err_set(err, ERR_SYSTEM, errno, "can't be closed to others")
                                              : 0;
}

// Seccomp: no socket to listen at, nothing to write to but sockets, no other process.

static const int calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(close),
    SCMP_SYS(openat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
};

static void filter_releasep(scmp_filter_ctx *filter) {
    if (*filter) seccomp_release(*filter);
}

static int allow_with_arguments(scmp_filter_ctx filter) {
    const struct {
        int call;
        struct scmp_arg_cmp argument;
    } rules[] = {
        {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_INET)},
        {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_INET6)},
        {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_UNIX)},     // if_nametoindex's
        {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, SIOCGIFINDEX)}, // the same
        {SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, 0x53564d41)},   // PR_SET_VMA: libc names its memory
    };
    int r = 0;
    for (size_t i = 0; !r && i < ARRAY_SIZE(rules); i++)
        r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].call, 1, &rules[i].argument);
    return r;
}

static int seccomp_confine(struct err *err) {
    _cleanup_(filter_releasep) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r = filter ? allow_with_arguments(filter) : -ENOMEM;
    for (size_t i = 0; !r && i < ARRAY_SIZE(calls); i++)
        if (calls[i] >= 0)
            r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0); // else: not on this machine
    if (!r) r = seccomp_load(filter);
    return r ? err_set(err, ERR_SYSTEM, -r, "can't enter seccomp") : 0;
}

int confine(int directory, struct err *err) {
    umask(077);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return err_set(err, ERR_SYSTEM, errno, "can't set no_new_privs");
    if (set_limits(err)) return -1;
    if (!geteuid() && drop_root(err)) return -1; // else hoy was called without root
    if (landlock_confine(directory, err)) return -1;
    return seccomp_confine(err);
}
