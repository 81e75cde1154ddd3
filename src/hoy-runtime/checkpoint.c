// SPDX-License-Identifier: Apache-2.0
// checkpoint: a container's processes as files, by CRIU. What it can't see from inside is told by the plan:
// which mounts come from outside.
#include "base/fd.h"
#include "base/protobuf.h"
#include "hoy-runtime/cgroups.h"
#include "hoy-runtime/images.h"
#include "kernel/path.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LOG "dump.log"

struct checkpoint_options {
    struct images_options images; // first: its rows count from here
    const char *parent_path, *page_server;
    struct spec_i64 status_fd;
    bool leave_running, tcp_skip_in_flight, link_remap, pre_dump;
};

#define AT(member) offsetof(struct checkpoint_options, member)
static const struct option checkpoint_rows[] = {
    IMAGES_ROWS,
    {"leave-running", 0, NULL, "Have the container go on afterwards", store_flag, AT(leave_running)},
    {"link-remap", 0, NULL, "Keep files that have lost their name, by a link", store_flag, AT(link_remap)},
    {"page-server", 0, "address:port", "Send memory there", store_string, AT(page_server)},
    {"parent-path", 0, "dir", "An earlier checkpoint, as seen from the images' folder", store_string,
     AT(parent_path)},
    {"pre-dump", 0, NULL, "Memory alone, while the container runs on", store_flag, AT(pre_dump)},
    {"status-fd", 0, "number", "A descriptor that gets a zero byte when lazy pages are to be had", store_i64,
     AT(status_fd)},
    {"tcp-skip-in-flight", 0, NULL, "Pass over TCP connections that are not established yet", store_flag,
     AT(tcp_skip_in_flight)},
};
const struct option_table checkpoint_options_table = OPTIONS(checkpoint_rows, struct checkpoint_options);

// One run of it.
struct checkpoint {
    const struct checkpoint_options *options;
    struct arena *arena;
    const struct container *container;
    struct spec spec;
    struct images images;
    struct str message; // CRIU's options
    int status_fd;
    const char *criu;
};

// What the flags say

static int put_page_server(struct checkpoint *c, struct err *err) {
    const char *text = c->options->page_server, *colon = strrchr(text, ':');
    _cleanup_(str_finish) struct str server = {0};
    uint32_t port = 0;
    if (!colon || colon == text || parse_u32(colon + 1, &port) || !port || port > UINT16_MAX)
        return err_set(err, ERR_INVALID, 0, "--page-server: \"%.60s\" is not ADDRESS:PORT", text);
    char *address = arena_strndup(c->arena, text, (size_t)(colon - text));
    size_t size = strlen(address);
    if (*address == '[' && address[size - 1] == ']') address[size - 1] = 0, address++;
    protobuf_put_text(&server, 1, address);
    protobuf_put_number(&server, 2, port);
    protobuf_put_message(&c->message, CRIU_PAGE_SERVER, &server);
    return 0;
}

static int put_parent(struct checkpoint *c, struct err *err) {
    const char *path = c->options->parent_path;
    if (*path == '/') return err_set(err, ERR_INVALID, 0, "--parent-path must be relative to --image-path");
    _cleanup_(fd_closep) int parent = fd_open_at(c->images.dir, path, O_RDONLY | O_DIRECTORY, 0);
    if (parent < 0) return err_set(err, ERR_SYSTEM, -parent, "--parent-path: cannot open %s", path);
    protobuf_put_text(&c->message, CRIU_PARENT_IMAGE, path);
    protobuf_put_number(&c->message, CRIU_TRACK_MEMORY, 1);
    return 0;
}

