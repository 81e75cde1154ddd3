// SPDX-License-Identifier: Apache-2.0
// Rows of the distribution project's own tables, and what Docker says to the rest.
#include "registry/reference.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEX    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define DIGEST "sha256:" HEX
#define X64    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaax"

static void test_good(void **state) {
    (void)state;
    static const struct {
        const char *text, *full, *familiar;
    } rows[] = {
        {"debian", "docker.io/library/debian:latest", "debian:latest"},
        {"debian:12", "docker.io/library/debian:12", "debian:12"},
        {"docker.io/debian", "docker.io/library/debian:latest", "debian:latest"},
        {"index.docker.io/library/debian:1", "docker.io/library/debian:1", "debian:1"},
        {"user/x", "docker.io/user/x:latest", "user/x:latest"},
        {"docker.io/a.b/x", "docker.io/a.b/x:latest", "docker.io/a.b/x:latest"},
        {"docker.io/localhost/x", "docker.io/localhost/x:latest", "docker.io/localhost/x:latest"},
        {"library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"},
        {"debian@" DIGEST, "docker.io/library/debian@" DIGEST, "debian@" DIGEST},
        {"debian:12@" DIGEST, "docker.io/library/debian@" DIGEST, "debian@" DIGEST},
        {"localhost/x", "localhost/x:latest", "localhost/x:latest"},
        {"localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"},
        {"127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest", "127.0.0.1:5000/a/b/c:latest"},
        {"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"},
        {"gcr.io/a__b/c.d-e--f:T_a.g-", "gcr.io/a__b/c.d-e--f:T_a.g-", "gcr.io/a__b/c.d-e--f:T_a.g-"},
        {"HOST/x", "HOST/x:latest", "HOST/x:latest"},
        {"xn--7o8h.com/myimage", "xn--7o8h.com/myimage:latest", "xn--7o8h.com/myimage:latest"},
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct reference r;
        struct err err = {0};
        if (reference_parse(&arena, rows[i].text, &r, &err)) fail_msg("%s: %s", rows[i].text, err.text);
        assert_string_equal(reference_full(&arena, &r), rows[i].full);
        assert_string_equal(reference_familiar(&arena, &r), rows[i].familiar);
    }
}

static void test_bad(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "invalid reference format"},
        {":justtag", "invalid reference format"},
        {"@" DIGEST, "invalid reference format"},
        {"repo@sha256:ffff", "invalid reference format"},
        {"validname@invaliddigest:ff", "invalid reference format"},
        {"Uppercase:tag", "repository name (library/Uppercase) must be lowercase"},
        {"test:5000/Uppercase/lowercase:tag", "must be lowercase"},
        {"aa/asdf$$^/aa", "invalid reference format"},
        {"a//b", "invalid reference format"},
        {"a/", "invalid reference format"},
        {"-a", "invalid reference format"},
        {"a-", "invalid reference format"},
        {"a___b", "invalid reference format"},
        {"a..b", "invalid reference format"},
        {"a:", "invalid reference format"},
        {"a:.b", "invalid reference format"},
        {"a b", "invalid reference format"},
        {"../x", "invalid reference format"},
        {"https://host/x", "invalid reference format"},
        {"host.com:99999/x", "invalid reference format"},
        {"[::1/x", "invalid reference format"},
        {"a:" X64 X64 "x", "invalid reference format"},
        {"x/" X64 "/" X64 "/" X64 "/" X64, "more than 255"},
        {HEX, "64-byte hexadecimal"},
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct reference r;
        struct err err = {0};
        if (reference_parse(&arena, rows[i][0], &r, &err) == 0) fail_msg("\"%s\" passed", rows[i][0]);
        assert_int_equal(err.kind, ERR_INVALID);
        if (!strstr(err.text, rows[i][1])) fail_msg("\"%s\": %s", rows[i][0], err.text);
    }
}

static void test_loopback(void **state) {
    (void)state;
    static const char *const yes[] = {"localhost", "LOCALHOST:1", "127.0.0.1:5000",
                                      "127.9.9.9", "[::1]",       "[::1]:80"};
    static const char *const no[] = {"localhost.evil.org",
                                     "127.0.0.1.evil.org",
                                     "10.0.0.1",
                                     "[::2]:5000",
                                     "registry-1.docker.io",
                                     "127.1",
                                     ""};
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) assert_true(host_is_loopback(yes[i]));
    for (size_t i = 0; i < ARRAY_SIZE(no); i++) assert_false(host_is_loopback(no[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
