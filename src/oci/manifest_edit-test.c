// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const char docker[] =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
    "\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"size\":7,\"digest\":\"" A
    "\"},\"layers\":[{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"size\":1,"
    "\"digest\":\"" B "\",\"annotations\":{\"k\":\"v\"}},"
    "{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"size\":2,\"digest\":\"" B
    "\"}],\"annotations\":{\"a\":\"b\"}}";

static void edit(struct arena *arena, enum layer_compression second, struct manifest *ret,
                 const char **text) {
    struct descriptor items[] = {
        {.media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip", .digest = B, .size = 1},
        {.media_type = layer_media_type("application/vnd.docker.x", second), .digest = C, .size = 99}};
    const struct descriptors layers = {items, 2};
    const char *type;
    struct err err;
    assert_int_equal(manifest_with_layers(arena, docker, &layers, text, &type, &err), 0);
    assert_int_equal(manifest_parse(arena, *text, strlen(*text), type, ret, &err), 0);
    assert_non_null(strstr(*text, "\"annotations\":{\"k\":\"v\"}"));
    assert_non_null(strstr(*text, "\"annotations\":{\"a\":\"b\"}"));
    assert_string_equal(ret->config.digest, A);
    assert_int_equal(ret->config.size, 7);
    assert_string_equal(ret->layers.items[0].digest, B);
    assert_string_equal(ret->layers.items[1].digest, C);
    assert_int_equal(ret->layers.items[1].size, 99);
}

static void test_same_family(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct manifest m;
    const char *text;
    edit(&arena, LAYER_GZIP, &m, &text);
    assert_null(strstr(text, "oci"));
    assert_string_equal(m.media_type, "application/vnd.docker.distribution.manifest.v2+json");
}

static void test_to_oci(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct manifest m;
    const char *text;
    edit(&arena, LAYER_ZSTD, &m, &text);
    assert_null(strstr(text, "docker"));
    assert_string_equal(m.layers.items[0].media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert_string_equal(m.layers.items[1].media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
}

static void test_refused(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const struct descriptors none = {0};
    const char *text, *type;
    struct err err;
    assert_int_equal(manifest_with_layers(&arena, docker, &none, &text, &type, &err), -1);
    assert_int_equal(manifest_with_layers(&arena, "{", &none, &text, &type, &err), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_family), cmocka_unit_test(test_to_oci),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
