// SPDX-License-Identifier: Apache-2.0
// Documents as registries serve them, and documents as an attacker would.
#include "oci/image_spec.h"

#include "base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEX_A           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B           "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG_OF(type) "{\"mediaType\":\"" type "\",\"size\":2,\"digest\":\"sha256:" HEX_A "\"}"
#define CONFIG          CONFIG_OF("application/vnd.oci.image.config.v1+json")
#define LAYER                                                                                         \
    "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"size\":70000000000,\"digest\":" \
    "\"sha256:" HEX_B "\"}"
#define OCI_TYPE   "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"

static int parse(const char *text, const char *type, struct manifest *ret, struct err *err) {
    static struct arena arena;
    arena_finish(&arena);
    return manifest_parse(&arena, text, strlen(text), type, ret, err);
}

static void test_manifest(void **state) {
    (void)state;
    struct manifest m;
    struct err err;
    const char *text = "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER "," LAYER "]}\n";
    assert_int_equal(parse(text, OCI_TYPE "; charset=utf-8", &m, &err), 0);
    assert_false(m.is_index);
    assert_int_equal(m.layers.count, 2);
    assert_int_equal(m.layers.items[1].size, 70000000000);
    assert_string_equal(m.layers.items[1].digest, "sha256:" HEX_B);
    assert_int_equal(parse(text, "application/json", &m, &err), 0);
    assert_int_equal(parse(text, NULL, &m, &err), 0);
}