static int take_status_fd(struct checkpoint *c, struct err *err) {
    if (!c->options->status_fd.set || c->options->status_fd.value == -1) return 0;
    int64_t fd = c->options->status_fd.value;
    int flags = fd < 0 || fd > INT_MAX ? -1 : fcntl((int)fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return err_set(err, ERR_INVALID, 0, "--status-fd: %lld is no descriptor that can be written to",
                       (long long)fd);
    c->status_fd = (int)fd;
    return 0;
}

static int put_flags(struct checkpoint *c, struct err *err) {
    const struct checkpoint_options *options = c->options;
    if (images_put_options(&options->images, &c->spec, LOG, &c->message, err)) return -1;
    images_put_folders(&c->images, &c->message);
    protobuf_put_number(&c->message, CRIU_LEAVE_RUNNING, options->leave_running);
    protobuf_put_number(&c->message, CRIU_TCP_SKIP_IN_FLIGHT, options->tcp_skip_in_flight);
    protobuf_put_number(&c->message, CRIU_LINK_REMAP, options->link_remap);
    if (!str_empty(options->page_server) && put_page_server(c, err)) return -1;
    if (!str_empty(options->parent_path) && put_parent(c, err)) return -1;
    return take_status_fd(c, err);
}

// What the container is

static int put_namespaces(struct checkpoint *c, struct err *err) {
    for (size_t i = 0; i < c->spec.namespaces.count; i++) {
        const struct spec_namespace *ns = &c->spec.namespaces.items[i];
        const char *key = images_namespace_key(ns->flag);
        struct stat st;
        if (str_empty(ns->path) || !key) continue;
        if (stat(ns->path, &st)) return err_set(err, ERR_SYSTEM, errno, "cannot look at %s", ns->path);
        protobuf_put_text(&c->message, CRIU_EXTERNAL,
                          arena_printf(c->arena, "%s[%llu]:%s", ns->flag == CLONE_NEWNET ? "net" : "pid",
                                       (unsigned long long)st.st_ino, key));
    }
    return 0;
}

// Where a mount is by the kernel's own words: a link on the way to it is in no table of mounts.
static const char *mount_place(struct checkpoint *c, int fd, const char *name) {
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0 || *path != '/') return name;
    path[n] = 0;
    return arena_strdup(c->arena, path);
}

