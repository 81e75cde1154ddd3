// SPDX-License-Identifier: Apache-2.0
// From when to when there is a resolver, and whom it serves: the start, the end, and one that was killed.
#include "base/fd.h"
#include "kernel/process.h"
#include "network/resolver_rig.h"
#include "plan/plan.h"
#include "plan/resolver.h"

#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_end(void **state) {
    struct container a, b;
    (void)state;
    two_containers(&a, &b, "");
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    pid_t pid = resolver_pid();
    assert_true(pid > 0);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    container_end(&a);
    expect_address(&b, "db", TYPE_A, "10.9.0.3");
    container_end(&b);
    wait_for_end(pidfd);
    close(pidfd);
    assert_int_equal(resolver_pid(), 0);
}

// Who comes when it is about to go, as it lingers for 200 ms, is served by it or by the next one.
static void test_meets_end(void **state) {
    struct container c;
    (void)state;
    require_root();
    container_begin(&c, 'a');
    container_names(&c, NETWORK, LIST("10.9.7.1"), LIST("own"));
    for (int i = 0; i < 20; i++) {
        container_register(&c, "");
        expect_address(&c, "own", TYPE_A, "10.9.7.1");
        fd_closep(&c.connection);
        usleep(199000 + 100 * (unsigned)i);
    }
    container_end(&c);
}

// Many come and go at once: whoever has registered is served.
static void come_and_go(int rounds, char digit) {
    struct container c;
    container_begin(&c, digit);
    for (int i = 0; i < rounds; i++) {
        container_names(&c, NETWORK, LIST("10.9.7.1"), LIST("own"));
        container_register(&c, "");
        expect_code(&c, "own", TYPE_AAAA, NOERROR);
        fd_closep(&c.connection);
    }
    container_end(&c);
}

