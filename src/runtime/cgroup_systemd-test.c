// SPDX-License-Identifier: Apache-2.0
// Names, and what systemd is told. That systemd takes it is for a machine that it manages.
#include "runtime/cgroup_plan.h"
#include "runtime/cgroup_systemd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct spec spec;
    struct err err;
    struct strings words;
    struct str text; // a property a line
};

static int setup(void **state) {
    *state = calloc(1, sizeof(struct fixture));
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    arena_finish(&f->arena);
    str_finish(&f->text);
    free(f);
    return 0;
}

static int find(struct fixture *f, const char *path, bool rootless, struct runtime_scope *ret_scope) {
    f->spec.cgroups_path = path;
    return runtime_scope_find(&f->spec, "one", rootless, &f->arena, ret_scope, &f->err);
}

static void test_names(void **state) {
    struct fixture *f = *state;
    struct runtime_scope scope;
    assert_int_equal(find(f, "a-b-c.slice:docker:12ab", false, &scope), 0);
    assert_string_equal(scope.unit, "docker-12ab.scope");
    assert_string_equal(scope.slice, "a-b-c.slice");
    assert_string_equal(scope.path, "/a.slice/a-b.slice/a-b-c.slice/docker-12ab.scope");
    assert_int_equal(find(f, "::x", false, &scope), 0);
    assert_string_equal(scope.path, "/system.slice/x.scope");
    assert_int_equal(find(f, "-.slice:p:x", false, &scope), 0);
    assert_string_equal(scope.path, "/p-x.scope");
    assert_int_equal(find(f, NULL, false, &scope), 0);
    assert_string_equal(scope.path, "/system.slice/hoy-one.scope");
    assert_null(scope.bus);
    unsetenv("DBUS_SESSION_BUS_ADDRESS");
    setenv("XDG_RUNTIME_DIR", "/run/user/7", true);
    assert_int_equal(find(f, NULL, true, &scope), 0);
    assert_string_equal(scope.bus, "unix:path=/run/user/7/bus");
    setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/somewhere", true);
    assert_int_equal(find(f, NULL, true, &scope), 0);
    assert_string_equal(scope.bus, "unix:path=/somewhere");
    unsetenv("DBUS_SESSION_BUS_ADDRESS");
    unsetenv("XDG_RUNTIME_DIR");
    assert_int_equal(find(f, NULL, true, &scope), 0);
    assert_string_equal(scope.bus, arena_printf(&f->arena, "unix:path=/run/user/%u/bus", geteuid()));
    assert_string_equal(scope.path,
                        arena_printf(&f->arena,
                                     "/user.slice/user-%u.slice/user@%u.service/user.slice/hoy-one.scope",
                                     geteuid(), geteuid()));
}

static void test_refused(void **state) {
    struct fixture *f = *state;
    static const char *const bad[] = {
        "/a/b",         "a.slice:b",    "a.slice:b:c:d",  "a.slice:b:",     "a:b:c",        ".slice:b:c",
        "-a.slice:b:c", "a-.slice:b:c", "a--b.slice:b:c", "../a.slice:b:c", "a.slice:b:c d"};
    struct runtime_scope scope;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (find(f, bad[i], false, &scope) == 0) fail_msg("%s was taken", bad[i]);
        assert_true(str_has_prefix(f->err.text, "linux.cgroupsPath"));
    }
}

static void print(struct fixture *f) {
    for (size_t i = 0; i + 2 < f->words.count; i += 3) {
        assert_string_equal(f->words.items[i], "--property");
        str_printf(&f->text, "%s=%s\n", f->words.items[i + 1], f->words.items[i + 2]);
    }
}

static void set_limits(struct spec_resources *r) {
    static struct spec_key_value unified[] = {
        {"memory.high", "1000"}, {"memory.swap.max", "max"}, {"io.weight", "5"}};
    r->memory_limit = (struct spec_i64){true, 64 << 20};
    r->memory_swap = (struct spec_i64){true, 96 << 20};
    r->cpu_shares = (struct spec_u64){true, 1024};
    r->cpu_quota = (struct spec_i64){true, 33333};
    r->cpu_period = (struct spec_u64){true, 50000};
    r->pids_limit = (struct spec_i64){true, -1};
    r->cpuset_cpus = "0-2,9";
    r->unified.items = unified;
    r->unified.count = ARRAY_SIZE(unified);
}

static void test_v2(void **state) {
    struct fixture *f = *state;
    set_limits(&f->spec.resources);
    scope_properties(&f->arena, &f->spec.resources, true, &f->words);
    print(f);
    assert_string_equal(str_get(&f->text), "MemoryMax=uint64 67108864\n"
                                           "MemorySwapMax=uint64 33554432\n"
                                           "CPUWeight=uint64 39\n"
                                           "MemoryHigh=uint64 1000\n"
                                           "MemorySwapMax=uint64 18446744073709551615\n"
                                           "CPUQuotaPeriodUSec=uint64 50000\n"
                                           "CPUQuotaPerSecUSec=uint64 670000\n"
                                           "TasksMax=uint64 18446744073709551615\n"
                                           "AllowedCPUs=[byte 0x07, byte 0x02]\n");
}

static void test_v1(void **state) {
    struct fixture *f = *state;
    set_limits(&f->spec.resources);
    scope_properties(&f->arena, &f->spec.resources, false, &f->words);
    print(f);
    assert_true(
        str_has_prefix(str_get(&f->text), "MemoryLimit=uint64 67108864\nCPUShares=uint64 1024\nCPUQuota"));
}

static void test_annotations(void **state) {
    struct fixture *f = *state;
    struct spec_key_value items[] = {{"org.systemd.property.TimeoutStopSec", "uint64 3"},
                                     {"other", "x"},
                                     {"org.systemd.property.RuntimeMaxSec", "1.5"},
                                     {"org.systemd.property.CollectMode", "'inactive-or-failed'"}};
    f->spec.annotations.items = items;
    f->spec.annotations.count = ARRAY_SIZE(items);
    assert_int_equal(scope_annotations(&f->arena, &f->spec, &f->words, &f->err), 0);
    print(f);
    assert_string_equal(str_get(&f->text), "TimeoutStopUSec=uint64 3000000\nRuntimeMaxUSec=uint64 1500000\n"
                                           "CollectMode='inactive-or-failed'\n");
    items[1] = (struct spec_key_value){"org.systemd.property.a b", "1"};
    assert_int_equal(scope_annotations(&f->arena, &f->spec, &f->words, &f->err), -1);
    items[1] = (struct spec_key_value){"org.systemd.property.TimeoutStopSec", "'soon'"};
    assert_int_equal(scope_annotations(&f->arena, &f->spec, &f->words, &f->err), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_names), TEST(test_refused), TEST(test_v2), TEST(test_v1),
                                       TEST(test_annotations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
