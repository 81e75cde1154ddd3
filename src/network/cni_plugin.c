// SPDX-License-Identifier: Apache-2.0
// One run of a plugin: its configuration is a memory file, what it says comes by pipes. It is read as it
// comes, up to a limit; with the plugin's end, or at the deadline, nothing more is waited for, whatever it
// has left running.
#include "network/cni_list.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "kernel/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_LIMIT (1u << 20)
#define ERRORS_LIMIT 1000

int cni_plugin_find(const char *path, const char *type, char **ret_program, struct err *err) {
    _cleanup_(freep) char *copy = xstrdup(path);
    char *rest = copy;
    for (char *folder; (folder = strsep(&rest, ":"));) {
        struct str program = {0};
        struct stat stat_of;
        str_printf(&program, "%s/%s", folder, type);
        if (*folder && !stat(program.data, &stat_of) && S_ISREG(stat_of.st_mode) &&
            !access(program.data, X_OK)) {
            *ret_program = str_take(&program);
            return 0;
        }
        str_finish(&program);
    }
    return err_set(err, ERR_NOT_FOUND, 0,
                   "the CNI plugin %s is in none of %s: install it (Debian: containernetworking-plugins), or "
                   "say in CNI_PATH where it is",
                   type, path);
}

struct streams {
    int input, output[2], errors[2]; // pipes: what is read, what is written
};
#define STREAMS_NONE                                          \
    (struct streams) {                                        \
        .input = -1, .output = {-1, -1}, .errors = { -1, -1 } \
    }

static void streams_finish(struct streams *streams) {
    fd_closep(&streams->input);
    for (int i = 0; i < 2; i++) {
        fd_closep(&streams->output[i]);
        fd_closep(&streams->errors[i]);
    }
}

static int streams_open(struct streams *streams, const char *input) {
    streams->input = memfd_create("cni-input", MFD_CLOEXEC);
    if (streams->input < 0 || pipe2(streams->output, O_CLOEXEC) || pipe2(streams->errors, O_CLOEXEC) ||
        fcntl(streams->output[0], F_SETFL, O_NONBLOCK) || fcntl(streams->errors[0], F_SETFL, O_NONBLOCK))
        return -errno;
    int r = fd_write_all(streams->input, input, strlen(input));
    return !r && lseek(streams->input, 0, SEEK_SET) < 0 ? -errno : r;
}

static _Noreturn void execute(const char *program, const struct streams *streams, char *const *environment) {
    process_reset_signals();
    setsid();
    if (dup2(streams->input, 0) < 0 || dup2(streams->output[1], 1) < 0 || dup2(streams->errors[1], 2) < 0)
        _exit(126);
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    execve(program, (char *const[]){(char *)program, NULL}, environment);
    dprintf(2, "%s", strerror(errno));
    _exit(126);
}

// What is there to read now, as far as it is wanted: what is over the limit is read and dropped. False when
// the last writer has gone.
static bool take(int fd, size_t limit, struct str *text, bool *ret_over) {
    char part[16384];
    ssize_t size;
    while ((size = read(fd, part, sizeof part)) > 0) {
        size_t room = limit - text->len, kept = (size_t)size < room ? (size_t)size : room;
        str_add_n(text, part, kept);
        if ((size_t)size > room) return *ret_over = true;
    }
    return size < 0;
}

struct said {
    struct str output, errors;
};

static void said_finish(struct said *said) {
    str_finish(&said->output);
    str_finish(&said->errors);
}

// Until the plugin has ended: 0, -ETIMEDOUT, or -EFBIG for more than anybody should say.
static int listen_to(int pidfd, const struct streams *streams, int deadline_s, struct said *said) {
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)deadline_s * 1000000000ull, now;
    struct pollfd polls[] = {{.fd = pidfd, .events = POLLIN},
                             {.fd = streams->output[0], .events = POLLIN},
                             {.fd = streams->errors[0], .events = POLLIN}};
    bool over = false, ignored, ended = false;
    while (!ended && !over) {
        if ((now = clock_monotonic_ns()) >= deadline_ns) return -ETIMEDOUT;
        if (poll(polls, ARRAY_SIZE(polls), (int)((deadline_ns - now) / 1000000 + 1)) < 0) continue;
        ended = polls[0].revents;
        if (!take(streams->output[0], OUTPUT_LIMIT, &said->output, &over)) polls[1].fd = -1;
        if (!take(streams->errors[0], ERRORS_LIMIT, &said->errors, &ignored)) polls[2].fd = -1;
    }
    return over ? -EFBIG : 0;
}

