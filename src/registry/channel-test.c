// SPDX-License-Identifier: Apache-2.0
#include "registry/channel.h"

#include "base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void make(int sockets[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
}

static void test_messages(void **state) {
    (void)state;
    int sockets[2];
    make(sockets);
    assert_int_equal(channel_send(sockets[0], "one", 3, -1), 0);
    assert_int_equal(channel_send(sockets[0], "two", 3, STDIN_FILENO), 0);
    close(sockets[0]);
    for (int i = 0; i < 2; i++) {
        _cleanup_(str_finish) struct str text = {0};
        _cleanup_(fd_closep) int fd = -1;
        assert_int_equal(channel_receive(sockets[1], &text, &fd), 1);
        assert_string_equal(str_get(&text), i ? "two" : "one");
        assert_int_equal(fd >= 0, i);
        if (fd >= 0) assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    struct str text = {0};
    int fd = -1;
    assert_int_equal(channel_receive(sockets[1], &text, &fd), 0);
    assert_int_equal(channel_send(sockets[1], "three", 5, -1), -EPIPE); // and no SIGPIPE
    close(sockets[1]);
}

// More than one descriptor, more than there is room for: refused, and nothing stays open.
static void test_too_much(void **state) {
    (void)state;
    int sockets[2], fd = -1;
    make(sockets);
    _cleanup_(str_finish) struct str text = {0};
    char *large = calloc(1, CHANNEL_MESSAGE_MAX + 1);
    assert_int_equal(channel_send(sockets[0], large, CHANNEL_MESSAGE_MAX + 1, STDIN_FILENO), 0);
    int next = dup(STDIN_FILENO);
    close(next);
    assert_int_equal(channel_receive(sockets[1], &text, &fd), -EMSGSIZE);
    assert_int_equal(fd, -1);
    int after = dup(STDIN_FILENO);
    assert_int_equal(after, next);
    close(after);
    free(large);
    close(sockets[0]);
    close(sockets[1]);
}

// Who leaves without having read all is still heard.
static void test_last_word(void **state) {
    (void)state;
    int sockets[2], fd = -1;
    make(sockets);
    _cleanup_(str_finish) struct str text = {0}, nothing = {0};
    assert_int_equal(channel_send(sockets[0], "unread", 6, -1), 0);
    assert_int_equal(channel_send(sockets[1], "last word", 9, -1), 0);
    close(sockets[1]);
    assert_int_equal(channel_receive(sockets[0], &text, &fd), 1);
    assert_string_equal(str_get(&text), "last word");
    assert_int_equal(channel_receive(sockets[0], &nothing, &fd), 0);
    close(sockets[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_last_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
