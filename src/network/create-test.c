// SPDX-License-Identifier: Apache-2.0
// New networks, in namespaces and roots of the test's own.
#include "network/kernel.h"
#include "network/network.h"

#include "base/fd.h"
#include "base/macro.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static char root[64];
static struct db *db;
static struct arena arena;

static int setup(void **state) {
    struct err err;
    (void)state;
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) return -1;
    strcpy(root, "/tmp/hoy-create-test.XXXXXX");
    return mkdtemp(root) ? db_open(root, &db, &err) : -1;
}

static int teardown(void **state) {
    (void)state;
    db_closep(&db);
    arena_finish(&arena);
    return dir_remove_all_at(AT_FDCWD, root);
}

static struct network_request request(const char *name) {
    return (struct network_request){.network = {.name = name}};
}

#define LIST(...)                                                                             \
    (struct strings) {                                                                        \
        (const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *) \
    }

static struct network make(const struct network_request *wanted) {
    struct network network;
    struct err err = {0};
    if (network_create(db, &arena, wanted, &network, &err)) fail_msg("%s", err.text);
    return network;
}

static void refuse(const struct network_request *wanted, const char *sentence) {
    struct network network;
    struct err err = {0};
    assert_int_equal(network_create(db, &arena, wanted, &network, &err), -1);
    assert_string_equal(err.text, sentence);
}

static void refuse_subnet(const char *text, const char *sentence) {
    struct network_request wanted = request("n");
    wanted.subnets = LIST(text);
    refuse(&wanted, sentence);
}

static struct endpoint attach(const struct network *network, const char *id, const char *ipv4) {
    struct endpoint_settings settings = {.network = network->name, .ipv4 = ipv4};
    struct endpoint endpoint;
    struct err err = {0};
    if (network_attach(db, &arena, network, id, &settings, 0, false, &endpoint, &err))
        fail_msg("%s", err.text);
    return endpoint;
}

static void refuse_attach(const struct network *network, const char *ipv4, const char *sentence) {
    struct endpoint_settings settings = {.network = network->name, .ipv4 = ipv4};
    struct endpoint endpoint;
    struct err err = {0};
    assert_int_equal(network_attach(db, &arena, network, "one more", &settings, 0, false, &endpoint, &err),
                     -1);
    assert_string_equal(err.text, sentence);
}

static void expect_address(const struct address *address, const char *expected) {
    char text[ADDRESS_TEXT];
    assert_string_equal(address_print(address, text), expected);
}

static void expect_subnet(const struct subnet *subnet, const char *expected) {
    char text[SUBNET_TEXT];
    assert_string_equal(subnet_print(subnet, text), expected);
}

// Subnets of one's own, one behind the other; all of it is in the kernel, and goes.
static void test_default(void **state) {
    (void)state;
    struct network_request wanted = request("one");
    struct err err = {0};
    struct link link;
    char bridge[LINK_NAME_SIZE];
    struct network one = make(&wanted);
    wanted.network.name = "two";
    struct network two = make(&wanted);
    expect_subnet(&one.pools[0].subnet, "10.208.4.0/24"); // behind the default network's
    expect_subnet(&two.pools[0].subnet, "10.208.5.0/24");
    assert_memory_equal(one.pools[1].subnet.base.bytes, two.pools[1].subnet.base.bytes, 6);
    assert_int_equal(one.pools[1].subnet.base.bytes[7], 1);
    assert_int_equal(two.pools[1].subnet.base.bytes[7], 2);
    snprintf(bridge, sizeof bridge, "hoy-%.10s", one.id);
    assert_string_equal(one.link, bridge);
    assert_int_equal(link_get(one.link, &link), 0);
    assert_true(bridge_is_ready(db, &one));
    wanted.network.name = "one";
    refuse(&wanted, "network with name one already exists");
    assert_int_equal(network_remove(db, &one, &err), 0);
    assert_int_equal(link_index(one.link), -ENODEV);
    assert_int_equal(network_remove(db, &one, &err), -1);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    struct network again = make(&wanted);
    expect_subnet(&again.pools[0].subnet, "10.208.4.0/24"); // free again
    // What somebody takes away comes back.
    assert_int_equal(link_delete(two.link), 0);
    assert_int_equal(network_ensure(db, &arena, &two, &err), 0);
    assert_true(bridge_is_ready(db, &two));
}

