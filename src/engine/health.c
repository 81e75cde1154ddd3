// SPDX-License-Identifier: Apache-2.0
// Health checks, but for making them: that is the shim's (shim/health.h), with the help of `exec` where a
// check is a command.
#include "engine/parts.h"
#include "engine/upkeep.h"
#include "shim/health_record.h"

#include "shim/client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_NS   30000000000u
#define READ_TRIES   100
#define PROBE_PRINTS (2 * HEALTH_OUTPUT_MAX) // the shim cuts it, and has to see that it is more

// The record

// One that is not being changed right now. 0 or -errno.
static int read_record(int dir, const char *path, struct health_record *ret_record) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, path, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0) return fd;
    for (int i = 0; i < READ_TRIES; i++) {
        uint32_t version;
        if (pread(fd, ret_record, sizeof *ret_record, 0) != sizeof *ret_record ||
            ret_record->magic != HEALTH_MAGIC)
            return -ENODATA;
        if (pread(fd, &version, sizeof version, offsetof(struct health_record, version)) != sizeof version)
            return -ENODATA;
        if (version == ret_record->version && !(version & 1)) break;
    }
    // A shim that was killed in the middle of a change leaves an odd version: what is there is as good as
    // any.
    for (size_t i = 0; i < HEALTH_LOG_MAX; i++)
        if (ret_record->entries[i].size > HEALTH_OUTPUT_MAX) ret_record->entries[i].size = HEALTH_OUTPUT_MAX;
    return 0;
}

static int write_record(int dir, const char *path, const struct health_record *record, int *ret_fd) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? fd : fd_write_all(fd, record, sizeof *record);
    if (!r && ret_fd) *ret_fd = take_fd(&fd);
    return r;
}

int health_open(struct engine *engine, const struct container *container, int run_dir, int *ret_fd,
                struct err *err) {
    char path[CONTAINER_FILE_SIZE];
    struct health_record record = {0};
    if (!health_config_checks(container->config.health)) return 0;
    // After a restart it is still in the run directory.
    if (read_record(run_dir, "health", &record) &&
        read_record(engine->store.root_fd, container_file(container->id, "health", path), &record))
        record = (struct health_record){.magic = HEALTH_MAGIC};
    record.version = record.failing_streak = 0;
    record.status = HEALTH_STARTING;
    int r = write_record(run_dir, "health", &record, ret_fd);
    if (!r) return 0;
    return err_set(err, ERR_SYSTEM, -r, "write %s/%s", engine->store.runroot,
                   container_file(container->id, "health", path));
}

void health_keep(struct engine *engine, const struct container *container) {
    char path[CONTAINER_FILE_SIZE];
    struct health_record record;
    if (!health_config_checks(container->config.health)) return;
    container_file(container->id, "health", path);
    if (!read_record(engine->store.runroot_fd, path, &record))
        (void)write_record(engine->store.root_fd, path, &record, NULL);
}

// Whoever is not looked after is unhealthy, as Docker has it.
int container_health_read(struct engine *engine, const struct container *container,
                          struct health_record *ret_record) {
    char path[CONTAINER_FILE_SIZE];
    if (!health_config_checks(container->config.health)) return 0;
    container_file(container->id, "health", path);
    if (read_record(engine->store.runroot_fd, path, ret_record) &&
        read_record(engine->store.root_fd, path, ret_record))
        return 0;
    if (!str_eq(container->state, "running")) ret_record->status = HEALTH_UNHEALTHY;
    return 1;
}

void health_settle(struct engine *engine, struct container *container) {
    char path[CONTAINER_FILE_SIZE];
    uint32_t head[3]; // magic, version, status
    if (!health_config_checks(container->config.health)) return;
    _cleanup_(fd_closep) int fd = fd_open_at(
        engine->store.runroot_fd, container_file(container->id, "health", path), O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0 || pread(fd, head, sizeof head, 0) != sizeof head || head[0] != HEALTH_MAGIC) return;
    container->health = head[2] == HEALTH_HEALTHY     ? CONTAINER_HEALTH_HEALTHY
                        : head[2] == HEALTH_UNHEALTHY ? CONTAINER_HEALTH_UNHEALTHY
                                                      : CONTAINER_HEALTH_STARTING;
}

