// SPDX-License-Identifier: Apache-2.0
// Folders below /tmp with what kernels of either kind write into them.
#include "kernel/cgroup_stats.h"

#include "base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    char top[32];
    struct arena arena;
    struct cgroup_stats stats;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->top, "/tmp/hoy-stats-XXXXXX");
    *state = f;
    return mkdtemp(f->top) ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    int r = dir_remove_all_at(AT_FDCWD, f->top);
    arena_finish(&f->arena);
    free(f);
    return r;
}

static void put(const struct fixture *f, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->top, name);
    assert_int_equal(file_replace_at(AT_FDCWD, path, text, strlen(text), 0600, false), 0);
}

static void read_as(struct fixture *f, uint32_t controllers, bool v2) {
    const struct cgroup_groups groups = {.items = {{f->top, controllers, v2}}, .count = 1};
    assert_int_equal(cgroup_stats_read(&groups, &f->arena, &f->stats), 0);
}

static void test_v1(void **state) {
    struct fixture *f = *state;
    put(f, "cpuacct.usage", "14303641\n");
    put(f, "cpuacct.usage_percpu", "12132922 2170719 \n");
    put(f, "cpuacct.usage_all", "cpu user system\n0 5 4000000\n1 7 0\n");
    put(f, "cpuacct.stat", "user 3\nsystem 12\n");
    put(f, "cpu.stat", "nr_periods 9\nnr_throttled 2\nthrottled_time 777\n");
    put(f, "cpuset.cpus", "0-2,5\n");
    put(f, "cpuset.mems", "\n");
    put(f, "cpuset.sched_relax_domain_level", "-1\n");
    put(f, "memory.limit_in_bytes", "67108864\n");
    put(f, "memory.memsw.limit_in_bytes", "9223372036854771712\n");
    put(f, "memory.kmem.tcp.failcnt", "8\n");
    put(f, "memory.stat", "cache 4096\nrss 53248\n");
    put(f, "pids.current", "3\n");
    put(f, "pids.max", "max\n");
    read_as(f, CGROUP_CPU | CGROUP_CPUACCT | CGROUP_CPUSET | CGROUP_MEMORY | CGROUP_PIDS, false);
    const struct cgroup_stats *s = &f->stats;
    assert_int_equal(s->cpu.total_ns, 14303641);
    assert_int_equal(s->cpu.user_ns, 30000000);
    assert_int_equal(s->cpu.kernel_ns, 120000000);
    assert_int_equal(s->cpu.percpu.count, 2);
    assert_int_equal(s->cpu.percpu.items[1], 2170719);
    assert_int_equal(s->cpu.percpu_kernel.items[0], 4000000);
    assert_int_equal(s->cpu.percpu_user.items[1], 7);
    assert_int_equal(s->cpu.throttled_periods, 2);
    assert_int_equal(s->cpu.throttled_ns, 777);
    assert_false(s->cpu.pressure.there);
    assert_int_equal(s->cpuset.cpus.count, 4);
    assert_int_equal(s->cpuset.cpus.items[3], 5);
    assert_int_equal(s->cpuset.mems.count, 0);
    assert_int_equal(s->cpuset.sched_relax_domain_level, -1);
    assert_int_equal(s->memory.usage.limit, 67108864);
    assert_int_equal(s->memory.swap.limit, INT64_C(9223372036854771712));
    assert_int_equal(s->memory.kernel_tcp.failures, 8);
    assert_int_equal(s->memory.cache, 4096);
    assert_int_equal(s->memory.raw.count, 2);
    assert_string_equal(s->memory.raw.items[1].name, "rss");
    assert_int_equal(s->pids.current, 3);
    assert_int_equal(s->pids.limit, 0);
}

static void test_v1_devices(void **state) {
    struct fixture *f = *state;
    put(f, "blkio.bfq.io_serviced_recursive", "Total 0\n");
    put(f, "blkio.throttle.io_serviced_recursive", "8:0 Read 12\n8:0 Total 12\nTotal 12\n");
    put(f, "blkio.throttle.io_service_bytes_recursive", "8:0 Read 1000\n8:16 Write 5\nTotal 1005\n");
    put(f, "blkio.bfq.sectors_recursive", "8:0 6792\n");
    put(f, "hugetlb.2MB.usage_in_bytes", "4194304\n");
    put(f, "hugetlb.2MB.max_usage_in_bytes", "6291456\n");
    put(f, "hugetlb.2MB.failcnt", "1\n");
    put(f, "hugetlb.1GB.usage_in_bytes", "1\n");
    put(f, "hugetlb.1GB.rsvd.usage_in_bytes", "2\n");
    put(f, "rdma.current", "mlx4_0 hca_handle=2 hca_object=max\n");
    read_as(f, CGROUP_IO | CGROUP_HUGETLB | CGROUP_RDMA, false);
    const struct cgroup_stats *s = &f->stats;
    assert_int_equal(s->io.serviced.count, 2);
    assert_string_equal(s->io.serviced.items[1].op, "Total");
    assert_int_equal(s->io.service_bytes.items[1].minor, 16);
    assert_int_equal(s->io.service_bytes.items[1].value, 5);
    assert_int_equal(s->io.sectors.count, 1);
    assert_string_equal(s->io.sectors.items[0].op, "");
    assert_int_equal(s->huge_pages.count, 2);
    assert_string_equal(s->huge_pages.items[0].size, "1GB");
    assert_int_equal(s->huge_pages.items[0].usage, 2);
    assert_int_equal(s->huge_pages.items[1].max, 6291456);
    assert_int_equal(s->rdma_current.items[0].handles, 2);
    assert_true(s->rdma_current.items[0].objects == CGROUP_NO_LIMIT);
}

