// SPDX-License-Identifier: Apache-2.0
// restore: a container from a checkpoint. The config.json is compiled as for any other; of the plan only the
// host's side is done here, and CRIU makes the process and what it stands in. It makes it as a child of ours:
// so the shim can take this program's place afterwards, as if it had made the container itself.
#include "base/fd.h"
#include "base/protobuf.h"
#include "criu/pages.h"
#include "hoy-runtime/bundle.h"
#include "hoy-runtime/create.h"
#include "hoy-runtime/images.h"
#include "hoy-runtime/launch.h"
#include "hoy-runtime/notify.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "plan/adopt.h"
#include "plan/namespace.h"
#include "plan/undo.h"
#include "shim/protocol.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG             "restore.log"
#define ROOT            "criu-root"
#define DESCRIPTORS_MAX 65536

struct restore_options {
    struct images_options images; // first: its rows count from here
    struct launch_options launch;
    const char *bundle, *lsm_profile, *lsm_mount_context;
    bool no_subreaper, no_pivot;
};

#define AT(member) offsetof(struct restore_options, member)
static const struct option restore_rows[] = {
    IMAGES_ROWS,
    {"bundle", 'b', "dir", "The bundle (default: the current directory)", store_string, AT(bundle)},
    {"console-socket", 0, "path", "A unix socket that gets the terminal's master", store_string,
     AT(launch.console_socket)},
    {"detach", 'd', NULL, "Go when the container runs", store_flag, AT(launch.detach)},
    {"lsm-mount-context", 0, "context", "The SELinux context of mounts, in place of the images'",
     store_string, AT(lsm_mount_context)},
    {"lsm-profile", 0, "type:name", "The LSM profile of processes, in place of the images'", store_string,
     AT(lsm_profile)},
    {"no-pivot", 0, NULL, "For runc's sake: CRIU changes the root in its own way", store_flag, AT(no_pivot)},
    {"no-subreaper", 0, NULL, "Do not adopt the container's orphans", store_flag, AT(no_subreaper)},
    {"pid-file", 0, "path", "A file that gets the process id", store_string, AT(launch.pid_file)},
};
const struct option_table restore_options_table = OPTIONS(restore_rows, struct restore_options);

// One run of it.
struct restore {
    struct invocation *invocation;
    const struct restore_options *options;
    struct container container;
    struct plan_block *plan;
    struct bundle *bundle;
    struct images images;
    struct criu_program program;
    struct str message; // CRIU's options
    const char *root;   // where the container's root is mounted for CRIU, in its own mount namespace
    int console;        // what gets the terminal, or -1
    bool restored;      // CRIU has said so
    int terminal;       // its master
    int namespaces[2];  // those from outside that go along
    size_t namespace_count;
};

// Mounts

static bool is_below(const char *path, const char *mount) {
    size_t n = strlen(mount);
    return !strncmp(path, mount, n) && path[n] == '/';
}

// What CRIU mounts on must be there. What is below another mount is its: of the images, or from outside.
static int make_target(struct restore *c, int root, uint32_t index, struct err *err) {
    struct plan_op *ops = plan_ops(c->plan), *op = &ops[index];
    struct arena *arena = &c->invocation->arena;
    struct stat st;
    const char *source = plan_text(c->plan, op->mount.source);
    const char *target = images_mount_name(arena, plan_text(c->plan, op->mount.target));
    for (uint32_t i = 0; i < index; i++)
        if (ops[i].type == PLAN_MOUNT &&
            is_below(target, images_mount_name(arena, plan_text(c->plan, ops[i].mount.target))))
            return 0;
    bool bind = op->mount.flags & MS_BIND;
    if (bind && stat(source, &st))
        return err_set(err, ERR_SYSTEM, errno, "mount at %s: cannot look at %s", target, source);
    _cleanup_(fd_closep) int fd = path_make_in(root, target, bind && !S_ISDIR(st.st_mode));
    return fd < 0 ? err_set(err, ERR_SYSTEM, -fd, "cannot make the mount point %s", target) : 0;
}

static int put_mounts(struct restore *c, struct err *err) {
    struct plan_op *ops = plan_ops(c->plan);
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, c->bundle->spec.root_path, O_PATH | O_DIRECTORY, 0);
    if (root < 0) return err_set(err, ERR_SYSTEM, -root, "cannot open %s", c->bundle->spec.root_path);
    for (uint32_t i = 0; i < c->plan->count; i++) {
        const char *target = NULL, *source = NULL;
        if (ops[i].type == PLAN_MOUNT && make_target(c, root, i, err)) return -1;
        if (ops[i].type == PLAN_MOUNT && ops[i].mount.flags & MS_BIND) {
            target = plan_text(c->plan, ops[i].mount.target);
            source = plan_text(c->plan, ops[i].mount.source);
        } else if (ops[i].type == PLAN_DEVICE && ops[i].device.bind) {
            target = source = plan_text(c->plan, ops[i].device.path);
        }
        if (target)
            images_put_pair(&c->message, CRIU_EXTERNAL_MOUNT,
                            images_mount_name(&c->invocation->arena, target), source);
    }
    if (c->bundle->spec.masked_paths.count)
        images_put_pair(&c->message, CRIU_EXTERNAL_MOUNT, "/dev/null", "/dev/null");
    return 0;
}

