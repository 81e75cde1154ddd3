// SPDX-License-Identifier: Apache-2.0
#include "network/address.h"

#include "base/macro.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct address parse(const char *text) {
    struct address address;
    if (address_parse(text, &address)) fail_msg("%s", text);
    return address;
}

static struct subnet subnet(const char *text) {
    struct subnet subnet;
    if (subnet_parse(text, &subnet)) fail_msg("%s", text);
    return subnet;
}

static void expect(const struct address *address, const char *text) {
    char buffer[ADDRESS_TEXT];
    assert_string_equal(address_print(address, buffer), text);
}

static void test_text(void **state) {
    (void)state;
    static const char *const good[] = {"10.0.0.1", "255.255.255.255", "::", "fd00::1", "2001:db8::a:0:0:1"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct address address = parse(good[i]);
        expect(&address, good[i]);
    }
    static const char *const bad[] = {"",           "10.0.0",     "10.0.0.256", "10.0.0.1 ", " 10.0.0.1",
                                      "010.0.0.1x", "fd00::1%lo", "[fd00::]",   "fd00:::1",  "1.2.3.4/8"};
    struct address address;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) assert_int_equal(address_parse(bad[i], &address), -EINVAL);
    address = (struct address){0};
    expect(&address, "");
}

static void test_advance(void **state) {
    (void)state;
    struct address address = parse("10.0.0.255");
    assert_true(address_advance(&address, 1));
    expect(&address, "10.0.1.0");
    assert_true(address_advance(&address, 0x10000));
    expect(&address, "10.1.1.0");
    address = parse("255.255.255.255");
    assert_false(address_advance(&address, 1));
    expect(&address, "255.255.255.255");
    address = parse("fd00::ffff:ffff:ffff:ffff");
    assert_true(address_advance(&address, 1));
    expect(&address, "fd00:0:0:1::");
}

static void test_subnet_text(void **state) {
    (void)state;
    char text[SUBNET_TEXT];
    struct subnet given;
    assert_int_equal(subnet_parse("10.1.2.3/16", &given), -ERANGE);
    assert_string_equal(subnet_print(&given, text), "10.1.0.0/16");
    assert_int_equal(subnet_parse("fd00::1/64", &given), -ERANGE);
    assert_string_equal(subnet_print(&given, text), "fd00::/64");
    static const char *const bad[] = {"10.0.0.0",    "10.0.0.0/",    "10.0.0.0/33", "fd00::/129", "/8",
                                      "10.0.0.0/-1", "10.0.0.0/8/8", "x/8",         "10.0.0.0/ 8"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) assert_int_equal(subnet_parse(bad[i], &given), -EINVAL);
}

static void test_subnet(void **state) {
    (void)state;
    struct subnet a = subnet("10.1.0.0/16"), b = subnet("10.1.128.0/17"), c = subnet("10.2.0.0/16"),
                  d = subnet("a01::/16"), all = subnet("0.0.0.0/0");
    assert_true(subnet_overlaps(&a, &b));
    assert_true(subnet_overlaps(&b, &a));
    assert_false(subnet_overlaps(&a, &c));
    assert_false(subnet_overlaps(&a, &d)); // the same first bytes
    assert_true(subnet_overlaps(&all, &c));
    assert_true(subnet_contains(&a, &b));
    assert_false(subnet_contains(&b, &a));
    struct address last = subnet_last(&b);
    expect(&last, "10.1.255.255");
    assert_true(address_in(&last, &b));
    assert_true(address_advance(&last, 1));
    assert_false(address_in(&last, &b));
}

static void test_usable(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"10.0.0.0/24", "10.0.0.1", "10.0.0.254"},
        {"10.0.0.4/30", "10.0.0.5", "10.0.0.6"},
        {"10.0.0.4/31", "10.0.0.4", "10.0.0.5"},
        {"10.0.0.4/32", "10.0.0.4", "10.0.0.4"},
        {"fd00::/64", "fd00::1", "fd00::ffff:ffff:ffff:ffff"},
        {"fd00::2/127", "fd00::2", "fd00::3"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct subnet given = subnet(rows[i][0]);
        struct address first, last;
        subnet_usable(&given, &first, &last);
        expect(&first, rows[i][1]);
        expect(&last, rows[i][2]);
    }
    struct subnet small = subnet("10.0.0.4/30"), large = subnet("fd00::/48");
    assert_int_equal(subnet_size(&small), 4);
    assert_true(subnet_size(&large) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_advance),
                                       cmocka_unit_test(test_subnet_text), cmocka_unit_test(test_subnet),
                                       cmocka_unit_test(test_usable)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