// After a failure it and what it started are gone.
static int wait_for(pid_t pid, struct streams *streams, int deadline_s, struct said *said, int *ret_status) {
    _cleanup_(fd_closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    // Ours to write would keep them open.
    fd_closep(&streams->output[1]);
    fd_closep(&streams->errors[1]);
    int r = pidfd < 0 ? -errno : listen_to(pidfd, streams, deadline_s, said);
    if (r) kill(-pid, SIGKILL);
    if (r) kill(pid, SIGKILL); // it may not have a session of its own yet
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR) {}
    return r;
}

void cni_one_line(struct str *text) {
    if (!text->data) return;
    size_t length = strcspn(text->data, "\n");
    text->data[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (text->data[i] < ' ' || text->data[i] > '~')
            text->data[i] = (unsigned char)text->data[i] > '~' ? '?' : ' ';
}

static void add_words(struct str *text, const char *before, const char *words, const char *after) {
    if (str_empty(words)) return;
    str_printf(text, "%s%.300s%s", before, words, after);
}

static const struct {
    const char *command, *words;
} purposes[] = {
    {"ADD", "add the container"}, {"DEL", "remove the container"}, {"CHECK", "find all as it was"}};

static const char *purpose(const char *command) {
    size_t i = 0;
    while (i + 1 < ARRAY_SIZE(purposes) && !str_eq(purposes[i].command, command)) i++;
    return purposes[i].words;
}

// A plugin that fails says why in a document; one that was not made for it, on its standard error.
static int failed(const struct cni_call *call, int status, struct said *said, struct err *err) {
    _cleanup_(json_freep) struct json *document = NULL;
    _cleanup_(str_finish) struct str words = {0};
    if (said->output.len && !json_parse(said->output.data, said->output.len, &document)) {
        const char *message = json_get_string(document, "msg");
        add_words(&words, "", message, "");
        if (!str_empty(message)) add_words(&words, " (", json_get_string(document, "details"), ")");
    }
    if (!words.len) add_words(&words, "", str_get(&said->errors), "");
    if (!words.len && WIFEXITED(status)) str_printf(&words, "exit status %d", WEXITSTATUS(status));
    if (!words.len) str_printf(&words, "signal %d", WTERMSIG(status));
    cni_one_line(&words);
    return err_set(err, ERR_SYSTEM, 0, "CNI network %s: the plugin %s failed to %s: %s", call->network,
                   call->type, purpose(call->command), str_get(&words));
}

static int stopped(const struct cni_call *call, int r, struct err *err) {
    if (r == -ETIMEDOUT)
        return err_set(
            err, ERR_UNAVAILABLE, 0,
            "CNI network %s: the plugin %s did not end within %d s, and was killed (HOY_CNI_TIMEOUT "
            "gives it longer)",
            call->network, call->type, call->deadline_s);
    if (r == -EFBIG)
        return err_set(
            err, ERR_INVALID, 0,
            "CNI network %s: the plugin %s prints more than a result can be (%u bytes), and was killed",
            call->network, call->type, OUTPUT_LIMIT);
    return err_set(err, ERR_SYSTEM, -r, "CNI network %s: run the plugin %s", call->network, call->type);
}

// Plugins call iptables and the like: they need a PATH whatever hoy was started with.
static char **environment_make(struct arena *arena, const struct cni_call *call) {
    struct strings list = {0};
    strings_add(arena, &list, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    strings_add(arena, &list, arena_printf(arena, "CNI_COMMAND=%s", call->command));
    strings_add(arena, &list, arena_printf(arena, "CNI_CONTAINERID=%s", call->container_id));
    strings_add(arena, &list, arena_printf(arena, "CNI_NETNS=%s", call->netns));
    strings_add(arena, &list, "CNI_IFNAME=eth0");
    strings_add(arena, &list, arena_printf(arena, "CNI_ARGS=%s", call->arguments));
    strings_add(arena, &list, arena_printf(arena, "CNI_PATH=%s", call->path));
    strings_add(arena, &list, NULL);
    return (char **)list.items;
}

int cni_plugin_run(const struct cni_call *call, struct str *ret_output, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(streams_finish) struct streams streams = STREAMS_NONE;
    _cleanup_(said_finish) struct said said = {0};
    _cleanup_(freep) char *program = NULL;
    int status = 0;
    if (cni_plugin_find(call->path, call->type, &program, err)) return -1;
    char **environment = environment_make(&arena, call);
    int r = streams_open(&streams, call->input);
    if (r) return stopped(call, r, err);
    pid_t pid = fork();
    if (pid < 0) return stopped(call, -errno, err);
    if (pid == 0) execute(program, &streams, environment);
    r = wait_for(pid, &streams, call->deadline_s, &said, &status);
    if (r) return stopped(call, r, err);
    if (status) return failed(call, status, &said, err);
    *ret_output = said.output;
    said.output = (struct str){0};
    return 0;
}