static void test_many(void **state) {
    int status;
    pid_t pids[8];
    (void)state;
    require_root();
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        pids[i] = fork();
        if (pids[i]) continue;
        setenv("CMOCKA_TEST_ABORT", "1", 1); // a failure is this process's end
        come_and_go(50, "01234567"[i]);
        _exit(0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

// What of a container is in its run directory: who starts a new resolver finds it there.
static void plan_write(const struct container *c) {
    struct plan plan;
    char path[PATH_MAX];
    struct plan_block *block = NULL;
    struct err err = {0};
    int fd = -1;
    _cleanup_(str_finish) struct str text = {0};
    snprintf(path, sizeof path, "containers/%s", c->id);
    assert_int_equal(dir_make_all_at(runroot, path, 0700), 0);
    _cleanup_(fd_closep) int dir = openat(runroot, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    container_text(c, "", &text);
    plan_init(&plan);
    if (names_keep(runroot, c->id, NETWORK, str_get(&text), &err)) fail_msg("%s", err.text);
    assert_int_equal(plan_save(&plan, dir, "plan", &fd, &block), 0);
    struct process_stat process;
    assert_int_equal(process_stat(c->pid, &process), 0);
    block->pid = c->pid;
    block->start_time = process.start_time;
    plan_unmap(block);
    close(fd);
    plan_finish(&plan);
}

static void resolver_kill(void) {
    pid_t pid = resolver_pid();
    assert_true(pid > 0);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    wait_for_end(pidfd);
    close(pidfd);
}

static void test_killed(void **state) {
    struct container a, b, c;
    (void)state;
    two_containers(&a, &b, "");
    plan_write(&a);
    plan_write(&b);
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    resolver_kill();
    int pidfd;
    container_begin(&c, 'c');
    container_names(&c, NETWORK, LIST("10.9.0.4"), LIST("late"));
    container_register(&c, "");
    expect_address(&c, "web", TYPE_A, "10.9.0.2");
    expect_address(&a, "late", TYPE_A, "10.9.0.4");
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    pidfd = (int)syscall(SYS_pidfd_open, resolver_pid(), 0);
    container_end(&c);
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    container_end(&a); // its process is what counts now
    container_end(&b);
    wait_for_end(pidfd);
    close(pidfd);
}

// The network's first is registered before there is a resolver, and another one joins it. Its question waits.
static void test_later(void **state) {
    struct container a, b;
    struct resolver_start later = RESOLVER_START_NONE, none = RESOLVER_START_NONE;
    static struct answer answer;
    struct err err = {0};
    uint8_t bytes[512];
    (void)state;
    require_root();
    container_begin(&a, 'a');
    container_begin(&b, 'b');
    container_names(&a, NETWORK, LIST("10.9.0.2"), LIST("web"));
    container_register_with(&a, "", &later);
    assert_true(resolver_is_to_run(&later));
    assert_int_equal(resolver_pid(), 0);
    container_names(&b, NETWORK, LIST("10.9.0.3"), LIST("db"));
    container_register_with(&b, "", &none);
    assert_false(resolver_is_to_run(&none));
    size_t size = query_make(bytes, 0x1234, "db", TYPE_A);
    _cleanup_(fd_closep) int asked = ask_socket(&a, SOCK_DGRAM);
    assert_int_equal(send(asked, bytes, size, 0), size);
    if (resolver_run(&later, &err)) fail_msg("%s", err.text);
    assert_false(resolver_is_to_run(&later));
    answer_read(&answer, recv(asked, answer.bytes, sizeof answer.bytes, 0), 0x1234);
    assert_int_equal(answer.count, 1);
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    int pidfd = (int)syscall(SYS_pidfd_open, resolver_pid(), 0);
    container_end(&a);
    container_end(&b);
    wait_for_end(pidfd);
    close(pidfd);
}

// Who was to run it does not: the shim hears that, and the next one serves its container as well.
static void test_never_run(void **state) {
    struct container a, b;
    struct resolver_start later = RESOLVER_START_NONE;
    (void)state;
    require_root();
    container_begin(&a, 'a');
    container_names(&a, NETWORK, LIST("10.9.0.2"), LIST("web"));
    container_register_with(&a, "", &later);
    plan_write(&a);
    assert_true(resolver_is_to_run(&later));
    resolver_start_finish(&later);
    wait_for_end(a.connection);
    container_begin(&b, 'b');
    container_names(&b, NETWORK, LIST("10.9.0.3"), LIST("db"));
    container_register_with(&b, "", &later);
    assert_false(resolver_is_to_run(&later)); // there is somebody to be registered again
    expect_address(&b, "web", TYPE_A, "10.9.0.2");
    expect_address(&a, "db", TYPE_A, "10.9.0.3");
    container_end(&a);
    container_end(&b);
}

// As a shim has it: the other end of the socket.
static int hold(const struct container *c) {
    int ends[2];
    struct err err = {0};
    _cleanup_(str_finish) struct str text = {0};
    container_text(c, "", &text);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    if (resolver_hold(runroot, NETWORK, c->id, str_get(&text), ends[0], &err)) fail_msg("%s", err.text);
    close(ends[0]);
    return ends[1];
}

static void test_held(void **state) {
    struct container a, b;
    (void)state;
    two_containers(&a, &b, "");
    plan_write(&a);
    plan_write(&b);
    int end = hold(&a);
    fd_closep(&a.connection); // which counts no more
    expect_address(&a, "db", TYPE_A, "10.9.0.3");
    for (int i = 0; i < 2; i++) {
        resolver_kill();
        wait_for_end(end); // it is heard of
        close(end);
        end = hold(&a);
        expect_address(&a, "db", TYPE_A, "10.9.0.3");
        expect_address(&b, "web", TYPE_A, "10.9.0.2");
    }
    pid_t pid = resolver_pid();
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    container_end(&b);
    expect_address(&a, "web", TYPE_A, "10.9.0.2");
    close(end);
    wait_for_end(pidfd); // although its process is there
    close(pidfd);
    container_end(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end),       cmocka_unit_test(test_meets_end), cmocka_unit_test(test_many),
        cmocka_unit_test(test_killed),    cmocka_unit_test(test_held),      cmocka_unit_test(test_later),
        cmocka_unit_test(test_never_run),
    };
    return cmocka_run_group_tests(tests, resolver_rig_setup, resolver_rig_teardown);
}