static bool is_null(int fd) {
    struct stat st;
    return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

// A mount from outside has a name in the images; by that the restore says what is to be there. A masked file
// is the host's /dev/null; a masked directory a file system that goes along.
static void put_mount(struct checkpoint *c, int root, struct plan_op *op) {
    const struct plan_block *plan = c->container->plan;
    bool mask = op->type == PLAN_MASK_PATH;
    bool bind =
        (op->type == PLAN_MOUNT && op->mount.flags & MS_BIND) || (op->type == PLAN_DEVICE && op->device.bind);
    if (!mask && !bind) return;
    const char *target = plan_text(plan, mask                      ? op->path
                                         : op->type == PLAN_DEVICE ? op->device.path
                                                                   : op->mount.target);
    const char *name = images_mount_name(c->arena, target);
    _cleanup_(fd_closep) int fd = path_open_in(root, target, 0);
    if (fd < 0 || (mask && !is_null(fd))) return; // nothing is mounted there any more
    images_put_pair(&c->message, CRIU_EXTERNAL_MOUNT, mount_place(c, fd, name), mask ? "/dev/null" : name);
}

static int put_mounts(struct checkpoint *c, struct err *err) {
    char path[64];
    struct plan_block *plan = c->container->plan;
    snprintf(path, sizeof path, "/proc/%d/root", plan->pid);
    _cleanup_(fd_closep) int root = fd_open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    if (root < 0) return err_set(err, ERR_SYSTEM, -root, "cannot look into the container's root");
    for (uint32_t i = 0; i < plan->count; i++) put_mount(c, root, &plan_ops(plan)[i]);
    return 0;
}

static void put_freezer(struct checkpoint *c) {
    struct cgroup_groups groups;
    struct err none;
    if (container_groups(c->container, c->arena, &groups, &none)) return;
    const struct cgroup_group *group = cgroup_groups_freezer(&groups);
    if (group) protobuf_put_text(&c->message, CRIU_FREEZE_CGROUP, group->path);
}

static void put_root(struct checkpoint *c) {
    const struct plan_block *plan = c->container->plan;
    const char *path = c->spec.root_path;
    protobuf_put_text(&c->message, CRIU_ROOT,
                      *path == '/' ? path
                                   : arena_printf(c->arena, "%s/%s", plan_text(plan, plan->bundle), path));
}

static int put_container(struct checkpoint *c, struct err *err) {
    protobuf_put_number(&c->message, CRIU_PID, c->container->plan->pid);
    put_root(c);
    put_freezer(c);
    if (put_namespaces(c, err)) return -1;
    return c->options->pre_dump ? 0 : put_mounts(c, err);
}

// descriptors.json, as runc has it: what 0, 1 and 2 were when the container was made.
static int write_descriptors(struct checkpoint *c, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    const struct plan_block *plan = c->container->plan;
    _cleanup_(freep) const char **names = plan_list_items(plan, plan->streams);
    json_begin_array(&writer, NULL);
    for (size_t i = 0; i < plan->streams.count; i++) json_put_string(&writer, NULL, names[i]);
    json_end_array(&writer);
    int r = file_replace_at(c->images.dir, "descriptors.json", str_get(&writer.text), writer.text.len, 0600,
                            false);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot write %s/descriptors.json", c->images.path) : 0;
}

// The dump

static int listen_to(void *data, struct criu_notice *notice, struct err *err) {
    struct checkpoint *c = data;
    if (!str_eq(notice->script, "status-ready") || c->status_fd < 0) return 0;
    int r = fd_write_all(c->status_fd, "", 1);
    fd_closep(&c->status_fd); // who waits there reads to the end
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot write to --status-fd") : 0;
}

static int dump(struct checkpoint *c, struct err *err) {
    const struct criu_program program = {.path = c->criu};
    struct criu_session session;
    struct criu_answer answer;
    if (criu_start(&program, &session, err))
        return err_wrap(err, "cannot checkpoint container %s", c->container->id);
    int r = criu_request(&session, c->options->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP, &c->message, listen_to,
                         c, &answer, err);
    criu_finish(&session);
    return !r && answer.success ? 0
                                : images_fail(&c->images, LOG, &answer, "checkpoint", c->container->id, err);
}

static int check_status(const struct container *container, struct err *err) {
    enum container_status status = container_status(container);
    if (status == CONTAINER_RUNNING || status == CONTAINER_PAUSED) return 0;
    return err_set(err, ERR_CONFLICT, 0, "container %s cannot be checkpointed: it is %s", container->id,
                   container_status_word(status));
}

static int checkpoint(struct checkpoint *c, struct invocation *invocation, struct err *err) {
    if (check_status(c->container, err) || container_spec(c->container, c->arena, &c->spec, err) ||
        images_open(invocation, &c->options->images, true, &c->images, err) || put_flags(c, err) ||
        put_container(c, err))
        return -1;
    if (!c->options->pre_dump && write_descriptors(c, err)) return -1;
    return dump(c, err);
}

int run_checkpoint(struct invocation *invocation, struct err *err) {
    const struct checkpoint_options *options = invocation->options;
    _cleanup_(container_close) struct container container = {.dir = -1};
    if (container_open(invocation, invocation->arguments.items[0], true, &container, err)) return -1;
    struct checkpoint c = {.options = options,
                           .arena = &invocation->arena,
                           .container = &container,
                           .images = {.dir = -1, .work = -1},
                           .status_fd = -1,
                           .criu = invocation->globals.criu};
    int r = checkpoint(&c, invocation, err);
    images_close(&c.images);
    str_finish(&c.message);
    if (r || options->leave_running || options->pre_dump) return r;
    return container_remove(invocation, &container, err);
}
