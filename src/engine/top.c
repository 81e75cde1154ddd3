// SPDX-License-Identifier: Apache-2.0
// As Docker does it: ps is asked for the container's processes by number, and where its options don't go with
// that for all, of which those with a number of the container's are taken.
#include "engine/top.h"

#include "engine/parts.h"
#include "engine/top_proc.h"
#include "kernel/cgroup.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_PS      127 // its exit status
#define OUTPUT_MAX (16 << 20)
#define BLANKS     " \t\v\f\r"

// ps

struct ps {
    struct str output, errors;
    int status; // of its exit
};

static void ps_finish(struct ps *ps) {
    str_finish(&ps->output);
    str_finish(&ps->errors);
}

static void execute(const char *const *argv, int output, int errors) {
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    execvp("ps", (char *const *)argv);
    _exit(NO_PS);
}

// Both pipes to their ends; what is too much is not kept.
static int collect(int output, int errors, struct ps *ps) {
    struct pollfd polls[] = {{.fd = output, .events = POLLIN}, {.fd = errors, .events = POLLIN}};
    struct str *texts[] = {&ps->output, &ps->errors};
    char bytes[16 << 10];
    while (polls[0].fd >= 0 || polls[1].fd >= 0) {
        if (poll(polls, 2, -1) < 0 && errno != EINTR) return -errno;
        for (int i = 0; i < 2; i++) {
            if (polls[i].fd < 0 || !polls[i].revents) continue;
            ssize_t n = read(polls[i].fd, bytes, sizeof bytes);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return -errno;
            if (n == 0) polls[i].fd = -1;
            if (n > 0 && texts[i]->len < OUTPUT_MAX) str_add_n(texts[i], bytes, (size_t)n);
        }
    }
    return 0;
}

