// SPDX-License-Identifier: Apache-2.0
// The order of things: HOST operations, the clone, then both processes at once. The parent makes cgroups, the
// overlay and interfaces while the child makes its network namespace; then the child mounts. A socket pair
// joins the two: a byte for each GO and READY, with GO the root file system's mount if the parent made it,
// the other way the terminal's master; and its end of file says that the child has executed its command (or
// has died; the shared block tells which).
#include "plan/execute.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "kernel/process.h"
#include "plan/run.h"
#include "plan/undo.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const plan_function functions[] = {
#define X(NAME, name, side, member) plan_do_##name,
    PLAN_OPS(X)
#undef X
};

int plan_run_operation(struct plan_run *run, struct plan_op *op) {
    uint64_t start = clock_monotonic_ns();
    op->state = PLAN_BEGUN;
    int r = functions[op->type](run, op);
    uint64_t time = clock_monotonic_ns() - start;
    op->time_ns = time > UINT32_MAX ? UINT32_MAX : (uint32_t)time;
    op->result = r;
    op->state = r ? PLAN_FAILED : PLAN_DONE;
    return r;
}

// Parent and child may both fail; the first one's words count.
static void report(struct plan_run *run, struct plan_op *op, int error) {
    struct plan_block *block = run->block;
    int32_t none = -1, index = (int32_t)(op - plan_ops(block));
    if (!__atomic_compare_exchange_n(&block->failed, &none, index, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    plan_failure(run, op, -error, &block->error);
}

// In the array's order. Stops at the first that fails.
static int run_side(struct plan_run *run, enum plan_side first, enum plan_side last) {
    struct plan_op *ops = plan_ops(run->block);
    for (uint32_t i = 0; i < run->block->count; i++) {
        if (ops[i].side < first || ops[i].side > last) continue;
        int r = plan_run_operation(run, &ops[i]);
        if (r) return report(run, &ops[i], r), r;
    }
    return 0;
}

_Noreturn void plan_leave(void) {
    syscall(SYS_exit_group, 125);
    __builtin_trap();
}

static _Noreturn void child_main(struct plan_run *run) {
    // The shim blocks and ignores signals; the command starts with the kernel's defaults.
    process_reset_signals();
    umask(0);
    setsid();
    if (run->streams->record > 0) close(run->streams->record);
    for (int i = 0; i < 3; i++)
        if (run->streams->child[i] >= 0 && dup2(run->streams->child[i], i) < 0) plan_leave();
    run_side(run, PLAN_CHILD, PLAN_INSIDE);
    plan_leave();
}

// The v2 group that the joined process is in by now.
static bool move_to_target(const struct plan_run *run, int *cgroup) {
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    char path[64];
    _cleanup_(str_finish) struct str text = {0};
    snprintf(path, sizeof path, "/proc/%d/cgroup", run->target_pid);
    if (file_read_at(AT_FDCWD, path, 65536, &text)) return false;
    const char *line = strstr(str_get(&text), "0::/");
    for (size_t i = 0; line && i < ARRAY_SIZE(mounts); i++) {
        char group[4096];
        snprintf(group, sizeof group, "%s%.*s", mounts[i], (int)strcspn(line + 3, "\n"), line + 3);
        int fd = fd_open_at(AT_FDCWD, group, O_PATH | O_DIRECTORY, 0);
        if (fd < 0) continue;
        fd_closep(cgroup);
        *cgroup = fd;
        return true;
    }
    return false;
}

// Namespaces to join before there is the child: some may belong to the host, and can't be joined from inside
// of a user namespace. What cannot be joined at first can when that one is.
static int join_before(const struct plan_run *run) {
    bool joined[ARRAY_SIZE(run->joins)] = {0};
    int r = 0;
    for (int pass = 0; pass < 2; pass++) {
        r = 0;
        for (int i = 0; i < run->join_count; i++) {
            if (joined[i]) continue;
            joined[i] = !setns(run->joins[i], 0);
            if (!joined[i]) r = -errno;
        }
    }
    return r;
}

// Of a namespace that the clone puts the child in.
static struct plan_op *find_clocks(const struct plan_run *run) {
    struct plan_op *op = plan_find(run->block, PLAN_TIME_OFFSETS);
    return op && op->side == PLAN_HOST ? op : NULL;
}

// Offsets can be set only while nobody is in the namespace.
static int make_clocks(const struct plan_run *run, const struct plan_op *op) {
    return unshare(CLONE_NEWTIME) ? -errno
                                  : file_write_at(AT_FDCWD, "/proc/self/timens_offsets", TEXT(op->text));
}

// The helper's to do before the clone; the child's own where the namespace is its user namespace's.
int plan_do_time_offsets(struct plan_run *run, struct plan_op *op) {
    int r = op->side == PLAN_HOST ? 0 : make_clocks(run, op);
    if (r || op->side == PLAN_HOST) return r;
    _cleanup_(fd_closep) int made = fd_open_at(AT_FDCWD, "/proc/self/ns/time_for_children", O_RDONLY, 0);
    return made < 0 ? made : setns(made, CLONE_NEWTIME) ? -errno : 0;
}

// The child is born from a process that has joined them, and is this one's own child nevertheless. That one
// also makes the clocks that its child is to have: not everybody could come back to the host's.
static long clone_from_helper(struct plan_run *run, struct clone_args *args) {
    int status;
    pid_t helper = fork();
    if (helper < 0) return -errno;
    if (helper == 0) {
        struct plan_op *clocks = find_clocks(run);
        int r = join_before(run);
        if (!r && clocks && (r = make_clocks(run, clocks))) report(run, clocks, r);
        args->flags |= CLONE_PARENT;
        args->exit_signal = 0; // the helper's own
        long pid = r ? r : syscall(SYS_clone3, args, sizeof *args);
        if (pid == 0 && !r) return 0;
        if (pid < 0) run->block->pid = r ? r : -errno;
        _exit(0);
    }
    while (waitpid(helper, &status, 0) < 0 && errno == EINTR) {}
    // Also when it was born into a pid namespace by path: its number is that of the helper's own.
    long pid = run->block->pid;
    if (pid < 0) run->block->pid = 0;
    return pid ? pid : -ECHILD;
}

static long start_child(struct plan_run *run, struct clone_args *args) {
    if (run->join_count || find_clocks(run)) return clone_from_helper(run, args);
    long pid = syscall(SYS_clone3, args, sizeof *args);
    return pid < 0 ? -errno : pid;
}

static void close_joins(struct plan_run *run) {
    while (run->join_count) fd_closep(&run->joins[--run->join_count]);
}

int plan_do_clone(struct plan_run *run, struct plan_op *op) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return -errno;
    // The kernel writes the pid into the record before there is anybody who has it.
    struct clone_args args = {.flags = op->clone.flags | CLONE_PARENT_SETTID,
                              .exit_signal = SIGCHLD,
                              .parent_tid = (uint64_t)(uintptr_t)&run->block->pid};
    _cleanup_(fd_closep) int cgroup = -1;
    if (op->clone.cgroup) {
        cgroup = fd_open_at(AT_FDCWD, TEXT(op->clone.cgroup), O_PATH | O_DIRECTORY, 0);
        if (cgroup < 0) return cgroup;
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup;
    }
    long pid = start_child(run, &args);
    // v2 has no processes in a group that hands controllers down: the container has done that, and moved.
    if (pid == -EBUSY && run->block->is_exec && move_to_target(run, &cgroup)) {
        args.cgroup = (uint64_t)cgroup;
        pid = start_child(run, &args);
    }
    close_joins(run);
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return (int)pid;
    }
    run->socket = ends[pid == 0];
    close(ends[pid != 0]);
    if (pid == 0) child_main(run);
    // Whoever looks later knows the process by this. Until GO or NETNS it ends when its parent does.
    struct process_stat stat;
    int r = process_stat((pid_t)pid, &stat);
    if (r) return r;
    run->block->start_time = stat.start_time;
    return 0;
}

