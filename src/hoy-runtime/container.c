// SPDX-License-Identifier: Apache-2.0
#include "hoy-runtime/container.h"

#include "base/clock.h"
#include "base/fd.h"
#include "hoy-runtime/cgroups.h"
#include "kernel/process.h"
#include "plan/execute.h"
#include "plan/undo.h"
#include "runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_MAX     255 // it is the name of a directory
#define PASSWD_MAX (1 << 20)

void container_close(struct container *container) {
    plan_unmap(container->plan);
    container->plan = NULL;
    fd_closep(&container->dir);
}

int container_check_id(const char *id, struct err *err) {
    size_t n = strlen(id);
    if (!n) return err_set(err, ERR_INVALID, 0, "container id cannot be empty");
    if (n > ID_MAX || str_eq(id, ".") || str_eq(id, "..") ||
        id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")])
        return err_set(err, ERR_INVALID, 0,
                       "invalid container ID format: \"%.100s\": letters, digits, _ + - . only, %d at most",
                       id, ID_MAX);
    return 0;
}

static int open_root(struct invocation *invocation, struct err *err) {
    const char *root = invocation->globals.root;
    int fd = fd_open_at(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 ? err_set(err, fd == -ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, -fd, "cannot open %s", root)
                  : fd;
}

const char *path_absolute(struct arena *arena, const char *path) {
    if (*path == '/') return path;
    _cleanup_(freep) char *cwd = getcwd(NULL, 0);
    return arena_printf(arena, "%s/%s", cwd ? cwd : "", path);
}

const char *container_folder(struct invocation *invocation, const char *id) {
    return arena_printf(&invocation->arena, "%s/%s",
                        path_absolute(&invocation->arena, invocation->globals.root), id);
}

static void fill(struct invocation *invocation, const char *id, int dir, struct container *ret_container) {
    *ret_container = (struct container){.id = id, .folder = container_folder(invocation, id), .dir = dir};
}

int container_claim(struct invocation *invocation, const char *id, struct container *ret_container,
                    struct err *err) {
    if (container_check_id(id, err)) return -1;
    int r = dir_make_all_at(AT_FDCWD, invocation->globals.root, 0711);
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot make %s", invocation->globals.root);
    _cleanup_(fd_closep) int root = open_root(invocation, err);
    if (root < 0) return -1;
    if (mkdirat(root, id, 0700)) {
        if (errno == EEXIST)
            return err_set(err, ERR_CONFLICT, 0, "container with given ID already exists: %s", id);
        return err_set(err, ERR_SYSTEM, errno, "cannot make %s/%s", invocation->globals.root, id);
    }
    struct stat st;
    _cleanup_(fd_closep) int dir = fd_open_at(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (dir >= 0) r = fd_lock(dir, LOCK_EX);
    if (dir < 0 || r)
        return err_set(err, ERR_SYSTEM, dir < 0 ? -dir : -r, "cannot open %s/%s", invocation->globals.root,
                       id);
    if (fstat(dir, &st) || !st.st_nlink)
        return err_set(err, ERR_CONFLICT, 0, "container %s was deleted before it was made", id);
    fill(invocation, id, take_fd(&dir), ret_container);
    ret_container->locked = true;
    return 0;
}

static int not_there(const char *id, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, 0, "container does not exist: %s", id);
}

// Somebody makes the container, or has it: a lock of theirs says so. -EWOULDBLOCK is that, how having
// LOCK_NB.
static int lock_plan(int dir, int how) {
    _cleanup_(fd_closep) int plan = fd_open_at(dir, "plan", O_RDONLY | O_NOFOLLOW, 0);
    return plan == -ENOENT ? 0 : plan < 0 ? plan : fd_lock(plan, how);
}

static int take_locks(int dir) {
    int r = fd_lock(dir, LOCK_EX);
    return r ? r : lock_plan(dir, LOCK_SH);
}

int container_open(struct invocation *invocation, const char *id, bool locked,
                   struct container *ret_container, struct err *err) {
    struct stat st;
    if (container_check_id(id, err)) return -1;
    _cleanup_(fd_closep) int root = open_root(invocation, err);
    // "It does not exist" is as good as a removal to callers: only where that is certain.
    if (root < 0) return err->kind == ERR_NOT_FOUND ? not_there(id, err) : -1;
    _cleanup_(fd_closep) int dir = fd_open_at(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (dir == -ENOENT || dir == -ENOTDIR) return not_there(id, err);
    if (dir < 0) return err_set(err, ERR_SYSTEM, -dir, "cannot open %s/%s", invocation->globals.root, id);
    int r = locked ? take_locks(dir) : 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot lock %s/%s", invocation->globals.root, id);
    if (fstat(dir, &st))
        return err_set(err, ERR_SYSTEM, errno, "cannot look at %s/%s", invocation->globals.root, id);
    if (!st.st_nlink) return not_there(id, err); // removed while we waited
    fill(invocation, id, take_fd(&dir), ret_container);
    ret_container->locked = locked;
    r = plan_map_at(ret_container->dir, "plan", &ret_container->plan);
    if (!r || r == -ENOENT || r == -ENODATA) return 0;
    err_set(err, ERR_SYSTEM, -r, "cannot read %s/plan", ret_container->folder);
    return container_close(ret_container), -1;
}

// Status

// Where it can't be looked at nobody shall take it for one that has ended, and delete it.
static bool is_alive(const struct plan_block *plan) {
    struct process_stat stat;
    int r = plan && plan->pid > 0 ? process_stat(plan->pid, &stat) : -ESRCH;
    if (r) return r != -ENOENT && r != -ESRCH;
    return stat.state != 'Z' && stat.state != 'X' && stat.start_time == plan->start_time;
}

static bool has_passed(struct plan_block *plan, enum plan_op_type type) {
    bool passed = false;
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan_ops(plan)[i].type == type) passed = plan_ops(plan)[i].state != PLAN_PENDING;
    return passed;
}

static bool waits(struct plan_block *plan) {
    const struct plan_op *start = plan_find(plan, PLAN_START);
    return start && start->state == PLAN_BEGUN;
}

// Its first process may not be there yet, and until the plan is written nothing is but the directory.
static bool is_being_made(const struct container *container) {
    if (container->locked) return false; // we would have waited
    if (container->plan) return lock_plan(container->dir, LOCK_SH | LOCK_NB) == -EWOULDBLOCK;
    int r = fd_lock(container->dir, LOCK_SH | LOCK_NB);
    if (!r) (void)fd_lock(container->dir, LOCK_UN);
    return r == -EWOULDBLOCK;
}

enum container_status container_status(const struct container *container) {
    struct plan_block *plan = container->plan;
    if (is_being_made(container)) return CONTAINER_CREATING;
    if (!is_alive(plan)) return CONTAINER_STOPPED;
    if (container_is_paused(container)) return CONTAINER_PAUSED;
    if (waits(plan)) return CONTAINER_CREATED;
    return has_passed(plan, PLAN_EXEC) ? CONTAINER_RUNNING : CONTAINER_CREATING;
}

bool container_has_begun(const struct container *container) {
    return has_passed(container->plan, PLAN_EXEC);
}

const char *container_status_word(enum container_status status) {
    static const char *const words[] = {
        [CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created", [CONTAINER_RUNNING] = "running",
        [CONTAINER_PAUSED] = "paused",     [CONTAINER_STOPPED] = "stopped",
    };
    return words[status];
}

int container_pidfd(const struct container *container) {
    const struct plan_block *plan = container->plan;
    return is_alive(plan) ? process_open(plan->pid, plan->start_time) : -ESRCH;
}

// A restored process may be in a time namespace that its config.json does not ask for; what is run beside it
// belongs there, too.
static void add_time_namespace(struct plan_block *plan, struct arena *arena, struct spec *spec) {
    bool own = false;
    for (uint32_t i = 0; i < plan->count; i++)
        own = own || (plan_ops(plan)[i].type == PLAN_CLONE && plan_ops(plan)[i].clone.flags & CLONE_NEWTIME);
    for (size_t i = 0; i < spec->namespaces.count; i++)
        own = own && spec->namespaces.items[i].flag != CLONE_NEWTIME;
    if (own) *arena_push(arena, &spec->namespaces) = (struct spec_namespace){.flag = CLONE_NEWTIME};
}

int container_spec(const struct container *container, struct arena *arena, struct spec *ret_spec,
                   struct err *err) {
    _cleanup_(json_freep) struct json *json = NULL;
    const struct plan_block *plan = container->plan;
    if (!plan || json_parse(plan_data(plan, plan->config), plan->config.size, &json))
        return err_set(err, ERR_INVALID, 0, "container %s was not made whole: delete it", container->id);
    if (spec_parse(arena, json, ret_spec, err)) return -1;
    add_time_namespace(container->plan, arena, ret_spec);
    return 0;
}

static const char *root_path(struct arena *arena, const struct plan_block *plan, const struct spec *spec) {
    if (!plan || !spec->root_path || *spec->root_path == '/') return spec->root_path ? spec->root_path : "";
    return arena_printf(arena, "%s/%s", plan_text(plan, plan->bundle), spec->root_path);
}

// By /etc/passwd as it stands: libc would load modules for it.
const char *container_owner(const struct container *container, struct arena *arena) {
    _cleanup_(str_finish) struct str passwd = {0};
    struct stat st;
    if (fstat(container->dir, &st) || !st.st_uid) return "root";
    (void)file_read_at(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &passwd);
    for (char *rest = passwd.data, *line; (line = strsep(&rest, "\n"));) {
        const char *name = strsep(&line, ":"), *password = strsep(&line, ":");
        if (password && line && strtoul(line, NULL, 10) == st.st_uid) return arena_strdup(arena, name);
    }
    return arena_printf(arena, "#%u", st.st_uid);
}

// runc's JSON, which has more in it than the specification's.
int container_write_state(const struct container *container, struct json_writer *writer, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct plan_block *plan = container->plan;
    enum container_status status = container_status(container);
    char created[CLOCK_RFC3339_SIZE];
    struct spec spec = {0};
    if (plan && container_spec(container, &arena, &spec, err)) return -1;
    json_begin_object(writer, NULL);
    json_put_string(writer, "ociVersion", plan ? spec.oci_version : "1.3.0");
    json_put_string(writer, "id", container->id);
    json_put_i64(writer, "pid", status == CONTAINER_STOPPED || !plan ? 0 : plan->pid);
    json_put_string(writer, "status", container_status_word(status));
    json_put_string(writer, "bundle", plan ? plan_text(plan, plan->bundle) : "");
    json_put_string(writer, "rootfs", root_path(&arena, plan, &spec));
    json_put_string(writer, "created", clock_rfc3339(plan ? plan->created_ns : 0, created));
    if (spec.annotations.count) {
        json_begin_object(writer, "annotations");
        for (size_t i = 0; i < spec.annotations.count; i++)
            json_put_string(writer, spec.annotations.items[i].key, spec.annotations.items[i].value);
        json_end_object(writer);
    }
    json_put_string(writer, "owner", container_owner(container, &arena));
    json_end_object(writer);
    return 0;
}

// The end

int container_remove(struct invocation *invocation, struct container *container, struct err *err) {
    struct err hook = {0};
    struct cgroup_groups places;
    int r = container->plan ? plan_undo(container->plan) : 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "cannot clean up after container %s", container->id);
    // An update may have made groups that no operation knows of.
    if (container_has_groups(container) &&
        (runtime_cgroup_places(container->plan, &invocation->arena, &places, err) ||
         runtime_cgroup_remove(&places, err)))
        return -1;
    if (container->plan && plan_run_hooks(container->plan, PLAN_STOPPED, &hook))
        say_warning(invocation, hook.text);
    _cleanup_(fd_closep) int root = open_root(invocation, err);
    if (root < 0) return -1;
    r = dir_remove_all_at(root, container->id);
    return r ? err_set(err, ERR_SYSTEM, -r, "cannot remove %s", container->folder) : 0;
}

int container_list(struct invocation *invocation, struct strings *ret_ids, struct err *err) {
    struct strings ids = {0};
    struct err ignored;
    int root = open_root(invocation, err);
    if (root < 0) return err->kind == ERR_NOT_FOUND ? *ret_ids = ids, 0 : -1;
    DIR *stream = fdopendir(root);
    if (!stream)
        return fd_closep(&root), err_set(err, ERR_SYSTEM, errno, "cannot read %s", invocation->globals.root);
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.' && !container_check_id(entry->d_name, &ignored))
            strings_add(&invocation->arena, &ids, arena_strdup(&invocation->arena, entry->d_name));
    closedir(stream);
    strings_sort(&ids);
    *ret_ids = ids;
    return 0;
}

void container_forget(struct invocation *invocation, const struct container *container, struct err *err) {
    _cleanup_(fd_closep) int root = open_root(invocation, err);
    if (root >= 0) (void)dir_remove_all_at(root, container->id);
}
