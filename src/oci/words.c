// SPDX-License-Identifier: Apache-2.0
// Names of the kernel's numbers as the specification and users write them.
#include "oci/words.h"

#include "oci/spec.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

// In the order of their numbers.
const struct field_word words_capabilities[] = {
    {"CAP_CHOWN", 0},
    {"CAP_DAC_OVERRIDE", 1},
    {"CAP_DAC_READ_SEARCH", 2},
    {"CAP_FOWNER", 3},
    {"CAP_FSETID", 4},
    {"CAP_KILL", 5},
    {"CAP_SETGID", 6},
    {"CAP_SETUID", 7},
    {"CAP_SETPCAP", 8},
    {"CAP_LINUX_IMMUTABLE", 9},
    {"CAP_NET_BIND_SERVICE", 10},
    {"CAP_NET_BROADCAST", 11},
    {"CAP_NET_ADMIN", 12},
    {"CAP_NET_RAW", 13},
    {"CAP_IPC_LOCK", 14},
    {"CAP_IPC_OWNER", 15},
    {"CAP_SYS_MODULE", 16},
    {"CAP_SYS_RAWIO", 17},
    {"CAP_SYS_CHROOT", 18},
    {"CAP_SYS_PTRACE", 19},
    {"CAP_SYS_PACCT", 20},
    {"CAP_SYS_ADMIN", 21},
    {"CAP_SYS_BOOT", 22},
    {"CAP_SYS_NICE", 23},
    {"CAP_SYS_RESOURCE", 24},
    {"CAP_SYS_TIME", 25},
    {"CAP_SYS_TTY_CONFIG", 26},
    {"CAP_MKNOD", 27},
    {"CAP_LEASE", 28},
    {"CAP_AUDIT_WRITE", 29},
    {"CAP_AUDIT_CONTROL", 30},
    {"CAP_SETFCAP", 31},
    {"CAP_MAC_OVERRIDE", 32},
    {"CAP_MAC_ADMIN", 33},
    {"CAP_SYSLOG", 34},
    {"CAP_WAKE_ALARM", 35},
    {"CAP_BLOCK_SUSPEND", 36},
    {"CAP_AUDIT_READ", 37},
    {"CAP_PERFMON", 38},
    {"CAP_BPF", 39},
    {"CAP_CHECKPOINT_RESTORE", 40},
    {NULL, 0},
};
_Static_assert(ARRAY_SIZE(words_capabilities) == CAP_COUNT + 1, "one row a capability");

const struct field_word words_rlimits[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
    {NULL, 0},
};

const struct field_word words_namespace_types[] = {
    {"mount", CLONE_NEWNS},      {"pid", CLONE_NEWPID},   {"network", CLONE_NEWNET},
    {"uts", CLONE_NEWUTS},       {"ipc", CLONE_NEWIPC},   {"user", CLONE_NEWUSER},
    {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME}, {NULL, 0},
};

const struct field_word words_seccomp_actions[] = {
    {"SCMP_ACT_KILL", 0},        {"SCMP_ACT_KILL_PROCESS", 0},
    {"SCMP_ACT_KILL_THREAD", 0}, {"SCMP_ACT_TRAP", 0},
    {"SCMP_ACT_ERRNO", 0},       {"SCMP_ACT_TRACE", 0},
    {"SCMP_ACT_ALLOW", 0},       {"SCMP_ACT_LOG", 0},
    {"SCMP_ACT_NOTIFY", 0},      {NULL, 0},
};

// enum scmp_compare
const struct field_word words_seccomp_operators[] = {
    {"SCMP_CMP_NE", 1}, {"SCMP_CMP_LT", 2}, {"SCMP_CMP_LE", 3},        {"SCMP_CMP_EQ", 4},
    {"SCMP_CMP_GE", 5}, {"SCMP_CMP_GT", 6}, {"SCMP_CMP_MASKED_EQ", 7}, {NULL, 0},
};

const struct field_word words_seccomp_flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
    {"SECCOMP_FILTER_FLAG_LOG", 0},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", 0},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0},
    {NULL, 0},
};