// Namespaces by path

static const char *namespace_word(uint64_t flag) {
    switch (flag) {
    case CLONE_NEWIPC: return "ipc";
    case CLONE_NEWUTS: return "uts";
    case CLONE_NEWUSER: return "user";
    case CLONE_NEWNS: return "mnt";
    case CLONE_NEWTIME: return "time";
    default: return NULL;
    }
}

// By the same rules as in a container that is made.
static int open_namespace(const struct spec_namespace *ns, struct err *err) {
    struct namespace_path path = {.path = ns->path, .field = "linux.namespaces", .flag = ns->flag};
    struct err why = {0};
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, ns->path, O_RDONLY | O_NONBLOCK, 0);
    int r = fd < 0 ? fd : namespace_check(&path, fd, &why);
    if (!r) return take_fd(&fd);
    if (why.kind) return *err = why, -1;
    return err_set(err, ERR_SYSTEM, -r, "linux.namespaces: cannot join %s", ns->path);
}

static int put_namespace(struct restore *c, const struct spec_namespace *ns, struct err *err) {
    const char *key = images_namespace_key(ns->flag), *word = namespace_word(ns->flag);
    if (!key && !word)
        return err_set(err, ERR_INVALID, 0, "linux.namespaces: criu cannot join the cgroup namespace %s",
                       ns->path);
    _cleanup_(fd_closep) int fd = open_namespace(ns, err);
    if (fd < 0) return -1;
    if (!key) return images_put_pair(&c->message, CRIU_JOIN_NS, word, ns->path), 0;
    images_put_numbered(&c->message, CRIU_INHERIT_FD, key, CRIU_FD_EXTRA + (int)c->namespace_count);
    c->program.extra[c->namespace_count] = c->namespaces[c->namespace_count] = take_fd(&fd);
    c->program.extra_count = ++c->namespace_count;
    return 0;
}

static int put_namespaces(struct restore *c, struct err *err) {
    for (size_t i = 0; i < c->bundle->spec.namespaces.count; i++) {
        const struct spec_namespace *ns = &c->bundle->spec.namespaces.items[i];
        if (!str_empty(ns->path) && put_namespace(c, ns, err)) return -1;
    }
    return 0;
}

// Standard streams: where one was a pipe, what is ours at its number takes its place.

static int put_streams(struct restore *c, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    int r = file_read_at(c->images.dir, "descriptors.json", DESCRIPTORS_MAX, &text);
    if (r)
        return err_set(err, r == -ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, -r,
                       "there is no checkpoint in %s: cannot read descriptors.json%s", c->images.path,
                       r == -ENOENT ? ": it is not there" : "");
    if (json_parse(str_get(&text), text.len, &json) || !(json_is_array(json) || json_is_null(json)) ||
        json_length(json) > 3)
        return err_set(err, ERR_INVALID, 0, "%s/descriptors.json is damaged: it is no list of three names",
                       c->images.path);
    for (size_t i = 0; i < json_length(json); i++) {
        const char *name = json_string(json_at(json, i));
        if (!name)
            return err_set(err, ERR_INVALID, 0, "%s/descriptors.json is damaged: a name is no text",
                           c->images.path);
        if (strstr(name, "pipe:")) images_put_numbered(&c->message, CRIU_INHERIT_FD, name, (int)i);
    }
    return 0;
}

// CRIU's process, before it is that