int plan_send(struct plan_run *run, char byte, int fd) {
    return fd_send(run->socket, &byte, 1, &fd, fd >= 0);
}

// Stores the message's descriptor, if it has one, in *fd.
static int receive(int socket, char *ret_byte, int *fd) {
    ssize_t n;
    // A child that never read its go resets the connection as it closes it, and that is said once before what
    // it had sent: the terminal may still be in there.
    do n = fd_receive(socket, 0, ret_byte, 1, fd, 1);
    while (n == -ECONNRESET);
    if (n == 0) *ret_byte = 0;
    return n < 0 ? (int)n : 0;
}

// The parent's next message of this kind, or 0 in *ret_byte at the end; a terminal that comes is kept.
static int receive_until(struct plan_run *run, char wanted, char *ret_byte) {
    int r;
    do r = receive(run->socket, ret_byte, &run->streams->terminal);
    while (!r && *ret_byte && *ret_byte != wanted);
    return r;
}

static int wait_for_exec(struct plan_run *run, bool *ret_created) {
    char byte;
    int r = receive_until(run, PLAN_BYTE_CREATED, &byte);
    *ret_created = byte == PLAN_BYTE_CREATED;
    return r;
}

static int was_killed(const struct plan_block *block, struct err *err) {
    siginfo_t info = {0};
    waitid(P_PID, (id_t)block->pid, &info, WEXITED | WNOWAIT);
    bool exited = info.si_code == CLD_EXITED;
    return err_set(err, ERR_SYSTEM, 0, "the container's first process %s %d while it was set up%s",
                   exited ? "ended with" : "was killed by signal", info.si_status,
                   !exited && info.si_status == SIGKILL ? ": is the memory limit too low?" : "");
}

