// SPDX-License-Identifier: Apache-2.0
#include "base/signal_name.h"

#include "base/macro.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int number;
    } cases[] = {{"TERM", SIGTERM},
                 {"SIGTERM", SIGTERM},
                 {"sigkill", SIGKILL},
                 {"9", 9},
                 {"64", 64},
                 {"winch", SIGWINCH},
                 {"", -EINVAL},
                 {"0", -EINVAL},
                 {"65", -EINVAL},
                 {"-9", -EINVAL},
                 {"SIG", -EINVAL},
                 {"TERMINATE", -EINVAL},
                 {"99999999999999999999", -EINVAL},
                 {"RTMIN-1", -EINVAL},
                 {"RTMAX+1", -EINVAL},
                 {"RTMIN+999", -EINVAL},
                 {"RTMIN+", -EINVAL},
                 {"RTM", -EINVAL},
                 {"RTMINUS", -EINVAL}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(signal_parse(cases[i].text), cases[i].number);
    assert_int_equal(signal_parse("RTMIN"), SIGRTMIN);
    assert_int_equal(signal_parse("SIGRTMIN+3"), SIGRTMIN + 3);
    assert_int_equal(signal_parse("rtmax-2"), SIGRTMAX - 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
