// SPDX-License-Identifier: Apache-2.0
// Operations of the child on itself, in the container's root: user, capabilities, filter, and the last one.
#include "base/arena.h"
#include "base/fd.h"
#include "kernel/caps.h"
#include "kernel/path.h"
#include "kernel/seccomp.h"
#include "plan/loader.h"
#include "plan/run.h"
#include "plan/user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// In a user namespace of its own the child may not raise a limit. The parent makes room for it, and no more:
// the child has work to do that the limit may be too tight for.
static int raise_limit(pid_t pid, int resource, uint64_t hard) {
    struct rlimit64 limit;
    if (prlimit64(pid, resource, NULL, &limit)) return -errno;
    if (limit.rlim_max >= hard) return 0;
    limit.rlim_max = hard;
    return prlimit64(pid, resource, &limit, NULL) ? -errno : 0;
}

int plan_do_rlimit(struct plan_run *run, struct plan_op *op) {
    struct rlimit64 limit = {.rlim_cur = op->rlimit.soft, .rlim_max = op->rlimit.hard};
    if (op->side == PLAN_PARENT) return raise_limit(run->block->pid, op->rlimit.resource, op->rlimit.hard);
    // It limits the numbers of descriptors: what the mounts needed would leave none below it for what is to
    // come.
    if (op->rlimit.resource == RLIMIT_NOFILE) {
        int kept[] = {run->socket, run->start,         run->self,
                      run->procfs, run->hook_files[0], run->hook_files[1]};
        fd_close_others(3U + run->block->preserve, kept, ARRAY_SIZE(kept));
    }
    if (!prlimit64(0, op->rlimit.resource, &limit, NULL)) return 0;
    int error = errno;
    if (error == EPERM && !prlimit64(0, op->rlimit.resource, NULL, &limit))
        err_set(
            &run->err, ERR_INVALID, 0,
            "cannot set the resource limit %s: the hard limit is %lld, which only root may raise, and that "
            "of nofile not beyond the sysctl fs.nr_open",
            TEXT(op->rlimit.text), (long long)limit.rlim_max);
    return -error;
}

int plan_do_umask(struct plan_run *run, struct plan_op *op) {
    (void)run;
    umask(op->mode.mode);
    return 0;
}

int plan_do_bounding_caps(struct plan_run *run, struct plan_op *op) {
    (void)run;
    return caps_set_bounding(op->caps.bounding);
}

int plan_do_caps(struct plan_run *run, struct plan_op *op) {
    (void)run;
    if (op->caps.of_root && geteuid()) op->caps.effective = op->caps.permitted = 0;
    int r = caps_set(op->caps.effective, op->caps.permitted, op->caps.inheritable);
    if (!r) r = caps_set_ambient(op->caps.ambient);
    if (!r && prctl(PR_SET_KEEPCAPS, 0)) r = -errno;
    return r;
}

