// SPDX-License-Identifier: Apache-2.0
#include "registry/auth.h"

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
                             "\"bad.io\":{\"auth\":\"!!\"},\"stored.io\":{}},"
                             "\"credsStore\":\"desktop\",\"credHelpers\":{\"ecr.io\":\"ecr-login\"}}";

static int find(struct arena *arena, const char *domain, struct credentials *ret, struct err *err) {
    return credentials_parse(arena, config, strlen(config), "config.json", domain, ret, err);
}

static void test_credentials(void **state) {
    (void)state;
    static const char *const rows[][4] = {
        {"docker.io", "hub", "pw", NULL},  {"localhost:5000", "user", "pa:ss", NULL},
        {"gcr.io", "u", "p", NULL},        {"token.io", "u", NULL, "refresh"},
        {"localhost", NULL, NULL, NULL},   {"localhost:50000", NULL, NULL, NULL},
        {"evil-gcr.io", NULL, NULL, NULL}, {"gcr.io.evil", NULL, NULL, NULL},
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct credentials c;
        struct err err;
        assert_int_equal(find(&arena, rows[i][0], &c, &err), 0);
        const char *got[] = {c.username, c.password, c.identity_token};
        for (size_t j = 0; j < 3; j++)
            if (!(rows[i][j + 1] ? str_eq(got[j], rows[i][j + 1]) : !got[j]))
                fail_msg("%s: %s", rows[i][0], got[j] ? got[j] : "nothing");
    }
}

static void test_credentials_refused(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct credentials c;
    struct err err;
    assert_int_equal(find(&arena, "bad.io", &c, &err), -1);
    assert_non_null(strstr(err.text, "base64"));
    assert_int_equal(find(&arena, "ecr.io", &c, &err), -1);
    assert_non_null(strstr(err.text, "ecr-login"));
    assert_int_equal(find(&arena, "stored.io", &c, &err), -1);
    assert_non_null(strstr(err.text, "desktop"));
    assert_int_equal(credentials_parse(&arena, "{", 1, "x", "y", &c, &err), -1);
}

static struct challenge challenge_of(struct arena *arena, const char *value) {
    struct challenge c = {0};
    challenge_parse(arena, value, &c);
    return c;
}

static void test_challenge(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct challenge c =
        challenge_of(&arena, "Bearer realm=\"https://auth.docker.io/token\",service=\"registry."
                             "docker.io\",scope=\"repository:library/debian:pull,push\"");
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "https://auth.docker.io/token");
    assert_string_equal(c.service, "registry.docker.io");
    assert_string_equal(c.scope, "repository:library/debian:pull,push");

    assert_int_equal(challenge_of(&arena, "basic realm=x").scheme, CHALLENGE_BASIC);
    assert_int_equal(challenge_of(&arena, "Basic").scheme, CHALLENGE_BASIC);
    c = challenge_of(&arena, "Basic realm=\"a \\\"b\", Bearer realm = c, Negotiate");
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    assert_string_equal(c.realm, "c");
    c = challenge_of(&arena, "Bearer realm=r, Basic realm=b");
    assert_string_equal(c.realm, "r");

    static const char *const nothing[] = {"",     "Bearer", "Bearer service=x", "Negotiate", "\"", "=",
                                          "a=\"", ",,,",    "Digest \\"};
    for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
        assert_int_equal(challenge_of(&arena, nothing[i]).scheme, CHALLENGE_NONE);
}

static void test_realm(void **state) {
    (void)state;
    assert_true(realm_trusted("registry-1.docker.io", "https://auth.docker.io/token"));
    assert_true(realm_trusted("registry.gitlab.com", "https://gitlab.com/jwt/auth"));
    assert_true(realm_trusted("ghcr.io", "https://ghcr.io/token"));
    assert_true(realm_trusted("r.internal:5000", "https://r.internal:5001/token"));
    assert_true(realm_trusted("localhost:5000", "http://127.0.0.1:5001/token"));
    assert_false(realm_trusted("registry-1.docker.io", "http://auth.docker.io/token"));
    assert_false(realm_trusted("registry-1.docker.io", "https://docker.io.evil.org/token"));
    assert_false(realm_trusted("registry-1.docker.io", "https://auth.docker.io@evil.org/token"));
    assert_false(realm_trusted("registry-1.docker.io", "https://evil.org\\.docker.io/"));
    assert_false(realm_trusted("localhost:5000", "https://evil.org/token"));
    assert_false(realm_trusted("10.1.2.3", "https://9.9.2.3/token"));
    assert_false(realm_trusted("ghcr.io", "file:///etc/passwd"));
    assert_false(realm_trusted("evil.org", "http://127.0.0.1/token"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_credentials_refused),
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_realm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