static void test_refused(void **state) {
    (void)state;
    static const char *const names[] = {"", "-x", "a b", "a/b", "ü", ".", "_"};
    struct network_request wanted;
    char sentence[300];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        wanted = request(names[i]);
        snprintf(sentence, sizeof sentence,
                 "Invalid network name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", names[i]);
        refuse(&wanted, sentence);
    }
    wanted = request("host");
    refuse(&wanted, "operation is not permitted on predefined host network");
    wanted = request("n");
    wanted.network.driver = NETWORK_DRIVER_NULL;
    refuse(&wanted, "only one instance of \"null\" network is allowed");
    wanted = request("n");
    wanted.network.options =
        (struct spec_key_values){&(struct spec_key_value){"com.docker.network.x", "1"}, 1};
    refuse(&wanted, "option com.docker.network.x is not one of the driver bridge");
    wanted.network.options.items[0] = (struct spec_key_value){"com.docker.network.driver.mtu", "12"};
    refuse(&wanted, "option com.docker.network.driver.mtu: '12' is not a number from 68 to 65535");
    wanted.network.options.items[0].value = "1279";
    wanted.ipv6 = NETWORK_IPV6_ON;
    refuse(&wanted,
           "option com.docker.network.driver.mtu: IPv6 needs 1280 at least, and 1279 was asked for: make "
           "the network with --ipv6=false");
    wanted = request("n");
    wanted.no_ipv4 = true;
    wanted.ipv6 = NETWORK_IPV6_OFF;
    refuse(&wanted, "IPv4 or IPv6 must be enabled");
}

static void test_subnets_refused(void **state) {
    (void)state;
    refuse_subnet("10.0.0.0", "invalid subnet 10.0.0.0: not of the form ADDRESS/BITS");
    refuse_subnet("10.0.0.1/24", "invalid subnet 10.0.0.1/24: it should be 10.0.0.0/24");
    refuse_subnet("0.0.0.0/0", "invalid subnet 0.0.0.0/0: containers can't have addresses of it");
    refuse_subnet("127.0.0.0/24", "invalid subnet 127.0.0.0/24: containers can't have addresses of it");
    refuse_subnet("fe80::/64", "invalid subnet fe80::/64: containers can't have addresses of it");
    refuse_subnet("10.0.0.7/32",
                  "subnet 10.0.0.7/32 is too small: its only address is the gateway's, and none is "
                  "left for a container");
    struct network_request wanted = request("first");
    wanted.subnets = LIST("10.7.0.0/16");
    make(&wanted);
    refuse_subnet("10.7.1.0/24",
                  "Pool overlaps with other one on this address space: 10.7.1.0/24 with 10.7.0.0/16 "
                  "of network first");
    assert_int_equal(bridge_create("lan", (uint8_t[]){2, 0, 0, 0, 0, 1}, NULL), 0);
    assert_int_equal(link_up("lan"), 0);
    assert_int_equal(address_add("lan", AF_INET, (uint8_t[]){10, 9, 0, 1}, 24), 0);
    refuse_subnet("10.9.0.0/16",
                  "subnet 10.9.0.0/16 overlaps with the host's route to 10.9.0.0/24: choose another one");
    wanted = request("n");
    wanted.subnets = LIST("10.8.0.0/24", "10.8.1.0/24");
    refuse(&wanted,
           "subnets 10.8.0.0/24 and 10.8.1.0/24: a network has one of each IP version, make a second "
           "network");
    wanted.subnets = LIST("10.8.0.0/24");
    wanted.gateways = LIST("10.9.0.1");
    refuse(&wanted, "no matching subnet for gateway 10.9.0.1");
    wanted.gateways = LIST("10.8.0.255");
    refuse(&wanted, "invalid gateway 10.8.0.255: it is the subnet's own address or its broadcast address");
    wanted.gateways = LIST("10.8.0.1", "10.8.0.2");
    refuse(&wanted, "cannot configure multiple gateways on the same subnet: 10.8.0.2");
    wanted.gateways = (struct strings){0};
    wanted.ranges = LIST("10.8.1.0/25");
    refuse(&wanted, "no matching subnet for range 10.8.1.0/25");
    wanted.ranges = (struct strings){0};
    wanted.auxiliary = (struct spec_key_values){&(struct spec_key_value){"printer", "10.9.0.3"}, 1};
    refuse(&wanted, "no matching subnet for aux-address 10.9.0.3");
    struct networks networks;
    struct err err;
    assert_int_equal(network_list(db, &arena, &networks, &err), 0);
    assert_int_equal(networks.count, 4); // nothing of what was refused
}