// The two sides' words to each other

int plan_do_go(struct plan_run *run, struct plan_op *op) {
    (void)op;
    int r = plan_send(run, PLAN_BYTE_GO, run->root);
    if (run->root >= 0) run->ahead = take_fd(&run->root);
    return r == -EPIPE || r == -ECONNRESET ? 0 : r; // it has died, and has said why
}

// The child's next message; mounts that come before it are kept for who takes them.
static int receive_in_child(struct plan_run *run, char wanted) {
    for (;;) {
        char byte;
        int fd = -1, r = receive(run->socket, &byte, &fd);
        if (r) return r;
        if (!byte) _exit(125); // the parent failed and has said why
        if (byte == PLAN_BYTE_TREE) {
            run->trees = xrealloc(run->trees, (run->tree_count + 1) * sizeof *run->trees);
            run->trees[run->tree_count++] = fd;
        } else if (fd >= 0) {
            *(byte == PLAN_BYTE_NETNS ? &run->netns : &run->root) = fd;
        }
        if (byte == wanted) return 0;
        run->goes += byte == PLAN_BYTE_GO;
    }
}

int plan_do_wait(struct plan_run *run, struct plan_op *op) {
    (void)op;
    if (run->goes) return run->goes--, 0;
    return receive_in_child(run, PLAN_BYTE_GO);
}

int plan_await_netns(struct plan_run *run) {
    return run->netns >= 0 ? 0 : receive_in_child(run, PLAN_BYTE_NETNS);
}

int plan_take_tree(struct plan_run *run) {
    int r = run->tree_count ? 0 : receive_in_child(run, PLAN_BYTE_TREE);
    if (r) return r;
    int tree = run->trees[0];
    memmove(run->trees, run->trees + 1, --run->tree_count * sizeof *run->trees);
    return tree;
}

int plan_do_ready(struct plan_run *run, struct plan_op *op) {
    (void)op;
    return plan_send(run, PLAN_BYTE_READY, -1);
}

int plan_await_byte(struct plan_run *run, char wanted) {
    char byte;
    int r = receive_until(run, wanted, &byte);
    if (r || byte) return r;
    was_killed(run->block, &run->err); // or it has failed, and has said why before we can
    return -ECHILD;
}

int plan_do_await(struct plan_run *run, struct plan_op *op) {
    (void)op;
    return plan_await_byte(run, PLAN_BYTE_READY);
}

static pid_t reap(pid_t pid, int *ret_status) {
    pid_t r;
    do r = waitpid(pid, ret_status, 0);
    while (r < 0 && errno == EINTR);
    return r;
}

// The child closed its end without having failed: it runs the command, or something killed it before.
int plan_check_executed(struct plan_block *block, struct err *err) {
    if (block->failed >= 0) return *err = block->error, -1;
    struct plan_op *exec = plan_find(block, PLAN_EXEC);
    if (!exec || exec->state != PLAN_BEGUN) return was_killed(block, err);
    exec->state = PLAN_DONE;
    return 0;
}

// To the kernel a first process that has said nothing of a signal is deaf to it, and it says nothing before
// the command runs.
static void end_by_signal(int number) {
    _exit(128 + number);
}

// With write and read, as the filter that is in force already must let the command do those. A command that
// is not there fails who creates the container: some callers read no sentence of who starts it.
//
// Whoever comes into the container meanwhile must not reach the plan through this process's memory: its hooks
// are run outside. A maker who is not root can't come in either before the start: to the kernel joining is
// much like tracing.
int plan_do_start(struct plan_run *run, struct plan_op *op) {
    (void)op;
    int r = plan_check_command(run);
    if (r) return r;
    (void)prctl(PR_SET_DUMPABLE, 0);
    static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    for (size_t i = 0; getpid() == 1 && i < ARRAY_SIZE(ends); i++) signal(ends[i], end_by_signal);
    char byte = PLAN_BYTE_CREATED;
    if (write(run->socket, &byte, 1) < 0 && errno != EPIPE) return -errno;
    ssize_t n;
    do n = read(run->start, &byte, 1);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int plan_run_hooks(struct plan_block *block, enum plan_side side, struct err *err) {
    struct plan_run run = PLAN_RUN_INIT(block);
    struct plan_op *ops = plan_ops(block);
    int result = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        // One that a killed command did already is not done again.
        if (ops[i].side != side || ops[i].state == PLAN_DONE || ops[i].state == PLAN_FAILED) continue;
        int r = plan_run_operation(&run, &ops[i]);
        if (!r) continue;
        if (!result) plan_failure(&run, &ops[i], -r, err);
        result = -1;
        if (side != PLAN_STOPPED) break;
    }
    return result;
}

