// SPDX-License-Identifier: Apache-2.0
// hoy-shim: the parent of one container (or of one process exec'd into one). It does the plan, keeps the
// container's streams, waits for its end, records it, undoes the plan, and goes.
//
// It is born with descriptors (enum shim_fd). Executed as "hoy-init" from inside a container it is that
// container's pid 1 instead.
//
// As a part of hoy-runtime it stands in that program's place, with its standard streams: it goes as soon as
// the container is made (create, run -d, exec -d), whose process is then whoever's who called it, or stays
// until the command's end and has its exit code. After a restore, the process is there already: a child of
// the program in whose place the shim stands.
#include "base/clock.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "kernel/nft_socket.h"
#include "kernel/process.h"
#include "plan/execute.h"
#include "plan/undo.h"
#include "shim/cause.h"
#include "shim/error_log.h"
#include "shim/event.h"
#include "shim/init.h"
#include "shim/loop.h"
#include "shim/restart.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ON_EXIT_MAX 64

// Nothing but zeros at first, so that it takes no room in the program's file, and memory only page by page.
static struct shim shim;
static int shift; // of all places, for descriptors that are the command's

// What came with it. All are looked at before anything is opened: absent ones leave their numbers free.
static struct {
    int plan, start, console, pidfd, errors, terminal, health, ports, served, resolver, hold;
} given;

static int given_fd(enum shim_fd which) {
    int fd = (int)which + shift;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) ? -1 : fd;
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

// The terminal is somebody else's from now on.
static int send_all(pid_t pid, struct plan_streams *streams, struct err *err) {
    int r = given.console >= 0 && streams->terminal >= 0
                ? fd_send(given.console, "/dev/ptmx", strlen("/dev/ptmx"), &streams->terminal, 1)
                : 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot send the terminal to the console socket");
    if (given.console >= 0) fd_closep(&streams->terminal);
    if (given.pidfd < 0) return 0;
    _cleanup_(fd_closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    r = pidfd < 0 ? -errno : fd_send(given.pidfd, "pidfd", strlen("pidfd"), &pidfd, 1);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot send the pidfd to its socket") : 0;
}

static int write_pid_file(const struct plan_block *plan, pid_t pid) {
    char text[16];
    const char *path = plan_text(plan, plan->pid_file);
    if (!*path) return 0;
    int n = snprintf(text, sizeof text, "%d", pid);
    return file_replace_at(AT_FDCWD, path, text, (size_t)n, 0644, false);
}

// An OCI container's plan is locked by those who make the container: until then others wait, or see that it
// is being made.
static void container_is_made(void) {
    (void)flock(given.plan, LOCK_UN);
    fd_closep(&given.plan);
}

// What an OCI runtime owes its caller once the process is there.
static int hand_over(struct plan_block *plan, struct plan_streams *streams, struct err *err) {
    if (send_all(plan->pid, streams, err)) return -1;
    int r = write_pid_file(plan, plan->pid);
    if (r)
        return err_set(err, ERR_SYSTEM, -r, "cannot write the pid file %s", plan_text(plan, plan->pid_file));
    container_is_made();
    return plan_find(plan, PLAN_START) ? 0 : plan_run_hooks(plan, PLAN_STARTED, err);
}

static void take_away(struct plan_block *plan, pid_t pid) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    (void)plan_undo(plan);
}

// Without it the process could never be sent a signal.
static int hold(pid_t pid, struct err *err) {
    shim.pid = pid;
    shim.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return shim.pidfd < 0 ? err_set(err, ERR_SYSTEM, errno, "cannot take hold of the container's process")
                          : 0;
}

// The process is there already.
static pid_t adopt(struct plan_block *plan, struct err *err) {
    container_is_made();
    if (hold(plan->pid, err)) return take_away(plan, plan->pid), -1;
    take_terminal(plan, given.terminal);
    return plan->pid;
}

static pid_t start(struct plan_block *plan, struct err *err) {
    if (plan->pid > 0) return adopt(plan, err);
    struct plan_streams streams = {.child = {-1, -1, -1},
                                   .terminal = -1,
                                   .start = given.start,
                                   .resolver = given.resolver,
                                   .record = given.plan};
    int r = open_streams(plan, streams.child);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot make the container's standard streams");
    pid_t pid = plan_execute(plan, &streams, err);
    for (int i = 0; i < 3; i++) fd_closep(&streams.child[i]);
    fd_closep(&given.start);
    if (pid < 0) return -1;
    if (hold(pid, err) || hand_over(plan, &streams, err)) return take_away(plan, pid), -1;
    take_terminal(plan, streams.terminal);
    return pid;
}

// Without its plan nobody knows: standard streams of a shim's own are /dev/null.
static bool is_runtime(const struct plan_block *plan) {
    return !plan || plan->leaves || plan->stdio == PLAN_STDIO_INHERIT;
}