// A range, a gateway and auxiliary addresses of the user's choice; addresses run out, and come back.
static void test_range(void **state) {
    (void)state;
    struct network_request wanted = request("n");
    struct err err = {0};
    wanted.subnets = LIST("10.8.0.0/24", "fd00:8::/64");
    wanted.ranges = LIST("10.8.0.252/30");
    wanted.gateways = LIST("10.8.0.254");
    wanted.auxiliary = (struct spec_key_values){&(struct spec_key_value){"printer", "10.8.0.252"}, 1};
    struct network network = make(&wanted);
    struct endpoint only = attach(&network, "a", NULL);
    expect_address(&only.addresses[0], "10.8.0.253"); // .255 is the broadcast's
    expect_address(&only.gateways[0], "10.8.0.254");
    expect_address(&only.addresses[1], "fd00:8::2");
    expect_address(&only.gateways[1], "fd00:8::1");
    refuse_attach(&network, NULL,
                  "no available IPv4 addresses on this network's address pools: n (all of "
                  "10.8.0.252/30 are in use: disconnect containers first, or make a larger "
                  "network)");
    struct endpoint outside = attach(&network, "b", "10.8.0.17"); // of the range, by choice
    expect_address(&outside.addresses[0], "10.8.0.17");
    refuse_attach(&network, "10.8.0.17", "Address already in use: 10.8.0.17 on network n");
    refuse_attach(&network, "10.8.0.252", "Address already in use: 10.8.0.252 on network n");
    refuse_attach(&network, "10.8.0.254", "Address already in use: 10.8.0.254 on network n");
    refuse_attach(&network, "10.9.0.1", "no configured subnet contains IP address 10.9.0.1");
    refuse_attach(&network, "10.8.0.0",
                  "10.8.0.0 is the network's own address or its broadcast address: no "
                  "container can have it");
    assert_int_equal(network_remove(db, &network, &err), -1);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_int_equal(network_release(db, "a", NULL, &err), 0);
    only = attach(&network, "c", NULL);
    expect_address(&only.addresses[0], "10.8.0.253");
}

static void test_tiny(void **state) {
    (void)state;
    struct network_request wanted = request("n");
    wanted.subnets = LIST("10.8.0.0/31");
    struct network network = make(&wanted);
    struct endpoint only = attach(&network, "a", NULL);
    expect_address(&only.gateways[0], "10.8.0.0");
    expect_address(&only.addresses[0], "10.8.0.1");
    refuse_attach(&network, NULL,
                  "no available IPv4 addresses on this network's address pools: n (all of "
                  "10.8.0.0/31 are in use: disconnect containers first, or make a larger network)");
}

static void test_ipv6_only(void **state) {
    (void)state;
    struct network_request wanted = request("n");
    wanted.no_ipv4 = true;
    wanted.ipv6 = NETWORK_IPV6_ON;
    struct network network = make(&wanted);
    struct endpoint endpoint = attach(&network, "a", NULL);
    assert_false(address_is_set(&endpoint.addresses[0]));
    assert_int_equal(endpoint.addresses[1].bytes[15], 2);
    wanted = request("four");
    wanted.ipv6 = NETWORK_IPV6_OFF;
    network = make(&wanted);
    assert_false(address_is_set(&network.pools[1].subnet.base));
    assert_true(bridge_is_ready(db, &network));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_default), TEST(test_refused), TEST(test_subnets_refused),
        TEST(test_range),   TEST(test_tiny),    TEST(test_ipv6_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
