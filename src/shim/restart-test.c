// SPDX-License-Identifier: Apache-2.0
#include "shim/restart.h"

#include "base/macro.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECOND_NS 1000000000u

static bool ended(struct plan_restart *restart, int status) {
    struct restart_run run = {.status = status, .ran_ns = SECOND_NS};
    return restart_next(restart, &run);
}

static void test_policies(void **state) {
    (void)state;
    static const struct {
        enum plan_restart_policy policy;
        int status;
        bool again;
    } rows[] = {
        {PLAN_RESTART_NO, 0, false},         {PLAN_RESTART_NO, 1, false},
        {PLAN_RESTART_ON_FAILURE, 0, false}, {PLAN_RESTART_ON_FAILURE, 137, true},
        {PLAN_RESTART_ALWAYS, 0, true},      {PLAN_RESTART_ALWAYS, 1, true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct plan_restart restart = {.policy = rows[i].policy};
        assert_int_equal(ended(&restart, rows[i].status), rows[i].again);
        assert_int_equal(restart.count, rows[i].again);
    }
}

static void test_retries(void **state) {
    (void)state;
    struct plan_restart restart = {.policy = PLAN_RESTART_ON_FAILURE, .max_retries = 2};
    assert_true(ended(&restart, 1));
    assert_true(ended(&restart, 1));
    assert_false(ended(&restart, 1));
    assert_int_equal(restart.count, 2);
}

static void test_delay(void **state) {
    (void)state;
    static const uint32_t delays[] = {100,  200,   400,   800,   1600,  3200,
                                      6400, 12800, 25600, 51200, 60000, 60000};
    struct plan_restart restart = {.policy = PLAN_RESTART_ALWAYS};
    for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
        assert_true(ended(&restart, 0));
        assert_int_equal(restart.delay_ms, delays[i]);
    }
    struct restart_run steady = {.ran_ns = RESTART_STEADY_NS};
    assert_true(restart_next(&restart, &steady));
    assert_int_equal(restart.delay_ms, 100);
}

static void test_stopped_and_demanded(void **state) {
    (void)state;
    struct plan_restart restart = {.policy = PLAN_RESTART_ALWAYS};
    struct restart_run run = {.stopped = true};
    assert_false(restart_next(&restart, &run));
    restart.policy = PLAN_RESTART_NO;
    run = (struct restart_run){.demanded = true};
    assert_true(restart_next(&restart, &run));
    run.stopped = true;
    assert_false(restart_next(&restart, &run));
    assert_int_equal(restart.count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_retries),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_stopped_and_demanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
