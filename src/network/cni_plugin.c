// SPDX-License-Identifier: Apache-2.0
// One run of a plugin: its configuration is a memory file, and so are the two that it writes, so that nobody
// waits for anybody and what it leaves running keeps nothing open here.
#include "network/cni_list.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"

#include <errno.h>
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
#define DEADLINE_S   60

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
    int input, output, errors;
};

static void streams_finish(struct streams *streams) {
    fd_closep(&streams->input);
    fd_closep(&streams->output);
    fd_closep(&streams->errors);
}

static int streams_open(struct streams *streams, const char *input) {
    streams->input = memfd_create("cni-input", MFD_CLOEXEC);
    streams->output = memfd_create("cni-output", MFD_CLOEXEC);
    streams->errors = memfd_create("cni-errors", MFD_CLOEXEC);
    if (streams->input < 0 || streams->output < 0 || streams->errors < 0) return -errno;
    int r = fd_write_all(streams->input, input, strlen(input));
    return !r && lseek(streams->input, 0, SEEK_SET) < 0 ? -errno : r;
}

static _Noreturn void execute(const char *program, const struct streams *streams, char *const *environment) {
    sigset_t none;
    for (int s = 1; s < 32; s++) signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    if (dup2(streams->input, 0) < 0 || dup2(streams->output, 1) < 0 || dup2(streams->errors, 2) < 0)
        _exit(126);
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    execve(program, (char *const[]){(char *)program, NULL}, environment);
    dprintf(2, "%s", strerror(errno));
    _exit(126);
}

// -ETIMEDOUT, and then it and what it started are gone.
static int wait_for(pid_t pid, int *ret_status) {
    _cleanup_(fd_closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    uint64_t deadline_ns = clock_monotonic_ns() + DEADLINE_S * 1000000000ull;
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    int r = pidfd < 0 ? -errno : -ETIMEDOUT;
    for (uint64_t now; r == -ETIMEDOUT && (now = clock_monotonic_ns()) < deadline_ns;)
        if (poll(&end, 1, (int)((deadline_ns - now) / 1000000 + 1)) > 0) r = 0;
    if (r) kill(-pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR) {}
    return r;
}

static int read_back(int fd, struct str *ret_text) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return file_read_at(AT_FDCWD, path, OUTPUT_LIMIT, ret_text);
}

static void one_line(struct str *text) {
    size_t length = strcspn(str_get(text), "\n");
    if (text->data) text->data[length] = '\0';
}

// A plugin that fails says why in a document; one that was not made for it, on its standard error.
static int failed(const struct cni_call *call, int status, const struct str *output, struct str *errors,
                  struct err *err) {
    _cleanup_(json_freep) struct json *document = NULL;
    const char *message = NULL, *details = NULL;
    if (output->len && !json_parse(output->data, output->len, &document)) {
        message = json_get_string(document, "msg");
        details = json_get_string(document, "details");
    }
    one_line(errors);
    char how[32];
    if (WIFEXITED(status))
        snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(status));
    else
        snprintf(how, sizeof how, "signal %d", WTERMSIG(status));
    if (str_empty(message)) message = errors->len ? str_get(errors) : how;
    return err_set(err, ERR_SYSTEM, 0, "CNI network %s: the plugin %s failed to %s: %s%s%s%s", call->network,
                   call->type, str_eq(call->command, "ADD") ? "add the container" : "remove the container",
                   message, str_empty(details) ? "" : " (", str_empty(details) ? "" : details,
                   str_empty(details) ? "" : ")");
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
    _cleanup_(streams_finish) struct streams streams = {-1, -1, -1};
    _cleanup_(str_finish) struct str output = {0}, errors = {0};
    _cleanup_(freep) char *program = NULL;
    int status = 0;
    if (cni_plugin_find(call->path, call->type, &program, err)) return -1;
    char **environment = environment_make(&arena, call);
    int r = streams_open(&streams, call->input);
    if (r) return err_set(err, ERR_SYSTEM, -r, "run the CNI plugin %s", program);
    pid_t pid = fork();
    if (pid < 0) return err_set(err, ERR_SYSTEM, errno, "run the CNI plugin %s", program);
    if (pid == 0) execute(program, &streams, environment);
    r = wait_for(pid, &status);
    if (r == -ETIMEDOUT)
        return err_set(err, ERR_UNAVAILABLE, 0,
                       "CNI network %s: the plugin %s did not end within %d s, and was killed", call->network,
                       call->type, DEADLINE_S);
    if (!r) r = read_back(streams.output, &output);
    if (!r) r = read_back(streams.errors, &errors);
    if (r) return err_set(err, ERR_SYSTEM, -r, "read what the CNI plugin %s says", program);
    if (status) return failed(call, status, &output, &errors, err);
    *ret_output = output;
    output = (struct str){0};
    return 0;
}
