// SPDX-License-Identifier: Apache-2.0
#include "engine/top_proc.h"

#include "base/clock.h"
#include "base/fd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

struct process {
    int ppid;
    unsigned tty;
    unsigned long long ticks, start_ticks; // of CPU; since the boot
    char name[64];
};

// The name stands in brackets and may have any character.
static bool parse_stat(char *text, struct process *p) {
    unsigned long long user, kernel;
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close) return false;
    *close = 0;
    snprintf(p->name, sizeof p->name, "%s", open + 1);
    int n =
        sscanf(close + 1, " %*c %d %*d %*d %u %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu",
               &p->ppid, &p->tty, &user, &kernel, &p->start_ticks);
    p->ticks = user + kernel;
    return n == 5;
}

static const char *tty_name(struct arena *arena, unsigned tty) {
    if (!tty) return "?";
    if (major(tty) >= 136 && major(tty) <= 143) return arena_printf(arena, "pts/%u", minor(tty));
    return arena_printf(arena, "tty%u", minor(tty));
}

static const char *command(struct arena *arena, int dir, const struct process *p) {
    _cleanup_(str_finish) struct str text = {0};
    if (file_read_at(dir, "cmdline", 1 << 20, &text) || !text.len)
        return arena_printf(arena, "[%s]", p->name);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] < ' ') text.data[i] = ' ';
    while (text.len && text.data[text.len - 1] == ' ') text.data[--text.len] = 0;
    return arena_strdup(arena, str_get(&text));
}

static const char *user_name(struct arena *arena, int dir) {
    struct stat st;
    if (fstat(dir, &st)) return "?";
    return arena_printf(arena, "%u", st.st_uid);
}

static const char *start_text(struct arena *arena, int64_t started_ns) {
    time_t seconds = (time_t)(started_ns / 1000000000);
    bool today = clock_wall_ns() - started_ns < 86400ll * 1000000000;
    struct tm tm;
    char text[16];
    localtime_r(&seconds, &tm);
    strftime(text, sizeof text, today ? "%H:%M" : "%b%d", &tm);
    return arena_strdup(arena, text);
}

static bool read_row(struct arena *arena, pid_t pid, struct strings *row) {
    char path[32];
    struct process p;
    _cleanup_(str_finish) struct str stat = {0};
    long hz = sysconf(_SC_CLK_TCK);
    snprintf(path, sizeof path, "/proc/%d", pid);
    _cleanup_(fd_closep) int dir = fd_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0 || file_read_at(dir, "stat", 4096, &stat) || !stat.len || !parse_stat(stat.data, &p))
        return false;
    struct timespec up;
    clock_gettime(CLOCK_BOOTTIME, &up);
    int64_t age_s = up.tv_sec - (int64_t)(p.start_ticks / (unsigned long long)hz);
    unsigned long long cpu_s = p.ticks / (unsigned long long)hz;
    const char *cells[] = {
        user_name(arena, dir),
        arena_printf(arena, "%d", pid),
        arena_printf(arena, "%d", p.ppid),
        arena_printf(arena, "%llu", age_s > 0 ? cpu_s * 100 / (unsigned long long)age_s : 0),
        start_text(arena, clock_wall_ns() - age_s * 1000000000),
        tty_name(arena, p.tty),
        arena_printf(arena, "%02llu:%02llu:%02llu", cpu_s / 3600, cpu_s / 60 % 60, cpu_s % 60),
        command(arena, dir, &p),
    };
    for (size_t i = 0; i < ARRAY_SIZE(cells); i++) strings_add(arena, row, cells[i]);
    return true;
}

void top_read_proc(struct arena *arena, const pid_t *pids, size_t count, struct process_table *table) {
    static const char *const titles[] = {"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"};
    for (size_t i = 0; i < ARRAY_SIZE(titles); i++) strings_add(arena, &table->titles, titles[i]);
    for (size_t i = 0; i < count; i++) {
        struct strings row = {0};
        if (read_row(arena, pids[i], &row)) *arena_push(arena, &table->rows) = row;
    }
}
