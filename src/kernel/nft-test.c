// SPDX-License-Identifier: Apache-2.0
// In a network namespace of the test's own.
#include "kernel/nft.h"

#include "base/macro.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct nft_table table = {"hoy0", 77};
static const struct nft_network network = {
    "hoy0", {{AF_INET, 22, {10, 208}}, {AF_INET6, 64, {0xfd, 1}}}, 2, 0};

static int namespace_enter(void **state) {
    (void)state;
    return unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -1 : 0;
}

static void test_apply(void **state) {
    (void)state;
    assert_false(nft_network_ready(&table, &network));
    assert_int_equal(nft_table_apply(&table, &network, 1, NULL, 0), 0);
    assert_true(nft_network_ready(&table, &network));
    assert_int_equal(nft_table_apply(&table, &network, 1, NULL, 0), 0); // again: replaced, not doubled
    assert_true(nft_network_ready(&table, &network));
    struct nft_network other = network;
    other.subnets[0].bytes[2] = 4;
    assert_false(nft_network_ready(&table, &other)); // the same link, another subnet
    assert_false(nft_network_ready(&(struct nft_table){"hoy0", 78}, &network));
    assert_false(nft_network_ready(&(struct nft_table){"hoy1", 77}, &network));
    assert_int_equal(nft_table_delete(&table), 0);
    assert_int_equal(nft_table_delete(&table), -ENOENT);
    assert_false(nft_network_ready(&table, &network));
}

static void test_invalid(void **state) {
    (void)state;
    struct nft_network wrong = network;
    struct nft_port port = {.family = AF_INET, .protocol = IPPROTO_TCP, .host_port = 80, .port = 80};
    assert_int_equal(nft_table_apply(&(struct nft_table){"", 77}, &network, 1, NULL, 0), -EINVAL);
    assert_int_equal(nft_table_apply(&(struct nft_table){"a-name-of-more-than-15", 77}, NULL, 0, NULL, 0),
                     -EINVAL);
    wrong.subnets[0].prefix = 33;
    assert_int_equal(nft_table_apply(&table, &wrong, 1, NULL, 0), -EINVAL);
    wrong.subnets[0].prefix = 8; // 10.208 is not the first address of it
    assert_int_equal(nft_network_add(&table, &wrong), -EINVAL);
    wrong = network;
    wrong.link[0] = '\0';
    assert_int_equal(nft_network_remove(&table, &wrong), -EINVAL);
    assert_false(nft_network_ready(&table, &wrong));
    memset(wrong.link, 'x', sizeof wrong.link);
    assert_int_equal(nft_network_add(&table, &wrong), -EINVAL);
    port.protocol = IPPROTO_ICMP;
    assert_int_equal(nft_ports_add(&table, &port, 1), -EINVAL);
    port.protocol = IPPROTO_TCP;
    port.host_port = 0;
    assert_int_equal(nft_ports_remove(&table, &port, 1), -EINVAL);
}

static void run(const char *command) {
    if (system(command)) fail_msg("%s", command);
}

// Whatever somebody else takes away or puts there by hand is noticed.
static void test_changed(void **state) {
    (void)state;
    if (geteuid() || system("command -v nft >/dev/null")) skip();
    static const char *const changes[] = {
        "nft flush chain inet hoy0 guard",
        "nft flush chain inet hoy0 into-hoy0",
        "nft delete element inet hoy0 into { hoy0 }",
        "nft delete element inet hoy0 subnets4 { 10.208.0.0/22 }",
        "nft flush set inet hoy0 subnets6",
        "nft add rule inet hoy0 forward accept",
        "nft flush ruleset; nft add table inet hoy0 '{ comment \"hoy\"; }'",
        "nft flush ruleset",
    };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        assert_int_equal(nft_table_apply(&table, &network, 1, NULL, 0), 0);
        assert_true(nft_network_ready(&table, &network));
        run(changes[i]);
        if (nft_network_ready(&table, &network)) fail_msg("not noticed: %s", changes[i]);
    }
}