static int run_ps(const char *const *argv, struct ps *ps, struct err *err) {
    int out[2] = {-1, -1}, errs[2] = {-1, -1}, status;
    bool piped = !pipe2(out, O_CLOEXEC) && !pipe2(errs, O_CLOEXEC);
    pid_t pid = piped ? fork() : -1;
    int error = errno;
    if (pid == 0) execute(argv, out[1], errs[1]);
    fd_closep(&out[1]);
    fd_closep(&errs[1]);
    int r = pid < 0 ? -error : collect(out[0], errs[0], ps);
    fd_closep(&out[0]);
    fd_closep(&errs[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (r) return err_set(err, ERR_SYSTEM, -r, "run ps");
    ps->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}

static const char **ps_arguments(struct arena *arena, const struct strings *options, const char *last) {
    const char **argv = arena_array(arena, const char *, options->count + 4);
    size_t n = 0;
    argv[n++] = "ps";
    if (!options->count) argv[n++] = "-ef";
    for (size_t i = 0; i < options->count; i++) argv[n++] = options->items[i];
    argv[n++] = last;
    argv[n] = NULL;
    return argv;
}

static const char *pid_list(struct arena *arena, const pid_t *pids, size_t count) {
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < count; i++) str_printf(&text, "%s%d", i ? "," : "-q", pids[i]);
    return arena_strdup(arena, str_get(&text));
}

static int ask_ps(struct arena *arena, const struct strings *options, const pid_t *pids, size_t count,
                  struct ps *ps, struct err *err) {
    if (run_ps(ps_arguments(arena, options, pid_list(arena, pids, count)), ps, err)) return -1;
    if (!ps->status || ps->status == NO_PS) return 0;
    ps_finish(ps);
    *ps = (struct ps){0};
    if (run_ps(ps_arguments(arena, options, NULL), ps, err)) return -1;
    if (!options->count && ps->status) ps->status = NO_PS; // one of another kind
    if (!ps->status || ps->status == NO_PS) return 0;
    const char *why = str_get(&ps->errors);
    return err_set(err, ERR_INVALID, 0, "ps: %.*s", (int)strcspn(why, "\n"), why);
}

// What it printed

// The line's words; what is over after the last of count is one. count 0: all. The line is cut up.
static struct strings split(struct arena *arena, char *line, size_t count) {
    struct strings words = {0};
    for (char *at = line + strspn(line, BLANKS); *at;) {
        strings_add(arena, &words, at);
        if (words.count == count) break;
        at += strcspn(at, BLANKS);
        if (*at) *at++ = 0;
        at += strspn(at, BLANKS);
    }
    return words;
}

static size_t pid_column(const struct strings *titles) {
    for (size_t i = 0; i < titles->count; i++)
        if (str_eq(titles->items[i], "PID")) return i;
    return SIZE_MAX;
}

static bool is_ours(const char *text, const pid_t *pids, size_t count) {
    char *end;
    long pid = strtol(text, &end, 10);
    for (size_t i = 0; i < count && !*end; i++)
        if (pids[i] == pid) return true;
    return false;
}

static int read_table(struct arena *arena, char *text, const pid_t *pids, size_t count,
                      struct process_table *table, struct err *err) {
    bool ours = false;
    char *line = strsep(&text, "\n");
    table->titles = split(arena, line ? line : (char *)"", 0);
    size_t column = pid_column(&table->titles);
    if (column == SIZE_MAX) return err_set(err, ERR_INVALID, 0, "Couldn't find PID field in ps output");
    while ((line = strsep(&text, "\n"))) {
        struct strings words = split(arena, line, table->titles.count);
        if (words.count <= column) continue;
        // A thread's line says "-", and comes after its process's.
        if (!str_eq(words.items[column], "-")) ours = is_ours(words.items[column], pids, count);
        while (ours && words.count < table->titles.count) strings_add(arena, &words, "");
        if (ours) *arena_push(arena, &table->rows) = words;
    }
    return 0;
}

// "-o x=PID" would make another column look like the numbers.
static int check_options(const struct strings *options, struct err *err) {
    for (size_t i = 0; i < options->count; i++) {
        const char *option = options->items[i], *equals = strstr(option, "=PID");
        const char *name = equals;
        while (name && name > option && !strchr(" ,", name[-1])) name--;
        if (equals && (equals - name != 3 || strncmp(name, "pid", 3) != 0))
            return err_set(err, ERR_INVALID, 0, "specifying \"%s\" is not allowed", name);
    }
    return 0;
}

static int find_pids(struct engine *engine, struct arena *arena, const struct container *container,
                     pid_t **ret_pids, size_t *ret_count, struct err *err) {
    struct cgroup_groups groups;
    if (container_groups(engine, arena, container, &groups, err)) return -1;
    const struct cgroup_group *group = cgroup_groups_processes(&groups);
    int r = group ? cgroup_pids(group->path, ret_pids, ret_count) : -ENOENT;
    if (r == -ENOENT || (!r && !*ret_count)) return container_not_running(container->id, err);
    return r ? err_set(err, ERR_SYSTEM, -r, "look for the processes of container %s", container->name) : 0;
}

int container_top(struct engine *engine, struct arena *arena, const struct container *container,
                  const struct strings *options, struct process_table *ret_table, struct err *err) {
    _cleanup_(ps_finish) struct ps ps = {0};
    _cleanup_(freep) pid_t *pids = NULL;
    size_t count = 0;
    struct process_table table = {0};
    if (check_options(options, err)) return -1;
    if (!str_eq(container->state, "running")) return container_not_running(container->id, err);
    if (find_pids(engine, arena, container, &pids, &count, err) ||
        ask_ps(arena, options, pids, count, &ps, err))
        return -1;
    if (ps.status != NO_PS) {
        if (read_table(arena, arena_strdup(arena, str_get(&ps.output)), pids, count, &table, err)) return -1;
    } else if (options->count) {
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "this machine has no ps, whose options these are: install procps");
    } else {
        top_read_proc(arena, pids, count, &table);
    }
    container_event(engine, container, "top", NULL);
    *ret_table = table;
    return 0;
}
