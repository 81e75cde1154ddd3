// SPDX-License-Identifier: Apache-2.0
// With shells in the place of hoy-systemd.
#include "base/fd.h"
#include "plan/run.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct plan plan;
    struct plan_block *block;
    struct plan_run run;
};

static void make(struct fixture *f, const char *start, const char *stop) {
    const char *const starts[] = {"/bin/sh", "-c", start}, *const stops[] = {"/bin/sh", "-c", stop};
    *f = (struct fixture){0};
    plan_init(&f->plan);
    struct plan_list start_list = plan_strings(&f->plan, starts, 3),
                     stop_list = plan_strings(&f->plan, stops, 3);
    plan_str group = plan_string(&f->plan, "/a.slice/b.scope");
    struct plan_op *op = plan_add(&f->plan, PLAN_SCOPE_START, "test");
    op->scope.start = start_list;
    op->scope.stop = stop_list;
    op->scope.group = group;
    int fd = -1;
    assert_int_equal(plan_save(&f->plan, AT_FDCWD, "/tmp/hoy-scope-test", &fd, &f->block), 0);
    unlink("/tmp/hoy-scope-test");
    close(fd);
    f->run.block = f->block;
}

static int start(struct fixture *f) {
    return plan_do_scope_start(&f->run, plan_ops(f->block));
}

static void finish(struct fixture *f) {
    plan_unmap(f->block);
    plan_finish(&f->plan);
    assert_false(plan_scope_is_held());
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // nobody is left
    assert_int_equal(errno, ECHILD);
}

static void test_held(void **state) {
    (void)state;
    struct fixture f;
    make(&f, "echo /a.slice/b.scope; read -r word", "exit 0");
    assert_int_equal(start(&f), 0);
    assert_true(plan_scope_is_held());
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); // it stays
    plan_scope_release();
    plan_scope_release();
    assert_int_equal(plan_undo_scope_start(f.block, plan_ops(f.block)), 0);
    finish(&f);
}

static void test_refused(void **state) {
    (void)state;
    struct fixture f;
    make(&f, "echo \"systemd can't start b.scope: no\" >&2; exit 1", "exit 1");
    assert_true(start(&f) < 0);
    assert_string_equal(f.run.err.text, "systemd can't start b.scope: no");
    assert_int_equal(plan_undo_scope_start(f.block, plan_ops(f.block)), -EIO);
    finish(&f);
}

static void test_elsewhere(void **state) {
    (void)state;
    struct fixture f;
    make(&f, "echo /other/b.scope; read -r word", "exit 0");
    assert_true(start(&f) < 0);
    assert_string_equal(f.run.err.text, "systemd made the cgroup /other/b.scope instead of /a.slice/b.scope");
    finish(&f);
}

static void test_silent(void **state) {
    (void)state;
    struct fixture f;
    make(&f, "exit 0", "exit 0");
    assert_true(start(&f) < 0);
    assert_string_equal(f.run.err.text, "hoy-systemd ended without a word");
    finish(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_held), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_silent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
