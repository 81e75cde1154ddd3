// SPDX-License-Identifier: Apache-2.0
#include "image/policy.h"

#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER  "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char file[64];

static int make_file(void **state) {
    (void)state;
    snprintf(file, sizeof file, "/tmp/hoy-policy-test.%d", getpid());
    return 0;
}

static int remove_file(void **state) {
    (void)state;
    unlink(file);
    return 0;
}

// The kind of the only requirement, or -1 with the error in *err.
static int read_kind(struct arena *arena, const char *text, const char *name, const char **ret_scope,
                     struct err *err) {
    struct reference reference;
    struct policy_requirements requirements;
    assert_int_equal(file_replace_at(AT_FDCWD, file, text, strlen(text), 0600, false), 0);
    assert_int_equal(reference_parse(arena, name, &reference, err), 0);
    if (policy_read(arena, file, &reference, &requirements, err)) return -1;
    *ret_scope = requirements.scope;
    return (int)requirements.items[0].kind;
}

static void test_scopes(void **state) {
    (void)state;
    static const char policy[] = "{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{"
                                 "\"docker.io/library/debian:12\":[{\"type\":\"insecureAcceptAnything\"}],"
                                 "\"docker.io/team\":[{\"type\":\"insecureAcceptAnything\"}],"
                                 "\"docker.io/team/secret\":[{\"type\":\"reject\"}],"
                                 "\"host:5000\":[{\"type\":\"insecureAcceptAnything\"}],"
                                 "\"*.example.com\":[{\"type\":\"insecureAcceptAnything\"}]}}}";
    static const struct {
        const char *name;
        enum policy_kind kind;
        const char *scope;
    } cases[] = {
        {"debian:12", POLICY_ACCEPT, "docker.io/library/debian:12"},
        {"debian:11", POLICY_REJECT, "the default"},
        {"team/app", POLICY_ACCEPT, "docker.io/team"},
        {"team/secret:1", POLICY_REJECT, "docker.io/team/secret"},
        {"team/secrets", POLICY_ACCEPT, "docker.io/team"},
        {"host:5000/a/b/c:1", POLICY_ACCEPT, "host:5000"},
        {"host:5001/a", POLICY_REJECT, "the default"},
        {"a.b.example.com/x", POLICY_ACCEPT, "*.example.com"},
        {"a.example.com:5000/x", POLICY_ACCEPT, "*.example.com"},
        {"example.com/x", POLICY_REJECT, "the default"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct err err = {0};
        const char *scope = NULL;
        assert_int_equal(read_kind(&arena, policy, cases[i].name, &scope, &err), cases[i].kind);
        assert_string_equal(scope, cases[i].scope);
    }
}

#define OF_OTHERS(requirements)                                              \
    ("{\"default\":[{\"type\":\"insecureAcceptAnything\"}],\"transports\":{" \
     "\"docker\":{\"other.io\":" requirements "},\"atomic\":{\"\":[{\"type\":\"reject\"}]}}}")

static void test_unsupported_of_others(void **state) {
    (void)state;
    static const char *const good[] = {
        OF_OTHERS("[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/nowhere\"}]"),
        OF_OTHERS("[{\"type\":\"sigstoreSigned\",\"keyPath\":\"/nowhere\"}]"),
        OF_OTHERS("[{\"type\":\"sigstoreSigned\",\"fulcio\":{},\"rekorPublicKeyPath\":\"/nowhere\"}]"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct err err = {0};
        const char *scope;
        assert_int_equal(read_kind(&arena, good[i], "debian", &scope, &err), POLICY_ACCEPT);
        assert_int_equal(read_kind(&arena, good[i], "other.io/x", &scope, &err), -1);
    }
}

static void test_strict(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"default\":[]}",
        "{\"default\":{}}",
        "{\"default\":[{\"type\":\"maybe\"}]}",
        "{\"default\":[{\"type\":\"reject\",\"but\":1}]}",
        "{\"default\":[{\"type\":\"reject\"}],\"other\":1}",
        "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/x\"}]}",
        "{\"default\":[{\"type\":\"sigstoreSigned\"}]}",
        "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"/nowhere\"}]}",
        "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyData\":\"!\"}]}",
        "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyData\":\"YWE=\",\"keyPath\":\"/x\"}]}",
        "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyDatas\":[]}]}",
        "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyDatas\":[\"YWE=\",1]}]}",
        "{\"default\":[{\"type\":\"sigstoreSigned\",\"keyDatas\":\"YWE=\"}]}",
        "{\"default\":[{\"type\":\"sigstoreSigned\",\"fulcio\":{},\"keyData\":\"YWE=\"}]}",
        ("{\"default\":[{\"type\":\"sigstoreSigned\",\"keyData\":\"YWE=\",\"signedIdentity\":{\"type\":\"x\"}"
         "}"
         "]}"),
        ("{\"default\":[{\"type\":\"sigstoreSigned\",\"keyData\":\"YWE=\",\"signedIdentity\":{\"type\":"
         "\"remapIdentity\"}}]}"),
        "{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":[]}}",
        "{\"default\":[{\"type\":\"reject\"}],\"default\":[{\"type\":\"insecureAcceptAnything\"}]}",
        // Of other images.
        OF_OTHERS("[]"),
        OF_OTHERS("[{\"type\":\"maybe\"}]"),
        OF_OTHERS("[{\"type\":\"sigstoreSigned\"}]"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
        struct err err = {0};
        const char *scope;
        if (read_kind(&arena, bad[i], "debian", &scope, &err) != -1) fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(err.text, file));
    }
}

