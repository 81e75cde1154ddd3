// SPDX-License-Identifier: Apache-2.0
// Freezing, listing and signalling real processes, in v2's hierarchy and in v1's freezer where they are
// there.
#include "base/fd.h"
#include "kernel/cgroup.h"

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

#define SECOND UINT64_C(1000000000)

static struct cgroup_layout layout;

struct family {
    char top[200], below[256];
    pid_t parent, child;
};

static _Noreturn void stay(const char *group, int fd) {
    char file[300];
    snprintf(file, sizeof file, "%s/cgroup.procs", group);
    int r = file_write_at(AT_FDCWD, file, "0");
    (void)!write(fd, &r, sizeof r);
    for (;;) pause();
}

static pid_t born_in(const char *group) {
    int pipes[2], r = -1;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) stay(group, pipes[1]);
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &r, sizeof r), sizeof r);
    close(pipes[0]);
    assert_int_equal(r, 0);
    return pid;
}

// One process in a group, one in a group below it.
static bool family_make(struct family *f, const struct cgroup_hierarchy *h) {
    snprintf(f->top, sizeof f->top, "%s/hoy-test-%d", h->mount, getpid());
    snprintf(f->below, sizeof f->below, "%s/below", f->top);
    if (cgroup_create(f->below) < 0) return false;
    f->parent = born_in(f->top);
    f->child = born_in(f->below);
    return true;
}

static void family_end(const struct family *f, int signal) {
    int status;
    assert_int_equal(waitpid(f->parent, &status, 0), f->parent);
    assert_int_equal(WTERMSIG(status), signal);
    assert_int_equal(waitpid(f->child, &status, 0), f->child);
    assert_int_equal(WTERMSIG(status), signal);
    assert_int_equal(cgroup_remove(f->top), 0);
}

static enum cgroup_freezer state_of(const char *group) {
    enum cgroup_freezer state = (enum cgroup_freezer)77;
    assert_int_equal(cgroup_freezer_state(group, &state), 0);
    return state;
}

static void freeze_and_signal(const struct family *f) {
    pid_t *pids = NULL;
    size_t count = 0;
    assert_int_equal(cgroup_pids(f->top, &pids, &count), 0);
    assert_int_equal(count, 2);
    assert_true(pids[0] + pids[1] == f->parent + f->child);
    free(pids);
    assert_int_equal(state_of(f->top), CGROUP_THAWED);
    assert_int_equal(cgroup_freeze(f->top, SECOND), 0);
    assert_int_equal(cgroup_freeze(f->top, SECOND), 0);
    assert_int_equal(state_of(f->top), CGROUP_FROZEN);
    assert_int_equal(state_of(f->below), CGROUP_THAWED); // not by itself
    assert_int_equal(cgroup_signal(f->top, SIGTERM, &count), 0);
    assert_int_equal(count, 2);
    // A deadly signal may act at once (v2), or when they go on (v1).
    assert_int_equal(cgroup_thaw(f->top), 0);
    assert_int_equal(state_of(f->top), CGROUP_THAWED);
    family_end(f, SIGTERM);
}

static void kill_frozen(const struct family *f) {
    assert_int_equal(cgroup_freeze(f->top, SECOND), 0);
    assert_int_equal(cgroup_kill(f->top), 0);
    family_end(f, SIGKILL);
}

static void test_life(void **state) {
    (void)state;
    size_t tried = 0;
    if (geteuid() != 0) skip();
    for (size_t i = 0; i < layout.count; i++) {
        struct family f;
        if (!layout.items[i].v2 && !(layout.items[i].controllers & CGROUP_FREEZER)) continue;
        if (!family_make(&f, &layout.items[i])) skip();
        freeze_and_signal(&f);
        assert_true(family_make(&f, &layout.items[i]));
        kill_frozen(&f);
        tried++;
    }
    assert_true(tried > 0);
}

static void test_absent(void **state) {
    (void)state;
    enum cgroup_freezer freezer = CGROUP_FROZEN;
    pid_t *pids = NULL;
    size_t count = 7;
    assert_int_equal(cgroup_freeze("/nowhere", SECOND), -ENOENT);
    assert_int_equal(cgroup_thaw("/nowhere"), -ENOENT);
    assert_int_equal(cgroup_freezer_state("/tmp", &freezer), -ENOENT);
    assert_int_equal(freezer, CGROUP_FROZEN);
    assert_int_equal(cgroup_pids("/nowhere", &pids, &count), 0);
    assert_int_equal(count, 0);
    free(pids);
}

static void test_groups(void **state) {
    (void)state;
    const struct cgroup_groups hybrid = {
        .items = {{"/m", CGROUP_MEMORY, false}, {"/u", CGROUP_HUGETLB, true}}, .count = 2};
    const struct cgroup_groups v1 = {.items = {{"/m", CGROUP_MEMORY, false}, {"/f", CGROUP_FREEZER, false}},
                                     .count = 2};
    assert_string_equal(cgroup_groups_with(&hybrid, CGROUP_MEMORY)->path, "/m");
    assert_string_equal(cgroup_groups_with(&hybrid, CGROUP_HUGETLB)->path, "/u");
    assert_null(cgroup_groups_with(&hybrid, CGROUP_CPU));
    assert_string_equal(cgroup_groups_freezer(&hybrid)->path, "/u");
    assert_string_equal(cgroup_groups_freezer(&v1)->path, "/f");
    assert_string_equal(cgroup_groups_processes(&hybrid)->path, "/u");
    assert_string_equal(cgroup_groups_processes(&v1)->path, "/m");
}

static void test_own(void **state) {
    (void)state;
    char path[4096], small[1];
    for (size_t i = 0; i < layout.count; i++) {
        assert_int_equal(cgroup_own(&layout.items[i], path, sizeof path), 0);
        assert_int_equal(path[0], '/');
    }
    assert_int_equal(cgroup_own(&layout.items[0], small, sizeof small), -ENAMETOOLONG);
    const struct cgroup_hierarchy none = {.controllers = 1u << 31};
    assert_int_equal(cgroup_own(&none, path, sizeof path), -ENOENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_own),
    };
    if (cgroup_layout_read(&layout) < 0) return 77; // none here: nothing to test
    return cmocka_run_group_tests(tests, NULL, NULL);
}
