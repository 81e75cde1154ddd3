// SPDX-License-Identifier: Apache-2.0
// How containers end. There are four ways to hear of it: the shim's own word to a client (container_exited,
// container_failed), and what is found later, when a shim that should be there is not: its exit record
// (exit_record.c); else a plan whose start failed; else nothing, and the shim was killed. All of them take
// the lock of the run directory, so that each ending is taken over once, and none is taken for that of a
// later run.
//
// The order makes a crash at any point harmless: a --rm container's directories go before its row, so a row
// is always there to find what is left; the row of one that stays changes before its run directory goes.
#include "engine/again.h"
#include "engine/cni.h"
#include "engine/joiners.h"
#include "engine/net_rate.h"
#include "engine/parts.h"
#include "engine/ports.h"
#include "engine/why.h"
#include "plan/execute.h"
#include "plan/undo.h"
#include "shim/restart.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool restarts(const struct ending *ending) {
    return str_eq(ending->state, "restarting");
}

bool container_is_live(const struct container *container) {
    return str_eq(container->state, "running") || str_eq(container->state, "starting");
}

#define ERASE "DELETE FROM container WHERE id = ?"

// The row and the address in one transaction.
static int erase_row(struct engine *engine, const struct container *container, struct err *err) {
    struct db *db = engine->store.db;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (db_begin(db, err) || port_rows_release(db, container->id, err) ||
        networks_release(engine, container, err))
        return -1;
    int changed = db_run(db, err, ERASE, "s", container->id);
    if (changed < 0 || db_commit(db, err)) return -1;
    if (changed) container_event(engine, container, "destroy", NULL);
    return 0;
}

int container_erase(struct engine *engine, const struct container *container, bool volumes, struct err *err) {
    container_folder_unlimit(engine, container);
    if (update_groups_remove(engine, container, err) || net_rate_release(engine, container, err) ||
        joiners_cut(engine, container, err) || container_cni_release(engine, container, err) ||
        run_dir_remove(engine, container->id, err) || container_folder_remove(engine, container->id, err))
        return -1;
    if (volumes && volumes_remove_anonymous(engine, container->id, &container->config, err)) return -1;
    return erase_row(engine, container, err);
}

// An end that no shim tells of, in the words of `hoy why`.
static void say_died(struct engine *engine, const struct container *container, const struct ending *ending) {
    char status[16], why[sizeof(struct err) + 64];
    bool failed = str_eq(ending->state, "created") && !str_empty(ending->error);
    if (!failed && !ending->lost) return;
    snprintf(status, sizeof status, "%d", ending->status);
    snprintf(why, sizeof why, failed ? WHY_START_FAILED : WHY_LOST, ending->error);
    container_event(engine, container, "die", "cause", failed ? "start-failed" : "lost", "exitCode", status,
                    "why", why, NULL);
}

#define END                                                                                  \
    "UPDATE container SET state = ?, pid = 0, exit_code = ?, oom_killed = ?, finished = ?, " \
    "error = ?, stopped = ?, restart_count = restart_count + ? WHERE id = ? AND state IN "   \
    "('starting', 'running', 'restarting') AND started <= ?"

// One that is about to be started again keeps its address, but not its ports. 1 when it is this run's ending
// and the row says so now. A container that was live when it was read ends as that run, and no later one.
static int write_ending(struct engine *engine, const struct container *container, const struct ending *ending,
                        struct err *err) {
    struct db *db = engine->store.db;
    _cleanup_(db_rollbackp) struct db *transaction = db;
    if (db_begin(transaction, err)) return -1;
    int changed = db_run(db, err, END, "siiisiisi", ending->state, (int64_t)ending->status,
                         (int64_t)ending->oom, ending->finished, ending->error ? ending->error : "",
                         (int64_t)ending->stopped, (int64_t)restarts(ending), container->id,
                         container_is_live(container) ? container->started : ending->finished);
    if (changed <= 0) return changed;
    say_died(engine, container, ending);
    if (port_rows_release(db, container->id, err) ||
        (!restarts(ending) && networks_release(engine, container, err)))
        return -1;
    if (db_commit(db, err)) return -1;
    return 1;
}

// What CNI plugins can't take away now stays with the container, if only for the next try.
static bool stays_on_network(struct engine *engine, const struct container *container,
                             const struct ending *ending, struct err *err) {
    return !restarts(ending) && container_cni_release(engine, container, err);
}

