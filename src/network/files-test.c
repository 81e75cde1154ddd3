// SPDX-License-Identifier: Apache-2.0
#include "network/network.h"

#include "base/macro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct endpoint endpoint = {
    .addresses = {{AF_INET, {10, 208, 0, 2}}, {AF_INET6, {0xfd, [15] = 2}}},
    .gateways = {{AF_INET, {10, 208, 0, 1}}},
    .prefixes = {22, 64},
    .default_route = {true, true},
};
static const struct endpoints endpoints = {&endpoint, 1};

#define WORDS(...)                                                      \
    {                                                                   \
        .items = (const char *[]){__VA_ARGS__},                         \
        .count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *) \
    }
#define PRESET                                                                                \
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n" \
    "ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"

#define HOST "10.208.0.1\thost.docker.internal\n10.208.0.1\tgateway.docker.internal\n"

static void check_hosts(const struct network_files *files, const char *expected) {
    _cleanup_(str_finish) struct str text = {0};
    struct err err = {0};
    if (network_write_hosts(files, &text, &err)) fail_msg("%s", err.text);
    assert_string_equal(str_get(&text), expected);
}

static void check_resolv(const struct network_files *files, const char *host, const char *expected) {
    _cleanup_(str_finish) struct str text = {0};
    struct err err = {0};
    if (network_write_resolv_conf(files, host, &text, &err)) fail_msg("%s", err.text);
    assert_string_equal(str_get(&text), expected);
}

static void test_hosts(void **state) {
    (void)state;
    struct network_files files = {.hostname = "web", .own_netns = true};
    check_hosts(&files, PRESET);
    files.endpoints = &endpoints;
    check_hosts(&files, PRESET HOST "10.208.0.2\tweb\nfd00::2\tweb\n");
    files.domainname = "example.org";
    check_hosts(&files, PRESET HOST "10.208.0.2\tweb.example.org web\nfd00::2\tweb.example.org web\n");
    files = (struct network_files){.hostname = "web.example.net", .own_netns = true, .endpoints = &endpoints};
    check_hosts(&files, PRESET HOST "10.208.0.2\tweb.example.net web\nfd00::2\tweb.example.net web\n");
    files.hostname = "h";
    files.add_host = (struct strings)WORDS("db:10.0.0.1", "six=::1", "b:[fe80::2]", "gw:host-gateway",
                                           "host.docker.internal=10.0.0.9");
    check_hosts(&files,
                PRESET "10.0.0.1\tdb\n::1\tsix\nfe80::2\tb\n10.208.0.1\tgw\n10.0.0.9\thost.docker.internal\n"
                       "10.208.0.1\tgateway.docker.internal\n10.208.0.2\th\nfd00::2\th\n");
    files = (struct network_files){
        .own_netns = true, .add_host = WORDS("g:host-gateway"), .host = address_ipv4(0x7f000001)};
    check_hosts(&files, PRESET "127.0.0.1\tg\n");
    // A resolver says it itself.
    files = (struct network_files){
        .hostname = "h", .own_netns = true, .own_resolver = true, .endpoints = &endpoints};
    check_hosts(&files, PRESET "10.208.0.2\th\nfd00::2\th\n");
}

static void test_hosts_wrong(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "db",
        "db:",
        ":1.2.3.4",
        "db:1.2.3",
        "db:1.2.3.4\n6.6.6.6 bank",
        "a b:1.2.3.4",
        "db:host-gateway ",
        "d:1111111111111111111111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct network_files files = {.hostname = "h",
                                      .own_netns = true,
                                      .endpoints = &endpoints,
                                      .add_host = {(const char **)&wrong[i], 1}};
        struct str text = {0};
        struct err err = {0};
        assert_int_equal(network_write_hosts(&files, &text, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_null(text.data);
    }
    struct network_files none = {.hostname = "h", .own_netns = true, .add_host = WORDS("g:host-gateway")};
    struct str text = {0};
    struct err err = {0};
    assert_int_equal(network_write_hosts(&none, &text, &err), -1);
}

static void test_resolv(void **state) {
    (void)state;
    struct network_files files = {.own_netns = true};
    static const char host[] =
        "# comment\ndomain old.org\nsearch a.org b.org\nnameserver 127.0.0.53\n"
        "nameserver 9.9.9.9 trailing\n nameserver\t1.1.1.1 # two\nnameserver fe80::1%eth0\n"
        "options edns0 trust-ad\nsortlist x";
    check_resolv(&files, host,
                 "nameserver 9.9.9.9\nnameserver 1.1.1.1\nsearch a.org b.org\n"
                 "options edns0 trust-ad\n");
    check_resolv(&files, "nameserver 127.0.0.1\nnameserver ::1\n",
                 "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    check_resolv(&files, "", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    files.dns = (struct strings)WORDS("127.0.0.1", "fd00::1");
    check_resolv(&files, host,
                 "nameserver 127.0.0.1\nnameserver fd00::1\nsearch a.org b.org\n"
                 "options edns0 trust-ad\n");
    files.dns_search = (struct strings)WORDS(".");
    files.dns_options = (struct strings)WORDS("ndots:2");
    check_resolv(&files, host, "nameserver 127.0.0.1\nnameserver fd00::1\noptions ndots:2\n");
    files = (struct network_files){.own_netns = false};
    check_resolv(&files, host, host);
    files.dns_search = (struct strings)WORDS("c.org");
    check_resolv(&files, "nameserver 127.0.0.1\n", "nameserver 127.0.0.1\nsearch c.org\n");
}

static void test_resolv_wrong(void **state) {
    (void)state;
    struct network_files wrong[] = {
        {.dns = WORDS("1.2.3.4\nnameserver 6.6.6.6")},
        {.dns = WORDS("dns.example.org")},
        {.dns = WORDS("")},
        {.dns_search = WORDS("a b")},
        {.dns_options = WORDS("x\ny")},
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct str text = {0};
        struct err err = {0};
        assert_int_equal(network_write_resolv_conf(&wrong[i], "", &text, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_hosts_wrong),
        cmocka_unit_test(test_resolv),
        cmocka_unit_test(test_resolv_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
