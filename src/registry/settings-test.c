// SPDX-License-Identifier: Apache-2.0
#include "registry/settings.h"

#include "base/fd.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char etc[] = "/tmp/hoy-settings-XXXXXX";

static int etc_make(void **state) {
    (void)state;
    return mkdtemp(etc) ? 0 : -1;
}

static int etc_remove(void **state) {
    (void)state;
    return dir_remove_all_at(AT_FDCWD, etc);
}

static void put(const char *path, const char *text) {
    char full[256], *slash;
    snprintf(full, sizeof full, "%s/%s", etc, path);
    slash = strrchr(full, '/');
    *slash = 0;
    assert_int_equal(dir_make_all_at(AT_FDCWD, full, 0700), 0);
    *slash = '/';
    assert_int_equal(file_replace_at(AT_FDCWD, full, text, strlen(text), 0600, false), 0);
}

// "host/repository", with "!" behind an insecure one, and a blank between.
static const char *ask(struct arena *arena, const char *name) {
    struct reference r;
    struct endpoints e;
    struct err err = {0};
    const char *result = "";
    if (reference_parse(arena, name, &r, &err) || settings_endpoints(arena, etc, &r, &e, &err))
        return arena_strdup(arena, err.text);
    for (size_t i = 0; i < e.count; i++)
        result = arena_printf(arena, "%s%s%s/%s%s", result, i ? " " : "", e.items[i].host,
                              e.items[i].repository, e.items[i].insecure ? "!" : "");
    return result;
}

#define DIGEST "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_endpoints(void **state) {
    (void)state;
    put("containers/registries.conf",
        "[[registry]]\nlocation = \"docker.io\"\n"
        "[[registry.mirror]]\nlocation = \"one:5000/hub\"\ninsecure = true\n"
        "[[registry.mirror]]\nlocation = \"by.digest\"\npull-from-mirror = \"digest-only\"\n"
        "[[registry.mirror]]\nlocation = \"by.tag\"\npull-from-mirror = \"tag-only\"\n"
        "[[registry]]\nprefix = \"docker.io/bad\"\nlocation = \"docker.io/bad\"\nblocked = true\n"
        "[[registry]]\nprefix = \"*.example.com\"\nblocked = true\n"
        "[[registry]]\nprefix = \"old.io/team\"\nlocation = \"new.io/x/team\"\ninsecure = true\n"
        "[[registry]]\nlocation = 'digests.io'\nmirror-by-digest-only = true\n"
        "[[registry.mirror]]\nlocation = 'm.io'\n"
        "[[registry]]\nprefix = 'slash.io/a/'\nlocation = 'new.io/b//'\n"
        "[[registry.mirror]]\nlocation = 'm.io/'\n"
        "[[registry]]\nlocation = \"changed.io\"\nblocked = true\n");
    put("containers/registries.conf.d/a.conf", "[[registry]]\nlocation = \"changed.io\"\n");
    put("containers/registries.conf.d/b.ignored", "nonsense");
    put("containers/registries.conf.d/c.conf/directory", "nonsense");
    put("docker/daemon.json", "{\"registry-mirrors\":[\"https://d.mirror/\",\"http://plain:80\"],"
                              "\"insecure-registries\":[\"host:1\",\"10.0.0.0/8\",\"fd00::/8\","
                              "\"http://h:2\",\"HTTPS://h:3\"]}");
    static const char *const rows[][2] = {
        {"debian", "one:5000/hub/library/debian! by.tag/library/debian d.mirror/library/debian "
                   "plain:80/library/debian! registry-1.docker.io/library/debian"},
        {"digests.io/a", "digests.io/a"},
        {"digests.io/a" DIGEST, "m.io/a digests.io/a"},
        {"debian" DIGEST, "one:5000/hub/library/debian! by.digest/library/debian d.mirror/library/debian "
                          "plain:80/library/debian! registry-1.docker.io/library/debian"},
        {"old.io/team/a:1", "new.io/x/team/a!"},
        {"old.io/teams/a:1", "old.io/teams/a"},
        {"slash.io/a/x:1", "m.io/x new.io/b/x"},
        {"changed.io/a", "changed.io/a"},
        {"changed.io:5000/a", "changed.io:5000/a"},
        {"notexample.com/a", "notexample.com/a"},
        {"host:1/a", "host:1/a!"},
        {"h:2/a", "h:2/a!"},
        {"h:3/a", "h:3/a!"},
        {"h:4/a", "h:4/a"},
        {"10.1.2.3:5000/a", "10.1.2.3:5000/a!"},
        {"11.1.2.3:5000/a", "11.1.2.3:5000/a"},
        {"[fd12::1]:5000/a", "[fd12::1]:5000/a!"},
        {"[fe80::1]:5000/a", "[fe80::1]:5000/a"},
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) assert_string_equal(ask(&arena, rows[i][0]), rows[i][1]);
    assert_non_null(strstr(ask(&arena, "bad/x"), "registry docker.io/bad is blocked in "));
    assert_non_null(strstr(ask(&arena, "a.b.example.com:5000/x"), "is blocked"));
}

