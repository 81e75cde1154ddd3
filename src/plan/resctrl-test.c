// SPDX-License-Identifier: Apache-2.0
// The operation on a directory that stands for resctrl: what is made, written, compared and taken back.
#include "base/arena.h"
#include "base/fd.h"
#include "plan/execute.h"
#include "plan/run.h"
#include "plan/undo.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static int setup(void **state) {
    (void)state;
    strcpy(root, "/tmp/hoy-resctrl-test.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    return dir_remove_all_at(AT_FDCWD, root);
}

// A real group is born with its files; here they are there before.
static void put(const char *name, const char *text) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (text)
        assert_int_equal(file_replace_at(AT_FDCWD, path, text, strlen(text), 0644, false), 0);
    else
        assert_int_equal(mkdir(path, 0755), 0);
}

static int update(bool has_group, const char *l3, const char *bandwidth, struct err *ret_err) {
    struct plan plan;
    struct plan_block *block = NULL;
    plan_init(&plan);
    plan_str group = plan_printf(&plan, "%s/group", root);
    if (has_group) plan_add(&plan, PLAN_RESCTRL, "linux.intelRdt")->resctrl.group = group;
    int fd = plan_memfd(&plan, ret_err);
    assert_true(fd >= 0);
    assert_int_equal(plan_map(fd, &block), 0);
    close(fd);
    plan_finish(&plan);
    int r = plan_update_resctrl(block, l3, bandwidth, ret_err);
    plan_unmap(block);
    return r;
}

static void test_update(void **state) {
    (void)state;
    struct err err = {0};
    char path[96];
    _cleanup_(str_finish) struct str lines = {0};
    assert_int_equal(update(false, "L3:0=f", NULL, &err), -1);
    assert_non_null(strstr(err.text, "linux.intelRdt"));
    assert_int_equal(update(true, "L3:0=f", NULL, &err), -1);
    assert_non_null(strstr(err.text, "schemata"));
    put("group", NULL);
    put("group/schemata", "");
    assert_int_equal(update(true, "L3:0=f", "MB:0=50", &err), 0);
    snprintf(path, sizeof path, "%s/group/schemata", root);
    assert_int_equal(file_read_at(AT_FDCWD, path, 64, &lines), 0);
    assert_string_equal(str_get(&lines), "L3:0=f\nMB:0=50\n");
}

static int use(const char *schemata, bool must_exist, struct err *ret_err, uint32_t *ret_made) {
    struct plan plan;
    struct plan_block *block = NULL;
    plan_init(&plan);
    plan_str group = plan_printf(&plan, "%s/group", root), lines = plan_string(&plan, schemata);
    struct plan_op *op = plan_add(&plan, PLAN_RESCTRL, "linux.intelRdt");
    op->resctrl.group = group;
    op->resctrl.schemata = lines;
    op->resctrl.must_exist = must_exist;
    int fd = plan_memfd(&plan, ret_err);
    assert_true(fd >= 0);
    assert_int_equal(plan_map(fd, &block), 0);
    close(fd);
    plan_finish(&plan);
    block->pid = 4242;
    struct plan_run run = {.block = block};
    int r = plan_do_resctrl(&run, plan_ops(block));
    *ret_err = run.err;
    *ret_made = plan_ops(block)->resctrl.made;
    plan_ops(block)->state = PLAN_DONE;
    if (!*ret_made) assert_int_equal(plan_undo(block), 0);
    plan_unmap(block);
    return r;
}

static void test_somebody_elses(void **state) {
    (void)state;
    struct err err = {0};
    uint32_t made;
    char path[96];
    _cleanup_(str_finish) struct str tasks = {0};
    assert_int_equal(use("", true, &err, &made), -ENOENT);
    put("group", NULL);
    put("group/tasks", "");
    put("group/schemata", "    MB:0=100;1=100\n    L3:0=00ff;1=0ff0\n");
    assert_int_equal(use("L3:0=ff;1=ff0\nMB:0=100;1=100\n", false, &err, &made), 0);
    assert_int_equal(made, 0);
    snprintf(path, sizeof path, "%s/group/tasks", root);
    assert_int_equal(file_read_at(AT_FDCWD, path, 64, &tasks), 0);
    assert_string_equal(str_get(&tasks), "4242");
    assert_int_equal(use("L3:0=f;1=ff0\n", false, &err, &made), -EEXIST);
    assert_non_null(strstr(err.text, "L3:0=f;1=ff0"));
    // A mask of nothing but zeros, and a name that begins like another.
    put("group/schemata", "L3:0=0000\n");
    assert_int_equal(use("L3:0=0\n", false, &err, &made), 0);
    assert_int_equal(use("L3:0=00001\n", false, &err, &made), -EEXIST);
    assert_int_equal(use("", true, &err, &made), 0);
}

static void test_own(void **state) {
    (void)state;
    struct err err = {0};
    uint32_t made;
    // Made, but no files appear in it here: that is as far as it gets.
    assert_int_equal(use("L3:0=f\n", false, &err, &made), -ENOENT);
    assert_int_equal(made, PLAN_RESCTRL_GROUP);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_somebody_elses, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_own, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_update, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