static void test_v2(void **state) {
    struct fixture *f = *state;
    put(f, "cpu.stat",
        "usage_usec 14303\nuser_usec 7151\nsystem_usec 7152\nnr_periods 4\nthrottled_usec 3\n");
    put(f, "cpu.pressure",
        "some avg10=1.50 avg60=0.25 avg300=0.00 total=2843\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=1355\n");
    put(f, "cpuset.cpus.effective", "1\n");
    put(f, "memory.current", "1000\n");
    put(f, "memory.max", "max\n");
    put(f, "memory.events", "low 0\nhigh 0\nmax 3\noom 1\n");
    put(f, "memory.swap.current", "24\n");
    put(f, "memory.swap.max", "100\n");
    put(f, "memory.stat", "anon 1\nfile 500\nkernel 40\n");
    put(f, "pids.max", "20\n");
    put(f, "io.stat", "8:0 rbytes=1459200 wbytes=314 rios=192 wios=353 dbytes=0 dios=0\n7:0 \n");
    put(f, "hugetlb.2MB.current", "0\n");
    put(f, "hugetlb.2MB.rsvd.current", "2097152\n");
    put(f, "hugetlb.2MB.events", "max 5\n");
    read_as(f, CGROUP_CPU | CGROUP_CPUSET | CGROUP_MEMORY | CGROUP_PIDS | CGROUP_IO | CGROUP_HUGETLB, true);
    const struct cgroup_stats *s = &f->stats;
    assert_int_equal(s->cpu.total_ns, 14303000);
    assert_int_equal(s->cpu.kernel_ns, 7152000);
    assert_int_equal(s->cpu.periods, 4);
    assert_int_equal(s->cpu.throttled_ns, 3000);
    assert_true(s->cpu.pressure.there && s->cpu.pressure.some.avg10 == 1.5);
    assert_int_equal(s->cpu.pressure.full.total_us, 1355);
    assert_int_equal(s->cpuset.cpus.items[0], 1);
    assert_true(s->memory.usage.limit == CGROUP_NO_LIMIT && s->memory.swap.limit == CGROUP_NO_LIMIT);
    assert_int_equal(s->memory.swap.usage, 1024);
    assert_int_equal(s->memory.usage.failures, 3);
    assert_int_equal(s->memory.cache, 500);
    assert_int_equal(s->pids.limit, 20);
    assert_int_equal(s->io.service_bytes.count, 3);
    assert_int_equal(s->io.service_bytes.items[1].value, 314);
    assert_int_equal(s->io.serviced.items[0].value, 192);
    assert_int_equal(s->huge_pages.items[0].usage, 2097152);
    assert_int_equal(s->huge_pages.items[0].failures, 5);
}

// What v1 counts is not read from v2 once more; waiting is.
static void test_hybrid(void **state) {
    struct fixture *f = *state;
    put(f, "cpuacct.usage", "5\n");
    put(f, "cpu.stat", "usage_usec 77\n");
    put(f, "io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
    const struct cgroup_groups groups = {.items = {{f->top, CGROUP_CPUACCT, false},
                                                   {f->top, CGROUP_HUGETLB, true},
                                                   {"/nowhere", CGROUP_CPU, false}},
                                         .count = 3};
    assert_int_equal(cgroup_stats_read(&groups, &f->arena, &f->stats), 0);
    assert_int_equal(f->stats.cpu.total_ns, 5);
    assert_true(f->stats.io.pressure.there);
    const struct cgroup_groups gone = {.items = {{"/nowhere", CGROUP_CPU, false}}, .count = 1};
    assert_int_equal(cgroup_stats_read(&gone, &f->arena, &f->stats), -ENOENT);
    assert_int_equal(f->stats.cpu.total_ns, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_v1), TEST(test_v1_devices), TEST(test_v2),
                                       TEST(test_hybrid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
