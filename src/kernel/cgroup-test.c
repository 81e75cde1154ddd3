// SPDX-License-Identifier: Apache-2.0
// On the machine's own hierarchies, in groups of our own; what needs rights that are missing is skipped.
#include "kernel/cgroup.h"

#include "base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct cgroup_layout layout;

static void test_layout(void **state) {
    (void)state;
    struct stat st;
    assert_true(layout.count > 0);
    for (size_t i = 0; i < layout.count; i++) {
        assert_int_equal(stat(layout.items[i].mount, &st), 0);
        assert_true(!layout.items[i].v2 || i == layout.count - 1);
        assert_true(layout.items[i].v2 || layout.items[i].controllers);
    }
}

static void test_names(void **state) {
    (void)state;
    assert_int_equal(cgroup_controllers_of("cpu,cpuacct"), CGROUP_CPU | CGROUP_CPUACCT);
    assert_int_equal(cgroup_controllers_of("cpuset cpu io memory hugetlb pids rdma misc dmem\n"),
                     CGROUP_CPUSET | CGROUP_CPU | CGROUP_IO | CGROUP_MEMORY | CGROUP_HUGETLB | CGROUP_PIDS |
                         CGROUP_RDMA | CGROUP_MISC);
    assert_int_equal(cgroup_controllers_of(""), 0);
    assert_int_equal(cgroup_controllers_of("cpusets"), 0);
    assert_string_equal(cgroup_controller_name(CGROUP_IO, true), "io");
    assert_string_equal(cgroup_controller_name(CGROUP_IO, false), "blkio");
}

// A process in the group; it leaves its own child there, too.
static pid_t occupy(const char *group, bool v2) {
    char file[300];
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(file, sizeof file, "%s/%s", group, v2 ? "cgroup.procs" : "tasks");
        int r = file_write_at(AT_FDCWD, file, "0");
        if (fork() == 0) {
            for (;;) pause();
        }
        (void)!write(pipes[1], &r, sizeof r);
        for (;;) pause();
    }
    int r = -1;
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &r, sizeof r), sizeof r);
    close(pipes[0]);
    assert_int_equal(r, 0);
    return pid;
}

static void test_life(void **state) {
    (void)state;
    if (geteuid() != 0) skip();
    for (size_t i = 0; i < layout.count; i++) {
        char top[200], group[256], below[300];
        snprintf(top, sizeof top, "%s/hoy-test-%d", layout.items[i].mount, getpid());
        snprintf(group, sizeof group, "%s/inner", top);
        snprintf(below, sizeof below, "%s/deep", group);
        if (cgroup_create(group) < 0) skip();
        assert_int_equal(cgroup_create(group), 0);
        assert_int_equal(cgroup_create_new(below), 0);
        assert_int_equal(cgroup_create_new(below), -EBUSY);
        assert_int_equal(cgroup_create_unused(below), 0);
        pid_t pid = occupy(layout.items[i].v2 ? below : group, layout.items[i].v2);
        assert_int_equal(cgroup_create_unused(layout.items[i].v2 ? below : group), -EBUSY);
        assert_int_equal(cgroup_remove(group), -EBUSY);
        assert_int_equal(cgroup_kill(group), 0);
        assert_int_equal(cgroup_remove(group), 0);
        assert_int_equal(access(group, F_OK), -1);
        assert_int_equal(cgroup_remove(group), 0);
        assert_int_equal(cgroup_kill(group), 0);
        assert_int_equal(cgroup_remove(top), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
}

static void test_oom_count(void **state) {
    (void)state;
    char path[] = "/tmp/hoy-cgroup-XXXXXX";
    int fd = mkstemp(path);
    uint64_t count = 77;
    static const char v1[] = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
    assert_true(fd >= 0 && write(fd, v1, sizeof v1 - 1) > 0);
    assert_int_equal(cgroup_count(path, "oom_kill", &count), 0);
    assert_int_equal(count, 3);
    static const char v2[] = "low 0\nhigh 0\nmax 9\noom 1\noom_kill 12\noom_group_kill 4\n";
    assert_true(ftruncate(fd, 0) == 0 && pwrite(fd, v2, sizeof v2 - 1, 0) > 0);
    assert_int_equal(cgroup_count(path, "oom_kill", &count), 0);
    assert_int_equal(count, 12);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(cgroup_count(path, "oom_kill", &count), -ENODATA);
    close(fd);
    unlink(path);
    assert_int_equal(cgroup_count(path, "oom_kill", &count), -ENOENT);
    assert_int_equal(count, 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_oom_count),
    };
    if (cgroup_layout_read(&layout) < 0) return 77; // none here: nothing to test
    return cmocka_run_group_tests(tests, NULL, NULL);
}
