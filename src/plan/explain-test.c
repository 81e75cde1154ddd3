// SPDX-License-Identifier: Apache-2.0
#include "plan/explain.h"

#include "base/macro.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// The plan through a file, as the readers get it.
static struct plan_block *save(const struct plan *plan) {
    char dir[] = "/tmp/hoy-explain-test.XXXXXX";
    struct plan_block *block = NULL;
    int fd = -1;
    assert_non_null(mkdtemp(dir));
    char path[64];
    snprintf(path, sizeof path, "%s/plan", dir);
    assert_int_equal(plan_save(plan, AT_FDCWD, path, &fd, &block), 0);
    close(fd);
    unlink(path);
    rmdir(dir);
    return block;
}

static char *explain(const struct plan *plan, void (*change)(struct plan_op *)) {
    char *text = NULL;
    size_t size;
    struct plan_block *block = save(plan);
    if (change)
        for (uint32_t i = 0; i < block->count; i++) change(&plan_ops(block)[i]);
    FILE *out = open_memstream(&text, &size);
    plan_explain(block, out);
    fclose(out);
    plan_unmap(block);
    return text;
}

static void finish_nanoseconds(struct plan_op *op) {
    op->state = PLAN_DONE;
    op->time_ns = 1234567;
}

static void test_lines(void **state) {
    (void)state;
    struct plan plan;
    plan_init(&plan);
    struct plan_op *op = plan_add(&plan, PLAN_CLONE, "default");
    op->clone.flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS;
    plan_str proc = plan_string(&plan, "proc"), target = plan_string(&plan, "/proc");
    op = plan_add(&plan, PLAN_MOUNT, "default");
    op->mount.type = op->mount.source = proc;
    op->mount.target = target;
    op->mount.flags = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    plan_str name = plan_string(&plan, "ab12");
    plan_add(&plan, PLAN_HOSTNAME, "-h ab12")->text = name;
    op = plan_add(&plan, PLAN_RLIMIT, "--ulimit nofile=10:20");
    op->rlimit.resource = RLIMIT_NOFILE;
    op->rlimit.soft = 10;
    op->rlimit.hard = UINT64_MAX;
    static const char *const argv[] = {"sh", "-c", "echo \"it's\"\x1b[31m"};
    struct plan_list list = plan_strings(&plan, argv, 3);
    plan_add(&plan, PLAN_EXEC, "command")->exec.argv = list;

    char *text = explain(&plan, finish_nanoseconds);
    assert_non_null(strstr(text, "host      1235  start a process in new namespaces: pid, net, mount "));
    assert_non_null(strstr(text, "child     1235  mount proc at /proc (nosuid,nodev,noexec) "));
    assert_non_null(strstr(text, "give the container the hostname ab12 "));
    assert_non_null(strstr(text, "  -h ab12\n"));
    assert_non_null(strstr(text, "inside    1235  limit nofile to 10, at most unlimited "));
    assert_non_null(strstr(text, "run sh -c 'echo \"it'\\''s\"\\x1b[31m'"));
    assert_non_null(strstr(text, "total     6173  µs for 5 operations"));
    free(text);

    text = explain(&plan, NULL);
    assert_non_null(strstr(text, "5 operations, none of them done"));
    free(text);
    plan_finish(&plan);
}

static void fail_the_mount(struct plan_op *op) {
    if (op->type == PLAN_CLONE) op->state = PLAN_DONE;
    if (op->type != PLAN_MOUNT) return;
    op->state = PLAN_FAILED;
    op->result = -ENOENT;
}

static void test_failure(void **state) {
    (void)state;
    struct plan plan;
    plan_init(&plan);
    plan_add(&plan, PLAN_CLONE, "default");
    plan_str source = plan_string(&plan, "/src"), target = plan_string(&plan, "/dst");
    struct plan_op *op = plan_add(&plan, PLAN_MOUNT, "-v /src:/dst:ro");
    op->mount.source = source;
    op->mount.target = target;
    op->mount.flags = MS_BIND | MS_REC | MS_RDONLY;
    op->mount.propagation = MS_PRIVATE | MS_REC;
    plan_add(&plan, PLAN_PIVOT_ROOT, "default");
    char *text = explain(&plan, fail_the_mount);
    assert_non_null(strstr(text, "mount /src at /dst (ro,rprivate)"));
    assert_non_null(strstr(text, "FAILED: No such file or directory\n"));
    assert_non_null(strstr(text, "1 operations not reached"));
    free(text);
    plan_finish(&plan);
}

static void test_network(void **state) {
    (void)state;
    struct plan plan;
    plan_init(&plan);
    plan_str link = plan_string(&plan, "eth0"), parent = plan_string(&plan, "eno1"),
             macvlan = plan_string(&plan, "macvlan"), ipvlan = plan_string(&plan, "ipvlan"),
             mode = plan_string(&plan, "l3s"), flag = plan_string(&plan, "private");
    struct plan_op *op = plan_add(&plan, PLAN_LINK_ADD, "network lan");
    op->child_link.kind = macvlan;
    op->child_link.parent = parent;
    op->child_link.name = link;
    op = plan_add(&plan, PLAN_LINK_ADD, "network lan");
    op->child_link.kind = ipvlan;
    op->child_link.mode = mode;
    op->child_link.flag = flag;
    op->child_link.parent = parent;
    op->child_link.name = link;
    op = plan_add(&plan, PLAN_ROUTE_ADD, "network lan");
    op->address.link = link;
    op->address.family = AF_INET;
    op = plan_add(&plan, PLAN_ROUTE_ADD, "network lan");
    op->address.link = link;
    op->address.family = AF_INET6;
    op->address.prefix = 32;
    inet_pton(AF_INET6, "2001:db8::", op->address.destination);
    inet_pton(AF_INET6, "fe80::1", op->address.bytes);
    op = plan_add(&plan, PLAN_NET_RATE, "--net-rate");
    op->net_rate.host = parent;
    op->net_rate.in = 10000000;
    op->net_rate.out = 2400;
    char *text = explain(&plan, NULL);
    assert_non_null(strstr(text, "let no more than 10mbit a second in and 2400bit a second out "));
    assert_non_null(strstr(text, "make eth0 in the container, a macvlan of the host's eno1 "));
    assert_non_null(strstr(text, "an ipvlan of the host's eno1, mode "));
    assert_non_null(strstr(text, "  l3s, private"));
    assert_non_null(strstr(text, "route what goes elsewhere through eth0 "));
    assert_non_null(strstr(text, "route 2001:db8::/32 through fe80::1 "));
    free(text);
    plan_finish(&plan);
}

// Every type has words, even with nothing filled in; and long ones are broken into lines.
static void test_all(void **state) {
    (void)state;
    struct plan plan;
    plan_init(&plan);
    for (int type = 0; type < PLAN_OP_COUNT; type++) plan_add(&plan, (enum plan_op_type)type, "why");
    struct plan_op *caps = plan_add(&plan, PLAN_BOUNDING_CAPS, "default");
    caps->caps.bounding = UINT64_MAX;
    char *text = explain(&plan, NULL), *rest = NULL;
    assert_non_null(strstr(text, " checkpoint_restore, cap_41, "));
    size_t lines = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), lines++)
        assert_in_range(strlen(line), 10, 100);
    assert_true(lines > PLAN_OP_COUNT + 10);
    free(text);
    plan_finish(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
