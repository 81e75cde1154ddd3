// SPDX-License-Identifier: Apache-2.0
#include "kernel/bag.h"
#include "kernel/port_socket.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/if.h>

#include <cmocka.h>

static int lo_up(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    _cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

static int own_network(void **state) {
    (void)state;
    if (unshare(CLONE_NEWNET)) return 0; // the tests skip themselves
    return lo_up();
}

static struct port_address all(uint8_t family, uint8_t protocol, uint16_t port) {
    return (struct port_address){.family = family, .protocol = protocol, .port = port};
}

static struct port_address loopback6(uint8_t protocol, uint16_t port) {
    struct port_address address = all(AF_INET6, protocol, port);
    address.bytes[15] = 1;
    return address;
}

// As most servers do it: with SO_REUSEADDR, and then it listens. 0 or -errno.
static int serve_as_others(const struct port_address *address) {
    int on = 1;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    bool is_tcp = address->protocol == IPPROTO_TCP, is_v4 = address->family == AF_INET;
    _cleanup_(fd_closep) int fd =
        socket(address->family, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    memcpy(&v6.sin6_addr, address->bytes, 16);
    memcpy(&v4.sin_addr, address->bytes, 4);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!is_v4) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_v4 ? sizeof v4 : sizeof v6))
        return -errno;
    return is_tcp && listen(fd, 1) ? -errno : 0;
}

static void test_nobody_else_gets_it(void **state) {
    (void)state;
    static const uint8_t families[] = {AF_INET, AF_INET6}, protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
    if (geteuid()) skip();
    for (int f = 0; f < 2; f++)
        for (int p = 0; p < 2; p++) {
            struct port_address address = all(families[f], protocols[p], 4321);
            uint16_t port;
            int other;
            assert_int_equal(serve_as_others(&address), 0);
            _cleanup_(fd_closep) int fd = -1;
            assert_int_equal(port_socket_hold(&address, &fd, &port), 0);
            assert_int_equal(port, 4321);
            assert_int_equal(serve_as_others(&address), -EADDRINUSE);
            assert_int_equal(port_socket_hold(&address, &other, &port), -EADDRINUSE);
        }
}

static void test_one_for_loopback_beside_it(void **state) {
    (void)state;
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
    if (geteuid()) skip();
    for (int p = 0; p < 2; p++) {
        struct port_address address = all(AF_INET6, protocols[p], 4322), one = loopback6(protocols[p], 4322);
        _cleanup_(fd_closep) int v4 = -1, v6 = -1, served = -1;
        struct port_address four = all(AF_INET, protocols[p], 4322);
        uint16_t port;
        int other;
        assert_int_equal(port_socket_hold(&four, &v4, &port), 0);
        assert_int_equal(port_socket_hold(&address, &v6, &port), 0);
        assert_int_equal(port_socket_serve(&one, v6, &served), 0);
        assert_int_equal(serve_as_others(&address), -EADDRINUSE);
        assert_int_equal(serve_as_others(&one), -EADDRINUSE);
        assert_int_equal(port_socket_serve(&one, -1, &other), -EADDRINUSE);
        assert_int_equal(port_socket_hold(&address, &other, &port), -EADDRINUSE);
    }
}

// A connection to it that is over does not keep the port from its next owner.
static void test_again_after_a_connection(void **state) {
    (void)state;
    if (geteuid()) skip();
    struct port_address address = all(AF_INET6, IPPROTO_TCP, 4323), one = loopback6(IPPROTO_TCP, 4323);
    struct sockaddr_in6 name = {
        .sin6_family = AF_INET6, .sin6_port = htons(4323), .sin6_addr = in6addr_loopback};
    for (int round = 0; round < 3; round++) {
        _cleanup_(fd_closep) int v6 = -1, served = -1,
                                 client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        uint16_t port;
        assert_int_equal(port_socket_hold(&address, &v6, &port), 0);
        assert_int_equal(port_socket_serve(&one, v6, &served), 0);
        assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof name), 0);
        int accepted = accept4(served, NULL, NULL, SOCK_CLOEXEC);
        assert_true(accepted >= 0);
        close(accepted); // first, so that it is our side that waits
    }
}

static void test_udp_is_thrown_away(void **state) {
    (void)state;
    if (geteuid()) skip();
    struct port_address address = all(AF_INET, IPPROTO_UDP, 0);
    uint16_t port;
    char byte;
    _cleanup_(fd_closep) int fd = -1, client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(port_socket_hold(&address, &fd, &port), 0);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(sendto(client, "x", 1, 0, (struct sockaddr *)&name, sizeof name), 1);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void test_who_has_it(void **state) {
    (void)state;
    if (geteuid()) skip();
    struct port_address address = all(AF_INET, IPPROTO_TCP, 4324);
    struct port_owner owner;
    assert_int_equal(port_owner_find(&address, &owner), 0);
    _cleanup_(fd_closep) int fd = -1;
    assert_int_equal(port_socket_serve(&address, -1, &fd), 0);
    assert_int_equal(port_owner_find(&address, &owner), 1);
    assert_int_equal(owner.pid, getpid());
    assert_string_equal(owner.name, "port_socket-tes");
    assert_int_equal(owner.address.port, 4324);
}

// More than this process may have open.
static void test_a_bag_holds_thousands(void **state) {
    (void)state;
    if (geteuid()) skip();
    struct rlimit old, few = {256, 256};
    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int bag, mouth, fds[BAG_MAX], seen = 0;
    assert_int_equal(bag_make(&bag, &mouth), 0);
    for (uint16_t at = 0; at < 5000; at += 50) {
        for (uint16_t i = 0; i < 50; i++) {
            uint16_t port;
            struct port_address address = all(AF_INET, IPPROTO_TCP, (uint16_t)(10000 + at + i));
            assert_int_equal(port_socket_hold(&address, &fds[i], &port), 0);
        }
        assert_int_equal(bag_put(mouth, &at, sizeof at, fds, 50), 0);
        for (int i = 0; i < 50; i++) close(fds[i]);
    }
    close(mouth);
    for (int round = 0; round < 2; round++) { // looking takes nothing out
        uint16_t label;
        size_t offset = 0;
        for (ssize_t n; (n = bag_look(bag, &offset, &label, sizeof label, fds)) != -ENODATA;) {
            assert_int_equal(n, 50);
            for (ssize_t i = 0; i < n; i++) {
                struct port_address address;
                assert_int_equal(port_socket_address(fds[i], &address), 0);
                assert_int_equal(address.port, 10000 + label + i);
                close(fds[i]);
                seen++;
            }
        }
    }
    assert_int_equal(seen, 10000);
    struct port_address last = all(AF_INET, IPPROTO_TCP, 14999);
    uint16_t port;
    int other;
    assert_int_equal(port_socket_hold(&last, &other, &port), -EADDRINUSE);
    close(bag);
    assert_int_equal(port_socket_hold(&last, &other, &port), 0);
    close(other);
    setrlimit(RLIMIT_NOFILE, &old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_else_gets_it),
        cmocka_unit_test(test_one_for_loopback_beside_it),
        cmocka_unit_test(test_again_after_a_connection),
        cmocka_unit_test(test_udp_is_thrown_away),
        cmocka_unit_test(test_who_has_it),
        cmocka_unit_test(test_a_bag_holds_thousands),
    };
    return cmocka_run_group_tests(tests, own_network, NULL);
}
