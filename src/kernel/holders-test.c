// SPDX-License-Identifier: Apache-2.0
#include "kernel/holders.h"

#include "base/fd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/holders-XXXXXX";

static int open_again(void) {
    int fd = fd_open_at(AT_FDCWD, path, O_RDWR, 0);
    assert_true(fd >= 0);
    return fd;
}

// A process that holds the file, and has executed another program since.
static pid_t holder(int fd) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        // The only descriptor of the file, or the execve would close another, and that lets go.
        if (fcntl(fd, F_SETFD, 0) || holders_join(fd)) _exit(1);
        execlp("sleep", "sleep", "60", NULL);
        _exit(1);
    }
    close(ends[1]);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 0); // its end closes with the execve
    close(ends[0]);
    return pid;
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_somebody(void **state) {
    (void)state;
    _cleanup_(fd_closep) int fd = open_again();
    pid_t found = -1;
    assert_int_equal(holders_find(fd, &found), 0);
    assert_int_equal(found, 0);
    pid_t first = holder(fd), second = holder(fd);
    assert_int_equal(holders_find(fd, &found), 0);
    assert_true(found == first || found == second);
    end(found);
    pid_t other = found == first ? second : first;
    assert_int_equal(holders_find(fd, &found), 0);
    assert_int_equal(found, other);
    end(other);
    assert_int_equal(holders_find(fd, &found), 0);
    assert_int_equal(found, 0);
    // One's own does not count.
    assert_int_equal(holders_join(fd), 0);
    assert_int_equal(holders_find(fd, &found), 0);
    assert_int_equal(found, 0);
}

// Whoever is outside while somebody else is inside: until it comes in the other one is done.
static void test_exclusion(void **state) {
    (void)state;
    _cleanup_(fd_closep) int fd = open_again();
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(holders_exclude(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int again = fd_open_at(AT_FDCWD, path, O_RDWR, 0);
        char byte;
        if (holders_exclude(again) || fcntl(ends[0], F_SETFL, O_NONBLOCK)) _exit(1);
        _exit(read(ends[0], &byte, 1) == 1 ? 0 : 2);
    }
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(holders_admit(fd), 0);
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
}

static int make(void **state) {
    (void)state;
    int fd = mkostemp(path, O_CLOEXEC);
    return fd < 0 || close(fd) ? -1 : 0;
}

static int take_away(void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_somebody),
        cmocka_unit_test(test_exclusion),
    };
    return cmocka_run_group_tests(tests, make, take_away);
}
