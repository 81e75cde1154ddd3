// SPDX-License-Identifier: Apache-2.0
// Integers are what the text says, or none at all.
#include "base/json_strings.h"

#include "base/macro.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
    assert_int_equal(json_u64(json_get(json, "b"), &number), -ERANGE);
    assert_int_equal(json_u64(json_at(json_get(json, "c"), 0), &number), 0);
    assert_true(number == UINT64_MAX);
    assert_int_equal(json_length(json_get(json, "c")), 2);
}

// Each as it is written again.
static void test_values(void **state) {
    (void)state;
    static const struct {
        const char *text, *again;
    } cases[] = {
        {" {\t\"a\" : [ ] ,\r\n\"b\":{ } } ", "{\"a\":[],\"b\":{}}"},
        {"[null,true,false,-0,1.50,1E+5,\"\"]", "[null,true,false,-0,1.50,1E+5,\"\"]"},
        {"7", "7"},
        {"\"x\"", "\"x\""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\""},
        {"\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"", "\"A\u00e9\u20ac\U0001f600\""},
        // Halves of pairs.
        {"\"\\ud800\"", "\"\ufffd\""},
        {"\"\\ud800\\u0041\"", "\"\ufffdA\""},
        {"\"\\ud800\\ud800\\udc00\"", "\"\ufffd\U00010000\""},
        {"\"\\udc00x\"", "\"\ufffdx\""},
        {"\"a\\u0000b\"", "\"a\\u0000b\""},
        // Of the same key the last counts.
        {"{\"a\":1,\"b\":2,\"a\":[3]}", "{\"a\":[3],\"b\":2}"},
        {"{\"a\":1,\"\\u0061\":2,\"a\":null}", "{\"a\":null}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(json_freep) struct json *json = NULL;
        if (json_parse(cases[i].text, strlen(cases[i].text), &json)) fail_msg("%s", cases[i].text);
        assert_string_equal(json_text(json), cases[i].again);
        assert_int_equal(json_has_repeated_keys(json), i >= ARRAY_SIZE(cases) - 2);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "null",
        "nul",
        "[truer]",
        "True",
        "NaN",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "]",
        "[1]]",
        "{}{}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{'a':1}",
        "{\"a\":1",
        "{\"a\\u0000b\":1}",
        "{\"a\" 1}",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\t\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xe2\x82\"",
        "\"\xf4\x90\x80\x80\"",
        "\xef\xbb\xbf{}",
        "[1] // one",
        "/**/[]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct json *json = NULL;
        if (json_parse(cases[i], strlen(cases[i]), &json) != -EINVAL) fail_msg("%s", cases[i]);
        assert_null(json);
    }
    struct json *json = NULL;
    assert_int_equal(json_parse("[1]\0", 4, &json), -EINVAL);
    assert_int_equal(json_parse("[12]", 3, &json), -EINVAL); // no byte behind the end is looked at
}

static void test_depth(void **state) {
    (void)state;
    char text[2 * 66 + 1];
    for (int depth = 63; depth <= 65; depth++) {
        _cleanup_(json_freep) struct json *json = NULL;
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        assert_int_equal(json_parse(text, 2 * (size_t)depth, &json), depth <= 64 ? 0 : -EINVAL);
    }
}

static int count_member(const char *key, const struct json *value, void *data) {
    int64_t number = -1;
    (void)key;
    assert_int_equal(json_i64(value, &number), 0);
    assert_int_equal(number, (*(int *)data)++);
    return 0;
}

// Objects with many members have an order by their keys: all are found, and stand where they stood.
static void test_many(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str text = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    for (int i = 0; i < 200; i++) str_printf(&text, "%s\"k%d\":%d", i ? "," : "{", i * 77 % 200, -1);
    for (int i = 0; i < 200; i++) str_printf(&text, ",\"k%d\":%d", i * 77 % 200, i);
    str_add_char(&text, '}');
    assert_int_equal(json_parse(text.data, text.len, &json), 0);
    int count = 0;
    assert_int_equal(json_each(json, count_member, &count), 0);
    assert_int_equal(count, 200);
    for (int i = 0; i < 200; i++) {
        char key[8];
        int64_t number = -1;
        snprintf(key, sizeof key, "k%d", i * 77 % 200);
        assert_int_equal(json_i64(json_get(json, key), &number), 0);
        assert_int_equal(number, i);
    }
    assert_null(json_get(json, "k200"));
}

// A list of texts comes back as it went; nothing is an empty one, all else is refused.
static void test_strings(void **state) {
    (void)state;
    static const char *const wrong[] = {"{}", "\"a\"", "1", "[1]", "[\"a\",null]", "[[\"a\"]]"};
    static const char list_text[] = "[\"a\",\"\",\"b \\\"\"]";
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    _cleanup_(json_freep) struct json *json = NULL;
    struct strings list = {0};
    assert_int_equal(json_parse(list_text, strlen(list_text), &json), 0);
    assert_int_equal(json_strings(&arena, json, &list), 0);
    assert_int_equal(json_strings(&arena, json_get(json, "none"), &list), 0);
    assert_int_equal(list.count, 3);
    json_put_strings(&w, NULL, &list);
    assert_string_equal(str_get(&w.text), list_text);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        _cleanup_(json_freep) struct json *other = NULL;
        assert_int_equal(json_parse(wrong[i], strlen(wrong[i]), &other), 0);
        assert_int_equal(json_strings(&arena, other, &list), -EINVAL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_surroundings), cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_depth),        cmocka_unit_test(test_many),
        cmocka_unit_test(test_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