// One check

static int check_command(struct arena *arena, const struct container *container, struct strings *ret_command,
                         struct err *err) {
    const struct health_config *health = container->config.health;
    if (!health_config_checks(health))
        return err_set(err, ERR_INVALID, 0, "container %s has no health check", container->name);
    if (str_eq(health->test.items[0], "CMD-SHELL")) {
        strings_add(arena, ret_command, "/bin/sh");
        strings_add(arena, ret_command, "-c");
    }
    for (size_t i = 1; i < health->test.count; i++) strings_add(arena, ret_command, health->test.items[i]);
    return 0;
}

static void add_output(struct probe_result *result, const char *bytes, size_t size) {
    size_t room = PROBE_PRINTS - result->output.len;
    str_add_n(&result->output, bytes, size < room ? size : room);
}

// 1: there is something to read; 0: the deadline.
static int wait_readable(int fd, uint64_t deadline_ns) {
    uint64_t now = clock_monotonic_ns();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (now >= deadline_ns) return 0;
    int n = poll(&p, 1, (int)((deadline_ns - now + 999999) / 1000000));
    return n < 0 && errno != EINTR ? -errno : n != 0;
}

// Its frames, until it has ended: 1; 0 at the deadline.
static int hear(int shim, uint64_t deadline_ns, struct probe_result *result) {
    char bytes[SHIM_FRAME_MAX];
    struct shim_frame head;
    struct shim_exit exit;
    for (;;) {
        int r = wait_readable(shim, deadline_ns);
        if (r <= 0) return r;
        if (fd_read_full(shim, &head, sizeof head) != sizeof head || head.size > sizeof bytes ||
            fd_read_full(shim, bytes, head.size) != (ssize_t)head.size)
            return -EPIPE;
        if (head.type == SHIM_STDOUT || head.type == SHIM_STDERR) add_output(result, bytes, head.size);
        if (head.type != SHIM_EXITED || head.size != sizeof exit) continue;
        memcpy(&exit, bytes, sizeof exit);
        result->exit_code = exit.status;
        return 1;
    }
}

static uint64_t timeout_ns(const struct health_config *health) {
    return health->timeout_ns ? (uint64_t)health->timeout_ns : TIMEOUT_NS;
}

// Docker's sentence, with what was printed until then.
static void too_slow(const struct container *container, int shim, struct probe_result *result) {
    uint32_t kill = SIGKILL;
    struct probe_result rest = {0};
    char text[DURATION_TEXT_SIZE];
    (void)shim_send(shim, SHIM_SIGNAL, &kill, sizeof kill);
    (void)hear(shim, clock_monotonic_ns() + KILL_WAIT_NS, &rest);
    _cleanup_(str_finish) struct str printed = result->output;
    result->output = (struct str){0};
    result->exit_code = HEALTH_NOT_STARTED;
    duration_text(timeout_ns(container->config.health), text);
    str_printf(&result->output, "Health check exceeded timeout (%s)", text);
    if (printed.len) str_printf(&result->output, ": %s", str_get(&printed));
    str_finish(&rest.output);
}

int container_probe(struct engine *engine, const struct container *container, struct probe_result *ret_result,
                    struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct exec_options options = {0};
    _cleanup_(fd_closep) int shim = -1;
    uint64_t deadline_ns = clock_monotonic_ns();
    if (check_command(&arena, container, &options.command, err)) return -1;
    deadline_ns += timeout_ns(container->config.health);
    if (container_exec(engine, container, &options, &shim, err)) return -1;
    int r = hear(shim, deadline_ns, ret_result);
    if (r < 0) return err_set(err, ERR_SYSTEM, 0, "the check ended without a result");
    if (r == 0) too_slow(container, shim, ret_result);
    return 0;
}