// /dev/stdout and its like are opened by name: their pipe or terminal must belong to who will open them.
static void give_streams(uid_t uid) {
    struct stat st;
    for (int fd = 0; fd < 3; fd++)
        if (!fstat(fd, &st) && st.st_uid != uid && !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
            (void)!fchown(fd, uid, (gid_t)-1);
}

static int no_such_id(struct plan_run *run, const char *what, uint32_t id) {
    int error = errno;
    if (error == EINVAL)
        err_set(&run->err, ERR_INVALID, 0,
                "cannot become the %s %u: this user namespace does not have that id (an ordinary user's has "
                "one, and "
                "those of the ranges in /etc/subuid and /etc/subgid)",
                what, id);
    return -error;
}

int plan_set_groups(struct plan_run *run, size_t count, const gid_t *groups) {
    _cleanup_(str_finish) struct str word = {0};
    if (!setgroups(count, groups)) return 0;
    int r = -errno, proc = r == -EPERM ? plan_open_procfs(run) : r;
    bool asked = proc >= 0 && !file_read_at(proc, "self/setgroups", 16, &word);
    if (asked && str_has_prefix(str_get(&word), "deny")) return 1;
    return err_set(&run->err, ERR_SYSTEM, -r, "cannot set the supplementary groups%s",
                   r == -EPERM ? " (it takes CAP_SETGID)" : ""),
           r;
}

static int no_groups(struct plan_run *run) {
    err_set(&run->err, ERR_INVALID, 0,
            "cannot set the supplementary groups: this user namespace denies that, as one does that an "
            "ordinary user made for a single id (more take ranges in /etc/subuid and /etc/subgid)");
    return -EPERM;
}

int plan_do_user(struct plan_run *run, struct plan_op *op) {
    struct user user = {.uid = op->user.uid, .gid = op->user.gid};
    _cleanup_(freep) const char **groups = plan_list_items(run->block, op->user.groups);
    int r = user_resolve(TEXT(op->user.name), groups, &user, &run->err);
    if (r) return r;
    if (user.uid == (uid_t)-1 || user.gid == (gid_t)-1) return -EINVAL; // "as it is": root
    snprintf(run->home, sizeof run->home, "%s", user.home);
    run->home_set = true;
    give_streams(user.uid);
    if (prctl(PR_SET_KEEPCAPS, 1)) return -errno;
    // In a user namespace that forbids setgroups a user has no groups of /etc/group's. Others were asked for.
    if (!op->user.keep_groups) r = plan_set_groups(run, user.group_count, user.groups);
    if (r < 0) return r;
    if (r && op->user.groups.count) return no_groups(run);
    if (setresgid(user.gid, user.gid, user.gid)) return no_such_id(run, "group", user.gid);
    return setresuid(user.uid, user.uid, user.uid) ? no_such_id(run, "user", user.uid) : 0;
}

// A working directory that is a link to a descriptor from outside must not become one (CVE-2024-21626): after
// the pivot nothing of the host is reachable by name, and the kernel says so of what is not.
int plan_do_workdir(struct plan_run *run, struct plan_op *op) {
    const char *path = TEXT(op->workdir.path);
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
    if (root < 0) return root;
    _cleanup_(fd_closep) int dir =
        op->workdir.create ? path_make_in(root, path, false) : path_open_in(root, path, O_PATH | O_DIRECTORY);
    if (dir < 0) return dir;
    if (fchdir(dir)) return -errno;
    char cwd[PATH_MAX];
    long n = syscall(SYS_getcwd, cwd, sizeof cwd);
    if (n < 0 || cwd[0] != '/')
        return err_set(&run->err, ERR_INVALID, 0, "the working directory %s is outside of the container",
                       path),
               -EPERM;
    return 0;
}

int plan_do_no_new_privs(struct plan_run *run, struct plan_op *op) {
    (void)run, (void)op;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

int plan_do_init(struct plan_run *run, struct plan_op *op) {
    (void)op;
    run->init = true;
    return run->self < 0 ? run->self : 0;
}

const char *plan_environment(const char *const *env, const char *name) {
    size_t n = strlen(name);
    for (; *env; env++)
        if (!strncmp(*env, name, n) && (*env)[n] == '=') return *env + n + 1;
    return NULL;
}

static void not_found(struct plan_run *run, const char *command, const char *file) {
    char words[PATH_MAX];
    struct stat st;
    const char *why = file && !stat(file, &st) ? loader_missing(file, words, sizeof words) : NULL;
    if (!why && file && !stat(file, &st)) why = "its interpreter or loader is not in the image";
    if (!why) why = strchr(command, '/') ? "no such file or directory" : "executable file not found in $PATH";
    err_set(&run->err, ERR_COMMAND_NOT_FOUND, 0, "exec: \"%s\": %s", command, why);
}

// file: where the command was found, or NULL.
static int not_executable(struct plan_run *run, const char *command, const char *file, int error) {
    char words[PATH_MAX];
    const char *why = strerror(error);
    if (error == ENOENT || error == ENOTDIR) return not_found(run, command, file), -error;
    if (error == ENOEXEC) why = "exec format error: no program of this machine's architecture";
    if (error == EISDIR) why = "is a directory";
    if (error == EACCES) why = "permission denied"; // callers of runc look for it as it is written there
    const char *more = error == ENOEXEC && file ? loader_mismatch(file, words, sizeof words) : NULL;
    err_set(&run->err, ERR_COMMAND_NOT_EXECUTABLE, 0, "exec: \"%s\": %s%s%s", command,
            more ? "exec format error" : why, more ? ": " : "", more ? more : "");
    return -error;
}

bool plan_next_in_path(const char **path, const char *command, char ret_file[static PATH_MAX]) {
    while (*path && **path) {
        size_t n = strcspn(*path, ":");
        int length = snprintf(ret_file, PATH_MAX, "%.*s/%s", (int)n, n ? *path : ".", command);
        *path += n + ((*path)[n] == ':');
        if (length < PATH_MAX) return true;
    }
    return false;
}

// The command's own file: as it is when it has a slash, else the first executable one in PATH.
static int find_command(struct plan_run *run, const char *command, const char *path,
                        char found[static PATH_MAX]) {
    struct stat st;
    int error = ENOENT;
    if (!*command) return not_executable(run, command, NULL, ENOENT);
    if (strchr(command, '/')) {
        snprintf(found, PATH_MAX, "%s", command);
        return 0;
    }
    while (plan_next_in_path(&path, command, found)) {
        if (stat(found, &st) || !S_ISREG(st.st_mode)) continue;
        if (!access(found, X_OK)) return 0;
        error = EACCES;
    }
    return not_executable(run, command, NULL, error);
}

// As with START, the filter is in force already.
static int hand_over(struct plan_run *run, int listener) {
    char byte = PLAN_BYTE_LISTENER;
    run->block->listener = listener;
    ssize_t n = write(run->socket, &byte, 1);
    if (n == 1) n = read(run->socket, &byte, 1);
    if (n > 0) return 0;
    if (n == 0) plan_leave(); // the parent failed and has said why
    int error = errno;
    err_set(
        &run->err, ERR_INVALID, error,
        "the listener of linux.seccomp cannot be handed over: its filter must let read and write through");
    return -error;
}

// A filter need not allow what it takes to look for the command: that comes first, where the process is
// already the user who has to be able to run it.
static int find_early(struct plan_run *run) {
    const struct plan_op *exec = plan_find(run->block, PLAN_EXEC);
    const struct plan_op *user = plan_find(run->block, PLAN_USER);
    if (!user || user->state != PLAN_DONE || !exec || !exec->exec.argv.count || run->init) return 0;
    _cleanup_(freep) const char **env = plan_list_items(run->block, exec->exec.env);
    char file[PATH_MAX];
    int r = find_command(run, TEXT(exec->exec.argv.at), plan_environment(env, "PATH"), file);
    if (!r) run->command = xstrdup(file);
    return r;
}

int plan_do_seccomp(struct plan_run *run, struct plan_op *op) {
    int r = find_early(run);
    if (r) return r;
    int listener = seccomp_program_load(plan_data(run->block, op->bpf.program), op->bpf.program.size);
    return listener > 0 ? hand_over(run, listener) : listener;
}

const char **plan_command_environment(struct plan_run *run, const struct plan_op *exec,
                                      char entry[static PLAN_HOME_MAX]) {
    const char **env = plan_list_items(run->block, exec->exec.env);
    size_t count = exec->exec.env.count;
    const char *home = plan_environment(env, "HOME");
    if (!run->home_set || (home && *home)) return env;
    snprintf(entry, PLAN_HOME_MAX, "HOME=%s", run->home);
    env = xrealloc(env, (count + 2) * sizeof *env);
    for (size_t i = 0; i < count; i++)
        if (!strncmp(env[i], "HOME=", 5)) return env[i] = entry, env;
    env[count] = entry;
    env[count + 1] = NULL;
    return env;
}

// To the kernel no path at all is a bad address, whatever else is wrong.
static bool filter_refuses(struct plan_run *run, long number) {
    const struct plan_op *filter = plan_find(run->block, PLAN_SECCOMP);
    if (!filter || filter->state != PLAN_DONE) return false;
    long r =
        number == SYS_execve ? syscall(number, NULL, NULL, NULL) : syscall(number, -1, NULL, NULL, NULL, 0);
    return r < 0 && errno != EFAULT;
}

// What execve or execveat said of it.
static int not_executed(struct plan_run *run, const char *command, const char *file, int error) {
    long number = run->init ? SYS_execveat : SYS_execve;
    if (filter_refuses(run, number))
        return err_set(&run->err, ERR_COMMAND_NOT_EXECUTABLE, 0,
                       "exec: \"%s\": the seccomp filter refuses %s", command,
                       run->init ? "execveat" : "execve"),
               -error;
    return run->init ? -error : not_executable(run, command, file, error);
}

static int execute_init(struct plan_run *run, const char **argv, size_t count, const char **env) {
    const char **all = xmalloc((count + 2) * sizeof *all);
    all[0] = "hoy-init";
    memcpy(all + 1, argv, (count + 1) * sizeof *all);
    syscall(SYS_execveat, run->self, "", all, env, AT_EMPTY_PATH);
    int r = -errno;
    free(all);
    return r;
}

int plan_check_command(struct plan_run *run) {
    struct plan_op *op = plan_ops(run->block) + run->block->count - 1;
    while (op->type != PLAN_EXEC)
        if (op-- == plan_ops(run->block)) return 0;
    char file[PATH_MAX];
    struct stat st;
    _cleanup_(freep) const char **argv = plan_list_items(run->block, op->exec.argv);
    _cleanup_(freep) const char **env = plan_list_items(run->block, op->exec.env);
    if (!argv[0]) return 0; // EXEC has the words for that
    int r = find_command(run, argv[0], plan_environment(env, "PATH"), file);
    if (r) return r;
    if (stat(file, &st) || access(file, X_OK)) return not_executable(run, argv[0], file, errno);
    return S_ISREG(st.st_mode) ? 0 : not_executable(run, argv[0], file, EACCES);
}

int plan_do_exec(struct plan_run *run, struct plan_op *op) {
    char file[PATH_MAX], home[PLAN_HOME_MAX];
    _cleanup_(freep) const char **argv = plan_list_items(run->block, op->exec.argv);
    _cleanup_(freep) const char **env = plan_command_environment(run, op, home);
    if (!argv[0]) return err_set(&run->err, ERR_INVALID, 0, "no command specified"), -EINVAL;
    int r = 0;
    if (run->command)
        snprintf(file, sizeof file, "%s", run->command);
    else
        r = find_command(run, argv[0], plan_environment(env, "PATH"), file);
    if (!r) {
        syscall(SYS_close_range, 3U + run->block->preserve, ~0U, CLOSE_RANGE_CLOEXEC);
        if (run->init)
            r = execute_init(run, argv, op->exec.argv.count, env);
        else
            r = execve(file, (char *const *)argv, (char *const *)env) ? -errno : 0;
        r = not_executed(run, argv[0], file, -r);
    }
    return r;
}