// A mount that CRIU can make the container's root: in a mount namespace of its own, so that nothing is left
// on the host whatever happens.
static int mount_root(struct restore *c, struct err *err) {
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
        return err_set(err, ERR_SYSTEM, errno, "cannot make a mount namespace");
    _cleanup_(fd_closep) int tree = mount_clone(AT_FDCWD, c->bundle->spec.root_path, true);
    _cleanup_(fd_closep) int target = fd_open_at(AT_FDCWD, c->root, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    int r = tree < 0 ? tree : target < 0 ? target : mount_attach(tree, target);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot mount %s at %s", c->bundle->spec.root_path, c->root) : 0;
}

static int prepare(void *data, struct err *err) {
    struct restore *c = data;
    return plan_adopt_join(c->plan, err) || mount_root(c, err) ? -1 : 0;
}

// The groups that CRIU's process is in by now take the place of those in the images, whatever their names.
static int put_cgroups(struct restore *c, pid_t pid, struct err *err) {
    char path[32];
    _cleanup_(str_finish) struct str text = {0};
    snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
    int r = file_read_at(AT_FDCWD, path, 1u << 20, &text);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read %s", path);
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));) {
        (void)strsep(&line, ":"); // a number
        char *controllers = strsep(&line, ":");
        while (line && controllers) {
            _cleanup_(str_finish) struct str root = {0};
            protobuf_put_text(&root, 1, strsep(&controllers, ","));
            protobuf_put_text(&root, 2, line);
            protobuf_put_message(&c->message, CRIU_CGROUP_ROOT, &root);
        }
    }
    return 0;
}

// What CRIU tells of

static int take_terminal(struct restore *c, struct criu_notice *notice, struct err *err) {
    if (notice->fd < 0) return err_set(err, ERR_SYSTEM, 0, "criu has sent no terminal");
    if (c->console < 0) {
        fd_closep(&c->terminal);
        c->terminal = take_fd(&notice->fd);
        return 0;
    }
    int r = fd_send(c->console, "/dev/ptmx", strlen("/dev/ptmx"), &notice->fd, 1);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot send the terminal to the console socket") : 0;
}

static int listen_to(void *data, struct criu_notice *notice, struct err *err) {
    struct restore *c = data;
    if (str_eq(notice->script, "setup-namespaces")) return plan_adopt_namespaces(c->plan, notice->pid, err);
    if (str_eq(notice->script, "orphan-pts-master")) return take_terminal(c, notice, err);
    // Nothing runs yet, and from here on everybody can find it.
    if (str_eq(notice->script, "post-restore") && notice->pid > 0)
        plan_adopt(c->plan, notice->pid), c->restored = true;
    return 0;
}

// The restore

static int put_options(struct restore *c, struct err *err) {
    const struct restore_options *options = c->options;
    if (images_put_options(&options->images, &c->bundle->spec, LOG, &c->message, err)) return -1;
    protobuf_put_number(&c->message, CRIU_EVASIVE_DEVICES, 1);
    protobuf_put_number(&c->message, CRIU_SIBLING, 1);
    protobuf_put_text(&c->message, CRIU_ROOT, c->root);
    protobuf_put_text(&c->message, CRIU_LSM_PROFILE, options->lsm_profile);
    protobuf_put_text(&c->message, CRIU_LSM_MOUNT_CONTEXT, options->lsm_mount_context);
    return put_namespaces(c, err) || put_streams(c, err) || put_mounts(c, err) ? -1 : 0;
}

static int ask(struct restore *c, struct criu_session *session, struct err *err) {
    struct criu_answer answer = {0};
    int r = put_cgroups(c, session->pid, err) || images_reopen(&c->images, session->pid, err) ? -1 : 0;
    images_put_folders(&c->images, &c->message);
    if (!r) r = criu_request(session, CRIU_RESTORE, &c->message, listen_to, c, &answer, err);
    criu_finish(session);
    if (!r && answer.success && c->restored) return 0;
    return images_fail(&c->images, LOG, &answer, "restore", c->container.id, err);
}

// Whatever was restored before it went wrong is ours to end.
static void end_process(struct restore *c) {
    if (c->plan->pid <= 0 || waitpid(c->plan->pid, NULL, WNOHANG) != 0) return;
    kill(c->plan->pid, SIGKILL);
    while (waitpid(c->plan->pid, NULL, 0) < 0 && errno == EINTR) {}
}

static int write_pid(const struct plan_block *plan, struct err *err) {
    char text[16];
    const char *path = plan_text(plan, plan->pid_file);
    int n = snprintf(text, sizeof text, "%d", plan->pid);
    int r = *path ? file_replace_at(AT_FDCWD, path, text, (size_t)n, 0644, false) : 0;
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot write the pid file %s", path) : 0;
}

static int make_process(struct restore *c, struct err *err) {
    struct criu_session session;
    int r = 0;
    if (mkdirat(c->container.dir, ROOT, 0755))
        return err_set(err, ERR_SYSTEM, errno, "cannot make %s", c->root);
    if (criu_start(&c->program, &session, err))
        r = err_wrap(err, "cannot restore container %s", c->container.id);
    else
        r = ask(c, &session, err);
    (void)unlinkat(c->container.dir, ROOT, AT_REMOVEDIR);
    return r || write_pid(c->plan, err) ? -1 : 0;
}