const struct field_word words_seccomp_architectures[] = {
    {"SCMP_ARCH_X86", 0},         {"SCMP_ARCH_X86_64", 0},  {"SCMP_ARCH_X32", 0},
    {"SCMP_ARCH_ARM", 0},         {"SCMP_ARCH_AARCH64", 0}, {"SCMP_ARCH_LOONGARCH64", 0},
    {"SCMP_ARCH_M68K", 0},        {"SCMP_ARCH_MIPS", 0},    {"SCMP_ARCH_MIPS64", 0},
    {"SCMP_ARCH_MIPS64N32", 0},   {"SCMP_ARCH_MIPSEL", 0},  {"SCMP_ARCH_MIPSEL64", 0},
    {"SCMP_ARCH_MIPSEL64N32", 0}, {"SCMP_ARCH_PPC", 0},     {"SCMP_ARCH_PPC64", 0},
    {"SCMP_ARCH_PPC64LE", 0},     {"SCMP_ARCH_S390", 0},    {"SCMP_ARCH_S390X", 0},
    {"SCMP_ARCH_SH", 0},          {"SCMP_ARCH_SHEB", 0},    {"SCMP_ARCH_PARISC", 0},
    {"SCMP_ARCH_PARISC64", 0},    {"SCMP_ARCH_RISCV64", 0}, {NULL, 0},
};

const struct field_word words_root_propagation[] = {
    {"private", 0}, {"rprivate", 0}, {"shared", 0},     {"rshared", 0},     {"slave", 0},
    {"rslave", 0},  {"", 0},         {"unbindable", 0}, {"runbindable", 0}, {NULL, 0},
};

const struct field_word words_scheduler_policies[] = {
    {"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},       {"SCHED_BATCH", 3},
    {"SCHED_ISO", 4},   {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6}, {NULL, 0},
};

const struct field_word words_scheduler_flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 0},  {"SCHED_FLAG_RECLAIM", 1},
    {"SCHED_FLAG_DL_OVERRUN", 2},     {"SCHED_FLAG_KEEP_POLICY", 3},
    {"SCHED_FLAG_KEEP_PARAMS", 4},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 5},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 6}, {NULL, 0},
};

const struct field_word words_io_classes[] = {
    {"IOPRIO_CLASS_RT", 1},
    {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3},
    {NULL, 0},
};

const struct field_word words_personality_domains[] = {{"LINUX", 0}, {"LINUX32", 8}, {NULL, 0}};

const struct field_word words_memory_modes[] = {
    {"MPOL_DEFAULT", 0},
    {"MPOL_PREFERRED", 1},
    {"MPOL_BIND", 2},
    {"MPOL_INTERLEAVE", 3},
    {"MPOL_LOCAL", 4},
    {"MPOL_PREFERRED_MANY", 5},
    {"MPOL_WEIGHTED_INTERLEAVE", 6},
    {NULL, 0},
};

const struct field_word words_memory_flags[] = {
    {"MPOL_F_NUMA_BALANCING", 13},
    {"MPOL_F_RELATIVE_NODES", 14},
    {"MPOL_F_STATIC_NODES", 15},
    {NULL, 0},
};

// Of linux.devices; "u" is an unbuffered character device, the same to the kernel.
const struct field_word words_node_types[] = {{"c", 'c'}, {"b", 'b'}, {"u", 'u'}, {"p", 'p'}, {NULL, 0}};
// Of linux.resources.devices; an empty word is what some callers write for all.
const struct field_word words_device_types[] = {{"a", 'a'}, {"b", 'b'}, {"c", 'c'}, {"", 'a'}, {NULL, 0}};

// The number of a word given with or without its prefix, in any case.
static int number_of(const struct field_word *words, const char *prefix, const char *name) {
    size_t n = strlen(prefix);
    for (; words->word; words++) {
        if (strcasecmp(words->word, name) == 0 || strcasecmp(words->word + n, name) == 0)
            return (int)words->number;
    }
    return -EINVAL;
}

int cap_number(const char *name) {
    return number_of(words_capabilities, "CAP_", name);
}

const char *cap_name(unsigned number) {
    return number < CAP_COUNT ? words_capabilities[number].word : NULL;
}

int rlimit_number(const char *name) {
    return number_of(words_rlimits, "RLIMIT_", name);
}

const char *rlimit_name(int number) {
    for (const struct field_word *w = words_rlimits; w->word; w++) {
        if ((int)w->number == number) return w->word;
    }
    return NULL;
}
