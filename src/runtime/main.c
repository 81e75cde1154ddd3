// SPDX-License-Identifier: Apache-2.0
// hoy-runtime: one container from one OCI bundle, in the foreground. Same compiler, plan and shim as `hoy
// run`; the shim takes this process's place, with its standard streams.
#include "base/fd.h"
#include "runtime/runtime.h"
#include "shim/client.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_MAX (4u << 20)

struct command {
    const char *root, *bundle, *pid_file, *id;
};

static const char usage[] =
    "Usage:  hoy-runtime [--root DIR] run [--bundle DIR] [--pid-file FILE] ID\n"
    "\n"
    "Runs a container from an OCI bundle in the foreground.\n"
    "\n"
    "Options:\n"
    "      --root DIR        where the states of containers are kept (/run/hoy-runtime)\n"
    "  -b, --bundle DIR      the bundle (the current directory)\n"
    "      --pid-file FILE   write the container's pid to this file\n"
    "  -v, --version         print the version\n";

static int parse(int argc, char **argv, struct command *command, struct err *err) {
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},     {"bundle", required_argument, NULL, 'b'},
        {"pid-file", required_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},        {0}};
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "b:hv", options, NULL)) >= 0;) switch (c) {
        case 'r': command->root = optarg; break;
        case 'b': command->bundle = optarg; break;
        case 'p': command->pid_file = optarg; break;
        case 'h': fputs(usage, stdout), exit(0);
        case 'v': puts("hoy-runtime version " HOY_VERSION "\nspec: 1.3.0"), exit(0);
        default: return err_set(err, ERR_INVALID, 0, "unknown flag or missing value: %s", argv[optind - 1]);
        }
    if (argc - optind < 1) return err_set(err, ERR_INVALID, 0, "no command given: see hoy-runtime --help");
    if (strcmp(argv[optind], "run"))
        return err_set(err, ERR_INVALID, 0, "\"%s\" is not a command of this version: it has run",
                       argv[optind]);
    if (argc - optind != 2) return err_set(err, ERR_INVALID, 0, "run takes exactly one id");
    command->id = argv[optind + 1];
    return 0;
}

static int check_id(const char *id, struct err *err) {
    size_t n = strlen(id);
    if (!n || n > 1024 || *id == '.' ||
        id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")])
        return err_set(err, ERR_INVALID, 0, "\"%s\" is no container id: letters, digits, _ + - . only", id);
    return 0;
}

static int read_bundle(const char *bundle, struct arena *arena, struct spec *spec, struct err *err) {
    _cleanup_(fd_closep) int dir = fd_open_at(AT_FDCWD, bundle, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0) return err_set(err, ERR_SYSTEM, -dir, "cannot open the bundle %s", bundle);
    _cleanup_(str_finish) struct str text = {0};
    int r = file_read_at(dir, "config.json", CONFIG_MAX, &text);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot read %s/config.json", bundle);
    _cleanup_(json_freep) struct json *json = NULL;
    if (json_parse(str_get(&text), text.len, &json))
        return err_set(err, ERR_INVALID, 0, "%s/config.json is no JSON", bundle);
    if (spec_parse(arena, json, spec, err)) return err_wrap(err, "%s/config.json", bundle);
    for (size_t i = 0; i < spec->warnings.count; i++)
        fprintf(stderr, "hoy-runtime: warning: %s\n", spec->warnings.items[i]);
    if (str_empty(spec->root_path))
        return err_set(err, ERR_INVALID, 0, "%s/config.json: root.path is missing", bundle);
    char path[PATH_MAX];
    if (!realpath(bundle, path)) return err_set(err, ERR_SYSTEM, errno, "cannot resolve %s", bundle);
    if (*spec->root_path != '/') spec->root_path = arena_printf(arena, "%s/%s", path, spec->root_path);
    for (size_t i = 0; i < spec->mounts.count; i++) {
        struct spec_mount *mount = &spec->mounts.items[i];
        if (str_eq(mount->type, "bind") && mount->source && *mount->source != '/')
            mount->source = arena_printf(arena, "%s/%s", path, mount->source);
    }
    return 0;
}

// The container's place under root: its name is taken while the directory is there.
static int claim(const struct command *command, int *ret_dir, struct err *err) {
    int r = dir_make_all_at(AT_FDCWD, command->root, 0711);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot make %s", command->root);
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, command->root, O_RDONLY | O_DIRECTORY, 0);
    if (root < 0) return err_set(err, ERR_SYSTEM, -root, "cannot open %s", command->root);
    if (mkdirat(root, command->id, 0700)) {
        if (errno == EEXIST)
            return err_set(err, ERR_CONFLICT, 0, "container with given ID already exists: %s", command->id);
        return err_set(err, ERR_SYSTEM, errno, "cannot make %s/%s", command->root, command->id);
    }
    int dir = fd_open_at(root, command->id, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0) return err_set(err, ERR_SYSTEM, -dir, "cannot open %s/%s", command->root, command->id);
    *ret_dir = dir;
    return 0;
}