int container_end(struct engine *engine, const struct container *container, const struct ending *ending,
                  struct err *err) {
    struct ending last = *ending;
    struct err why;
    bool stays = stays_on_network(engine, container, ending, &why);
    if (container->auto_remove && !stays) {
        say_died(engine, container, ending);
        return container_erase(engine, container, true, err);
    }
    if (stays) last.error = why.text;
    // Of one that ran before, a start that fails is the end.
    if (str_eq(last.state, "created") && container->restart_count) last.state = "exited";
    if (!restarts(&last) && (net_rate_release(engine, container, err) || joiners_cut(engine, container, err)))
        return -1;
    int r = write_ending(engine, container, &last, err);
    if (r <= 0) return r;
    if (update_groups_remove(engine, container, err)) return -1;
    if (restarts(&last) || stays) return 0;
    health_keep(engine, container);
    return exit_record_keep(engine, container->id, err);
}

// A shim's word, and what one that was killed around it did not take back any more.

static int undo(struct plan_block *plan, struct err *err) {
    struct err ignored;
    int r = plan_undo(plan);
    if (r) return err_set(err, ERR_SYSTEM, -r, "clean up after a container whose shim is gone");
    (void)plan_run_hooks(plan, PLAN_STOPPED, &ignored);
    return 0;
}

static int undo_rest(const struct run_dir *dir, struct err *err) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    return dir->fd < 0 || plan_map_at(dir->fd, "plan", &plan) ? 0 : undo(plan, err);
}

static int end_with_lock(struct engine *engine, const char *id, const struct ending *ending, int shim,
                         struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    struct container container;
    if (run_dir_lock(engine, id, RUN_DIR_WAIT, &dir, err)) return -1;
    int r = row_load(engine, &arena, id, &container, err);
    if (r <= 0) return r;
    if (!container_is_live(&container) || container.started > ending->finished) return 0;
    // What is in the writable layer can go while the shim is still at it.
    if (container.auto_remove) {
        container_folder_unlimit(engine, &container);
        if (container_folder_remove(engine, id, err)) return -1;
    }
    shim_wait_end(shim); // it undoes its plan, and the run directory has the record of that
    bool has_ended = shim >= 0 || str_eq(ending->state, "created");
    if (has_ended && undo_rest(&dir, err)) return -1;
    return container_end(engine, &container, ending, err);
}

int container_exited(struct engine *engine, const char *id, const struct shim_exit *exit, int shim,
                     struct err *err) {
    struct ending ending = {.state = exit->restarts ? "restarting" : "exited",
                            .status = exit->status,
                            .oom = exit->oom,
                            .finished = exit->exited_ns,
                            .stopped = exit->stopped};
    return end_with_lock(engine, id, &ending, shim, err);
}

static int failure_status(const struct err *why) {
    return why->kind == ERR_COMMAND_NOT_FOUND ? 127 : why->kind == ERR_COMMAND_NOT_EXECUTABLE ? 126 : 125;
}

int container_failed(struct engine *engine, const char *id, const struct err *why, struct err *err) {
    struct ending ending = {
        .state = "created", .status = failure_status(why), .finished = clock_wall_ns(), .error = why->text};
    return end_with_lock(engine, id, &ending, -1, err);
}

void container_expect_end(struct engine *engine, const struct container *container) {
    row_expect_load(engine);
    port_rows_expect_release(engine->store.db);
    db_compile(engine->store.db, container->auto_remove ? ERASE : END);
}

// What is found later

static int read_exit_record(struct engine *engine, const char *id, struct ending *ret_ending) {
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    int64_t status = 0, oom = 0, finished = 0, again = 0, stopped = 0;
    if (exit_record_read(engine, id, "exit", &text) || json_parse(str_get(&text), text.len, &json) ||
        json_i64(json_get(json, "status"), &status) || json_i64(json_get(json, "oom"), &oom) ||
        json_i64(json_get(json, "exited_ns"), &finished))
        return -ENOENT;
    (void)json_i64(json_get(json, "restarts"), &again);
    (void)json_i64(json_get(json, "stopped"), &stopped);
    *ret_ending = (struct ending){.state = again ? "restarting" : "exited",
                                  .status = (int)status,
                                  .oom = oom != 0,
                                  .finished = finished,
                                  .stopped = stopped != 0};
    return 0;
}

static bool this_boot(const struct plan_block *plan) {
    _cleanup_(str_finish) struct str boot = {0};
    if (file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot)) return true;
    return strncmp(str_get(&boot), plan->boot_id, 36) == 0;
}

// The policy of one whose shim could not look at it.
static const char *killed_state(struct plan_block *plan, const struct container *container) {
    int64_t ran_ns = clock_wall_ns() - container->started;
    struct restart_run run = {.status = 137, .ran_ns = ran_ns > 0 ? (uint64_t)ran_ns : 0};
    return restart_next(&plan->restart, &run) ? "restarting" : "exited";
}

// One whose second run was about to begin still has the first one's plan, which its shim has undone.
static bool is_of_earlier_run(const struct plan_block *plan, const struct container *container) {
    return str_eq(container->state, "starting") && container->restart_count &&
           plan->created_ns < container->started;
}

