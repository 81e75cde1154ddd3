// SPDX-License-Identifier: Apache-2.0
#include "registry/toml.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char registries[] = "# a comment\r\n"
                                 "unqualified-search-registries = [\"docker.io\", # one\n  'quay.io',\n]\n"
                                 "short-name-mode=\"enforcing\"\n"
                                 "number = 1_000 # other\n"
                                 "[[registry]]\n"
                                 "prefix = \"*.example.com\"\n"
                                 "blocked = true\n"
                                 "[[registry]]\n"
                                 "location = 'docker.io' # literal\n"
                                 "  [[registry.mirror]]\n"
                                 "  location = \"mirror:5000/a\\u00e9\\\"\"\n"
                                 "  insecure = true\n"
                                 "  [[registry.mirror]]\n"
                                 "  location = \"second\"\n"
                                 "[aliases]\n"
                                 "\"alpine\" = \"docker.io/library/alpine\"\n"
                                 "a.b = {c = \"d\", e = []}\n"
                                 "[[registry]]\n"
                                 "mirror = [{location = \"inline\", insecure = false}]";

static void test_good(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const struct toml *t;
    struct err err = {0};
    if (toml_parse(&arena, "f", registries, strlen(registries), &t, &err)) fail_msg("%s", err.text);
    const struct toml *all = toml_get(t, "registry"), *second = toml_at(all, 1);
    assert_int_equal(toml_length(all), 3);
    assert_int_equal(toml_length(toml_get(t, "unqualified-search-registries")), 2);
    assert_string_equal(toml_string(toml_get(toml_at(all, 0), "prefix")), "*.example.com");
    assert_true(toml_true(toml_get(toml_at(all, 0), "blocked")));
    assert_string_equal(toml_string(toml_get(second, "location")), "docker.io");
    const struct toml *mirrors = toml_get(second, "mirror");
    assert_int_equal(toml_length(mirrors), 2);
    assert_string_equal(toml_string(toml_get(toml_at(mirrors, 0), "location")), "mirror:5000/a\xc3\xa9\"");
    assert_true(toml_true(toml_get(toml_at(mirrors, 0), "insecure")));
    assert_string_equal(toml_string(toml_get(toml_get(t, "aliases"), "alpine")), "docker.io/library/alpine");
    const struct toml *b = toml_get(toml_get(toml_get(t, "aliases"), "a"), "b");
    assert_string_equal(toml_string(toml_get(b, "c")), "d");
    const struct toml *last = toml_at(toml_get(toml_at(all, 2), "mirror"), 0);
    assert_string_equal(toml_string(toml_get(last, "location")), "inline");
    assert_true(toml_is_bool(toml_get(last, "insecure")));
    assert_null(toml_get(last, "nothing"));
    assert_null(toml_at(all, 3));
    assert_int_equal(toml_parse(&arena, "f", "", 0, &t, &err), 0);
}

static void test_bad(void **state) {
    (void)state;
    static const char *const bad[] = {
        "a",
        "a =",
        "a = ",
        "= 1",
        "a = \"",
        "a = \"x",
        "a = 'x\n'",
        "a = \"\\q\"",
        "a = \"\\u12\"",
        "a = \"\\ud800\"",
        "a = [1",
        "a = [1 2]",
        "a = {",
        "a = {b = 1",
        "[a",
        "[a]]",
        "[[a]",
        "[]",
        "a = 1 b = 2",
        "a = 1\na = 2",
        "[a]\n[a]",
        "[a]\n[[a]]",
        "[[a]]\n[a]",
        "a = 1\n[a.b]",
        "a = [{}]\n[[a]]",
        "a = {}\n[a.b]",
        "a = {}\na.b = 1",
        "a = yes",
        "a = \"\"\"x\"\"\"",
        "a = \"\\u0000\"",
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct toml *t;
        struct err err = {0};
        if (!toml_parse(&arena, "f", bad[i], strlen(bad[i]), &t, &err)) fail_msg("taken: %s", bad[i]);
        assert_memory_equal(err.text, "f:", 2);
    }
    char deep[200];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "a =", 3);
    const struct toml *t;
    struct err err;
    assert_int_equal(toml_parse(&arena, "f", deep, sizeof deep, &t, &err), -1);
    assert_int_equal(toml_parse(&arena, "f", "a = 1\n\0", 7, &t, &err), -1);
}

// Whatever is cut off or changed: an answer, never more.
static void test_mutations(void **state) {
    (void)state;
    for (size_t cut = 0; cut < sizeof registries; cut++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        const struct toml *t;
        struct err err;
        char text[sizeof registries];
        toml_parse(&arena, "f", registries, cut, &t, &err);
        for (const char *c = "[]{}\"'=.,\n#\\"; *c; c++) {
            memcpy(text, registries, sizeof text);
            text[cut] = *c;
            toml_parse(&arena, "f", text, sizeof text - 1, &t, &err);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
