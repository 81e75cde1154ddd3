// SPDX-License-Identifier: Apache-2.0
// On the machine's own hierarchies, with a process in groups of our own. What a test needs and the machine
// does not have skips it.
#include "runtime/cgroup_plan.h"
#include "runtime/update.h"

#include "base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct cgroup_layout layout;
    struct cgroup_groups groups;
    struct err err;
    pid_t pid;
};

// Without cpuset, as a container is made that has no wish about it.
static bool is_made(const struct cgroup_hierarchy *h) {
    return h->v2 || !(h->controllers & CGROUP_CPUSET);
}

static void join_groups(const struct fixture *f, int fd) {
    int r = 0;
    for (size_t i = 0; i < f->groups.count; i++) {
        char file[300];
        snprintf(file, sizeof file, "%s/cgroup.procs", f->groups.items[i].path);
        if (is_made(&f->layout.items[i]) && r == 0) r = file_write_at(AT_FDCWD, file, "0");
    }
    (void)!write(fd, &r, sizeof r);
    for (;;) pause();
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    int pipes[2], r = -1;
    *state = f;
    if (geteuid() != 0 || cgroup_layout_read(&f->layout) < 0) return 0;
    for (size_t i = 0; i < f->layout.count; i++) {
        const struct cgroup_hierarchy *h = &f->layout.items[i];
        f->groups.items[i] = (struct cgroup_group){
            arena_printf(&f->arena, "%s/hoy-test-%d", h->mount, getpid()), h->controllers, h->v2};
        if (is_made(h) && cgroup_create(f->groups.items[i].path) < 0) return 0;
    }
    f->groups.count = f->layout.count;
    if (pipe(pipes) < 0) return -1;
    f->pid = fork();
    if (f->pid == 0) join_groups(f, pipes[1]);
    close(pipes[1]);
    if (read(pipes[0], &r, sizeof r) < 0) r = -1;
    close(pipes[0]);
    return r;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    int r = 0;
    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
    }
    for (size_t i = 0; i < f->groups.count; i++) {
        if (cgroup_remove(f->groups.items[i].path) < 0) r = -1;
    }
    arena_finish(&f->arena);
    free(f);
    return r;
}

// NULL: there is no such file.
static const char *value(struct fixture *f, uint32_t controller, const char *file) {
    const struct cgroup_group *group = cgroup_groups_with(&f->groups, controller);
    _cleanup_(str_finish) struct str text = {0};
    if (!group ||
        file_read_at(AT_FDCWD, arena_printf(&f->arena, "%s/%s", group->path, file), 4096, &text) < 0)
        return NULL;
    return arena_strndup(&f->arena, str_get(&text), strcspn(str_get(&text), "\n"));
}

static int update(struct fixture *f, const struct spec_resources *resources) {
    f->err = (struct err){0};
    int r = update_apply(&f->layout, &f->groups, resources, &f->err);
    if (r < 0) printf("# %s\n", f->err.text);
    return r;
}

static bool on_v1(const struct fixture *f, uint32_t controller) {
    const struct cgroup_group *group = cgroup_groups_with(&f->groups, controller);
    return f->pid > 0 && group && !group->v2;
}

