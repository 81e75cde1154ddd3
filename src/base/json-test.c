// SPDX-License-Identifier: Apache-2.0
// Integers are what the text says, or none at all.
#include "base/json.h"

#include "base/macro.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_integers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_i64, is_u64;
    } cases[] = {
        {"[0]", true, true},
        {"[-1]", true, false},
        {"[9223372036854775807]", true, true},
        {"[9223372036854775808]", false, true},
        {"[18446744073709551615]", false, true},
        {"[18446744073709551616]", false, false},
        {"[-9223372036854775808]", true, false},
        {"[-9223372036854775809]", false, false},
        {"[99999999999999999999999999999999999999999999]", false, false},
        {"[1.0]", false, false},
        {"[1e3]", false, false},
        {"[\"7\"]", false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_freep) struct json *json = NULL;
        int64_t n;
        uint64_t u;
        assert_int_equal(json_parse(cases[i].text, strlen(cases[i].text), &json), 0);
        if ((json_i64(json_at(json, 0), &n) == 0) != cases[i].is_i64 ||
            (json_u64(json_at(json, 0), &u) == 0) != cases[i].is_u64)
            fail_msg("%s", cases[i].text);
    }
}

// Digits in strings are text, and what stands around a number that is too large stays.
static void test_surroundings(void **state) {
    (void)state;
    static const char text[] =
        "{\"99999999999999999999\":\"a\\\"99999999999999999999\",\"b\":99999999999999999999,"
        "\"c\":[18446744073709551615,-99999999999999999999]}";
    _cleanup_(json_freep) struct json *json = NULL;
    uint64_t number = 0;
    assert_int_equal(json_parse(text, strlen(text), &json), 0);
    assert_string_equal(json_get_string(json, "99999999999999999999"), "a\"99999999999999999999");
    assert_int_equal(json_u64(json_get(json, "b"), &number), -EINVAL);
    assert_int_equal(json_u64(json_at(json_get(json, "c"), 0), &number), 0);
    assert_true(number == UINT64_MAX);
    assert_int_equal(json_length(json_get(json, "c")), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_integers), cmocka_unit_test(test_surroundings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