static void test_wrong(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "[[registry]]\n",
        "[[registry]]\nprefix = \"a.io\"\n",
        "[[registry]]\nlocation = \"https://a.io\"\n",
        "[[registry]]\nlocation = \"/\"\n",
        "[[registry]]\nlocation = \"a.io\"\nblocked = \"yes\"\n",
        "[[registry]]\nlocation = \"a.io\"\n[[registry.mirror]]\ninsecure = true\n",
        "[[registry]]\nlocation = 'a.io'\n[[registry.mirror]]\nlocation = 'b'\npull-from-mirror = 'x'\n",
        "registry = 'a.io'\n",
        "[registry]\nlocation = 'a.io'\n",
        "[[registry]]\nlocation = 'a.io'\nmirror = 'b.io'\n",
        "[registries.block]\nregistries = ['a.io']\n",
        "nonsense",
    };
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        put("containers/registries.conf", wrong[i]);
        const char *said = ask(&arena, "z.io/a");
        if (!strstr(said, "registries.conf")) fail_msg("%s: %s", wrong[i], said);
    }
    put("containers/registries.conf", "");
    put("docker/daemon.json", "{\"registry-mirrors\":[\"mirror\"]}");
    assert_non_null(strstr(ask(&arena, "debian"), "registry-mirrors"));
    assert_string_equal(ask(&arena, "z.io/a"), "z.io/a");
    static const char *const daemon[][2] = {
        {"{\"registry-mirrors\":\"x\"}", "registry-mirrors is no list of texts"},
        {"{\"registry-mirrors\":[1]}", "registry-mirrors is no list of texts"},
        {"{\"insecure-registries\":\"10.0.0.0/8\"}", "insecure-registries is no list of texts"},
        {"{\"insecure-registries\":[\"10.0.0.0/99\"]}", "\"10.0.0.0/99\" in insecure-registries is neither"},
        {"{\"insecure-registries\":[\"ftp://h\"]}", "\"ftp://h\" in insecure-registries is neither"},
        {"{\"insecure-registries\":[\"http://\"]}", "\"\" in insecure-registries is neither"},
        {"{\"proxies\":\"x\"}", "proxies is no object"},
        {"{\"proxies\":{\"no-proxy\":[]}}", "no-proxy in proxies is no text"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(daemon); i++) {
        put("docker/daemon.json", daemon[i][0]);
        const char *said = ask(&arena, "docker.io/a");
        if (!strstr(said, daemon[i][1])) fail_msg("%s: %s", daemon[i][0], said);
    }
    put("docker/daemon.json", "[]");
    assert_non_null(strstr(ask(&arena, "z.io/a"), "daemon.json is no valid JSON"));
    put("docker/daemon.json", "\n");
    assert_string_equal(ask(&arena, "z.io/a"), "z.io/a");
    put("docker/daemon.json", "");

    // What it says may be that something is blocked.
    char directory[128];
    snprintf(directory, sizeof directory, "%s/containers/registries.conf.d", etc);
    assert_int_equal(dir_remove_all_at(AT_FDCWD, directory), 0);
    assert_int_equal(symlink("registries.conf.d", directory), 0); // a loop
    assert_non_null(strstr(ask(&arena, "z.io/a"), "can't read "));
    assert_int_equal(unlink(directory), 0);
    assert_string_equal(ask(&arena, "z.io/a"), "z.io/a");
}

static void test_certificates(void **state) {
    (void)state;
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    const struct reference r = {.domain = "c.io:5000"};
    struct endpoints e;
    struct err err = {0};
    put("docker/certs.d/c.io:5000/a.crt", "A");
    put("docker/certs.d/c.io:5000/client.cert", "C");
    assert_int_equal(settings_endpoints(&arena, etc, &r, &e, &err), -1);
    assert_non_null(strstr(err.text, "client.key is missing"));
    put("docker/certs.d/c.io:5000/client.key", "K");
    put("containers/certs.d/c.io:5000/b.crt", "B");
    assert_int_equal(settings_endpoints(&arena, etc, &r, &e, &err), 0);
    assert_int_equal(e.count, 1);
    assert_string_equal(e.items[0].ca, "B\nA\n");
    assert_int_equal(e.items[0].pairs.count, 1);
    assert_string_equal(e.items[0].pairs.items[0].cert, "C\n");
    assert_string_equal(e.items[0].pairs.items[0].key, "K\n");
    assert_null(e.items[0].repository);
    put("docker/certs.d/c.io:5000/another.cert", "C2");
    put("docker/certs.d/c.io:5000/another.key", "K2");
    assert_int_equal(settings_endpoints(&arena, etc, &r, &e, &err), 0);
    assert_int_equal(e.items[0].pairs.count, 2);
    assert_string_equal(e.items[0].pairs.items[0].key, "K2\n");
    put("containers/certs.d/c.io:5000/lone.key", "K3");
    assert_int_equal(settings_endpoints(&arena, etc, &r, &e, &err), -1);
    assert_non_null(strstr(err.text, "lone.cert is missing"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_certificates),
    };
    return cmocka_run_group_tests(tests, etc_make, etc_remove);
}
