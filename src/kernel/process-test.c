// SPDX-License-Identifier: Apache-2.0
#include "kernel/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BIT(number) (UINT64_C(1) << ((number)-1))

static void handle(int number) {
    (void)number;
}

static void test_signals(void **state) {
    (void)state;
    struct process_signals signals;
    sigset_t set;
    signal(SIGUSR1, handle);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    assert_int_equal(process_signals(getpid(), &signals), 0);
    assert_true(signals.caught & BIT(SIGUSR1));
    assert_false(signals.caught & BIT(SIGTERM));
    assert_true(signals.ignored & BIT(SIGUSR2));
    assert_true(signals.blocked & BIT(SIGHUP));
    assert_int_equal(signals.state, 'R');
    assert_string_equal(signals.command, "process-test");
    // What is no init of a namespace ends of a signal that it has no handler for.
    assert_false(process_is_deaf(&signals, SIGTERM));
    signals.is_init = true;
    assert_true(process_is_deaf(&signals, SIGTERM));
    assert_true(process_is_deaf(&signals, SIGUSR2));
    assert_false(process_is_deaf(&signals, SIGUSR1));
    assert_false(process_is_deaf(&signals, SIGHUP));
    assert_int_not_equal(process_signals(0x7ffffff0, &signals), 0);
}

static void test_child(void **state) {
    (void)state;
    assert_int_equal(process_child(getpid()), 0);
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(process_child(getpid()), child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