// Either order is refused half of the time.
static void test_memory_v1(void **state) {
    struct fixture *f = *state;
    if (!on_v1(f, CGROUP_MEMORY) || !value(f, CGROUP_MEMORY, "memory.memsw.limit_in_bytes")) skip();
    static const int64_t steps[][2] = {{64, 128}, {256, 512}, {16, 32}, {128, 128},
                                       {-1, -1},  {32, 64},   {-1, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        int64_t memory = steps[i][0] < 0 ? -1 : steps[i][0] << 20,
                swap = steps[i][1] < 0 ? -1 : steps[i][1] << 20;
        const struct spec_resources r = {.memory_limit = {true, memory}, .memory_swap = {swap != 0, swap}};
        assert_int_equal(update(f, &r), 0);
        if (memory > 0) {
            assert_int_equal(strtoll(value(f, CGROUP_MEMORY, "memory.limit_in_bytes"), NULL, 10), memory);
            assert_int_equal(strtoll(value(f, CGROUP_MEMORY, "memory.memsw.limit_in_bytes"), NULL, 10), swap);
        } else {
            assert_int_equal(strlen(value(f, CGROUP_MEMORY, "memory.memsw.limit_in_bytes")), 19);
        }
    }
    const struct spec_resources limit = {.memory_limit = {true, 32 << 20}, .memory_swap = {true, 64 << 20}};
    const struct spec_resources swap = {.memory_swap = {true, 48 << 20}};
    assert_int_equal(update(f, &limit), 0);
    assert_int_equal(update(f, &swap), 0);
    assert_string_equal(value(f, CGROUP_MEMORY, "memory.limit_in_bytes"), "33554432");
    assert_string_equal(value(f, CGROUP_MEMORY, "memory.memsw.limit_in_bytes"), "50331648");
}

static void test_cpu_v1(void **state) {
    struct fixture *f = *state;
    if (!on_v1(f, CGROUP_CPU) || !value(f, CGROUP_CPU, "cpu.cfs_burst_us")) skip();
    static const int64_t steps[][3] = {{50000, 100000, 10000}, {5000, 10000, 5000}, {800000, 1000000, 700000},
                                       {-1, 100000, 0},        {2000, 50000, 1000}, {-1, 0, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        const struct spec_resources r = {.cpu_quota = {true, steps[i][0]},
                                         .cpu_period = {true, (uint64_t)steps[i][1]},
                                         .cpu_burst = {true, (uint64_t)steps[i][2]}};
        assert_int_equal(update(f, &r), 0);
        assert_int_equal(strtoll(value(f, CGROUP_CPU, "cpu.cfs_quota_us"), NULL, 10), steps[i][0]);
        assert_int_equal(strtoll(value(f, CGROUP_CPU, "cpu.cfs_burst_us"), NULL, 10), steps[i][2]);
    }
    const struct spec_resources idle = {.cpu_idle = {true, 1}},
                                busy = {.cpu_idle = {true, 0}, .cpu_shares = {true, 300}};
    assert_int_equal(update(f, &idle), 0);
    assert_int_equal(update(f, &busy), 0);
    assert_string_equal(value(f, CGROUP_CPU, "cpu.shares"), "300");
}

// cpu.max has both numbers; who gives one keeps the other.
static void test_v2(void **state) {
    struct fixture *f = *state;
    if (f->pid <= 0 || !value(f, CGROUP_CPU, "cpu.max") || !value(f, CGROUP_MEMORY, "memory.max")) skip();
    const struct spec_resources quota = {.cpu_quota = {true, 50000}}, period = {.cpu_period = {true, 200000}},
                                none = {.cpu_quota = {true, -1}};
    assert_int_equal(update(f, &quota), 0);
    assert_string_equal(value(f, CGROUP_CPU, "cpu.max"), "50000 100000");
    assert_int_equal(update(f, &period), 0);
    assert_string_equal(value(f, CGROUP_CPU, "cpu.max"), "50000 200000");
    assert_int_equal(update(f, &none), 0);
    assert_string_equal(value(f, CGROUP_CPU, "cpu.max"), "max 200000");
    const struct spec_resources memory = {.memory_limit = {true, 64 << 20}, .memory_swap = {true, 96 << 20}},
                                swap = {.memory_swap = {true, 80 << 20}};
    assert_int_equal(update(f, &memory), 0);
    assert_string_equal(value(f, CGROUP_MEMORY, "memory.swap.max"), "33554432");
    assert_int_equal(update(f, &swap), 0);
    assert_string_equal(value(f, CGROUP_MEMORY, "memory.swap.max"), "16777216");
}

static void test_pids(void **state) {
    struct fixture *f = *state;
    if (!value(f, CGROUP_PIDS, "pids.max")) skip();
    const struct spec_resources twenty = {.pids_limit = {true, 20}}, none = {.pids_limit = {true, -1}};
    assert_int_equal(update(f, &twenty), 0);
    assert_string_equal(value(f, CGROUP_PIDS, "pids.max"), "20");
    assert_int_equal(update(f, &none), 0);
    assert_string_equal(value(f, CGROUP_PIDS, "pids.max"), "max");
}

// What comes last is refused; what came before is as it was.
static void test_all_or_nothing(void **state) {
    struct fixture *f = *state;
    if (!value(f, CGROUP_PIDS, "pids.max") || f->pid <= 0) skip();
    const struct spec_resources before = {.pids_limit = {true, 33}, .cpu_shares = {true, 700}};
    struct spec_throttle throttle = {250, 250, 1}; // no such device
    struct spec_resources after = {.pids_limit = {true, 44}, .cpu_shares = {true, 900}};
    after.read_bps.items = &throttle;
    after.read_bps.count = 1;
    if (!cgroup_groups_with(&f->groups, CGROUP_IO)) skip();
    assert_int_equal(update(f, &before), 0);
    const char *file = on_v1(f, CGROUP_CPU) ? "cpu.shares" : "cpu.weight",
               *shares = value(f, CGROUP_CPU, file);
    assert_int_equal(update(f, &after), -1);
    assert_non_null(
        strstr(f->err.text, on_v1(f, CGROUP_IO) ? "/blkio.throttle.read_bps_device: " : "/io.max: "));
    assert_true(str_has_suffix(f->err.text, "; the limits are what they were before"));
    assert_string_equal(value(f, CGROUP_PIDS, "pids.max"), "33");
    assert_string_equal(value(f, CGROUP_CPU, file), shares);
}

// The container had no group there: it gets one, and its process is in it.
static void test_new_group(void **state) {
    struct fixture *f = *state;
    if (!on_v1(f, CGROUP_CPUSET)) skip();
    const struct spec_resources wrong = {.cpuset_cpus = "9999"}, first = {.cpuset_cpus = "0"};
    assert_int_equal(update(f, &wrong), -1);
    assert_null(value(f, CGROUP_CPUSET, "cpuset.cpus"));
    assert_int_equal(update(f, &first), 0);
    assert_string_equal(value(f, CGROUP_CPUSET, "cpuset.cpus"), "0");
    assert_int_equal(strtol(value(f, CGROUP_CPUSET, "cgroup.procs"), NULL, 10), f->pid);
}

static void test_check_usage(void **state) {
    struct fixture *f = *state;
    if (!cgroup_groups_with(&f->groups, CGROUP_MEMORY) || f->pid <= 0) skip();
    const char *file = on_v1(f, CGROUP_MEMORY) ? "memory.usage_in_bytes" : "memory.current";
    if (!value(f, CGROUP_MEMORY, file) || strtoll(value(f, CGROUP_MEMORY, file), NULL, 10) < 2) skip();
    const struct spec_resources r = {.memory_limit = {true, 1}, .check_before_update = true};
    assert_int_equal(update(f, &r), -1);
    assert_int_equal(f->err.kind, ERR_CONFLICT);
    assert_true(str_has_prefix(f->err.text, "linux.resources.memory.limit: "));
}

static void test_devices_v1(void **state) {
    struct fixture *f = *state;
    if (!on_v1(f, CGROUP_DEVICES)) skip();
    struct spec_device_rule fuse = {true, 'c', 10, 229, "rwm"}, all = {true, 'a', -1, -1, "rwm"};
    struct spec_resources r = {.devices = {&fuse, 1}};
    assert_int_equal(update(f, &r), 0);
    _cleanup_(str_finish) struct str list = {0};
    const char *path =
        arena_printf(&f->arena, "%s/devices.list", cgroup_groups_with(&f->groups, CGROUP_DEVICES)->path);
    assert_int_equal(file_read_at(AT_FDCWD, path, 4096, &list), 0);
    assert_non_null(strstr(str_get(&list), "c 10:229 rwm"));
    assert_non_null(strstr(str_get(&list), "c 1:3 rwm"));
    r.devices.items = &all;
    assert_int_equal(update(f, &r), 0);
    assert_string_equal(value(f, CGROUP_DEVICES, "devices.list"), "a *:* rwm");
}

static void expect_signal(struct fixture *f, int signal) {
    struct cgroup_groups present;
    int status = 0;
    cgroup_groups_present(&f->groups, &present);
    if (runtime_cgroup_signal(&present, signal, &f->err) < 0) fail_msg("%s", f->err.text);
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    assert_int_equal(WTERMSIG(status), signal);
    f->pid = 0;
}

static void test_signal(void **state) {
    if (((struct fixture *)*state)->pid <= 0) skip();
    expect_signal(*state, SIGTERM);
}

static void test_kill_frozen(void **state) {
    struct fixture *f = *state;
    struct cgroup_groups present;
    if (f->pid <= 0) skip();
    cgroup_groups_present(&f->groups, &present);
    assert_int_equal(cgroup_freeze(cgroup_groups_freezer(&present)->path, UINT64_C(1000000000)), 0);
    expect_signal(f, SIGKILL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_memory_v1),      TEST(test_cpu_v1),      TEST(test_v2),          TEST(test_pids),
        TEST(test_all_or_nothing), TEST(test_new_group),   TEST(test_check_usage), TEST(test_devices_v1),
        TEST(test_signal),         TEST(test_kill_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
