// SPDX-License-Identifier: Apache-2.0
#include "runtime/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// As runc 1.1 prints a container that has done nothing where no controller counts.
static void test_empty(void **state) {
    (void)state;
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    const struct cgroup_stats stats = {0};
    stats_write("one", &stats, &writer);
    assert_string_equal(
        str_get(&writer.text),
        "{\"type\":\"stats\",\"id\":\"one\",\"data\":{\"cpu\":{\"usage\":{\"kernel\":0,\"user\":0},"
        "\"throttling\":{}},\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,"
        "\"memory_migrate\":0,\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,"
        "\"sched_load_balance\":0,\"sched_relax_domain_level\":0},\"memory\":{\"usage\":{\"limit\":0,"
        "\"failcnt\":0},\"swap\":{\"limit\":0,\"failcnt\":0},\"kernel\":{\"limit\":0,\"failcnt\":0},"
        "\"kernelTCP\":{\"limit\":0,\"failcnt\":0}},\"pids\":{},\"blkio\":{},\"hugetlb\":{},"
        "\"intel_rdt\":{},\"network_interfaces\":null}}");
}

static void assert_in(const struct json_writer *writer, const char *text) {
    if (!strstr(str_get(&writer->text), text)) fail_msg("no %s in %s", text, str_get(&writer->text));
}

static void test_full(void **state) {
    (void)state;
    _cleanup_(json_writer_finish) struct json_writer writer = {0};
    uint64_t percpu[] = {12, 0};
    struct cgroup_named_value raw[] = {{"cache", 0}, {"rss", 53248}};
    struct cgroup_io_entry io[] = {{0, 16, "Read", 5}, {8, 0, "", 0}};
    struct cgroup_huge_page_stats pages[] = {{"1GB", 0, 0, 0}, {"2MB", 7, 9, 2}};
    struct cgroup_stats stats = {
        .cpu = {.total_ns = 14, .percpu = {percpu, 2}, .throttled_periods = 3},
        .cpuset.cpus = {percpu, 2},
        .cpuset.sched_relax_domain_level = -1,
        .memory.usage = {.limit = UINT64_MAX, .usage = 4096},
        .memory.raw = {raw, 2},
        .memory.pressure = {true, {1.5, 0.25, 0, 2843}, {0, 0, 0, 0}},
        .pids = {1, 20},
        .io.service_bytes = {io, 2},
        .huge_pages = {pages, 2},
    };
    stats_write("one", &stats, &writer);
    assert_in(&writer, "\"usage\":{\"total\":14,\"percpu\":[12,0],\"kernel\":0,\"user\":0},"
                       "\"throttling\":{\"throttledPeriods\":3}");
    assert_in(&writer, "\"cpuset\":{\"cpus\":[12,0],\"cpu_exclusive\":0");
    assert_in(&writer, "\"sched_relax_domain_level\":-1");
    assert_in(&writer, "\"usage\":{\"limit\":18446744073709551615,\"usage\":4096,\"failcnt\":0}");
    assert_in(&writer, "\"raw\":{\"cache\":0,\"rss\":53248},\"psi\":{\"some\":{\"avg10\":1.50,\"avg60\":0.25,"
                       "\"avg300\":0.00,\"total\":2843},\"full\":{");
    assert_in(&writer, "\"pids\":{\"current\":1,\"limit\":20}");
    assert_in(&writer, "\"blkio\":{\"ioServiceBytesRecursive\":[{\"minor\":16,\"op\":\"Read\",\"value\":5},"
                       "{\"major\":8}]}");
    assert_in(&writer, "\"hugetlb\":{\"1GB\":{\"failcnt\":0},\"2MB\":{\"usage\":7,\"max\":9,\"failcnt\":2}}");
    struct json *json = NULL;
    assert_int_equal(json_parse(str_get(&writer.text), writer.text.len, &json), 0);
    json_free(json);
}

static void test_gone(void **state) {
    (void)state;
    const struct cgroup_groups groups = {.items = {{"/nowhere", CGROUP_CPU, false}}, .count = 1};
    struct str text = {0};
    struct err err = {0};
    assert_int_equal(stats_print("one", &groups, &text, &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_null(text.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_empty), cmocka_unit_test(test_full),
                                       cmocka_unit_test(test_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