// Whoever is in a pid namespace that the child is born into must not look into it before it is what it will
// be: not for a moment (CVE-2016-9962). With a user namespace to be made it can't be hidden, or its maps
// could not be written without privileges; that namespace hides it then.
static void hide(struct plan_block *block) {
    bool joins = false;
    for (uint32_t i = 0; i < block->count; i++) {
        const struct plan_op *op = &plan_ops(block)[i];
        joins |= op->type == PLAN_JOIN && op->join.flags & CLONE_NEWPID;
    }
    if (block->is_exec || (joins && !plan_find(block, PLAN_ID_MAP))) prctl(PR_SET_DUMPABLE, 0);
}

// The process that an exec joins, if any. One that has ended leaves its number to others, of the host's
// perhaps, whose namespaces are not to be joined: it is opened by its age as well.
static const struct plan_op *find_target(struct plan_block *block) {
    for (uint32_t i = 0; i < block->count; i++) {
        const struct plan_op *op = &plan_ops(block)[i];
        if (op->type == PLAN_JOIN && op->join.pid > 0 && !op->join.path) return op;
    }
    return NULL;
}

// The one that went in is another process than the first, and has told its number: it has to be our own
// child's.
static int settle(struct plan_run *run, pid_t first, struct err *err) {
    struct plan_block *block = run->block;
    siginfo_t info;
    int status;
    int r = plan_use_copy(block, run->copy);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot keep the plan");
    if (block->pid == first) return 0;
    if (waitid(P_PID, (id_t)block->pid, &info, WEXITED | WNOHANG | WNOWAIT)) {
        block->pid = first;
        return err_set(err, ERR_SYSTEM, errno, "the process in the container is lost");
    }
    reap(first, &status);
    struct process_stat stat = {0};
    block->start_time = process_stat(block->pid, &stat) ? 0 : stat.start_time;
    return 0;
}

static int run_parent(struct plan_run *run, struct err *err) {
    struct plan_block *block = run->block;
    if (run_side(run, PLAN_HOST, PLAN_HOST)) return *err = block->error, -1;
    if (block->pid <= 0)
        return err_set(err, ERR_INVALID, 0, "the plan makes no process: it has no CLONE operation");
    if (run_side(run, PLAN_PARENT, PLAN_PARENT))
        kill(block->pid, SIGKILL);
    else
        plan_read_ahead(run);
    fd_closep(&run->ahead);
    bool created;
    pid_t first = block->pid;
    int r = wait_for_exec(run, &created);
    if (run->copy && settle(run, first, err)) return -1;
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot hear from the container's process");
    return created ? 0 : plan_check_executed(block, err);
}

pid_t plan_execute(struct plan_block *block, struct plan_streams *streams, struct err *err) {
    struct plan_run run = PLAN_RUN_INIT(block);
    run.streams = streams;
    run.start = streams->start;
    _cleanup_(fd_closep) int self = fd_open_at(AT_FDCWD, "/proc/self/exe", O_PATH, 0);
    const struct plan_op *join = find_target(block);
    run.target_pid = join ? join->join.pid : 0;
    _cleanup_(fd_closep) int target = join ? process_open(join->join.pid, join->join.start_time) : -ESRCH;
    run.target = target;
    run.self = self; // INIT executes it from inside, where no path leads to it
    streams->terminal = -1;
    block->failed = -1;
    block->pid = 0;
    _cleanup_(freep) struct plan_block *copy = plan_keep_copy(block);
    run.copy = copy;
    hide(block);
    int r = run_parent(&run, err);
    fd_closep(&run.socket);
    plan_scope_release();
    fd_closep(&run.root);
    if (!r) return fd_closep(&run.devices_netns), block->pid;

    if (block->pid > 0) {
        int status;
        kill(block->pid, SIGKILL);
        reap(block->pid, &status);
    }
    plan_return_devices(&run);
    fd_closep(&run.devices_netns);
    fd_closep(&streams->terminal);
    block->error = *err;
    plan_undo(block);
    return -1;
}
