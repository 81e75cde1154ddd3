// SPDX-License-Identifier: Apache-2.0
// What listener.h, net_look.h and nft_look.h see of this very process's namespace, and of one made for it.
#include "kernel/listener.h"
#include "kernel/net_look.h"
#include "kernel/nft_look.h"
#include "kernel/xt_look.h"

#include "base/macro.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int open_listener(const char *address, int type, uint16_t *ret_port) {
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    if (type == SOCK_STREAM) assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    *ret_port = ntohs(name.sin_port);
    return fd;
}

static void test_listeners(void **state) {
    struct listeners found;
    uint16_t port;
    (void)state;
    int fd = open_listener("0.0.0.0", SOCK_STREAM, &port);
    assert_int_equal(listeners_find(getpid(), LISTENER_TCP, port, &found), 0);
    assert_true(found.any4);
    assert_false(found.loopback);
    assert_int_equal(listeners_find(getpid(), LISTENER_UDP, port, &found), 0);
    assert_false(found.any4);
    close(fd);
    assert_int_equal(listeners_find(getpid(), LISTENER_TCP, port, &found), 0);
    assert_false(found.any4 || found.any6 || found.loopback || found.some);
    fd = open_listener("127.0.0.1", SOCK_DGRAM, &port);
    assert_int_equal(listeners_find(getpid(), LISTENER_UDP, port, &found), 0);
    assert_true(found.loopback);
    assert_false(found.any4);
    close(fd);
    assert_int_equal(listeners_find(-1, LISTENER_TCP, port, &found), -ENOENT);
}

static int find_loopback(const struct look_link *link, void *data) {
    if (str_eq(link->name, "lo")) *(struct look_link *)data = *link;
    return 0;
}

static int find_address(const struct look_address *address, void *data) {
    if (address->family == AF_INET && address->bytes[0] == 127) *(struct look_address *)data = *address;
    return 0;
}

static void test_look(void **state) {
    struct look_link link = {0};
    struct look_address address = {0};
    struct look_route route;
    (void)state;
    if (geteuid()) skip();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(look_links(find_loopback, &link), 0);
    assert_int_equal(link.index, 1);
    assert_false(link.up);
    assert_int_equal(look_route(AF_INET, "\x7f\0\0\1", &route), -ENETUNREACH);
    assert_int_equal(link_up("lo"), 0);
    assert_int_equal(look_links(find_loopback, &link), 0);
    assert_true(link.up);
    assert_int_equal(look_addresses(find_address, &address), 0);
    assert_int_equal(address.link, 1);
    assert_int_equal(address.prefix, 8);
    assert_int_equal(look_route(AF_INET, "\x7f\0\0\1", &route), 0);
    assert_true(route.local);
    assert_int_equal(route.link, 1);
    assert_int_equal(look_route(AF_INET, "\xc0\0\2\1", &route), -ENETUNREACH);
    assert_int_equal(look_route(AF_UNIX, "", &route), -EAFNOSUPPORT);
}

static void test_nft_look(void **state) {
    static struct nft_look look;
    (void)state;
    if (geteuid()) skip();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(nft_look(&look), 0);
    assert_int_equal(look.count, 0);
    assert_false(look.ufw || look.docker);
}

static int fail_on_drop(const struct xt_look_drop *drop, void *data) {
    (void)drop;
    (void)data;
    return -EEXIST;
}

static void test_xt_look(void **state) {
    (void)state;
    if (geteuid()) skip();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(xt_look(AF_INET, fail_on_drop, NULL), 0);
    assert_int_equal(xt_look(AF_INET6, fail_on_drop, NULL), 0);
    assert_int_equal(xt_look(AF_UNIX, fail_on_drop, NULL), -EAFNOSUPPORT);
}

static void test_way(void **state) {
    struct look_way way = {AF_INET, "\xc0\0\2\1", "\xc0\0\2\2", 1};
    struct look_route route;
    (void)state;
    if (geteuid()) skip();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    assert_int_equal(link_up("lo"), 0);
    // From somewhere that no route leads to, or by an interface that is not there.
    assert_true(look_way(&way, &route) < 0);
    way = (struct look_way){AF_INET, "\x7f\0\0\1", "\x7f\0\0\1", 7};
    assert_int_equal(look_way(&way, &route), -ENODEV);
    way.in = 0;
    assert_int_equal(look_way(&way, &route), 0);
    assert_true(route.local);
    way = (struct look_way){AF_UNIX, "", "", 1};
    assert_int_equal(look_way(&way, &route), -EAFNOSUPPORT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners), cmocka_unit_test(test_xt_look),  cmocka_unit_test(test_way),
        cmocka_unit_test(test_look),      cmocka_unit_test(test_nft_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
