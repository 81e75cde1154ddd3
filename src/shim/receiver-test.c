// SPDX-License-Identifier: Apache-2.0
// Who receives a log's lines goes away, comes back, or reads slowly: each line that comes is whole, and what
// is missing is said.
#include "shim/receiver.h"

#include "base/fd.h"
#include "plan/plan.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LINE 16000
#define NOW  1795473148887202000LL // 2026-11-23T22:32:28.887202Z

static struct sockaddr_in address = {.sin_family = AF_INET};
static struct receiver receiver;
static struct plan_block *block;

// At any port first, then at the same again.
static int listen_new(void) {
    int one = 1, size = 20000, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return fd;
}

static void connect_new(void) {
    struct plan plan;
    struct err err;
    int size = 20000;
    plan_init(&plan);
    plan.head.log.socket = PLAN_LOG_SYSLOG;
    plan.head.log.drops = true;
    plan.head.log.facility = 3;
    plan.head.log.host = plan_string(&plan, "");
    plan.head.log.tag = plan_string(&plan, "tag");
    int plan_fd = plan_memfd(&plan, &err);
    plan_unmap(block);
    assert_int_equal(plan_map(plan_fd, &block), 0);
    close(plan_fd);
    plan_finish(&plan);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    memset(&receiver, 0, sizeof receiver);
    receiver_init(&receiver, block, fd);
}

static void send_lines(int count) {
    static char text[LINE];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < count; i++)
        receiver_put(
            &receiver,
            &(struct log_piece){.text = (uint8_t *)text, .size = sizeof text, .ends = true, .wall_ns = NOW});
}

// How many lines come until nothing does for a moment. All are whole.
static int take_lines(int fd, char said[static 256]) {
    static char bytes[4 << 20];
    size_t used = 0;
    *said = 0;
    struct timeval moment = {.tv_usec = 100000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
    for (ssize_t n; (n = recv(fd, bytes + used, sizeof bytes - used, 0)) > 0;) {
        used += (size_t)n;
        receiver_end(&receiver); // what waits has room now
    }
    int lines = 0;
    for (char *at = bytes, *end; (end = memchr(at, '\n', used - (size_t)(at - bytes)));
         at = end + 1, lines++) {
        *end = 0;
        assert_int_equal(strncmp(at, "<", 1), 0);
        assert_non_null(strstr(at, " tag["));
        if (strstr(at, "hoy: "))
            snprintf(said, 256, "%s", strstr(at, "hoy: "));
        else
            assert_int_equal(strspn(strchr(at, 'x'), "x"), LINE);
    }
    assert_int_equal(bytes[used - 1] & 0x7f, 0); // the last newline, taken
    return lines;
}

static void test_slow(void **state) {
    (void)state;
    char said[256];
    int listener = listen_new();
    connect_new();
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    send_lines(200);
    assert_in_range(receiver.lost, 50, 199);
    int lost = (int)receiver.lost, came = take_lines(peer, said);
    assert_int_equal(came, 200 - lost + 1);
    char expected[256];
    snprintf(expected, sizeof expected,
             "hoy: %d lines of output are missing here: Resource temporarily unavailable", lost);
    assert_string_equal(said, expected);
    assert_int_equal(receiver.lost, 0);
    close(peer);
    close(listener);
    fd_closep(&receiver.fd);
}

static void test_gone_and_back(void **state) {
    (void)state;
    char said[256];
    int listener = listen_new();
    connect_new();
    int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    send_lines(200);                         // more than it takes
    if (!receiver.rest) receiver.rest = 100; // a part of one waits
    close(peer);
    close(listener);
    send_lines(5);
    assert_int_equal(receiver.fd, -1);
    assert_true(receiver.lost >= 5);
    listener = listen_new();
    receiver.retry_ns = 0; // a second later
    send_lines(1);
    peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(take_lines(peer, said), 2);
    assert_non_null(strstr(said, "lines of output are missing here"));
    close(peer);
    close(listener);
    fd_closep(&receiver.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_gone_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
