// SPDX-License-Identifier: Apache-2.0
// A record is "priority,sequence,microseconds,flags;text\n", then lines of properties that begin with a
// space. Each read gives one.
//
// Of a killing for want of memory the kernel prints a table of the processes first, then a line
// "oom-kill:constraint=…,oom_memcg=/a,task_memcg=/a/b,task=sh,pid=12,…". Whose it was is known at its end.
#include "kernel/kmsg.h"

#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_PID_NAMESPACE 0xEFFFFFFC // PROC_PID_INIT_INO
#define RECORDS_MAX         100000     // somebody may write to it all the time
#define SAME_WANT_US        1000000

static void keep(struct kmsg_process *table, const struct kmsg_process *process) {
    size_t at = KMSG_BIGGEST;
    while (at > 0 && table[at - 1].bytes < process->bytes) at--;
    if (at == KMSG_BIGGEST) return;
    memmove(table + at + 1, table + at, (KMSG_BIGGEST - at - 1) * sizeof *table);
    table[at] = *process;
}

// "[   1689]     0  1689     5560     3904 … sh": pid, uid, tgid, total, resident pages; the last is the
// name.
static void take_row(struct kmsg_search *search, const char *text) {
    int pid;
    unsigned long long pages;
    const char *name = strrchr(text, ' ');
    struct kmsg_process process = {0};
    if (!name || sscanf(text, "[%d] %*d %*d %*u %llu", &pid, &pages) != 2) return;
    process.pid = pid;
    process.bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    snprintf(process.name, sizeof process.name, "%s", name + 1);
    keep(search->table, &process);
}

// The value of key in "a=1,b=2", up to the next comma.
static bool take_value(const char *text, const char *key, char *ret_value, size_t size) {
    const char *at = strstr(text, key);
    if (!at) return false;
    at += strlen(key);
    snprintf(ret_value, size, "%.*s", (int)strcspn(at, ","), at);
    return true;
}

static void take_killing(struct kmsg_search *search, const char *text, uint64_t time_us) {
    struct kmsg_answer *answer = search->answer;
    char group[sizeof answer->task_group] = "", pid[16] = "";
    if (!take_value(text, ",task_memcg=", group, sizeof group) || !strstr(group, search->subject->group))
        return;
    // The memory of who was killed takes a moment to be free: others may fall meanwhile, for the same want.
    if (answer->oom && time_us - search->killed_us < SAME_WANT_US) return;
    answer->oom = true;
    search->killed_us = time_us;
    snprintf(answer->task_group, sizeof answer->task_group, "%s", group);
    if (!take_value(text, ",oom_memcg=", answer->oom_group, sizeof answer->oom_group))
        answer->oom_group[0] = '\0';
    answer->killed = (struct kmsg_process){0};
    (void)take_value(text, ",task=", answer->killed.name, sizeof answer->killed.name);
    if (take_value(text, ",pid=", pid, sizeof pid)) answer->killed.pid = (int32_t)strtol(pid, NULL, 10);
    memcpy(answer->biggest, search->table, sizeof answer->biggest);
}

// Whether the line is about the process: "sh[12]: …", "… pid=12 comm=\"sh\" …".
static bool is_about(const char *text, const struct kmsg_subject *subject) {
    char first[40], second[40];
    if (subject->pid) {
        snprintf(first, sizeof first, "[%d]", subject->pid);
        snprintf(second, sizeof second, " pid=%d ", subject->pid);
    } else {
        snprintf(first, sizeof first, "%.15s[", subject->name);
        snprintf(second, sizeof second, " comm=\"%.15s\"", subject->name);
    }
    return strstr(text, first) || strstr(text, second);
}

static void take_line(struct kmsg_search *search, const char *text) {
    struct kmsg_answer *answer = search->answer;
    if (!is_about(text, search->subject)) return;
    bool is_audit = str_has_prefix(text, "audit: ");
    char *line = is_audit && strstr(text, "type=1326 ")                                ? answer->seccomp
                 : is_audit && (strstr(text, "=\"DENIED\"") || strstr(text, "denied")) ? answer->denial
                 : !is_audit && (strstr(text, " ip ") || strstr(text, " ip:"))         ? answer->fault
                                                                                       : NULL;
    if (line) snprintf(line, sizeof answer->fault, "%s", text);
}

void kmsg_take(struct kmsg_search *search, const char *record) {
    unsigned long long time_us;
    const char *text = strchr(record, ';');
    char line[1024];
    if (!text || sscanf(record, "%*[^,],%*[^,],%llu", &time_us) != 1 || time_us < search->subject->since_us)
        return;
    text++;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    if (str_has_prefix(line, "Tasks state"))
        memset(search->table, 0, sizeof search->table);
    else if (*line == '[')
        take_row(search, line);
    else if (str_has_prefix(line, "oom-kill:"))
        take_killing(search, line, time_us);
    else
        take_line(search, line);
}

bool kmsg_knows_pids(void) {
    struct stat st;
    return stat("/proc/self/ns/pid", &st) || st.st_ino == FIRST_PID_NAMESPACE;
}

int kmsg_find(const struct kmsg_subject *subject, struct kmsg_answer *ret_answer) {
    static char record[8192];
    struct kmsg_answer answer = {0};
    struct kmsg_search search = {.subject = subject, .answer = &answer};
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, "/dev/kmsg", O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) return fd;
    for (int i = 0; i < RECORDS_MAX; i++) {
        ssize_t n = read(fd, record, sizeof record - 1);
        if (n < 0 && (errno == EPIPE || errno == EINTR)) continue; // EPIPE: some were overwritten meanwhile
        if (n < 0 && errno != EAGAIN) return -errno;
        if (n <= 0) break;
        record[n] = '\0';
        kmsg_take(&search, record);
    }
    *ret_answer = answer;
    return 0;
}