// As hoy-runtime says it: with a log nowhere else.
static void warn(const struct plan_block *plan, const struct err *err) {
    if (given.errors < 0 && is_runtime(plan)) dprintf(STDERR_FILENO, "hoy-runtime: %s\n", err->text);
    error_log(given.errors, plan->log_json, "warning", err->text);
}

// What is to run when the container is gone, and an OCI container's own directory.
static void finish_folder(struct plan_block *plan) {
    struct err err = {0};
    const char *folder = plan_text(plan, plan->folder);
    if (plan_run_hooks(plan, PLAN_STOPPED, &err)) warn(plan, &err);
    if (*folder) (void)dir_remove_all_at(AT_FDCWD, folder);
}

// One of us removes an OCI container: the shim, or a `delete` that killed the process. False: the other did.
static bool take_folder(const struct plan_block *plan, int *ret_dir) {
    struct stat st;
    const char *folder = plan_text(plan, plan->folder);
    if (!*folder) return true;
    _cleanup_(fd_closep) int dir = fd_open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0) return false;
    if (fd_lock(dir, LOCK_EX) || fstat(dir, &st) || !st.st_nlink) return false;
    *ret_dir = take_fd(&dir);
    return true;
}

static void finish(struct plan_block *plan) {
    _cleanup_(fd_closep) int dir = -1;
    if (plan->keep || !take_folder(plan, &dir)) return;
    (void)plan_undo(plan);
    finish_folder(plan);
}

static void say(const struct plan_block *plan, const struct err *err) {
    dprintf(STDERR_FILENO, "hoy-runtime: %s\n", err->text);
    error_log(given.errors, plan && plan->log_json, "error", err->text);
}

// Where nobody is connected and the streams are a person's, the sentence goes there.
static int fail(struct plan_block *plan, int client, const struct err *err) {
    static const int codes[] = {[ERR_COMMAND_NOT_FOUND] = 127, [ERR_COMMAND_NOT_EXECUTABLE] = 126};
    struct {
        struct shim_frame head;
        struct err err;
    } frame = {{SHIM_FAILED, sizeof *err}, *err};
    _cleanup_(fd_closep) int dir = -1;
    if (plan && (given.plan >= 0 || take_folder(plan, &dir))) finish_folder(plan);
    if (client >= 0) (void)fd_write_all(client, &frame, sizeof frame);
    if (client < 0 && is_runtime(plan)) return say(plan, err), plan && plan->is_exec ? 255 : 1;
    return err->kind < ARRAY_SIZE(codes) && codes[err->kind] ? codes[err->kind] : 125;
}

static bool had_oom(const struct plan_block *plan) {
    uint64_t count = 0;
    const char *file = plan_text(plan, plan->oom_file);
    return *file && !cgroup_count(file, "oom_kill", &count) && count > 0;
}

// The start, and the removal of a detached --rm container, are hoy's own work. Nobody makes another namespace
// between this process's hold of the one that is and that hoy's.
static void run_on_exit(const struct plan_block *plan) {
    const char *argv[ON_EXIT_MAX + 1];
    if (!plan->on_exit.count || plan->on_exit.count > ON_EXIT_MAX) return;
    plan_list_get(plan, plan->on_exit, argv);
    process_unblock_signals();
    if (given.hold >= 0) fcntl(given.hold, F_SETFD, 0);
    execv(argv[0], (char *const *)argv);
}

// All ports were flushed in the middle of the start. Every command puts them back, and this one does nothing
// else while the container runs.
static void have_ports_back(const struct plan_block *plan) {
    pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): the parent waits for an execve
    if (pid) return;
    run_on_exit(plan); // NOLINT(clang-analyzer-unix.Vfork): the same
    _exit(127);
}

static void say_died(const struct plan_block *plan, int state) {
    _cleanup_(str_finish) struct str cause = {0};
    if (plan->is_exec) return shim_event_end(plan, state, "exec_die", shim.exit.status, "");
    cause_record(plan, &shim, state, &cause);
    if (shim.exit.oom && !shim.oom.told) shim_event(plan, state, "oom", NULL);
    shim_event_end(plan, state, "die", shim.exit.status, str_get(&cause));
}

static bool restarts(struct plan_block *plan) {
    struct restart_run run = {.status = shim.exit.status,
                              .ran_ns = clock_monotonic_ns() - shim.started_ns,
                              .stopped = shim.stopped,
                              .demanded = shim.demanded};
    return shim.listen >= 0 && !shim.leaving && restart_next(&plan->restart, &run);
}

