// SPDX-License-Identifier: Apache-2.0
#include "shim/rig.h"

#include "base/arena.h"
#include "base/fd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void save_plan(struct rig *rig, const struct rig_options *o, int *ret_fd) {
    struct plan plan;
    struct plan_block *block;
    plan_init(&plan);
    plan.head.stdio = (uint8_t)o->stdio;
    plan.head.keep_stdin = o->keep_stdin;
    plan.head.is_exec = o->is_exec;
    plan.head.log = (struct plan_log){.file = PLAN_LOG_JSON, .name = plan_string(&plan, "log")};
    if (o->on_exit) plan.head.on_exit = plan_strings(&plan, &o->on_exit, 1);
    plan.head.auto_remove = o->on_exit && !o->restart.policy;
    plan.head.restart = o->restart;
    plan.head.stop_signal = SIGTERM;
    plan.head.stop_timeout_s = 10;
    const char *argv[] = {o->program ? o->program : "/bin/sh", "-c", o->script};
    const char *env[] = {"PATH=/usr/bin:/bin", "PS1=$ ", "TERM=xterm"};
    struct plan_list arguments = plan_strings(&plan, argv, o->program ? 1 : 3);
    struct plan_list environment = plan_strings(&plan, env, 3);
    struct plan_op *op = plan_add(&plan, PLAN_EXEC, "");
    op->exec.argv = arguments;
    op->exec.env = environment;
    if (plan_save(&plan, rig->dir, "plan", ret_fd, &block)) abort();
    plan_unmap(block);
    plan_finish(&plan);
}

static struct sockaddr_un address_of(struct rig *rig) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/sock", rig->folder);
    return address;
}

static int listen_at(struct rig *rig) {
    struct sockaddr_un address = address_of(rig);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 16)) abort();
    return fd;
}

void rig_start(struct rig *rig, const struct rig_options *options) {
    int ends[2], places[SHIM_FD_COUNT];
    for (int i = 0; i < SHIM_FD_COUNT; i++) places[i] = -1;
    strcpy(rig->folder, "/tmp/hoy-shim-XXXXXX");
    if (!mkdtemp(rig->folder)) abort();
    rig->dir = fd_open_at(AT_FDCWD, rig->folder, O_RDONLY | O_DIRECTORY, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) abort();
    save_plan(rig, options, &places[SHIM_FD_PLAN]);
    places[SHIM_FD_CLIENT] = ends[1];
    places[SHIM_FD_LISTEN] = options->is_exec ? -1 : listen_at(rig);
    places[SHIM_FD_LOG] =
        options->is_exec ? -1 : fd_open_at(rig->dir, "log", O_WRONLY | O_APPEND | O_CREAT, 0600);
    places[SHIM_FD_STATE] = options->is_exec ? -1 : fcntl(rig->dir, F_DUPFD_CLOEXEC, 0);
    rig->client = ends[0];
    if (options->no_client) close(ends[1]), places[SHIM_FD_CLIENT] = -1;
    rig->shim = fork();
    if (rig->shim == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // a test that fails leaves nothing
        int high[SHIM_FD_COUNT];
        for (int i = SHIM_FD_PLAN; i < SHIM_FD_COUNT; i++) high[i] = fcntl(places[i], F_DUPFD, 100);
        for (int i = SHIM_FD_PLAN; i < SHIM_FD_COUNT; i++) high[i] >= 0 ? dup2(high[i], i) : close(i);
        for (int i = SHIM_FD_COUNT; i < 200; i++) close(i);
        execl(SHIM_PROGRAM, "hoy-shim", NULL);
        _exit(99);
    }
    for (int i = SHIM_FD_PLAN; i < SHIM_FD_COUNT; i++)
        if (places[i] >= 0 && (i != SHIM_FD_CLIENT || !options->no_client)) close(places[i]);
}

void rig_run(struct rig *rig, struct rig_options options) {
    struct err err;
    int32_t pid;
    rig_start(rig, &options);
    if (options.no_client) return;
    if (client_wait_started(rig->client, &pid, &err)) fail_msg("%s", err.text);
    assert_true(pid > 0);
}

int rig_connect(struct rig *rig) {
    struct sockaddr_un address = address_of(rig);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) return close(fd), -1;
    return fd;
}

int rig_wait(struct rig *rig) {
    int status = -1;
    if (rig->shim > 0) waitpid(rig->shim, &status, 0);
    rig->shim = 0;
    return status;
}

void rig_finish(struct rig *rig) {
    if (rig->client >= 0) close(rig->client);
    rig_wait(rig);
    close(rig->dir);
    dir_remove_all_at(AT_FDCWD, rig->folder);
}

char *rig_read(struct rig *rig, const char *name) {
    struct str text = {0};
    return file_read_at(rig->dir, name, 1u << 30, &text) ? NULL : str_take(&text);
}

// A client by hand

void frame_send(int socket, uint32_t type, const void *bytes, uint32_t size) {
    struct shim_frame head = {type, size};
    assert_int_equal(send(socket, &head, sizeof head, MSG_NOSIGNAL), sizeof head);
    if (size) assert_int_equal(send(socket, bytes, size, MSG_NOSIGNAL), size);
}

uint32_t frame_next(int socket, char *ret_bytes, uint32_t *ret_size) {
    struct shim_frame head;
    if (fd_read_full(socket, &head, sizeof head) != sizeof head) return 0;
    assert_in_range(head.size, 0, SHIM_FRAME_MAX);
    assert_int_equal(fd_read_full(socket, ret_bytes, head.size), head.size);
    *ret_size = head.size;
    return head.type;
}

void frame_await(int socket, const char *word) {
    char all[65536] = "", bytes[SHIM_FRAME_MAX];
    uint32_t size = 0;
    while (!strstr(all, word)) {
        assert_int_equal(frame_next(socket, bytes, &size), SHIM_STDOUT);
        strncat(all, bytes, size);
    }
}

// The first one makes a read fail, which says where; the second one ends the program.
static void take_alarm(int number) {
    signal(number, SIG_DFL);
    alarm(5);
}

int rig_begin(void **state) {
    (void)state;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = take_alarm}, NULL);
    alarm(30);
    return 0;
}
