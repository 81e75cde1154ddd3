// SPDX-License-Identifier: Apache-2.0
// hoy-shim: the parent of one container (or of one process exec'd into one). It does the plan, keeps the
// container's streams, waits for its end, records it, undoes the plan, and goes.
//
// It is born with descriptors (enum shim_fd) and no arguments. Executed as "hoy-init" from inside a container
// it is that container's pid 1 instead.
#include "base/clock.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "plan/execute.h"
#include "plan/undo.h"
#include "shim/init.h"
#include "shim/loop.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ON_EXIT_MAX 64

// Nothing but zeros at first, so that it takes no room in the program's file, and memory only page by page.
static struct shim shim;

static int given_fd(enum shim_fd fd) {
    return fcntl(fd, F_SETFD, FD_CLOEXEC) ? -1 : (int)fd;
}

// Our end never blocks; the container's end is as any pipe.
static int make_pipe(int *ret_ours, int *ret_theirs, bool they_write) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return -errno;
    *ret_ours = ends[!they_write];
    *ret_theirs = ends[they_write];
    fcntl(*ret_ours, F_SETFL, O_NONBLOCK);
    return 0;
}

static int open_streams(const struct plan_block *plan, int child[3]) {
    if (plan->stdio != PLAN_STDIO_PIPES) return 0;
    int r = 0;
    if (plan->keep_stdin)
        r = make_pipe(&shim.input, &child[0], false);
    else
        child[0] = r = fd_open_at(AT_FDCWD, "/dev/null", O_RDONLY, 0);
    if (r >= 0) r = make_pipe(&shim.output[0], &child[1], true);
    if (r >= 0) r = make_pipe(&shim.output[1], &child[2], true);
    return r < 0 ? r : 0;
}

// A terminal of which every slave is closed reads as broken, though the container may open it again (getty
// does): one slave stays open here.
static void take_terminal(const struct plan_block *plan, int master) {
    if (master < 0) return;
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    (void)ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    shim.terminal = true;
    shim.output[0] = master;
    shim.input = plan->keep_stdin ? master : -1;
}

static pid_t start(struct plan_block *plan, struct err *err) {
    struct plan_streams streams = {.child = {-1, -1, -1}, .terminal = -1};
    int r = open_streams(plan, streams.child);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot make the container's standard streams");
    pid_t pid = plan_execute(plan, &streams, err);
    for (int i = 0; i < 3; i++) fd_closep(&streams.child[i]);
    if (pid < 0) return -1;
    shim.pid = pid;
    shim.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    take_terminal(plan, streams.terminal);
    return pid;
}

// Where nobody is connected and the streams are a person's, the sentence goes there.
static int fail(const struct plan_block *plan, int client, const struct err *err) {
    static const int codes[] = {[ERR_COMMAND_NOT_FOUND] = 127, [ERR_COMMAND_NOT_EXECUTABLE] = 126};
    struct {
        struct shim_frame head;
        struct err err;
    } frame = {{SHIM_FAILED, sizeof *err}, *err};
    if (client >= 0)
        (void)fd_write_all(client, &frame, sizeof frame);
    else if (plan && plan->stdio == PLAN_STDIO_INHERIT)
        dprintf(STDERR_FILENO, "hoy: %s\n", err->text);
    return err->kind < ARRAY_SIZE(codes) && codes[err->kind] ? codes[err->kind] : 125;
}

static bool had_oom(const struct plan_block *plan) {
    uint64_t count = 0;
    const char *file = plan_text(plan, plan->oom_file);
    return *file && !cgroup_oom_count(file, &count) && count > 0;
}

static void record_exit(int state) {
    char text[128];
    int n = snprintf(text, sizeof text, "{\"status\":%d,\"oom\":%u,\"exited_ns\":%lld}\n", shim.exit.status,
                     shim.exit.oom, (long long)shim.exit.exited_ns);
    if (state >= 0) (void)file_replace_at(state, "exit", text, (size_t)n, 0600, false);
}

// A detached --rm container is removed by hoy itself.
static void run_on_exit(const struct plan_block *plan) {
    const char *argv[ON_EXIT_MAX + 1];
    if (!plan->on_exit.count || plan->on_exit.count > ON_EXIT_MAX) return;
    plan_list_get(plan, plan->on_exit, argv);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(argv[0], (char *const *)argv);
}

static int watch(struct plan_block *plan, int client, int state) {
    for (int i = 0; i < SHIM_PEERS; i++) shim.peers[i].fd = -1;
    if (client >= 0) shim_add_peer(&shim, client, true);
    shim_loop(&shim);
    shim.exit.oom = had_oom(plan);
    if (!plan->is_exec) record_exit(state);
    shim_say_exited_first(&shim);
    (void)plan_undo(plan);
    if (!shim_say_exited(&shim)) run_on_exit(plan);
    return plan->stdio == PLAN_STDIO_INHERIT ? shim.exit.status : 0;
}

static void block_signals(void) {
    sigset_t set;
    shim_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    shim.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int shim_main(void) {
    struct plan_block *plan = NULL;
    struct err err = {0};
    shim.output[0] = shim.output[1] = shim.input = -1;
    int client = given_fd(SHIM_FD_CLIENT), state = given_fd(SHIM_FD_STATE);
    shim.log.fd = given_fd(SHIM_FD_LOG);
    shim.listen = given_fd(SHIM_FD_LISTEN);
    given_fd(SHIM_FD_SELF);
    int r = plan_map(given_fd(SHIM_FD_PLAN), &plan);
    if (r) return err_set(&err, ERR_SYSTEM, -r, "the shim cannot read its plan"), fail(NULL, client, &err);
    shim.forward_signals = plan->stdio == PLAN_STDIO_INHERIT;
    // Keys that a person types at hoy's terminal are hoy's business.
    if (!shim.forward_signals) setsid();
    if (shim.listen >= 0) fcntl(shim.listen, F_SETFL, O_RDWR | O_NONBLOCK);
    prctl(PR_SET_NAME, "hoy-shim");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    block_signals();
    if (start(plan, &err) < 0) return fail(plan, client, &err);
    return watch(plan, client, state);
}

int main(int argc, char **argv) {
    if (argc > 0 && !strcmp(argv[0], "hoy-init")) {
        if (argc > 1) return init_main(argv + 1);
        return dprintf(STDERR_FILENO, "hoy-init: no command\n"), 127;
    }
    return shim_main();
}