// It prints, in nft's own words, and what it prints can be read back.
static void test_printed(void **state) {
    (void)state;
    if (geteuid() || system("command -v nft >/dev/null")) skip();
    struct nft_port port = {AF_INET, IPPROTO_TCP, {0}, 80, {10, 208, 0, 2}, 8080, false};
    assert_int_equal(nft_table_apply(&table, &network, 1, &port, 1), 0);
    run("nft list table inet hoy0 | grep -q '\"hoy0\" : jump guard-hoy0'");
    run("nft list table inet hoy0 | grep -q 'tcp . 80 : 10.208.0.2 . 8080'");
    run("nft list table inet hoy0 | grep -q 'elements = { 10.208.0.0/22 }'");
    run("nft list table inet hoy0 | grep -q 'dnat ip to meta l4proto . th dport map @ports4'");
    run("nft list table inet hoy0 | nft -c -f -");
}

// The table of the family ip that was there before this one.
static void test_earlier(void **state) {
    (void)state;
    if (geteuid() || system("command -v nft >/dev/null")) skip();
    run("nft 'table ip hoy0 { chain forward { type filter hook forward priority 0; drop; }; }'");
    assert_int_equal(nft_table_apply(&table, &network, 1, NULL, 0), 0);
    run("! nft list table ip hoy0 2>/dev/null");
}

static void test_networks(void **state) {
    (void)state;
    struct nft_network other = {
        "hoy-0123456789",
        {{AF_INET, 24, {10, 209}}, {AF_INET6, 64, {0xfd, 2}}, {AF_INET, 25, {10, 210}}},
        3,
        NFT_INTERNAL};
    assert_int_equal(nft_network_add(&table, &other), -ENOENT);
    assert_int_equal(nft_network_remove(&table, &other), 0);
    assert_int_equal(nft_table_apply(&table, &network, 1, NULL, 0), 0);
    assert_false(nft_network_ready(&table, &other));
    assert_int_equal(nft_network_add(&table, &other), 0);
    assert_int_equal(nft_network_add(&table, &other), 0); // again is fine
    assert_true(nft_network_ready(&table, &other));
    assert_true(nft_network_ready(&table, &network));
    other.flags = NFT_NO_ICC;
    assert_false(nft_network_ready(&table, &other));
    assert_int_equal(nft_network_add(&table, &other), -EEXIST);
    other.flags = NFT_INTERNAL;
    struct nft_network within = {"hoy-2", {{AF_INET, 28, {10, 209}}}, 1, 0};
    assert_in_set(-nft_network_add(&table, &within), ((LargestIntegralType[]){EEXIST, ENOTEMPTY}), 2);
    assert_int_equal(nft_network_remove(&table, &other), 0);
    assert_false(nft_network_ready(&table, &other));
    assert_int_equal(nft_network_remove(&table, &other), 0); // again is fine
    assert_true(nft_network_ready(&table, &network));
    assert_int_equal(nft_network_add(&table, &within), 0);
    assert_true(nft_network_ready(&table, &within));
}

static size_t count(const struct nft_port *ports, size_t all) {
    size_t there = 0;
    for (size_t i = 0; i < all; i++) there += nft_ports_any(&table, &ports[i], 1);
    return there;
}