// The kernel's part of a run whose shim is gone; what became of the start. Only in the boot in which it ended
// is a container started again at its end: later it is `system restore` that does it.
static int take_back(const struct container *container, const struct run_dir *dir, struct ending *ending,
                     bool has_record, struct err *err, char ret_text[static sizeof err->text]) {
    struct plan_block *plan = NULL;
    _cleanup_(fd_closep) int fd = dir->fd < 0 ? -ENOENT : fd_open_at(dir->fd, "plan", O_RDWR, 0);
    int r = fd < 0 ? fd : plan_map(fd, &plan);
    if (r == -ENOENT && restarts(ending)) ending->state = "exited";
    if (r == -ENOENT || r == -ENODATA || r == -EINVAL) return 0; // the starter was killed before it wrote one
    if (r) return err_set(err, ERR_SYSTEM, -r, "read the plan of a container whose shim is gone");
    if (is_of_earlier_run(plan, container)) {
        if (!this_boot(plan) && restarts(ending)) ending->state = "exited";
        return plan_unmap(plan), 0;
    }
    bool failed = plan->failed >= 0 && plan->error.kind;
    if (!has_record && failed) {
        snprintf(ret_text, sizeof err->text, "%s", plan->error.text);
        *ending = (struct ending){.state = "created",
                                  .status = failure_status(&plan->error),
                                  .finished = clock_wall_ns(),
                                  .error = ret_text};
    } else if (!has_record && plan->pid > 0) {
        *ending = (struct ending){.state = this_boot(plan) ? killed_state(plan, container) : "exited",
                                  .status = 137,
                                  .finished = clock_wall_ns(),
                                  .error = "the container's shim was killed, and the container with it"};
    }
    if (restarts(ending) && !this_boot(plan)) ending->state = "exited";
    r = this_boot(plan) ? undo(plan, err) : 0;
    plan_unmap(plan);
    return r;
}

// What a container is called while it is being started, and is again when that comes to nothing.
static const char *state_before_run(const struct container *container) {
    return container->restart_count ? "restarting" : "created";
}

// With the lock, and nobody at the socket.
static int take_over(struct engine *engine, const struct container *container, const struct run_dir *dir,
                     struct err *err) {
    char text[sizeof err->text];
    bool running = str_eq(container->state, "running");
    struct ending ending = {.state = running ? "exited" : state_before_run(container),
                            .status = running ? 255 : 0,
                            .finished = clock_wall_ns(),
                            .error = running ? "its run directory is gone: did the machine restart?" : ""};
    bool has_record = !read_exit_record(engine, container->id, &ending);
    if (take_back(container, dir, &ending, has_record, err, text)) return -1;
    // Else the shim has said it, also of one that somebody is about to remove.
    ending.lost = running && !has_record && !str_eq(ending.state, "created") &&
                  container_folder_exists(engine->store.root_fd, container->id);
    if (ending.finished < container->started) ending.finished = container->started; // the clock was set back
    if (container_end(engine, container, &ending, err)) return -1;
    if (restarts(&ending)) again_resume(engine, container->id);
    return 0;
}

// With the lock: nobody looks after it.
static int resume(struct engine *engine, const struct container *container, const struct run_dir *dir,
                  struct err *err) {
    _cleanup_(plan_unmapp) struct plan_block *plan = NULL;
    int r = dir->fd < 0 ? -ENOENT : plan_map_at(dir->fd, "plan", &plan);
    // ENODATA: who started it again was killed while it wrote a new plan.
    if (r == -ENODATA || (!r && this_boot(plan))) return again_resume(engine, container->id), 0;
    struct ending ending = {.state = "exited",
                            .status = container->exit_code,
                            .oom = container->oom_killed,
                            .finished = container->finished,
                            .error = "its run directory is gone: did the machine restart?"};
    return container_end(engine, container, &ending, err);
}

static int settle_dead(struct engine *engine, struct arena *arena, struct container *container,
                       struct err *err) {
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    enum run_dir_mode mode = str_eq(container->state, "running") ? RUN_DIR_WAIT : RUN_DIR_PROBE;
    if (run_dir_lock(engine, container->id, mode, &dir, err)) {
        if (err->kind != ERR_UNAVAILABLE) return -1;
        container->state = state_before_run(container); // whoever is starting it is alive
        return 1;
    }
    int r = row_load(engine, arena, container->id, container, err);
    bool restarting = r > 0 && container_is_restarting(container);
    if (r <= 0 || (!restarting && !container_is_live(container))) return r;
    // Without a directory there was no lock to be had. One that is there now is of a run that has begun
    // since.
    if (dir.fd < 0 && container_folder_exists(engine->store.runroot_fd, container->id))
        return container_settle(engine, arena, container, err);
    _cleanup_(fd_closep) int shim = shim_connect(engine, container->id);
    if (shim >= 0) return 1; // a later run
    if (restarting ? resume(engine, container, &dir, err) : take_over(engine, container, &dir, err))
        return err_wrap(err, "container %s", container->name);
    return row_load(engine, arena, container->id, container, err);
}

