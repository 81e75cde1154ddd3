// SPDX-License-Identifier: Apache-2.0
#include "registry/credentials.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char config[] = "{\"auths\":{"
                             "\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"},"
                             "\"localhost:5000\":{\"auth\":\"dXNlcjpwYTpzcw==\"},"
                             "\"https://gcr.io\":{\"username\":\"u\",\"password\":\"p\"},"
                             "\"token.io\":{\"auth\":\"dTo=\",\"identitytoken\":\"refresh\"},"
                             "\"two.io/v1\":{\"auth\":\"YTph\"},\"two.io\":{\"auth\":\"dXNlcjpwYTpzcw==\"},"
                             "\"http://two.io/v1/\":{\"auth\":\"YTph\"},\"two.io/x\":{\"auth\":\"!!\"},"
                             "\"path.io/x\":{\"auth\":\"YTph\"},"
                             "\"bad.io\":{\"auth\":\"!!\"},\"stored.io\":{}},"
                             "\"HttpHeaders\":{\"X\":\"y\"},"
                             "\"credsStore\":\"desktop\","
                             "\"credHelpers\":{\"ecr.io\":\"ecr-login\",\"none.io\":\"\"}}";

static int find(struct arena *arena, const char *domain, struct credentials_entry *ret, struct err *err) {
    return credentials_parse(arena, config, strlen(config), "config.json", domain, ret, err);
}

static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *domain, *username, *password, *token, *helper;
        bool in_helper;
    } rows[] = {
        {"docker.io", "hub", "pw", NULL, "desktop", false},
        {"localhost:5000", "user", "pa:ss", NULL, "desktop", false},
        {"gcr.io", "u", "p", NULL, "desktop", false},
        {"token.io", "u", NULL, "refresh", "desktop", false},
        {"two.io", "user", "pa:ss", NULL, "desktop", false},
        {"path.io", "a", "a", NULL, "desktop", false},
        {"localhost", NULL, NULL, NULL, "desktop", false},
        {"localhost:50000", NULL, NULL, NULL, "desktop", false},
        {"evil-gcr.io", NULL, NULL, NULL, "desktop", false},
        {"gcr.io.evil", NULL, NULL, NULL, "desktop", false},
        {"stored.io", NULL, NULL, NULL, "desktop", true},
        {"none.io", NULL, NULL, NULL, NULL, false},
        {"ecr.io", NULL, NULL, NULL, "ecr-login", true},
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct credentials_entry e;
        struct err err;
        assert_int_equal(find(&arena, rows[i].domain, &e, &err), 0);
        const char *wanted[] = {rows[i].username, rows[i].password, rows[i].token, rows[i].helper};
        const char *got[] = {e.credentials.username, e.credentials.password, e.credentials.identity_token,
                             e.helper};
        for (size_t j = 0; j < ARRAY_SIZE(got); j++)
            if (!(wanted[j] ? str_eq(got[j], wanted[j]) : !got[j]))
                fail_msg("%s: %s", rows[i].domain, got[j] ? got[j] : "nothing");
        assert_int_equal(e.in_helper, rows[i].in_helper);
    }
}

static void test_refused(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct credentials_entry e;
    struct err err;
    assert_int_equal(find(&arena, "bad.io", &e, &err), -1);
    assert_non_null(strstr(err.text, "base64"));
    assert_int_equal(credentials_parse(&arena, "{", 1, "x", "y", &e, &err), -1);
    assert_int_equal(credentials_parse(&arena, "[]", 2, "x", "y", &e, &err), -1);
}

static void test_edit(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const struct credentials c = {.username = "me", .password = "new"};
    struct credentials_entry e;
    struct err err;
    const char *text;
    assert_int_equal(credentials_edit(&arena, config, strlen(config), "x", "gcr.io", &c, &text, &err), 0);
    assert_null(strstr(text, "https://gcr.io"));
    assert_non_null(strstr(text, "HttpHeaders"));
    assert_int_equal(credentials_parse(&arena, text, strlen(text), "x", "gcr.io", &e, &err), 0);
    assert_string_equal(e.credentials.password, "new");
    assert_int_equal(credentials_parse(&arena, text, strlen(text), "x", "docker.io", &e, &err), 0);
    assert_string_equal(e.credentials.password, "pw");
    assert_string_equal(e.helper, "desktop");
    assert_int_equal(credentials_edit(&arena, text, strlen(text), "x", "gcr.io", NULL, &text, &err), 0);
    assert_int_equal(credentials_parse(&arena, text, strlen(text), "x", "gcr.io", &e, &err), 0);
    assert_null(e.credentials.username);
    assert_int_equal(credentials_edit(&arena, "{}", 2, "x", "docker.io", &c, &text, &err), 0);
    assert_non_null(strstr(text, "\"https://index.docker.io/v1/\""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_edit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
