// SPDX-License-Identifier: Apache-2.0
#include "resolver/confine.h"

#include "base/fd.h"
#include "kernel/confine.h"
#include "kernel/landlock.h"

#include <errno.h>
#include <net/if.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define MEMORY_MAX (512ull << 20)
#define FILES_MAX  262144

static const struct confine_limit limits[] = {{RLIMIT_CORE, 0},
                                              {RLIMIT_DATA, MEMORY_MAX},
                                              {RLIMIT_FSIZE, 0},
                                              {RLIMIT_MEMLOCK, 0},
                                              {RLIMIT_NOFILE, FILES_MAX}};

// A rule holds for the file that is there now, and resolv.conf is replaced by others: so it is the
// directories where it may come to be, of which nothing can be listed. What is in there for everybody to read
// is not secret. A link to anywhere else leads to one file, and what replaces that another resolver reads.
static const char *const folders[] = {
    "/etc",         "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf",
    "/run/connman", "/run/netconfig"};

static bool was_there[ARRAY_SIZE(folders)];
static struct stat was_file;

bool confine_is_outdated(void) {
    struct stat st;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (!was_there[i] && !stat(folders[i], &st)) return true;
    return !stat(HOST_RESOLV_CONF, &st) && (st.st_ino != was_file.st_ino || st.st_dev != was_file.st_dev);
}

static int file_allow(struct landlock *landlock) {
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, HOST_RESOLV_CONF, O_PATH, 0);
    if (fd < 0) return 0;
    return fstat(fd, &was_file) ? -errno : landlock_allow(landlock, fd, LANDLOCK_ACCESS_FS_READ_FILE);
}

static int landlock_confine(int directory, struct err *err) {
    _cleanup_(landlock_finish) struct landlock landlock = LANDLOCK_NONE;
    int r = landlock_begin(&landlock);
    if (!r)
        r = landlock_allow(&landlock, directory, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
    for (size_t i = 0; !r && i < ARRAY_SIZE(folders); i++) {
        _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, folders[i], O_PATH | O_DIRECTORY, 0);
        was_there[i] = fd >= 0;
        if (fd >= 0) r = landlock_allow(&landlock, fd, LANDLOCK_ACCESS_FS_READ_FILE);
    }
    if (!r) r = file_allow(&landlock);
    if (!r) r = landlock_enter(&landlock);
    return r ? err_set(err, ERR_SYSTEM, -r, "can't enter Landlock") : 0;
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
        {SCMP_SYS(getsockopt), SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET)},
        {SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, 0x53564d41)}, // PR_SET_VMA: libc names its memory
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
    int r = confine_limits(limits, ARRAY_SIZE(limits));
    if (!r) r = confine_user(CONFINE_RESOLVER, CONFINE_RESOLVER, 0);
    if (r) return err_set(err, ERR_SYSTEM, -r, "can't give up root");
    return landlock_confine(directory, err) ? -1 : seccomp_confine(err);
}