// A container that runs is told apart by the process that its plan has; the row learns it once.
static int settle_live(struct engine *engine, struct container *container, struct err *err) {
    int32_t pid =
        container->pid > 0 ? container->pid : plan_read_pid_since(engine, container->id, container->started);
    if (pid <= 0) {
        container->state = state_before_run(container);
        return 1;
    }
    if (str_eq(container->state, "starting") && row_set_running(engine, container->id, pid, err)) return -1;
    container->pid = pid;
    container->exit_code = 0;
    container->state = "running";
    container->paused = container_is_paused(engine, container);
    health_settle(engine, container);
    return 1;
}

// Its shim may have seen the end already, and wait to start it again: then the record of the end is there.
static int settle_waiting(struct engine *engine, struct arena *arena, struct container *container,
                          struct err *err) {
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    struct ending ending;
    if (read_exit_record(engine, container->id, &ending) || !restarts(&ending))
        return settle_live(engine, container, err);
    if (run_dir_lock(engine, container->id, RUN_DIR_PROBE, &dir, err)) {
        if (err->kind != ERR_UNAVAILABLE) return -1;
        container->state = "restarting"; // somebody is at it
        return 1;
    }
    int r = row_load(engine, arena, container->id, container, err);
    if (r <= 0 || !container_is_live(container)) return r;
    // Once more, with the lock: nobody begins a new run now.
    if (read_exit_record(engine, container->id, &ending) || !restarts(&ending))
        return settle_live(engine, container, err);
    if (ending.finished < container->started) ending.finished = container->started;
    if (container_end(engine, container, &ending, err)) return -1;
    return row_load(engine, arena, container->id, container, err);
}

int container_settle(struct engine *engine, struct arena *arena, struct container *container,
                     struct err *err) {
    if (str_eq(container->state, "removing"))
        return container_erase(engine, container, container->auto_remove, err) ? -1 : 0;
    bool restarting = container_is_restarting(container);
    if (!restarting && !container_is_live(container)) return 1;
    _cleanup_(fd_closep) int shim = shim_connect(engine, container->id);
    if (shim >= 0 && restarting) return 1;
    if (shim >= 0)
        return container_may_restart(container) ? settle_waiting(engine, arena, container, err)
                                                : settle_live(engine, container, err);
    if (shim != -ENOENT && shim != -ECONNREFUSED && shim != -ENOTDIR)
        return err_set(err, ERR_SYSTEM, -shim, "container %s: ask its shim", container->name);
    return settle_dead(engine, arena, container, err);
}

// Recovery

// A run directory whose container has no row: its starter was killed between the two.
static int remove_orphan(struct engine *engine, const char *id, struct err *err) {
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    int r = row_exists(engine, id, err);
    if (r) return r < 0 ? -1 : 0;
    if (run_dir_lock(engine, id, RUN_DIR_PROBE, &dir, err)) return err->kind == ERR_UNAVAILABLE ? 0 : -1;
    r = row_exists(engine, id, err);
    if (r) return r < 0 ? -1 : 0;
    return run_dir_remove(engine, id, err);
}

static int remove_orphans(struct engine *engine, struct err *err) {
    _cleanup_(dir_closep) DIR *stream = NULL;
    int r = dir_open_at(engine->store.runroot_fd, "containers", &stream);
    if (r == -ENOENT) return 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "read %s/containers", engine->store.runroot);
    for (struct dirent *entry; !r && (entry = readdir(stream));)
        if (strlen(entry->d_name) == ID_SIZE - 1) r = remove_orphan(engine, entry->d_name, err);
    return r;
}

int engine_recover(struct engine *engine, bool everything, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct strings ids = {0};
    if (everything) db_expect_much(engine->store.db);
    // A start looks at a few of the oldest only: those that were left, not the hundred that start now.
    // Whether those that run do is asked by who lists them.
    if (db_texts(engine->store.db, &arena, &ids, err,
                 "SELECT id FROM container WHERE state IN ('starting', 'removing') ORDER BY created LIMIT ?",
                 "i", (int64_t)(everything ? -1 : 4)) ||
        ports_recover(engine, err))
        return -1;
    for (size_t i = 0; i < ids.count; i++) {
        struct container container;
        if (row_settle(engine, &arena, ids.items[i], &container, err) < 0) return -1;
    }
    if (!everything) return 0;
    return networks_recover(engine, err) || remove_orphans(engine, err) || volumes_recover(engine, err)
               ? -1
               : image_recover(&engine->store, err);
}