static void assert_refused(const char *text, const char *type, const char *words) {
    struct manifest m;
    struct err err = {0};
    assert_int_equal(parse(text, type, &m, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    if (!strstr(err.text, words)) fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void test_manifest_refused(void **state) {
    (void)state;
    assert_refused("{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}", OCI_TYPE,
                   "at once");
    assert_refused("{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", INDEX_TYPE, "at once");
    assert_refused("{\"schemaVersion\":2,\"mediaType\":\"" INDEX_TYPE "\",\"manifests\":[]}", OCI_TYPE,
                   "calls itself");
    assert_refused("{\"schemaVersion\":1}", "application/vnd.docker.distribution.manifest.v1+json",
                   "obsolete");
    assert_refused("{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":{}}", OCI_TYPE, "list");
    assert_refused("{\"schemaVersion\":2,\"config\":" CONFIG "}", OCI_TYPE, "list");
    assert_refused("{\"config\":" CONFIG ",\"layers\":[]}", OCI_TYPE, "schemaVersion");
    assert_refused("<html></html>", "text/html", "JSON");
    assert_refused("{}{}", OCI_TYPE, "JSON");
    assert_refused("{\"schemaVersion\":2}", "text/html", "text/html");
    assert_refused("{\"schemaVersion\":2,\"config\":" CONFIG_OF(
                       "application/vnd.cncf.helm.config.v1+json") ",\"layers\":[]}",
                   OCI_TYPE, "no container image");
    assert_refused(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"size\":-1,\"digest\":\"sha256:" HEX_A
        "\"},\"layers\":[]}",
        OCI_TYPE, "size");
    assert_refused("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"size\":1,\"digest\":"
                   "\"sha256:../../etc/passwd\"},\"layers\":[]}",
                   OCI_TYPE, "digest");
}

static void test_manifest_too_many_layers(void **state) {
    (void)state;
    _cleanup_(str_finish) struct str text = {0};
    str_add(&text, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[" LAYER);
    for (int i = 0; i < IMAGE_LAYERS_MAX; i++) str_add(&text, "," LAYER);
    str_add(&text, "]}");
    assert_refused(text.data, OCI_TYPE, "499");
}

#define MEMBER(digit, platform)                                       \
    "{\"mediaType\":\"" OCI_TYPE "\",\"size\":1,\"digest\":\"sha256:" \
    "000000000000000000000000000000000000000000000000000000000000000" digit "\",\"platform\":" platform "}"

static const char *chosen(const char *members, const char *platform) {
    static struct arena arena;
    static char text[8192];
    struct manifest index;
    struct platform p;
    struct err err;
    snprintf(text, sizeof text, "{\"schemaVersion\":2,\"manifests\":[%s]}", members);
    arena_finish(&arena);
    assert_int_equal(manifest_parse(&arena, text, strlen(text), INDEX_TYPE, &index, &err), 0);
    assert_int_equal(platform_parse(&arena, platform, &p, &err), 0);
    const struct descriptor *d = index_choose(&index, &p);
    return d ? d->digest + strlen(d->digest) - 1 : "none";
}

static void test_index_choose(void **state) {
    (void)state;
    const char *debian = MEMBER("1", "{\"os\":\"linux\",\"architecture\":\"amd64\"}") ","   //
        MEMBER("2", "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v5\"}") ","   //
        MEMBER("3", "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"}") ","   //
        MEMBER("4", "{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}") "," //
        MEMBER("5", "{\"os\":\"windows\",\"architecture\":\"s390x\"}") ","                  //
        MEMBER("6", "{\"os\":\"unknown\",\"architecture\":\"unknown\"}");
    assert_string_equal(chosen(debian, "linux/amd64"), "1");
    assert_string_equal(chosen(debian, "x86_64"), "1");
    assert_string_equal(chosen(debian, "Linux/AMD64"), "1");
    assert_string_equal(chosen(debian, "linux/amd64/v3"), "1");
    assert_string_equal(chosen(debian, "linux/arm"), "3");
    assert_string_equal(chosen(debian, "linux/arm/v7"), "3");
    assert_string_equal(chosen(debian, "linux/arm/v6"), "2");
    assert_string_equal(chosen(debian, "arm64"), "4");
    assert_string_equal(chosen(debian, "linux/arm64/v9"), "4");
    assert_string_equal(chosen(debian, "linux/s390x"), "none");
    assert_string_equal(
        chosen(MEMBER("1", "{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"v3\"}"),
               "linux/amd64"),
        "none");
    assert_string_equal(chosen("", "linux/amd64"), "none");
    const char *unsaid =
        MEMBER("1", "{\"os\":\"linux\",\"architecture\":\"arm64\"}") "," MEMBER("2", "null") "," //
        MEMBER("3", "{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v0\"}");
    assert_string_equal(chosen(unsaid, "linux/arm64"), "1");
    assert_string_equal(chosen(unsaid, "linux/arm"), "3");
    assert_string_equal(chosen(unsaid, "linux/amd64"), "2");
}

static void test_index_passes_over_attestations(void **state) {
    (void)state;
    const char *members = "{\"mediaType\":\"" OCI_TYPE "\",\"size\":1,\"digest\":\"sha256:" HEX_A
                          "\",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"},\"annotations\":"
                          "{\"vnd.docker.reference.type\":\"attestation-manifest\"}}";
    assert_string_equal(chosen(members, "linux/amd64"), "none");
}

static void test_platform(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct platform p;
    struct err err;
    assert_int_equal(platform_parse(&arena, "linux/arm64/v8", &p, &err), 0);
    assert_string_equal(p.variant, "v8");
    assert_int_equal(platform_parse(&arena, "windows", &p, &err), 0);
    assert_string_equal(p.os, "windows");
    const char *wrong[] = {"", "linux/", "a/b/c/d", "linux/am d64", "vax", "/amd64"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(platform_parse(&arena, wrong[i], &p, &err), -1);
}

static int parse_config(struct arena *arena, const char *text, struct image_config *ret, struct err *err) {
    return image_config_parse(arena, text, strlen(text), ret, err);
}

static void test_config(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    struct image_config c;
    struct err err;
    const char *text =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"a:b\",\"Env\":[\"A=1\"],"
        "\"Entrypoint\":null,\"Cmd\":[\"sh\",\"-c\"],\"Volumes\":{\"/v\":{}},"
        "\"ExposedPorts\":{\"80/tcp\":{}},\"Labels\":{\"k\":\"v\"},\"Shell\":\"one\"},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A "\"]},\"history\":[]}";
    assert_int_equal(parse_config(&arena, text, &c, &err), 0);
    assert_false(c.has_entrypoint);
    assert_true(c.has_cmd);
    assert_int_equal(c.cmd.count, 2);
    assert_string_equal(c.volumes.items[0], "/v");
    assert_string_equal(c.exposed_ports.items[0], "80/tcp");
    assert_string_equal(c.labels.items[0].value, "v");
    assert_string_equal(c.shell.items[0], "one");
    assert_null(c.working_dir);
    assert_int_equal(c.diff_ids.count, 1);
}

static void test_config_refused(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const char *rootfs = "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}";
    const char *wrong[][2] = {
        {"\"config\":{\"Env\":\"A=1\",\"Cmd\":{}}", "Cmd"},
        {"\"config\":{\"Env\":[1]}", "Env"},
        {"\"config\":[]", "config"},
        {"\"config\":{\"User\":7}", "User"},
        {"\"config\":{\"Labels\":{\"a\":1}}", "Labels"},
        {"\"config\":{\"Volumes\":[]}", "Volumes"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct image_config c;
        struct err err = {0};
        assert_int_equal(parse_config(&arena, arena_printf(&arena, "{%s,%s}", wrong[i][0], rootfs), &c, &err),
                         -1);
        assert_non_null(strstr(err.text, wrong[i][1]));
    }
    struct image_config c;
    struct err err;
    assert_int_equal(parse_config(&arena, "{}", &c, &err), -1);
    assert_int_equal(
        parse_config(&arena, "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../x\"]}}", &c, &err),
        -1);
}

// The example's digests were computed with sha256sum.
static void test_chain_id(void **state) {
    (void)state;
    const char *ids[] = {"sha256:" HEX_A, "sha256:" HEX_B};
    struct strings list = {ids, 2};
    char digest[DIGEST_SIZE];
    chain_id(&list, 1, digest);
    assert_string_equal(digest, ids[0]);
    chain_id(&list, 2, digest);
    assert_string_equal(digest, "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c");
}

static void test_layer_types(void **state) {
    (void)state;
    enum layer_compression c;
    assert_int_equal(layer_compression_of("application/vnd.oci.image.layer.v1.tar+zstd", &c), 0);
    assert_int_equal(c, LAYER_ZSTD);
    assert_int_equal(layer_compression_of("application/vnd.docker.image.rootfs.diff.tar.gzip", &c), 0);
    assert_int_equal(c, LAYER_GZIP);
    assert_int_equal(layer_compression_of("application/vnd.in-toto+json", &c), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_manifest_refused),
        cmocka_unit_test(test_manifest_too_many_layers),
        cmocka_unit_test(test_index_choose),
        cmocka_unit_test(test_index_passes_over_attestations),
        cmocka_unit_test(test_platform),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_config_refused),
        cmocka_unit_test(test_chain_id),
        cmocka_unit_test(test_layer_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
