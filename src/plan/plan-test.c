// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include "base/arena.h"
#include "base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void build(struct plan *plan) {
    const char *const argv[] = {"sh", "", "-c"};
    plan_init(plan);
    plan_str name = plan_string(plan, "example");
    plan_add(plan, PLAN_HOSTNAME, "--hostname")->text = name;
    struct plan_list list = plan_strings(plan, argv, 3);
    plan_add(plan, PLAN_EXEC, NULL)->exec.argv = list;
}

static int save(const struct plan *plan, struct plan_block **ret_block) {
    char dir[] = "/tmp/plan-test.XXXXXX";
    assert_non_null(mkdtemp(dir));
    int fd = -1, folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(plan_save(plan, folder, "plan", &fd, ret_block), 0);
    unlinkat(folder, "plan", 0);
    close(folder);
    rmdir(dir);
    return fd;
}

static void test_saved_plan_maps_again(void **state) {
    (void)state;
    struct plan plan;
    struct plan_block *block, *again;
    build(&plan);
    int fd = save(&plan, &block);
    assert_int_equal(plan_map(fd, &again), 0);
    assert_int_equal(again->count, 2);
    assert_string_equal(plan_text(again, plan_ops(again)[0].text), "example");
    assert_string_equal(plan_text(again, plan_ops(again)[0].why), "--hostname");
    assert_string_equal(plan_text(again, plan_ops(again)[1].why), "");
    _cleanup_(freep) const char **argv = plan_list_items(again, plan_ops(again)[1].exec.argv);
    assert_string_equal(argv[0], "sh");
    assert_string_equal(argv[1], "");
    assert_string_equal(argv[2], "-c");
    assert_null(argv[3]);
    plan_ops(block)[0].state = PLAN_DONE; // both are the same memory
    assert_int_equal(plan_ops(again)[0].state, PLAN_DONE);
    plan_unmap(again);
    plan_unmap(block);
    plan_finish(&plan);
    close(fd);
}

static void test_cut_plan_is_refused(void **state) {
    (void)state;
    struct plan plan;
    struct plan_block *block, *again = NULL;
    build(&plan);
    int fd = save(&plan, &block);
    off_t size = block->size;
    for (off_t cut = size - 1; cut >= 0; cut -= 7) {
        assert_int_equal(ftruncate(fd, cut), 0);
        assert_int_equal(plan_map(fd, &again), -ENODATA);
    }
    plan_finish(&plan);
    close(fd);
}

static void test_foreign_bytes_are_refused(void **state) {
    (void)state;
    struct plan plan;
    struct plan_block *block, *again = NULL;
    build(&plan);
    int fd = save(&plan, &block);
    plan_ops(block)[0].type = PLAN_OP_COUNT;
    assert_int_equal(plan_map(fd, &again), -ENODATA);
    plan_ops(block)[0].type = PLAN_HOSTNAME;
    block->count = UINT32_MAX;
    assert_int_equal(plan_map(fd, &again), -ENODATA);
    plan_finish(&plan);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saved_plan_maps_again),
        cmocka_unit_test(test_cut_plan_is_refused),
        cmocka_unit_test(test_foreign_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
