// SPDX-License-Identifier: Apache-2.0
#include "registry/challenge.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <malloc.h>

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
    // What nobody can answer is kept only while there is nothing else.
    c = challenge_of(&arena, "Bearer service=x, Digest realm=d");
    assert_int_equal(c.scheme, CHALLENGE_BEARER);
    assert_null(c.realm);
    assert_int_equal(challenge_of(&arena, "Bearer realm=\"\", Basic realm=b").scheme, CHALLENGE_BASIC);
    c = challenge_of(&arena, "Digest realm=d");
    assert_int_equal(c.scheme, CHALLENGE_NONE);
    assert_string_equal(c.name, "Digest");

    static const char *const nothing[] = {"", "Negotiate", "\"", "=", "a=\"", ",,,", "Digest \\"};
    for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
        assert_int_equal(challenge_of(&arena, nothing[i]).scheme, CHALLENGE_NONE);
}

// A server can send 64 KiB of them, which have to be no more in memory than a few times that.
static void test_many_values(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(str_finish) struct str header = {0};
    str_add(&header, "Bearer realm=\"a\\\\b\"");
    for (int i = 0; i < 10000; i++) str_add(&header, ",x=\"\"");
    struct mallinfo2 before = mallinfo2();
    assert_string_equal(challenge_of(&arena, str_get(&header)).realm, "a\\b");
    struct mallinfo2 after = mallinfo2();
    assert_true(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd < 4u << 20);
}

// What it takes for the host has to be what libcurl connects to: credentials and redirects are judged by it.
static void test_host(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"https://a.b-c.io", "a.b-c.io"},
        {"http://a_1:5000/x@y", "a_1:5000"},
        {"https://a?b", "a"},
        {"https://a:/", "a:"},
        {"https://u:p@a:1#@b", "a:1"},
        {"http://[::1]:5000/", "[::1]:5000"},
        {"http://[::1]", "[::1]"},
        {"http://good:1\\@evil:2/", "evil:2"},
        {"http://evil\\good/", NULL},
        {"http://good:1@evil\\@other/", "other"},
        {"http://127.0.0%2e1/", NULL},
        {"http://a b/", NULL},
        {"http://a:1x/", NULL},
        {"http://[::1/", NULL},
        {"http://[::1]x/", NULL},
        {"http://:1/", NULL},
        {"http:///x", NULL},
        {"http://u@/", NULL},
        {"ftp://a/", NULL},
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *host = url_host(&arena, rows[i][0]);
        if (rows[i][1] ? !host || strcmp(host, rows[i][1]) : host != NULL)
            fail_msg("%s: %s", rows[i][0], host ? host : "no host");
    }
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
    assert_false(realm_trusted("[2001:db8::1]:5000", "https://[2001:db8::2]:5001/token"));
    assert_true(realm_trusted("[2001:db8::1]:5000", "https://[2001:db8::1]:5001/token"));
    assert_false(realm_trusted("ghcr.io", "file:///etc/passwd"));
    assert_false(realm_trusted("evil.org", "http://127.0.0.1/token"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_many_values),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_realm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
