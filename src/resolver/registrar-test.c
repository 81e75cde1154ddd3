// SPDX-License-Identifier: Apache-2.0
// The end of a resolver that nobody came to, in this process.
#include "base/fd.h"
#include "resolver/resolver.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/hoy-registrar-test.XXXXXX";

static int setup(void **state) {
    (void)state;
    return !mkdtemp(top) || chdir(top);
}

static int teardown(void **state) {
    (void)state;
    return unlink("socket") || unlink("lock") || rmdir(top);
}

static int listen_at(struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "socket"};
    assert_false(bind(fd, (struct sockaddr *)address, sizeof *address) || listen(fd, 1));
    return fd;
}

// Whoever comes next is refused, and does not wait for the end of the process.
static void test_end(void **state) {
    struct sockaddr_un address;
    (void)state;
    int listening = listen_at(&address);
    _cleanup_(fd_closep) int directory = fd_open_at(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0);
    _cleanup_(fd_closep) int lock = fd_open_at(AT_FDCWD, "lock", O_RDWR | O_CREAT, 0600);
    _cleanup_(fd_closep) int next = fd_open_at(AT_FDCWD, "lock", O_RDWR, 0);
    assert_int_equal(resolver_serve(listening, directory, lock), 0);
    assert_int_equal(flock(next, LOCK_EX | LOCK_NB), 0);
    _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_end)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
