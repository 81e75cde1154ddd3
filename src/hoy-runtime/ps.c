// SPDX-License-Identifier: Apache-2.0
// ps: the processes of a container, as numbers or as the machine's own ps shows them.
#include "base/fd.h"
#include "hoy-runtime/cgroups.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct ps_options {
    const char *format;
};

static const struct option ps_rows[] = {
    {"format", 'f', "string", "table or json", store_choice, offsetof(struct ps_options, format),
     "table|json"},
};
const struct option_table ps_options_table = OPTIONS(ps_rows, struct ps_options);

static void print_json(const pid_t *pids, size_t count) {
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    json_begin_array(&writer, NULL);
    for (size_t i = 0; i < count; i++) json_put_i64(&writer, NULL, pids[i]);
    json_end_array(&writer);
    puts(str_get(&writer.text));
}

static _Noreturn void run_ps_program(const struct strings *arguments, int output) {
    const char *argv[64] = {"ps"};
    size_t count = 1;
    for (size_t i = 1; i < arguments->count && count < ARRAY_SIZE(argv) - 1; i++)
        argv[count++] = arguments->items[i];
    if (count == 1) argv[count++] = "-ef";
    dup2(output, STDOUT_FILENO);
    execvp("ps", (char *const *)argv);
    dprintf(STDERR_FILENO, "hoy-runtime: cannot execute ps: %s\n", strerror(errno));
    _exit(127);
}

// The column of the header that is called PID.
static size_t pid_column(const char *header) {
    size_t column = 0;
    for (const char *at = header + strspn(header, " "); *at; column++) {
        size_t n = strcspn(at, " \n");
        if (n == 3 && !strncmp(at, "PID", 3)) return column;
        at += n;
        at += strspn(at, " \n");
    }
    return SIZE_MAX;
}

static pid_t pid_at(const char *line, size_t column) {
    const char *at = line + strspn(line, " ");
    while (column--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    return (pid_t)strtol(at, NULL, 10);
}

// Whether there is a column of pids.
static bool print_lines(FILE *input, const pid_t *pids, size_t count) {
    char *line = NULL;
    size_t size = 0, column = SIZE_MAX;
    for (bool first = true; getline(&line, &size, input) > 0; first = false) {
        if (first) column = pid_column(line);
        if (column == SIZE_MAX) continue; // to the end, or ps dies of the pipe
        bool ours = first;
        for (size_t i = 0; !first && i < count; i++) ours = ours || pid_at(line, column) == pids[i];
        if (ours) fputs(line, stdout);
    }
    free(line);
    return column != SIZE_MAX;
}

static int print_table(const struct strings *arguments, const pid_t *pids, size_t count, struct err *err) {
    int ends[2], status;
    if (pipe2(ends, O_CLOEXEC)) return err_set(err, ERR_SYSTEM, errno, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0) run_ps_program(arguments, ends[1]);
    close(ends[1]);
    FILE *input = fdopen(ends[0], "r");
    bool found = input && print_lines(input, pids, count);
    if (input) fclose(input);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) return err_set(err, ERR_SYSTEM, 0, "ps failed");
    return found ? 0 : err_set(err, ERR_INVALID, 0, "couldn't find PID field in ps output");
}

int run_ps(struct invocation *invocation, struct err *err) {
    const struct ps_options *options = invocation->options;
    _cleanup_(container_close) struct container container = {.dir = -1};
    _cleanup_(freep) pid_t *pids = NULL;
    size_t count;
    if (container_open(invocation, invocation->arguments.items[0], false, &container, err) ||
        container_pids(&container, &pids, &count, err))
        return -1;
    if (!str_eq(options->format, "json")) return print_table(&invocation->arguments, pids, count, err);
    print_json(pids, count);
    return 0;
}
