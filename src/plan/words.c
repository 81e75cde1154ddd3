// SPDX-License-Identifier: Apache-2.0
#include "plan/words.h"

#include "base/macro.h"

#include <linux/sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

const struct word words_namespaces[] = {
    {CLONE_NEWUSER, "user"},     {CLONE_NEWPID, "pid"},   {CLONE_NEWNET, "net"},
    {CLONE_NEWNS, "mount"},      {CLONE_NEWUTS, "uts"},   {CLONE_NEWIPC, "ipc"},
    {CLONE_NEWCGROUP, "cgroup"}, {CLONE_NEWTIME, "time"}, {0, NULL}};

const struct word words_mount_flags[] = {{MS_RDONLY, "ro"},
                                         {MS_NOSUID, "nosuid"},
                                         {MS_NODEV, "nodev"},
                                         {MS_NOEXEC, "noexec"},
                                         {MS_SYNCHRONOUS, "sync"},
                                         {MS_DIRSYNC, "dirsync"},
                                         {MS_MANDLOCK, "mand"},
                                         {MS_NOSYMFOLLOW, "nosymfollow"},
                                         {MS_NOATIME, "noatime"},
                                         {MS_NODIRATIME, "nodiratime"},
                                         {MS_RELATIME, "relatime"},
                                         {MS_STRICTATIME, "strictatime"},
                                         {MS_LAZYTIME, "lazytime"},
                                         {MS_SILENT, "silent"},
                                         {0, NULL}};

const struct word words_propagation[] = {{MS_PRIVATE | MS_REC, "rprivate"},
                                         {MS_SLAVE | MS_REC, "rslave"},
                                         {MS_SHARED | MS_REC, "rshared"},
                                         {MS_UNBINDABLE | MS_REC, "runbindable"},
                                         {MS_PRIVATE, "private"},
                                         {MS_SLAVE, "slave"},
                                         {MS_SHARED, "shared"},
                                         {MS_UNBINDABLE, "unbindable"},
                                         {0, NULL}};

void words_add(struct str *text, uint64_t bits, const struct word *words, const char *separator) {
    const char *before = "";
    for (; words->bits; words++) {
        if ((bits & words->bits) != words->bits) continue;
        str_printf(text, "%s%s", before, words->text);
        bits &= ~words->bits;
        before = separator;
    }
    if (bits) str_printf(text, "%s%#llx", before, (unsigned long long)bits);
}

// MOUNT_ATTR_* of linux/mount.h, which does not go together with sys/mount.h. Setting one of the access time
// attributes clears the others of that group first.
#define ATIME_GROUP 0x70
static const struct {
    uint64_t bit;
    const char *set, *clear;
} recursive_words[] = {
    {0x01, "rro", "rrw"},
    {0x02, "rnosuid", "rsuid"},
    {0x04, "rnodev", "rdev"},
    {0x08, "rnoexec", "rexec"},
    {0x10, "rnoatime", NULL},
    {0x20, "rstrictatime", NULL},
    {0x80, "rnodiratime", "rdiratime"},
    {0x00200000, "rnosymfollow", "rsymfollow"},
};

void words_add_recursive(struct str *text, uint64_t set, uint64_t clear) {
    const char *before = "";
    for (size_t i = 0; i < ARRAY_SIZE(recursive_words); i++) {
        const char *word = set & recursive_words[i].bit     ? recursive_words[i].set
                           : clear & recursive_words[i].bit ? recursive_words[i].clear
                                                            : NULL;
        if (!word) continue;
        str_printf(text, "%s%s", before, word);
        before = ",";
    }
    if ((clear & ATIME_GROUP) == ATIME_GROUP && !(set & ATIME_GROUP)) str_printf(text, "%srrelatime", before);
}

static const char *const capabilities[] = {
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
};

void words_add_caps(struct str *text, uint64_t mask, const char *prefix, const char *separator) {
    const char *before = "";
    for (unsigned n = 0; n < 64; n++) {
        if (!(mask >> n & 1)) continue;
        if (n < ARRAY_SIZE(capabilities))
            str_printf(text, "%s%s%s", before, prefix, capabilities[n]);
        else
            str_printf(text, "%s%scap_%u", before, prefix, n);
        before = separator;
    }
}

const char *words_rlimit(int resource) {
    static const char *const names[] = {
        [RLIMIT_AS] = "as",           [RLIMIT_CORE] = "core",         [RLIMIT_CPU] = "cpu",
        [RLIMIT_DATA] = "data",       [RLIMIT_FSIZE] = "fsize",       [RLIMIT_LOCKS] = "locks",
        [RLIMIT_MEMLOCK] = "memlock", [RLIMIT_MSGQUEUE] = "msgqueue", [RLIMIT_NICE] = "nice",
        [RLIMIT_NOFILE] = "nofile",   [RLIMIT_NPROC] = "nproc",       [RLIMIT_RSS] = "rss",
        [RLIMIT_RTPRIO] = "rtprio",   [RLIMIT_RTTIME] = "rttime",     [RLIMIT_SIGPENDING] = "sigpending",
        [RLIMIT_STACK] = "stack",
    };
    return resource >= 0 && (size_t)resource < ARRAY_SIZE(names) ? names[resource] : NULL;
}

const char *words_policy(uint32_t policy) {
    static const char *const names[] = {"other", "fifo", "rr", "batch", "iso", "idle", "deadline"};
    return policy < ARRAY_SIZE(names) ? names[policy] : "?";
}

void words_add_quoted(struct str *text, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@%=";
    if (*word && !word[strspn(word, plain)]) {
        str_add(text, word);
        return;
    }
    str_add_char(text, '\'');
    for (; *word; word++)
        if (*word == '\'')
            str_add(text, "'\\''");
        else
            str_add_char(text, *word);
    str_add_char(text, '\'');
}