static int write_pid_file(const struct command *command, int32_t pid, struct err *err) {
    char text[16];
    if (!command->pid_file) return 0;
    int n = snprintf(text, sizeof text, "%d", pid);
    int r = file_replace_at(AT_FDCWD, command->pid_file, text, (size_t)n, 0644, false);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot write the pid file %s", command->pid_file) : 0;
}

// The shim has our standard streams, or we copy for its terminal; either way it tells when and how it ended.
static int follow(const struct command *command, const struct spec *spec, int socket, int *ret_status,
                  struct err *err) {
    int32_t pid;
    struct shim_exit exit = {0};
    const struct client_options options = {
        .terminal = spec->process.terminal, .send_stdin = spec->process.terminal, .proxy_signals = true};
    if (client_wait_started(socket, &pid, err) || write_pid_file(command, pid, err)) return -1;
    int end = client_run(socket, &options, &exit, err);
    if (end < 0) return -1;
    if (end == CLIENT_LOST) return err_set(err, ERR_SYSTEM, 0, "the shim of %s is gone", command->id);
    *ret_status = exit.status;
    return 0;
}

static int start(const struct command *command, const struct spec *spec, int dir, const struct plan *plan,
                 int *ret_status, struct err *err) {
    struct plan_block *block;
    _cleanup_(fd_closep) int plan_fd = -1;
    int ends[2];
    int r = plan_save(plan, dir, "plan", &plan_fd, &block);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot write %s/%s/plan", command->root, command->id);
    plan_unmap(block);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_SYSTEM, errno, "cannot make a socket");
    _cleanup_(fd_closep) int socket = ends[0];
    const struct runtime_shim shim = {.plan = plan_fd,
                                      .client = ends[1],
                                      .listen = -1,
                                      .log = -1,
                                      .state = -1,
                                      .inherit = !spec->process.terminal};
    pid_t pid = runtime_spawn_shim(&shim, err);
    close(ends[1]);
    if (pid < 0) return -1;
    r = follow(command, spec, socket, ret_status, err);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return r;
}

static int run(const struct command *command, struct arena *arena, int *ret_status, struct err *err) {
    struct spec spec;
    struct plan plan;
    _cleanup_(fd_closep) int dir = -1;
    if (check_id(command->id, err) || read_bundle(command->bundle, arena, &spec, err)) return -1;
    const struct runtime_options options = {.id = command->id,
                                            .cgroup = arena_printf(arena, "/%s", command->id)};
    plan_init(&plan);
    if (runtime_compile(&spec, &options, NULL, &plan, err)) return -1;
    plan.head.stdio = spec.process.terminal ? PLAN_STDIO_TERMINAL : PLAN_STDIO_INHERIT;
    if (claim(command, &dir, err)) return -1;
    int r = start(command, &spec, dir, &plan, ret_status, err);
    unlinkat(dir, "plan", 0);
    (void)!rmdir(arena_printf(arena, "%s/%s", command->root, command->id));
    plan_finish(&plan);
    return r;
}

int main(int argc, char **argv) {
    struct arena arena = ARENA_INIT;
    struct err err = {0};
    struct command command = {.root = "/run/hoy-runtime", .bundle = "."};
    int status = 1;
    fd_ensure_standard();
    if (parse(argc, argv, &command, &err) || run(&command, &arena, &status, &err))
        fprintf(stderr, "hoy-runtime: %s\n", err.text);
    arena_finish(&arena);
    return status;
}