static void test_no_file(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct reference reference;
    struct policy_requirements requirements;
    struct err err;
    assert_int_equal(reference_parse(&arena, "debian", &reference, &err), 0);
    assert_int_equal(policy_read(&arena, "/tmp/hoy-no-such-policy", &reference, &requirements, &err), 0);
    assert_int_equal(requirements.count, 1);
    assert_int_equal(requirements.items[0].kind, POLICY_ACCEPT);
}

static int check(const struct policy_requirement *requirement, const char *name, const char *digest,
                 const char *claimed) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct reference reference;
    struct err err;
    assert_int_equal(reference_parse(&arena, name, &reference, &err), 0);
    const char *payload =
        arena_printf(&arena,
                     "{\"critical\":{\"identity\":{\"docker-reference\":\"%s\"},\"image\":{"
                     "\"docker-manifest-digest\":\"%s\"},\"type\":\"cosign container image signature\"},"
                     "\"optional\":null}",
                     claimed, digest);
    return policy_check_payload(requirement, &reference, DIGEST, payload, strlen(payload), &err);
}

static void test_identities(void **state) {
    (void)state;
    static const struct {
        struct policy_requirement requirement;
        const char *name, *claimed;
        int result;
    } cases[] = {
        {{.identity = POLICY_REPOSITORY}, "h/a:1", "h/a", 0},
        {{.identity = POLICY_REPOSITORY}, "h/a:1", "h/a:2", 0},
        {{.identity = POLICY_REPOSITORY}, "h/a:1", "h/ab", -1},
        {{.identity = POLICY_REPOSITORY_DIGEST_OR_EXACT}, "h/a:1", "h/a:1", 0},
        {{.identity = POLICY_REPOSITORY_DIGEST_OR_EXACT}, "h/a:1", "h/a:2", -1},
        {{.identity = POLICY_REPOSITORY_DIGEST_OR_EXACT}, "h/a", "h/a", -1},
        {{.identity = POLICY_REPOSITORY_DIGEST_OR_EXACT}, "h/a@" OTHER, "h/a:2", 0},
        {{.identity = POLICY_EXACT}, "h/a@" OTHER, "h/a:2", -1},
        {{.identity = POLICY_EXACT_REFERENCE, .reference = "x/y:1"}, "h/a:1", "x/y:1", 0},
        {{.identity = POLICY_EXACT_REFERENCE, .reference = "x/y:1"}, "h/a:1", "x/y:2", -1},
        {{.identity = POLICY_EXACT_REPOSITORY, .reference = "x/y"}, "h/a:1", "x/y:2", 0},
        {{.identity = POLICY_EXACT_REPOSITORY, .reference = "x/y"}, "h/a:1", "h/a:1", -1},
        {{.identity = POLICY_REMAP, .prefix = "h.io", .signed_prefix = "z.io"}, "h.io/a:1", "z.io/a:1", 0},
        {{.identity = POLICY_REMAP, .prefix = "h.io", .signed_prefix = "z.io"}, "h.io/a:1", "h.io/a:1", -1},
        {{.identity = POLICY_REMAP, .prefix = "h.io/b", .signed_prefix = "z.io/b"},
         "h.io/bc:1",
         "h.io/bc:1",
         0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (check(&cases[i].requirement, cases[i].name, DIGEST, cases[i].claimed) != cases[i].result)
            fail_msg("%zu: %s signed as %s", i, cases[i].name, cases[i].claimed);
    assert_int_equal(check(&cases[0].requirement, "h/a:1", OTHER, "h/a"), -1);
    assert_int_equal(check(&cases[0].requirement, "h/a:1", DIGEST, "h/a\",\"more\":\"x"), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_unsupported_of_others),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_identities),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
