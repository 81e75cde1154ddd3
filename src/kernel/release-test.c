// SPDX-License-Identifier: Apache-2.0
#include "kernel/release.h"

#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE (64u << 20)

static int file_without_name(void) {
    char name[] = "/tmp/release-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    return fd;
}

static uint64_t free_bytes(int fd) {
    struct statvfs disk;
    assert_int_equal(fstatvfs(fd, &disk), 0);
    return (uint64_t)disk.f_bfree * disk.f_frsize;
}

// Somebody else writes there, too: a part of it is enough.
static void test_is_freed(void **state) {
    (void)state;
    int fds[] = {file_without_name(), file_without_name()};
    _cleanup_(fd_closep) int other = file_without_name();
    assert_int_equal(posix_fallocate(fds[0], 0, SIZE), 0);
    uint64_t before = free_bytes(other);
    release_files(fds, 2);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    assert_int_equal(fcntl(fds[1], F_GETFD), -1);
    int status = -1;
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
    assert_true(free_bytes(other) > before + SIZE / 2);
}

static void test_nothing(void **state) {
    (void)state;
    release_files(NULL, 0);
    assert_int_equal(wait(NULL), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_freed),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
