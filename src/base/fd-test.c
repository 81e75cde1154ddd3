// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG (4u << 20)

static int lowest_free(void) {
    int fd = dup(STDIN_FILENO);
    close(fd);
    return fd;
}

// As many as are expected, one more, none, and with a message that is too long.
static void test_expected(void **state) {
    (void)state;
    static const struct {
        size_t size, count;
        ssize_t result;
    } cases[] = {{2, 3, 2}, {2, 4, -EMFILE}, {2, 0, 2}, {9, 3, -EMSGSIZE}};
    int sockets[2], sent[4] = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int fds[3] = {-1, -1, -1}, before = lowest_free();
        char text[8];
        assert_int_equal(fd_send(sockets[0], "two words", cases[i].size, sent, cases[i].count), 0);
        assert_int_equal(fd_receive(sockets[1], MSG_DONTWAIT, text, sizeof text, fds, 3), cases[i].result);
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(fds[j] >= 0, cases[i].result > 0 && j < cases[i].count);
            if (fds[j] >= 0) assert_true(fcntl(fds[j], F_GETFD) & FD_CLOEXEC);
            fd_closep(&fds[j]);
        }
        assert_int_equal(lowest_free(), before);
    }
    assert_int_equal(fd_receive(sockets[1], MSG_DONTWAIT, NULL, 0, NULL, 0), -EAGAIN);
    close(sockets[0]);
    close(sockets[1]);
}

static void interrupt(int number) {
    (void)number;
}

// All of a stream's bytes arrive, though a signal came when some were sent, and the descriptor once.
static void test_stream(void **state) {
    (void)state;
    static char bytes[LONG];
    int sockets[2], fd = -1, status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = interrupt}, NULL), 0);
    pid_t child = fork();
    if (child == 0) _exit(-fd_send(sockets[0], bytes, LONG, sockets + 1, 1));
    close(sockets[0]);
    assert_int_equal(fd_receive(sockets[1], 0, bytes, 1, &fd, 1), 1);
    assert_true(fd >= 0);
    assert_int_equal(kill(child, SIGUSR1), 0);
    assert_int_equal(fd_read_full(sockets[1], bytes, LONG - 1), LONG - 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd);
    assert_int_equal(fd_receive(sockets[1], 0, bytes, 1, &fd, 1), 0);
    assert_int_equal(fd_send(sockets[1], bytes, 1, NULL, 0), -EPIPE);
    close(sockets[1]);
}

static bool is_same(int a, int b) {
    struct stat x, y;
    return !fstat(a, &x) && !fstat(b, &y) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

// Two that stand in each other's places, and one that there is none of; what is executed has them.
static void test_place(void **state) {
    (void)state;
    int ends[2];
    struct rlimit limit;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int other = fd_open_at(AT_FDCWD, "/dev/null", O_RDONLY, 0);
    assert_int_equal(dup2(ends[0], 101), 101);
    assert_int_equal(dup2(other, 100), 100);
    assert_int_equal(dup2(other, 102), 102);
    int fds[] = {101, 100, -1};
    assert_int_equal(fd_place(fds, 3, 100), 0);
    assert_true(is_same(100, ends[0]) && is_same(101, other) && fcntl(102, F_GETFD) < 0);
    assert_int_equal(fcntl(100, F_GETFD) | fcntl(101, F_GETFD), 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    const struct rlimit few = {102, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    assert_int_equal(fd_place((int[]){100, 101}, 2, 100), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &limit);
    fd_close_others(3, (int[]){-1}, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_expected), cmocka_unit_test(test_stream),
                                       cmocka_unit_test(test_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