static void test_ports(void **state) {
    (void)state;
    struct nft_port ports[] = {
        {AF_INET, IPPROTO_TCP, {0}, 80, {10, 208, 0, 2}, 8080, false},
        {AF_INET, IPPROTO_UDP, {203, 0, 113, 1}, 53, {10, 208, 0, 2}, 5353, false},
        {AF_INET6, IPPROTO_SCTP, {[15] = 2}, 300, {0xfd, 1, [15] = 9}, 65535, false},
        {AF_INET6, IPPROTO_TCP, {0}, 80, {0xfd, 1, [15] = 9}, 1, true},
    };
    assert_int_equal(nft_ports_add(&table, ports, 4), -ENOENT);
    assert_int_equal(nft_ports_remove(&table, ports, 4), 0);
    assert_int_equal(count(ports, 4), 0);
    assert_int_equal(nft_table_apply(&table, &network, 1, ports, 1), 0);
    assert_int_equal(nft_ports_add(&table, ports, 4), 0); // the first again
    assert_int_equal(count(ports, 4), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(nft_ports_remove(&table, ports, 4), 0);
        assert_int_equal(count(ports, 4), 0);
        assert_int_equal(nft_ports_add(&table, &ports[i], 1), 0);
        assert_int_equal(count(ports, 4), 1);
        assert_true(nft_ports_any(&table, &ports[i], 1));
    }
    assert_true(nft_network_ready(&table, &network)); // ports are no part of that
    // Another container's port: nothing of the call is done; and it stays when it is to be removed.
    assert_int_equal(nft_ports_remove(&table, ports, 4), 0);
    assert_int_equal(nft_ports_add(&table, ports, 1), 0);
    ports[0].address[3] = 3;
    assert_int_equal(nft_ports_add(&table, ports, 4), -EEXIST);
    assert_int_equal(count(ports, 4), 1);
    assert_int_equal(nft_ports_add(&table, ports + 1, 3), 0);
    assert_int_equal(nft_ports_remove(&table, ports, 4), 0);
    assert_int_equal(count(ports, 4), 1);
    ports[0].address[3] = 2; // it leads where it led
    assert_int_equal(nft_ports_add(&table, ports, 1), 0);
    ports[0].address[3] = 3;
    struct nft_port twice[] = {ports[0], ports[0]};
    twice[1].port++;
    assert_int_equal(nft_table_apply(&table, &network, 1, twice, 2), -EEXIST);
    assert_true(nft_network_ready(&table, &network)); // as it was
}

#define NETWORKS 1000
#define PORTS    10000

static void test_many(void **state) {
    (void)state;
    if (geteuid()) skip(); // a message so large takes root's own right to a large buffer
    struct nft_network *networks = calloc(NETWORKS, sizeof *networks);
    struct nft_port *ports = calloc(PORTS, sizeof *ports);
    assert_true(networks && ports);
    for (int i = 0; i < NETWORKS; i++) {
        uint8_t high = (uint8_t)(i >> 8), low = (uint8_t)i;
        networks[i] = (struct nft_network){
            .subnets = {{AF_INET, 24, {10, high, low}}, {AF_INET6, 64, {0xfd, [6] = high, [7] = low}}},
            .subnet_count = 2};
        snprintf(networks[i].link, sizeof networks[i].link, "hoy-%d", i);
    }
    for (int i = 0; i < PORTS; i++)
        ports[i] = (struct nft_port){.family = i % 2 ? AF_INET : AF_INET6,
                                     .protocol = IPPROTO_TCP,
                                     .host_port = (uint16_t)(i + 1),
                                     .port = 80};
    assert_int_equal(nft_table_apply(&table, networks, NETWORKS, ports, PORTS), 0);
    assert_int_equal(count(ports, PORTS), PORTS);
    assert_true(nft_network_ready(&table, &networks[0]));
    assert_true(nft_network_ready(&table, &networks[NETWORKS - 1]));
    assert_int_equal(nft_ports_add(&table, ports, PORTS), 0);
    assert_int_equal(nft_ports_remove(&table, ports, PORTS), 0);
    assert_int_equal(count(ports, PORTS), 0);
    assert_int_equal(nft_ports_add(&table, ports, PORTS), 0);
    assert_int_equal(count(ports, PORTS), PORTS);
    ports[PORTS / 2].port = 81; // of another by now
    assert_int_equal(nft_ports_remove(&table, ports, PORTS), 0);
    assert_int_equal(count(ports, PORTS), 1);
    free(networks);
    free(ports);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, namespace_enter)
        TEST(test_apply),   TEST(test_invalid),  TEST(test_changed), TEST(test_printed),
        TEST(test_earlier), TEST(test_networks), TEST(test_ports),   TEST(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