static int restore(struct restore *c, struct err *err) {
    if (put_options(c, err) || plan_adopt_begin(c->plan, err)) return -1;
    int r = make_process(c, err);
    plan_adopt_end();
    if (!r) return 0;
    end_process(c);
    (void)plan_undo(c->plan);
    return -1;
}

// Afterwards

static int become_shim(struct restore *c, int plan_fd, int client, struct err *err) {
    struct runtime_shim shim = RUNTIME_SHIM_NONE;
    shim.plan = plan_fd;
    shim.client = client;
    shim.terminal = c->terminal;
    shim.inherit = true;
    return launch_become_shim(c->invocation, &shim, err);
}

static int restore_here(struct restore *c, int plan_fd, int client, struct err *err) {
    if (!c->options->no_subreaper) prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (restore(c, err)) return -1;
    return c->options->launch.detach ? 0 : become_shim(c, plan_fd, client, err);
}

static _Noreturn void follow_child(struct restore *c, int plan_fd, int client) {
    struct {
        struct shim_frame head;
        struct err err;
    } frame = {{SHIM_FAILED, sizeof frame.err}, {0}};
    restore_here(c, plan_fd, client, &frame.err);
    (void)fd_write_all(client, &frame, sizeof frame);
    _exit(1);
}

// The container's terminal is to be at ours: we are the client of a shim, which is a child, and so is what
// restores.
static int restore_and_follow(struct restore *c, int plan_fd, const struct plan *plan, struct err *err) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_SYSTEM, errno, "cannot make a socket");
    _cleanup_(fd_closep) int socket = ends[0];
    pid_t child = fork();
    if (child == 0) follow_child(c, plan_fd, ends[1]);
    close(ends[1]);
    return child < 0 ? err_set(err, ERR_SYSTEM, errno, "cannot fork")
                     : launch_follow(socket, child, plan, err);
}

static int make(struct restore *c, struct plan *plan, struct err *err) {
    const struct launch_options *launch = &c->options->launch;
    _cleanup_(fd_closep) int plan_fd = -1;
    c->console = launch_connect(launch->console_socket, "console-socket", err);
    if (c->console == -2) return -1;
    if (notify_make_folder(&c->container, err) || create_save(plan, &c->container, &plan_fd, &c->plan, err))
        return -1;
    c->root = arena_printf(&c->invocation->arena, "%s/%s", c->container.folder, ROOT);
    bool follows = plan->head.stdio == PLAN_STDIO_TERMINAL && !launch->detach;
    return follows ? restore_and_follow(c, plan_fd, plan, err) : restore_here(c, plan_fd, -1, err);
}

static void finish(struct restore *c) {
    plan_unmap(c->plan);
    images_close(&c->images);
    container_close(&c->container);
    str_finish(&c->message);
    fd_closep(&c->console);
    fd_closep(&c->terminal);
    for (size_t i = 0; i < c->namespace_count; i++) fd_closep(&c->namespaces[i]);
}

static int check_images(const struct images *images, bool lazy, struct err *err) {
    struct stat st;
    // Lazy pages are elsewhere.
    if (!fstatat(images->dir, "inventory.img", &st, AT_SYMLINK_NOFOLLOW))
        return lazy || !criu_check_pages(images->dir, err) ? 0 : err_wrap(err, "%s", images->path);
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, 0, "there is no checkpoint in %s: it has no inventory.img",
                       images->path);
    return err_set(err, ERR_SYSTEM, errno, "cannot look at %s/inventory.img", images->path);
}

int run_restore(struct invocation *invocation, struct err *err) {
    const struct restore_options *options = invocation->options;
    const struct create_settings settings = {.launch = &options->launch,
                                             .no_subreaper = options->no_subreaper};
    _cleanup_(bundle_finish) struct bundle bundle = {0};
    _cleanup_(plan_finish) struct plan plan;
    _cleanup_(finish) struct restore c = {.invocation = invocation,
                                          .options = options,
                                          .container = {.dir = -1},
                                          .bundle = &bundle,
                                          .images = {.dir = -1, .work = -1},
                                          .console = -1,
                                          .terminal = -1};
    c.program.path = invocation->globals.criu;
    c.program.prepare = prepare;
    c.program.data = &c;
    plan_init(&plan);
    if (container_check_id(invocation->arguments.items[0], err) ||
        bundle_read(invocation, str_empty(options->bundle) ? "." : options->bundle, &bundle, err) ||
        images_open(invocation, &options->images, false, &c.images, err) ||
        check_images(&c.images, options->images.lazy_pages, err) ||
        create_compile(invocation, &bundle, &settings, &plan, err) ||
        container_claim(invocation, invocation->arguments.items[0], &c.container, err))
        return -1;
    int r = make(&c, &plan, err);
    struct err ignored;
    if (r < 0) container_forget(invocation, &c.container, &ignored);
    return r;
}
