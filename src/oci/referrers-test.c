// SPDX-License-Identifier: Apache-2.0
#include "oci/referrers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A   "sha256:" HEX
#define M   "application/vnd.oci.image.manifest.v1+json"

static const char signature[] =
    "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/x-signature\"},\"layers\":[],"
    "\"subject\":{\"digest\":\"" A "\"},\"annotations\":{\"k\":\"v\"}}";

static void test_add(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *first, *again, *second;
    struct manifest index;
    struct err err;
    assert_int_equal(referrers_add(&arena, NULL, signature, M, &first, &err), 0);
    assert_int_equal(manifest_parse(&arena, first, strlen(first), OCI_INDEX_TYPE, &index, &err), 0);
    assert_int_equal(index.manifests.count, 1);
    assert_string_equal(index.manifests.items[0].artifact_type, "application/x-signature");
    assert_int_equal(index.manifests.items[0].size, strlen(signature));
    assert_non_null(strstr(first, "\"annotations\":{\"k\":\"v\"}"));
    assert_int_equal(referrers_add(&arena, first, signature, M, &again, &err), 0);
    assert_null(again);
    assert_int_equal(referrers_add(&arena, first, "{\"artifactType\":\"a/b\"}", M, &second, &err), 0);
    assert_int_equal(manifest_parse(&arena, second, strlen(second), OCI_INDEX_TYPE, &index, &err), 0);
    assert_int_equal(index.manifests.count, 2);
    assert_string_equal(index.manifests.items[1].artifact_type, "a/b");
}

static void test_other(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *text;
    struct err err;
    assert_int_equal(referrers_add(&arena, "{\"layers\":[]}", signature, M, &text, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(referrers_add(&arena, "<html>", signature, M, &text, &err), -1);
}

static void test_subject(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    assert_string_equal(manifest_subject(&arena, signature, strlen(signature)), A);
    assert_null(manifest_subject(&arena, "{}", 2));
    assert_null(manifest_subject(&arena, "{\"subject\":{\"digest\":\"../x\"}}", 31));
    assert_string_equal(referrers_tag(&arena, A), "sha256-" HEX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_other),
        cmocka_unit_test(test_subject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