// The first client removes the writable layer now. Directories that somebody has open are freed when he
// closes them, and on a disk that is told of every freed block (discard) that takes as long as the
// container's start: we do, when nobody waits any more.
static void hold_layer(int folder) {
    static const char *const names[] = {"upper", "work", "work/work", "work/work/incompat",
                                        "work/work/incompat/volatile"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        (void)fd_open_at(folder, names[i], O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
}

static int watch(struct plan_block *plan, int client, int state) {
    shim.started_ns = clock_monotonic_ns();
    for (int i = 0; i < SHIM_PEERS; i++) shim.peers[i].fd = -1;
    shim.plan = plan;
    shim.state = state;
    plan->started = 1;
    // Who hears that it runs finds this event there.
    if (!plan->is_exec) shim_event(plan, state, "start", NULL);
    if (client >= 0) shim_add_peer(&shim, client, true);
    shim.oom.fd = plan->watch_oom ? cgroup_oom_watch(plan_text(plan, plan->oom_file), &shim.oom.events) : -1;
    health_begin(&shim.health, plan);
    ports_begin(&shim.ports, plan, given.ports, given.served, shim.pidfd);
    if (shim.ports.op && shim.ports.op->publish.flushed) have_ports_back(plan);
    names_held_begin(&shim.names, plan, given.resolver);
    shim_loop(&shim);
    shim.exit.oom = had_oom(plan);
    shim.exit.restarts = restarts(plan);
    shim.exit.stopped = shim.stopped;
    say_died(plan, state);
    if (plan->auto_remove && !plan->is_exec) hold_layer(state);
    shim_say_exited_first(&shim);
    finish(plan);
    ports_end(&shim.ports); // after the rules: the next owner's would meet ours
    names_held_end(&shim.names);
    bool heard = shim_say_exited(&shim);
    if (shim.exit.restarts ? shim_back_off(&shim, plan->restart.delay_ms)
                           : !heard && (plan->auto_remove || shim.names.live))
        run_on_exit(plan);
    shim_dismiss(&shim);
    nft_socket_close();
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0); // the container's folder may be on a disk that goes
    plan_undo_links(plan);
    return plan->stdio == PLAN_STDIO_INHERIT ? shim.exit.status : 0;
}

// In a runtime's place every signal is the container's that a process can catch, but for those that tell of
// a fault of its own.
static int block_signals(struct err *err) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t set;
    shim_signals(&set);
    if (shim.forward_signals) sigfillset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) sigdelset(&set, own[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    shim.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return shim.signals < 0 ? err_set(err, ERR_SYSTEM, errno, "cannot watch signals") : 0;
}

static int map_health(const struct plan_block *plan, struct err *err) {
    int r = health_map(&shim.health, plan, given.health);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot keep the results of health checks") : 0;
}

static int shim_main(void) {
    struct plan_block *plan = NULL;
    struct err err = {0};
    shim.output[0] = shim.output[1] = shim.input = -1;
    int client = given_fd(SHIM_FD_CLIENT), state = given_fd(SHIM_FD_STATE);
    int log = given_fd(SHIM_FD_LOG), receiver = given_fd(SHIM_FD_RECEIVER);
    shim.listen = given_fd(SHIM_FD_LISTEN);
    given.start = given_fd(SHIM_FD_START);
    given.console = given_fd(SHIM_FD_CONSOLE);
    given.pidfd = given_fd(SHIM_FD_PIDFD);
    given.errors = given_fd(SHIM_FD_ERRORS);
    given.terminal = given_fd(SHIM_FD_TERMINAL);
    given.health = given_fd(SHIM_FD_HEALTH);
    given.hold = given_fd(SHIM_FD_HOLD);
    given.ports = given_fd(SHIM_FD_PORTS);
    given.served = given_fd(SHIM_FD_SERVED);
    given.resolver = given_fd(SHIM_FD_RESOLVER);
    given_fd(SHIM_FD_SELF);
    given_fd(SHIM_FD_NFT);
    given.plan = given_fd(SHIM_FD_PLAN);
    int r = plan_map(given.plan, &plan);
    if (r) return err_set(&err, ERR_SYSTEM, -r, "the shim cannot read its plan"), fail(NULL, client, &err);
    log_init(&shim.log, plan, log, state, receiver);
    shim.forward_signals = plan->stdio == PLAN_STDIO_INHERIT;
    // Keys that a person types at hoy's terminal are hoy's business.
    if (!shim.forward_signals) setsid();
    if (shim.listen >= 0) fcntl(shim.listen, F_SETFL, O_RDWR | O_NONBLOCK);
    prctl(PR_SET_NAME, "hoy-shim");
    if (!plan->no_subreaper) prctl(PR_SET_CHILD_SUBREAPER, 1);
    r = block_signals(&err) || map_health(plan, &err);
    if (r && plan->pid > 0) take_away(plan, plan->pid);
    if (r || start(plan, &err) < 0) return fail(plan, client, &err);
    if (plan->leaves) return 0;
    return watch(plan, client, state);
}

int main(int argc, char **argv) {
    if (argc > 0 && !strcmp(argv[0], "hoy-init")) {
        if (argc > 1) return init_main(argv + 1);
        return dprintf(STDERR_FILENO, "hoy-init: no command\n"), 127;
    }
    if (argc > 1) shift = (int)strtol(argv[1], NULL, 10);
    return shim_main();
}
